import { err, type Result } from '../../ports/result.ts';

/** Why a container cannot have its identities: one line that names the connection or profile, and never what a secret holds. */
export type CredentialsResult<T> = Result<T, string>;

export function refuse(about: string, reason: string): { readonly ok: false; readonly error: string } {
  // AWS's messages may have several lines.
  return err(`${about}: ${reason.replaceAll(/\s+/g, ' ').trim()}`);
}
