import type { ElasticNode, ElasticNodeStatus } from '../../api/generated/types.ts';
import { launchRequest } from '../../core/nodes/launch-request.ts';
import { nodeTags } from '../../core/nodes/tags.ts';
import { formatTime } from '../../machinery/time.ts';
import type { CreateFleetAnswer, Instance } from '../../ports/aws/index.ts';
import { elasticNodes, elasticRuntimes } from '../../ports/resources.ts';
import { actAs } from '../identity/act.ts';
import { type AccessFailure, describeFailure } from '../identity/failure.ts';
import { withRemedy } from '../identity/remedy.ts';
import { awaitProof } from '../job/proof.ts';
import { tagOwnerOf } from '../runtime/tag-owner.ts';
import { unverifiedRuntime } from '../runtime/unverified.ts';
import { capacityScope, isCapacityCode } from './capacity-memory.ts';
import { describeFleetErrors } from './fleet-refusal.ts';
import { go, type NodeTools, type NodeVerdict, type NodeView } from './tools.ts';
import { hasTurn, turnAgainMs } from './turn.ts';

const launchRefused = 'LaunchRefused';
/** Answers after which an attempt is known to have made no instance. Everything else may have made one. */
const definitive: ReadonlySet<string> = new Set(['InsufficientCapacity', launchRefused]);

/**
 * Launches exactly one instance for an intent. The attempt number is persisted before each call and is part of the client token, so a repeated
 * call (a crash, a lost reply, a stale cache) is answered with the same instance; it moves on only after a definitive answer without one.
 */
export async function launch(tools: NodeTools, view: NodeView): Promise<NodeVerdict> {
  const { node, draft } = view;
  if (node.status?.instanceId !== undefined) return go;
  if (node.spec.launchTemplate?.id === undefined) return { abandon: 'NoLaunchTemplate', message: 'the intent names no launch template' };
  if (node.spec.attempt === 0) {
    // Nothing was asked of EC2 for it yet. What was begun is carried through: only then is it known what became of it.
    const standing = tools.context.classes.standing(view.runtime);
    if (standing.kind === 'refused') return { abandon: 'NotAllowedByClass', message: standing.message };
    const unverified = unverifiedRuntime(tools.context, view.runtime);
    if (unverified !== undefined) return { abandon: 'AccessNotVerified', message: unverified };
    if (awaitProof(tools.context, view)) return { wait: 'what its jobs access is proved once more', afterMs: 1_000 };
    return beginAttempt(tools, view);
  }
  const owner = tagOwnerOf(view.runtime, tools.context.settings.clusterName);
  const request = launchRequest(node, owner, view.runtime.spec.tags ?? {});
  if (request.offerings.length === 0) return { abandon: 'NoOffering', message: "none of the intent's offerings has a subnet" };
  draft.set({ phase: 'Launching' });
  if (!hasTurn(tools, view, 'ec2.createFleet')) return { wait: 'its turn in front of EC2', afterMs: turnAgainMs };
  const answer = await actAs(
    tools.context,
    { runtime: view.runtime, identity: 'master', resource: 'nodes', node: node.metadata.name },
    { action: 'ec2:CreateFleet', resource: node.metadata.name },
    (aws, caller) => aws.ec2.createFleet(caller, request),
  );
  if (answer.ok) return answered(tools, view, answer.value);
  const { code, requestId, transient } = answer.error;
  const failure = await withRemedy(tools.context, { runtime: view.runtime, connections: [] }, {}, answer.error);
  const message = describeFailure(failure);
  recordLaunch(draft, node.spec.attempt, code, message, tools.context.clock.now(), requestId);
  draft.condition('Launched', false, transient ? reasonOf(code) : launchRefused, message);
  // The same token is used again: whatever the call did, it will have been done once.
  return transient ? { again: message } : refused(tools, view, failure);
}

/** EC2 said no, and will say it again to the same intent: given up, once no instance of it is found, and planned anew after a pause. */
async function refused(tools: NodeTools, view: NodeView, failure: AccessFailure): Promise<NodeVerdict> {
  const { launchFailures, missingTemplates, events } = tools.context;
  const { uid } = view.runtime.metadata;
  const message = describeFailure(failure);
  // Before the look-up, which is refused, too, where the identity itself cannot be had: who waits is told all the same.
  launchFailures.failed(uid, message);
  const { requestId: _, ...alike } = failure;
  events.record(elasticRuntimes, view.runtime, 'Warning', launchRefused, describeFailure(alike));
  const found = await findInstance(tools, view);
  if (!found.ok) return { again: describeFailure(found.error) };
  const alive = found.value.find(({ state }) => state !== 'terminated' && state !== 'shutting-down');
  if (alive !== undefined) {
    adoptInstance(view, alive, tools.context.clock.now());
    launchFailures.succeeded(uid);
    return go;
  }
  const template = view.node.spec.launchTemplate?.id;
  if (failure.code.startsWith('InvalidLaunchTemplate') && template !== undefined) missingTemplates.add(template);
  return { abandon: launchRefused, message };
}

