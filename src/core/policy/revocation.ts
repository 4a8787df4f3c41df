import type { PolicyDocument } from './document.ts';

/** A role and the inline policy that ends its sessions from before. */
export type RevocationDeny = {
  readonly identity: string;
  readonly roleArn: string;
  readonly policyName: string;
  readonly document: PolicyDocument;
};

/** Of the inline policy, on whatever role: the same for every moment, so that a later one takes its place. */
export function revocationPolicyName(runtimeUid: string): string {
  return `elastic-revoked-${runtimeUid.slice(0, 8)}`;
}

/** Longest life of a session that the operator makes, and of a pod's own where the role allows no longer one (generated roles do not). */
export const longestSessionMs = 3_600_000;
/** What a role of the customer's may allow its pods at most: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html, MaxSessionDuration. */
export const longestPodSessionMs = 43_200_000;

/**
 * What ends sessions that were issued before a moment, as IAM's own "Revoke active sessions" does it
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html). Agent and operator roles may serve other runtimes too: theirs is
 * narrowed to sessions named after this runtime (aws:userid is `<role id>:<session name>`, and session names begin with the runtime's uid). A pod names its
 * session as it likes, and the IoT credentials provider names it after the certificate: there every session from before ends.
 */
export function revocationDenies(of: {
  readonly before: string;
  readonly runtimeUid: string;
  readonly roles: readonly { readonly identity: string; readonly roleArn: string }[];
  readonly agentProof: 'webIdentity' | 'x509';
}): readonly RevocationDeny[] {
  const uid8 = of.runtimeUid.slice(0, 8);
  return of.roles.map(({ identity, roleArn }) => {
    const ownNames = identity === 'operator' || (identity === 'agent' && of.agentProof === 'webIdentity');
    return {
      identity,
      roleArn,
      policyName: revocationPolicyName(of.runtimeUid),
      document: {
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'EndSessionsFromBefore',
            Effect: 'Deny',
            Action: '*',
            Resource: '*',
            Condition: {
              DateLessThan: { 'aws:TokenIssueTime': of.before },
              ...(ownNames && { StringLike: { 'aws:userid': `*:${uid8}.*` } }),
            },
          },
        ],
      },
    };
  });
}
