import { type AccountPlan, accountPlan } from '../../core/policy/account/plan.ts';
import { statementsOf } from '../../core/policy/account/roles.ts';
import type { DocumentsInput, PolicyDocument } from '../../core/policy/documents.ts';
import type { BucketSpec, KeySpec } from './spec.ts';

/** The policies of buckets and keys that the generator makes, beside what lets other accounts' guests in. */
export function guarded(
  inputs: readonly DocumentsInput[],
  { buckets, keys }: { readonly buckets: readonly BucketSpec[]; readonly keys: readonly KeySpec[] },
): { readonly buckets: readonly BucketSpec[]; readonly keys: readonly KeySpec[] } {
  const plan: AccountPlan = accountPlan(inputs, { environment: 'simulation', namePrefix: 'elastic' });
  const together = (own: PolicyDocument | undefined, generated: PolicyDocument): PolicyDocument =>
    own === undefined ? generated : { ...generated, Statement: [...statementsOf(generated), ...statementsOf(own)] };
  return {
    buckets: buckets.map((bucket) => {
      const policy = plan.buckets.find((one) => one.bucket === bucket.name)?.policy;
      return policy === undefined ? bucket : { ...bucket, policy: together(bucket.policy, policy) };
    }),
    keys: keys.map((key) => {
      const policy = plan.keys.find(({ arn }) => arn === key.arn)?.policy;
      return policy === undefined ? key : { ...key, policy: together(key.policy, policy) };
    }),
  };
}