/** Why a job's own nodes are not launched: of intents that are still there, since nobody knows yet what became of them. */
export function refusedLaunch(nodes: readonly ElasticNode[], jobUid: string, attempt: number): string | undefined {
  const own = nodes.filter(({ spec }) => spec.reservedFor?.some((entry) => entry.jobUid === jobUid && entry.attempt === attempt));
  return own
    .flatMap(({ status }) => status?.conditions ?? [])
    .find(({ type, status, reason }) => type === 'Launched' && status === 'False' && reason === launchRefused)?.message;
}

async function beginAttempt(tools: NodeTools, { node }: NodeView): Promise<NodeVerdict> {
  const { name, resourceVersion } = node.metadata;
  const noted = await tools.context.kubernetes.mergePatch(
    elasticNodes,
    { name },
    { metadata: { resourceVersion }, spec: { attempt: node.spec.attempt + 1 } },
  );
  if (!noted.ok) return { again: `attempt not persisted: ${noted.error.message}` };
  tools.expectations.wrote(name, tools.context.stores.elasticNodes, noted.value);
  return { wait: 'attempt persisted', afterMs: 5_000 };
}

async function answered(tools: NodeTools, view: NodeView, answer: CreateFleetAnswer): Promise<NodeVerdict> {
  const { node, draft } = view;
  const now = tools.context.clock.now();
  if (answer.instance !== undefined) {
    recordLaunch(draft, node.spec.attempt, 'Launched', answer.fleetId, now);
    adoptInstance(view, answer.instance, now);
    tools.context.launchFailures.succeeded(view.runtime.metadata.uid);
    return go;
  }
  const scope = capacityScope(view.runtime);
  const short = answer.errors.filter(({ code }) => isCapacityCode(code));
  for (const { offering } of short) if (offering !== undefined) tools.context.capacity.failed(scope, offering);
  if (short.length > 0 && short.every(({ offering }) => offering === undefined)) {
    for (const { instanceType, zone, capacityType } of node.spec.offerings) {
      if (capacityType !== 'reserved') tools.context.capacity.failed(scope, { instanceType, zone, capacityType });
    }
  }
  const message = await describeFleetErrors(tools, view, answer.errors);
  const other = short.length === 0;
  recordLaunch(draft, node.spec.attempt, other ? launchRefused : 'InsufficientCapacity', message, now);
  if (other) tools.context.launchFailures.failed(view.runtime.metadata.uid, message);
  return { abandon: other ? launchRefused : 'InsufficientCapacity', message };
}

export function adoptInstance(
  view: NodeView,
  instance: Pick<Instance, 'instanceId' | 'instanceType' | 'zone' | 'capacityType'>,
  nowMs: number,
): void {
  const { node, draft } = view;
  const { instanceId, instanceType, zone, capacityType } = instance;
  const offering = node.spec.offerings.find(
    (one) => one.instanceType === instanceType && one.zone === zone && one.capacityType === capacityType,
  );
  draft.set({
    phase: 'Launched',
    instanceId,
    providerID: `aws:///${zone}/${instanceId}`,
    launchTime: draft.value().launchTime ?? formatTime(nowMs),
    offering: offering ?? { instanceType, zone, capacityType },
  });
  draft.condition('Launched', true, 'Launched', `${capacityType} ${instanceType} in ${zone} is ${instanceId}`);
}

/** What EC2 has for this intent, found by its tags; for a launch whose answer was never seen. */
export async function findInstance(tools: NodeTools, view: NodeView) {
  const tags = nodeTags(tagOwnerOf(view.runtime, tools.context.settings.clusterName), view.node.metadata.uid);
  return actAs(
    tools.context,
    { runtime: view.runtime, identity: 'master', resource: 'nodes', node: view.node.metadata.name },
    { action: 'ec2:DescribeInstances', resource: '*' },
    (aws, caller) => aws.ec2.describeInstances(caller, { tags }),
  );
}

function recordLaunch(
  draft: NodeView['draft'],
  attempt: number,
  outcome: string,
  message: string,
  nowMs: number,
  requestId?: string,
): void {
  const last: NonNullable<ElasticNodeStatus['lastLaunch']> = {
    attempt,
    outcome: outcome.slice(0, 64),
    message: message.slice(0, 1024),
    time: formatTime(nowMs),
  };
  draft.set({ lastLaunch: requestId === undefined ? last : { ...last, requestId } });
}

/** A condition's reason is CamelCase of letters and digits; AWS codes may hold dots. */
function reasonOf(code: string): string {
  const reason = code.replaceAll(/[^A-Za-z0-9]/g, '');
  return /^[A-Za-z]/.test(reason) ? reason : 'LaunchFailed';
}

export function mayHaveInstance(status: ElasticNodeStatus | undefined, attempt: number): boolean {
  if (attempt === 0) return false;
  const last = status?.lastLaunch;
  return last?.attempt !== attempt || !definitive.has(last.outcome ?? '');
}
