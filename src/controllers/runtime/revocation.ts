import type { ElasticRuntime, ElasticRuntimeStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { hasDefaultRoles, principalsOf } from '../../core/access/roles.ts';
import { longestSessionMs, type RevocationDeny, revocationDenies } from '../../core/policy/revocation.ts';
import { formatTime, parseTime } from '../../machinery/time.ts';
import { elasticRuntimes } from '../../ports/resources.ts';
import type { StatusDraft } from '../draft.ts';
import { actAs } from '../identity/act.ts';
import { type AccessFailure, describeFailure } from '../identity/failure.ts';
import { notesOf, revokedByNow } from './notes.ts';
import { go, type RuntimeTools, type StepVerdict } from './tools.ts';

/** The moment before which nothing counts any more: while one is still to come, the last one that was carried out. */
export function revokedSince({ context: { clock } }: RuntimeTools, runtime: Stored<ElasticRuntime>): string | undefined {
  const { accessRevokedBefore } = runtime.spec;
  const at = parseTime(accessRevokedBefore);
  return at === undefined || at > clock.now() ? revokedByNow(runtime) : accessRevokedBefore;
}

/**
 * `spec.accessRevokedBefore`, from its moment on: no grant from before is kept, and where the operator role may, a policy on each role denies everything to sessions
 * that are out already. It is tried once for each moment; the condition says what became of it. The policy outlives the runtime, as those sessions may. Default roles have
 * it from their stack.
 */
export async function enforceRevocation(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  draft: StatusDraft<ElasticRuntimeStatus>,
): Promise<Extract<StepVerdict, { readonly go: true }> | Extract<StepVerdict, { readonly again: string }>> {
  const { accessRevokedBefore } = runtime.spec;
  const at = parseTime(accessRevokedBefore);
  if (accessRevokedBefore === undefined || at === undefined) {
    draft.dropCondition('AccessRevoked');
    return go;
  }
  const left = at - tools.context.clock.now();
  if (left > 0) return { go: true, lookAgainMs: left };
  if (notesOf(runtime).revoked === accessRevokedBefore) return go;
  tools.context.grants.dropRuntime(runtime.metadata.uid);
  const failure = await attach(tools, runtime, deniesFor(runtime, accessRevokedBefore));
  if (failure?.transient === true) return { again: 'RevocationNotAttached', message: describeFailure(failure) };
  const message = failure === undefined ? denied(runtime, accessRevokedBefore) : notAttached(runtime, accessRevokedBefore, at, failure);
  draft.condition('AccessRevoked', true, failure === undefined ? 'Denied' : 'NotAttached', message);
  draft.set({ internal: { ...draft.value().internal, revoked: accessRevokedBefore } });
  tools.context.events.record(elasticRuntimes, runtime, 'Warning', 'AccessRevoked', message);
  return go;
}

const byStack = 'to those of the default roles by their stack (condition DefaultRoles says whether it is in step)';

function denied(runtime: ElasticRuntime, before: string): string {
  const how = hasDefaultRoles(runtime) ? `, ${byStack}` : '';
  return `everything is denied to sessions from before ${before}${how}`;
}

function notAttached(runtime: ElasticRuntime, before: string, at: number, failure: AccessFailure): string {
  const end = formatTime(at + longestSessionMs);
  const ends = hasDefaultRoles(runtime)
    ? `sessions from before are denied everything, ${byStack}; those of agent and operator end by ${end}`
    : `sessions from before end by ${end}, a pod's own when its role says so`;
  const how = `To end them at once: kubectl-elastic revoke prints what to attach (${describeFailure(failure)})`;
  return `grants and pods from before ${before} are ended; ${ends}. ${how}`;
}

function deniesFor(runtime: Stored<ElasticRuntime>, before: string): readonly RevocationDeny[] {
  const { roles, agentProof } = principalsOf(runtime);
  // The role that attaches comes last: from then on the session it does so with is denied everything, where its clock is behind.
  const order = hasDefaultRoles(runtime) ? (['agent', 'operator'] as const) : (['worker', 'master', 'agent', 'operator'] as const);
  return revocationDenies({
    before,
    runtimeUid: runtime.metadata.uid,
    roles: order.map((identity) => ({ identity, roleArn: roles[identity] })),
    agentProof,
  });
}

/** The first failure ends it: who may not on one role is not asked about the next. */
async function attach(
  { context }: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  denies: readonly RevocationDeny[],
): Promise<AccessFailure | undefined> {
  for (const { roleArn, policyName, document } of denies) {
    const roleName = roleArn.split('/').at(-1) ?? '';
    const allow = { Sid: 'AttachRevocation', Effect: 'Allow', Action: 'iam:PutRolePolicy', Resource: roleArn };
    const attached = await actAs(
      context,
      {
        runtime,
        identity: 'operator',
        resource: 'cluster-resources',
        policies: [{ policy: JSON.stringify({ Version: '2012-10-17', Statement: [allow] }), widened: [] }],
      },
      { action: 'iam:PutRolePolicy', resource: roleArn },
      (aws, caller) => aws.iam.putRolePolicy(caller, { roleName, policyName, document: JSON.stringify(document) }),
    );
    if (!attached.ok) return attached.error;
  }
  return undefined;
}
