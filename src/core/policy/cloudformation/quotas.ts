import { fitted } from '../../access/roles.ts';
import type { NamedPolicy } from '../account/plan.ts';
import { statementsOf } from '../account/roles.ts';
import type { PolicyDocument, PolicyStatement } from '../document.ts';
import { mergeDocuments } from '../documents.ts';

/**
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: characters without white space. The trust policy's quota is 2,048 by default and
 * may be raised to 4,096; a role may have 10 managed policies (raised: 25).
 */
export const quotas = {
  inlineCharacters: 10_240,
  managedCharacters: 6144,
  managedPolicies: 10,
  trustCharacters: 2048,
  raisedTrustCharacters: 4096,
  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html: 20 KB */
  bucketPolicyBytes: 20_480,
  /** https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html: 32 KB */
  keyPolicyBytes: 32_768,
};

/** A role that AWS would refuse; the message names the quota and what to change. */
export class QuotaExceeded extends Error {}

export function charactersOf(document: PolicyDocument): number {
  return JSON.stringify(document).replaceAll(/\s/g, '').length;
}

/** Why a trust policy cannot be had at all; undefined where it can, if need be with a raised quota. */
export function tooLongTrust(trust: PolicyDocument): string | undefined {
  const characters = charactersOf(trust);
  return characters <= quotas.raisedTrustCharacters
    ? undefined
    : `its trust policy has ${characters} characters, more than the ${quotas.raisedTrustCharacters} that IAM can be asked for: give some of the runtimes a role of their own`;
}

/** Throws where the policy of a bucket or key is longer than AWS takes it. */
export function fitResourcePolicy(what: string, policy: PolicyDocument, most: number): PolicyDocument {
  const bytes = new TextEncoder().encode(JSON.stringify(policy)).length;
  if (bytes <= most) return policy;
  throw new QuotaExceeded(
    `${what}: its policy has ${bytes} bytes, more than the ${most} that AWS takes: give some of the organizations one of their own, or generate from fewer runtimes`,
  );
}

/**
 * Inline where all policies of the role together fit, else managed policies, filled statement by statement in order. Throws where they are too many, with those
 * that are `attached` to the role anyway. Who has more than the quota of these already has had it raised, by nobody knows how much.
 */
export function fitPolicies(
  roleName: string,
  policies: readonly NamedPolicy[],
  attached = 0,
): { readonly inline: readonly NamedPolicy[]; readonly managed: readonly NamedPolicy[] } {
  const total = policies.reduce((sum, { document }) => sum + charactersOf(document), 0);
  if (total <= quotas.inlineCharacters) return { inline: policies, managed: [] };
  const parts: PolicyStatement[][] = [];
  // Merged first, so that no Sid is there twice: those of several runtimes, which call theirs the same, share a part.
  for (const statement of statementsOf(mergeDocuments(policies.map(({ document }) => document)))) {
    const last = parts.at(-1);
    if (last !== undefined && charactersOf(documentOf([...last, statement])) <= quotas.managedCharacters) last.push(statement);
    else parts.push([statement]);
  }
  const tooLong = parts.find((part) => charactersOf(documentOf(part)) > quotas.managedCharacters);
  if (tooLong !== undefined)
    throw new QuotaExceeded(
      `role ${roleName}: statement ${tooLong[0]?.Sid ?? ''} alone has more than ${quotas.managedCharacters} characters`,
    );
  if (attached + parts.length > quotas.managedPolicies) {
    const most = `the ${quotas.managedPolicies} managed policies of ${quotas.managedCharacters} characters that a role may have`;
    const [need, mend] =
      attached === 0
        ? ['', 'give some of the runtimes a role of their own']
        : [`${parts.length} managed policies beside the ${attached} that are attached to it, `, 'attach less to the agent role'];
    throw new QuotaExceeded(`role ${roleName}: its policies need ${need}more than ${most}: ${mend}`);
  }
  return {
    inline: [],
    managed: parts.map((part, index) => ({ name: `${fitted(roleName, 120)}-${index + 1}`, document: documentOf(part) })),
  };
}

function documentOf(statements: readonly PolicyStatement[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}
