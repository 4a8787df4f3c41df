import { createHash } from 'node:crypto';
import type { ElasticRuntime, ElasticRuntimeStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { hasDefaultRoles } from '../../core/access/roles.ts';
import { specDigest } from '../../core/classes/spec-digest.ts';
import { type DefaultRolesTemplate, defaultIdentities, defaultRolesTemplate } from '../../core/policy/cloudformation/default-roles.ts';
import { stackName } from '../../core/policy/cloudformation/names.ts';
import { decideStack, type StackView } from '../../core/policy/cloudformation/stack.ts';
import { formatTime } from '../../machinery/time.ts';
import type { AwsResult, StackRequest } from '../../ports/aws/index.ts';
import { elasticRuntimes } from '../../ports/resources.ts';
import { ok } from '../../ports/result.ts';
import type { StatusDraft } from '../draft.ts';
import { type AccessFailure, reportFailure } from '../identity/failure.ts';
import { nodesOf } from './activity.ts';
import { readAgentPolicies } from './agent-policies.ts';
import { clusterIssuer } from './issuer.ts';
import { notesOf, type RoleStackNotes } from './notes.ts';
import { refusedStep, withRuntimeRemedy } from './refusal.ts';
import { revokedSince } from './revocation.ts';
import { asOperator, lookAtStack, reasonOf, refusedByIam, stackTags } from './role-stack.ts';
import { deleteRoleStack } from './role-stack-removal.ts';
import { go, type RuntimeTools, type StepVerdict } from './tools.ts';

type Draft = StatusDraft<ElasticRuntimeStatus>;

/** How often the agent role's policies are compared with the worker's: less than the resync of runtimes, which would else find it just not due every other time. */
const compareMs = 540_000;
const pollMs = 5_000;
const firstPauseMs = 60_000;
const longestPauseMs = 600_000;

/**
 * Where neither master nor worker role is given: one CloudFormation stack, made and kept as operator under a session that reaches this stack alone. The
 * stack is looked at before anything is done, its name is the runtime's own, and it says itself what it was made from: a lost reply, a crash at
 * any line or a stale cache repeats a look, never a role.
 */
export async function ensureDefaultRoles(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, draft: Draft): Promise<StepVerdict> {
  if (!hasDefaultRoles(runtime)) return removeUnneeded(tools, runtime, draft);
  const { uid } = runtime.metadata;
  const { clock } = tools.context;
  const last = tools.roles.get(uid);
  if (last !== undefined && last.spec === madeFor(tools, runtime) && clock.monotonic() - last.at < compareMs) return go;
  const paused = pausedBecause(tools, runtime);
  if (paused !== undefined) return stackFailed(tools, runtime, draft, 'DefaultRolesFailed', paused);
  await sayLastRefusal(tools, runtime, draft);
  const [agentAccount, ownAccount] = [runtime.spec.identities.agent, runtime.spec.identities.operator].map(
    ({ roleArn }) => roleArn.split(':')[4],
  );
  if (agentAccount !== ownAccount) {
    const message = `default roles need the agent and the operator role in one account, not ${agentAccount} and ${ownAccount}: give master and worker roles`;
    return stopped(draft, 'DefaultRolesNeedOneAccount', message);
  }
  const stack = await lookAtStack(tools, runtime);
  if (!stack.ok) return failed(tools, runtime, draft, 'StackUnknown', stack.error);
  // What is under way, not ours or never made needs no template.
  const early = decideStack(stack.value, { tags: stackTags(tools, runtime), digest: '' });
  if (early.do !== 'create' && early.do !== 'update') return act(tools, runtime, draft, { body: '', digest: '' }, stack.value);
  const template = await wantedTemplate(tools, runtime, draft);
  return 'verdict' in template ? template.verdict : act(tools, runtime, draft, template, stack.value);
}

async function wantedTemplate(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  draft: Draft,
): Promise<DefaultRolesTemplate | { readonly verdict: StepVerdict }> {
  const agent = await readAgentPolicies(tools.context, runtime);
  if (!agent.ok) return { verdict: await failed(tools, runtime, draft, 'AgentPoliciesUnreadable', agent.error) };
  const issuer = await clusterIssuer(tools, runtime);
  if (!issuer.ok) return { verdict: await failed(tools, runtime, draft, 'IssuerUnknown', issuer.error) };
  const { clusterName } = tools.context.settings;
  const revokedBefore = revokedSince(tools, runtime);
  const template = defaultRolesTemplate({ runtime, clusterName, issuer: issuer.value, agent: agent.value, revokedBefore });
  return template.ok ? template.value : { verdict: stopped(draft, 'DefaultRolesTooLarge', template.reason) };
}

async function act(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  draft: Draft,
  template: DefaultRolesTemplate,
  stack: StackView | undefined,
): Promise<StepVerdict> {
  const tags = stackTags(tools, runtime);
  const notes = notesOf(runtime).roleStack ?? {};
  const decision = decideStack(stack, { tags, digest: template.digest });
  if (stack !== undefined && decision.do !== 'refuse' && decision.do !== 'create')
    keep(draft, { ...notes, stackId: stack.stackId, creating: undefined });
  switch (decision.do) {
    case 'refuse':
      return stopped(draft, 'StackNotOurs', decision.why);
    case 'create': {
      // Written down first: a teardown then knows that a stack may turn up even if this process dies with the call under way.
      if (notes.creating !== template.digest) {
        keep(draft, { ...notes, creating: template.digest });
        return making(draft, 'the stack of default roles is about to be made', 0);
      }
      const request = requestFor(runtime, tags, template, notes.stackId ?? '');
      const made = await asOperator(tools, runtime, 'cloudformation:CreateStack', async (aws, caller) => {
        const answer: AwsResult<{ readonly stackId: string } | undefined> = await aws.cloudFormation.createStack(caller, request);
        // It was there before we could see it: the next look shows whose it is.
        return !answer.ok && answer.error.kind === 'AlreadyExists' ? ok(undefined) : answer;
      });
      if (!made.ok) return failed(tools, runtime, draft, 'StackNotMade', made.error);
      if (made.value !== undefined) keep(draft, { ...notes, creating: template.digest, stackId: made.value.stackId });
      return making(draft, `CloudFormation makes stack ${request.name}`, pollMs);
    }
    case 'wait':
      if (decision.usable) return { go: true, lookAgainMs: pollMs };
      return making(draft, `CloudFormation stack ${stack?.name} is in ${stack?.status}`, pollMs);
    case 'removeFailed': {
      const why = await reasonOf(tools, runtime, stack);
      const removal = await deleteRoleStack(tools, runtime);
      noteFailure(tools, runtime, draft, notes, why);
      return stackFailed(tools, runtime, draft, 'DefaultRolesFailed', 'stalled' in removal ? `${why}; ${removal.message}` : why);
    }
    case 'update':
      return update(tools, runtime, draft, template, stack as StackView);
    case 'nothing':
      return settled(tools, runtime, draft, stack as StackView);
  }
}

async function update(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  draft: Draft,
  template: DefaultRolesTemplate,
  stack: StackView,
): Promise<StepVerdict> {
  const notes = notesOf(runtime).roleStack ?? {};
  if (stack.status === 'UPDATE_ROLLBACK_COMPLETE' && notes.updating === template.digest) {
    const why = await reasonOf(tools, runtime, stack);
    noteFailure(tools, runtime, draft, { ...notes, stackId: stack.stackId, updating: undefined }, why);
    return stackFailed(tools, runtime, draft, 'DefaultRolesNotUpdated', `the worker role is not in step with the agent role: ${why}`);
  }
  const request = requestFor(runtime, stackTags(tools, runtime), template, `${stack.stackId} ${stack.changedAt}`);
  const made = await asOperator(tools, runtime, 'cloudformation:UpdateStack', (aws, caller) =>
    aws.cloudFormation.updateStack(caller, request),
  );
  if (!made.ok) return failed(tools, runtime, draft, 'StackNotUpdated', made.error);
  keep(draft, { ...notes, stackId: stack.stackId, updating: template.digest });
  draft.condition(
    'DefaultRoles',
    true,
    'Updating',
    'the policies attached to the agent role, or what the roles are to be, changed: CloudFormation passes it on',
  );
  return { go: true, lookAgainMs: pollMs };
}

/** A revocation changes the roles when its moment has come, without a change of the spec. */
function madeFor(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): string {
  return `${specDigest(runtime.spec)} ${revokedSince(tools, runtime) ?? ''}`;
}

function settled(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, draft: Draft, stack: StackView): StepVerdict {
  const { uid } = runtime.metadata;
  const first = draft.value().identities === undefined;
  draft.set({ identities: { stackId: stack.stackId, ...defaultIdentities(runtime) } });
  draft.condition(
    'DefaultRoles',
    true,
    'Made',
    `master, worker and node role by CloudFormation stack ${stack.name}, in step with the agent role`,
  );
  keep(draft, { stackId: stack.stackId });
  if (first) tools.context.events.record(elasticRuntimes, runtime, 'Normal', 'DefaultRolesMade', `CloudFormation stack ${stack.name}`);
  tools.roles.set(uid, { spec: madeFor(tools, runtime), at: tools.context.clock.monotonic() });
  return go;
}

/** Roles are given by now: the stack goes once no node needs it. */
async function removeUnneeded(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, draft: Draft): Promise<StepVerdict> {
  tools.roles.delete(runtime.metadata.uid);
  if (notesOf(runtime).roleStack === undefined || nodesOf(tools.context, runtime).length > 0) return go;
  const removed = await deleteRoleStack(tools, runtime);
  if ('stalled' in removed) draft.condition('DefaultRoles', false, 'CleanupBlocked', removed.message);
  if (!('go' in removed)) return { go: true, lookAgainMs: pollMs };
  draft.unset('identities');
  draft.dropCondition('DefaultRoles');
  const { roleStack: _, ...rest } = notesOf({ ...runtime, status: draft.value() });
  draft.set({ internal: rest });
  return go;
}

type Noted = { readonly [K in keyof RoleStackNotes]: RoleStackNotes[K] | undefined };

function pausedBecause(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): string | undefined {
  const { failures = 0, failedAt, reason, spec } = notesOf(runtime).roleStack ?? {};
  if (failedAt === undefined || spec !== specDigest(runtime.spec)) return undefined;
  const pause = Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs);
  return tools.context.clock.now() < Date.parse(failedAt) + pause ? reason : undefined;
}

