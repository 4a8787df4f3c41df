import type { PolicyDocument } from '../document.ts';
import { mergeDocuments } from '../documents.ts';
import { accountOf } from '../principal.ts';
import type { AccountPlan } from './plan.ts';
import { rolesOfOneName } from './roles.ts';

/**
 * The plan's documents by name, for programs: `<role>.trust`, `<role>.permissions`, `<bucket>.bucket-policy`, `<alias>.key-policy`, `<policy>` for analysts and
 * certificates. A role of another account has its account before its name; one whose name another role of its account has, too, is named by its ARN. Sorted by name.
 */
export function accountDocuments(plan: AccountPlan): Readonly<Record<string, PolicyDocument>> {
  const documents = new Map<string, PolicyDocument>();
  const twice = new Set(rolesOfOneName(plan.roles).flat());
  for (const { arn, name, trust, policies } of plan.roles) {
    const account = accountOf(arn);
    const plain = account === plan.accountId ? name : `${account}/${name}`;
    const shown = twice.has(arn) ? arn : plain;
    documents.set(`${shown}.trust`, trust);
    if (policies.length > 0) documents.set(`${shown}.permissions`, mergeDocuments(policies.map(({ document }) => document)));
  }
  for (const { bucket, policy } of plan.buckets) documents.set(`${bucket}.bucket-policy`, policy);
  for (const { alias, policy } of plan.keys) documents.set(`${alias.slice('alias/'.length)}.key-policy`, policy);
  for (const { policyName, document } of plan.certificates) documents.set(policyName, document);
  for (const { name, document } of plan.analysts) documents.set(name, document);
  return Object.fromEntries([...documents].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
