import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { defaultRoleName } from '../../core/access/roles.ts';
import { stackName } from '../../core/policy/cloudformation/names.ts';
import { decideRemoval } from '../../core/policy/cloudformation/stack.ts';
import { revocationPolicyName } from '../../core/policy/revocation.ts';
import { notesOf } from './notes.ts';
import { cleanupBlocked } from './refusal.ts';
import { asOperator, lookAtStack, reasonOf, stackTags } from './role-stack.ts';
import { go, type RuntimeTools, type StepVerdict } from './tools.ts';

const pollMs = 5_000;
/** CloudFormation may not show yet what a call that was under way when its process died is about to make. */
const lookingForMs = 60_000;

/** Brings the stack of default roles to its end, one look or call at a time; `go` once it is gone. One that is not ours stays as it is. */
export async function deleteRoleStack(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<StepVerdict> {
  const { uid } = runtime.metadata;
  const { clock, telemetry } = tools.context;
  const looked = await lookAtStack(tools, runtime);
  if (!looked.ok) return cleanupBlocked(tools, runtime, looked.error);
  const stack = looked.value;
  const decision = decideRemoval(stack, stackTags(tools, runtime));
  if (decision.do === 'nothing') {
    const since = tools.rolesMissing.get(uid) ?? clock.monotonic();
    tools.rolesMissing.set(uid, since);
    const left = since + lookingForMs - clock.monotonic();
    if (notesOf(runtime).roleStack?.creating !== undefined && left > 0)
      return {
        again: 'StackLookedFor',
        message: `looking for stack ${stackName(runtime)}, which may just be made`,
        afterMs: Math.min(left, pollMs),
      };
    tools.rolesMissing.delete(uid);
    tools.rolesBlocked.delete(uid);
    return go;
  }
  tools.rolesMissing.delete(uid);
  if (decision.do === 'leave') {
    telemetry.log('warn', 'stack left alone', { runtime: `${runtime.metadata.namespace}/${runtime.metadata.name}`, reason: decision.why });
    return go;
  }
  const failed = stack?.status === 'DELETE_FAILED' || stack?.status === 'ROLLBACK_FAILED';
  if (failed) tools.rolesBlocked.set(uid, withWhatHolds(runtime, await reasonOf(tools, runtime, stack)));
  if (decision.do === 'delete') {
    const deleted = await asOperator(tools, runtime, 'cloudformation:DeleteStack', (aws, caller) =>
      aws.cloudFormation.deleteStack(caller, {
        name: stack?.stackId ?? stackName(runtime),
        clientRequestToken: `delete-${uid}-${stack?.changedAt ?? 0}`,
      }),
    );
    if (!deleted.ok) return cleanupBlocked(tools, runtime, deleted.error);
  }
  // What stopped it last time is said until it is over: the next try is under way.
  const reason = tools.rolesBlocked.get(uid);
  if (reason !== undefined) return { stalled: 'CleanupBlocked', message: `${reason}. Deleting goes on by itself`, afterMs: pollMs * 6 };
  return { again: 'DefaultRolesEnding', message: `CloudFormation deletes stack ${stackName(runtime)}`, afterMs: pollMs };
}

/** IAM deletes no role that has a policy which the stack has not given it, and CloudFormation takes away its own only. */
function withWhatHolds(runtime: Stored<ElasticRuntime>, reason: string): string {
  if (!/must (detach|delete)\b.*\bpolicies/i.test(reason)) return `${reason}. Take away what holds it`;
  const roles = (['master', 'worker', 'node'] as const).map((use) => defaultRoleName(runtime, use));
  const name = revocationPolicyName(runtime.metadata.uid);
  const remove = roles.slice(0, 2).map((role) => `aws iam delete-role-policy --role-name ${role} --policy-name ${name}`);
  return (
    `${reason}. Somebody attached a policy to a role of the stack (${roles.join(', ')}): take it away. A deny of kubectl-elastic revoke is called ${name}: ${remove.join('; ')}. ` +
    'aws iam list-role-policies and list-attached-role-policies, with --role-name of each, show any other'
  );
}
