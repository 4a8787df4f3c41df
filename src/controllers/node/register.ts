import type { Node, Stored } from '../../api/kubernetes.ts';
import { labels, taints } from '../../api/labels.ts';
import { reservationLabel } from '../../core/jobs/children.ts';
import { nodeLabels, resolvePools } from '../../core/nodes/pools.ts';
import { parseTime } from '../../machinery/time.ts';
import { nodes } from '../../ports/resources.ts';
import { identify } from './identify.ts';
import { go, type NodeTools, type NodeVerdict, type NodeView } from './tools.ts';

/** Matches the Node that appeared to the intent by provider id and name, labels it, and takes the startup taint off. */
export async function register(tools: NodeTools, view: NodeView): Promise<NodeVerdict> {
  const { draft } = view;
  const { providerID, instanceId = '' } = draft.value();
  const found = await identify(tools, view);
  if (!('node' in found)) return found;
  const machine = found.node;
  const patched = await labelNode(tools, view, machine);
  if (!('go' in patched)) return patched;
  tools.hostNames.delete(instanceId);
  draft.set({ nodeName: machine.metadata.name, ...(draft.value().phase === 'Launched' && { phase: 'Registered' as const }) });
  draft.condition('Registered', true, 'Registered', `node ${machine.metadata.name} has provider id ${providerID}`);
  return go;
}

/** One merge patch, conditional on what was seen: a taint list is one value to the API server. */
async function labelNode(tools: NodeTools, view: NodeView, machine: Stored<Node>): Promise<NodeVerdict> {
  const { node, runtime } = view;
  const { name, namespace = '', uid } = runtime.metadata;
  const pool = resolvePools(runtime).find((candidate) => candidate.name === node.spec.pool);
  const wanted: Record<string, string> = {
    ...(pool === undefined ? {} : nodeLabels({ name, namespace }, pool)),
    [labels.runtimeUid]: uid,
    [labels.capacityType]: view.draft.value().offering?.capacityType ?? 'on-demand',
  };
  const held = new Map((node.spec.reservedFor ?? []).map((entry) => [reservationLabel(entry.jobUid), String(entry.attempt)]));
  const current = machine.metadata.labels ?? {};
  const changes: Record<string, string | null> = {};
  for (const [key, value] of [...Object.entries(wanted), ...held]) if (current[key] !== value) changes[key] = value;
  for (const key of Object.keys(current)) if (key.startsWith(reservationLabel('')) && !held.has(key)) changes[key] = null;
  const kept = (machine.spec?.taints ?? []).filter(({ key }) => key !== taints.unregistered);
  const ours = kept.some(({ key, value }) => key === taints.runtime && value === uid)
    ? kept
    : [...kept, { key: taints.runtime, value: uid, effect: 'NoSchedule' }];
  const taintsChange = ours.length !== (machine.spec?.taints ?? []).length;
  if (Object.keys(changes).length === 0 && !taintsChange) return go;
  const patched = await tools.context.kubernetes.mergePatch(
    nodes,
    { name: machine.metadata.name },
    {
      metadata: { resourceVersion: machine.metadata.resourceVersion, labels: changes },
      ...(taintsChange && { spec: { taints: ours } }),
    },
  );
  if (!patched.ok) return { again: `node ${machine.metadata.name} not labelled: ${patched.error.message}` };
  tools.expectations.wrote(node.metadata.name, tools.context.stores.nodes, patched.value);
  return go;
}

/** Twice as long as Kubernetes waits before it evicts the pods of an unreachable node (300 s). */
const unhealthyMs = 10 * 60_000;

/** Ready to take pods: the node says so, and stays so. */
export function initialize(tools: NodeTools, view: NodeView): NodeVerdict {
  const { draft } = view;
  const machine = tools.context.stores.nodes.get(draft.value().nodeName ?? '');
  const ready = machine?.status?.conditions?.find(({ type }) => type === 'Ready');
  const isReady = ready?.status === 'True';
  if (isReady) {
    draft.condition('Initialized', true, 'Initialized', 'the node is ready and has its labels');
    draft.condition('Ready', true, 'Ready', 'pods can run');
    draft.set({ phase: 'Ready' });
    return go;
  }
  const unhealthy = ready?.message ?? 'the node has not reported itself ready yet';
  draft.condition('Ready', false, ready?.reason ?? 'NotReady', unhealthy);
  const since = parseTime(ready?.lastTransitionTime) ?? parseTime(draft.value().launchTime) ?? tools.context.clock.now();
  if (tools.context.clock.now() - since >= unhealthyMs)
    return {
      abandon: 'NodeUnhealthy',
      message: `node ${draft.value().nodeName} has not been ready for ${unhealthyMs / 60_000} minutes: ${unhealthy}`,
    };
  if (draft.value().phase === 'Ready') draft.set({ phase: 'Initialized' });
  return { wait: 'readiness', afterMs: 60_000 };
}