function noteFailure(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, draft: Draft, notes: Noted, reason: string): void {
  const failures = (notes.failures ?? 0) + 1;
  keep(draft, {
    ...notes,
    creating: undefined,
    failures,
    failedAt: formatTime(tools.context.clock.now()),
    reason: reason.slice(0, 1000),
    spec: specDigest(runtime.spec),
  });
}

function keep(draft: Draft, notes: Noted): void {
  const roleStack = Object.fromEntries(Object.entries(notes).filter(([, value]) => value !== undefined));
  draft.set({ internal: { ...draft.value().internal, awsUsed: true, roleStack } });
}

/** The token of a create or update: another one as soon as the stack has become another. */
function requestFor(
  runtime: Stored<ElasticRuntime>,
  tags: StackRequest['tags'],
  { body, digest }: DefaultRolesTemplate,
  before: string,
): StackRequest {
  const clientRequestToken = createHash('sha256')
    .update(JSON.stringify([runtime.metadata.uid, digest, before]))
    .digest('hex')
    .slice(0, 40);
  return { name: stackName(runtime), templateBody: body, tags, clientRequestToken };
}

function making(draft: Draft, message: string, afterMs: number): StepVerdict {
  draft.condition('DefaultRoles', false, 'Making', message);
  return { again: 'DefaultRolesMaking', message, afterMs };
}

function stopped(draft: Draft, reason: string, message: string): StepVerdict {
  draft.condition('DefaultRoles', false, reason, message);
  return { stalled: reason, message };
}

function failed(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  draft: Draft,
  reason: string,
  failure: AccessFailure,
): Promise<StepVerdict> {
  return refusedStep(tools, runtime, draft, { condition: 'DefaultRoles', reason }, [failure]);
}

/** While the stack is made anew: it may be refused the same again. */
async function sayLastRefusal(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, draft: Draft): Promise<void> {
  const { reason, spec } = notesOf(runtime).roleStack ?? {};
  const refused = reason === undefined || spec !== specDigest(runtime.spec) ? undefined : refusedByIam(runtime, reason);
  if (refused !== undefined) draft.set({ preflight: { failed: [reportFailure(await withRuntimeRemedy(tools, runtime, refused))] } });
}

/** What stopped CloudFormation, which calls IAM as operator: where that is what IAM refused, with what to add. */
async function stackFailed(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  draft: Draft,
  reason: string,
  why: string,
): Promise<StepVerdict> {
  const refused = refusedByIam(runtime, why);
  return refused === undefined ? stopped(draft, reason, why) : failed(tools, runtime, draft, reason, refused);
}
