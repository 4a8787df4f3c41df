import { createHash } from 'node:crypto';
import { ok } from '../ports/result.ts';
import type { Sealer } from '../ports/sealer.ts';

/**
 * The same seed gives the same bytes, so nothing random is drawn: the text is masked with a digest of key and info. Who has both could open it (`unseal`); there
 * is nobody here from whom it must be kept.
 */
export const simulatedSealer: Sealer = {
  seal: async (publicKey, info, text) => ok(Buffer.from(masked(publicKey, info, Buffer.from(text))).toString('base64')),
};

export function unseal(publicKey: string, info: string, sealed: string): string {
  return Buffer.from(masked(publicKey, info, Buffer.from(sealed, 'base64'))).toString();
}

function masked(publicKey: string, info: string, bytes: Uint8Array): Uint8Array {
  const mask = createHash('sha512').update(`${publicKey} ${info}`).digest();
  return bytes.map((byte, index) => byte ^ (mask[index % mask.length] ?? 0));
}
