import { randomBytes } from 'node:crypto';
import { type Policy, type PolicyDocument, policyOf } from '../../src/core/policy/document.ts';
import type { Principal } from '../../src/core/policy/principal.ts';

/** What the gate knows of the account beyond the emulator: whatever decides who may do what. */
export type Account = {
  readonly id: string;
  readonly region: string;
  readonly roles: Map<string, { trust: Policy; policies: readonly Policy[]; readonly maxSeconds: number; readonly boundary?: Policy }>;
  readonly buckets: Map<string, { readonly owner: string; readonly policy?: Policy; readonly keyArn?: string }>;
  /** Role by instance profile, both ARNs. */
  readonly profiles: Map<string, string>;
  /** Secrets and parameters, by name and by ARN. */
  readonly secrets: Map<string, { readonly arn: string; readonly keyArn?: string }>;
  /** ARNs of what lies in services that the emulator does not know. */
  readonly resources: Set<string>;
  /** Characters of session policy and tags that fit a token; more than the plain limits let through where left out. */
  packedCharacters?: number;
  readonly credentials: Map<string, Credentials>;
};

/** What was handed out with an access key id. */
export type Credentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Milliseconds since the epoch */
  expiresAt: number;
  readonly principal: Extract<Principal, { kind: 'role' | 'user' }>;
  readonly chain: readonly string[];
  /** Of a user: the access key id's last four characters */
  readonly sessionName: string;
  /** Of a user; a role's are looked up at each call, so that a change counts at once. */
  readonly policies: readonly Policy[];
  readonly sessionPolicy?: Policy;
};

export function createAccount(id: string, region: string): Account {
  return {
    id,
    region,
    roles: new Map(),
    buckets: new Map(),
    profiles: new Map(),
    secrets: new Map(),
    resources: new Set(),
    credentials: new Map(),
  };
}

export function identityPolicies(account: Account, { principal, policies }: Credentials): readonly Policy[] {
  return principal.kind === 'role' ? (account.roles.get(principal.roleArn)?.policies ?? []) : policies;
}

/** What a role may at most, whatever is attached to it. */
export function boundaryOf(account: Account, { principal }: Credentials): Policy | undefined {
  return principal.kind === 'role' ? account.roles.get(principal.roleArn)?.boundary : undefined;
}

export function putRole(
  account: Account,
  arn: string,
  role: {
    readonly trust: PolicyDocument;
    readonly permissions: readonly PolicyDocument[];
    readonly maxSeconds?: number;
    readonly boundary?: PolicyDocument;
  },
): void {
  account.roles.set(arn, {
    trust: policyOf(role.trust, 'trust', `trust of ${arn}`),
    policies: role.permissions.map((document, index) => policyOf(document, 'identity', `policy ${index + 1} of ${arn}`)),
    maxSeconds: role.maxSeconds ?? 3600,
    ...(role.boundary && { boundary: policyOf(role.boundary, 'identity', `boundary of ${arn}`) }),
  });
}

/** Random, but of the form that people and scanners know: ASIA… and a session token for roles, AKIA… for users. */
export function issue(account: Account, facts: Omit<Credentials, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>): Credentials {
  const temporary = facts.principal.kind === 'role';
  const letters = [...randomBytes(16)].map((byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte % 32]).join('');
  const accessKeyId = `${temporary ? 'ASIA' : 'AKIA'}${letters}`;
  const credentials = {
    ...facts,
    accessKeyId,
    sessionName: temporary ? facts.sessionName : accessKeyId.slice(-4),
    secretAccessKey: randomBytes(30).toString('base64'),
    ...(temporary && { sessionToken: randomBytes(240).toString('base64') }),
  };
  account.credentials.set(credentials.accessKeyId, credentials);
  return credentials;
}
