import { callerArn } from '../../src/core/policy/principal.ts';
import type { Account, Credentials } from './account.ts';
import { named, type Refusal } from './answers.ts';
import type { WireRequest } from './http.ts';
import { type Claim, isSignedWith, timeOf } from './signature.ts';

/** AWS refuses signatures that are older or newer. */
const CLOCK_SKEW_MS = 15 * 60_000;

export type Caller = {
  readonly credentials: Credentials | undefined;
  /** Why the request is not taken as this caller's. */
  readonly refusal?: Refusal;
  readonly principal: string;
  readonly chain: readonly string[];
  readonly sessionName: string;
};

/** Whose request this is; where it is refused, who it claims to be. */
export function authenticate(account: Account, request: WireRequest, claim: Claim, now: number): Caller {
  const credentials = account.credentials.get(claim.accessKeyId);
  const refusal = check(credentials, request, claim, now);
  return {
    credentials: refusal ? undefined : credentials,
    ...(refusal && { refusal }),
    principal: credentials ? callerArn(credentials.principal) : claim.accessKeyId,
    chain: credentials?.chain ?? [],
    sessionName: credentials?.sessionName ?? claim.accessKeyId.slice(-4),
  };
}

function check(credentials: Credentials | undefined, request: WireRequest, claim: Claim, now: number): Refusal | undefined {
  const { service } = claim;
  if (!credentials || credentials.sessionToken !== claim.sessionToken) {
    return named(service, 'unknownKey', 'The security token included in the request is invalid.');
  }
  if (!isSignedWith(credentials.secretAccessKey, request, claim)) {
    return named(service, 'badSignature', 'The request signature we calculated does not match the signature you provided.');
  }
  if (now >= credentials.expiresAt) return named(service, 'expired', 'The security token included in the request is expired');
  const age = now - timeOf(claim.date);
  const stale = claim.expiresSeconds === undefined ? !(Math.abs(age) <= CLOCK_SKEW_MS) : !(age <= claim.expiresSeconds * 1000);
  return stale ? named(service, 'expired', 'Request has expired.') : undefined;
}
