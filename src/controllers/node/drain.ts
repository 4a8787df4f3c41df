import type { Pod, Stored } from '../../api/kubernetes.ts';
import { taints } from '../../api/labels.ts';
import { parseDurationMs } from '../../core/quantity/duration.ts';
import { parseTime } from '../../machinery/time.ts';
import { nodes, pods } from '../../ports/resources.ts';
import { go, type NodeTools, type NodeVerdict, type NodeView } from './tools.ts';

const pollMs = 5_000;

/** Cordons the node and evicts its pods by the Eviction API; past the grace period they are deleted. */
export async function drain(tools: NodeTools, view: NodeView): Promise<NodeVerdict> {
  const { context } = tools;
  const name = view.draft.value().nodeName;
  if (name === undefined) return go;
  const machine = await context.kubernetes.get(nodes, { name });
  if (!machine.ok) return machine.error.kind === 'NotFound' ? go : { again: `node ${name}: ${machine.error.message}` };
  const disrupted = machine.value.spec?.taints?.some(({ key }) => key === taints.disrupted) ?? false;
  if (!disrupted) {
    const cordoned = await context.kubernetes.mergePatch(
      nodes,
      { name },
      {
        metadata: { resourceVersion: machine.value.metadata.resourceVersion },
        spec: { unschedulable: true, taints: [...(machine.value.spec?.taints ?? []), { key: taints.disrupted, effect: 'NoSchedule' }] },
      },
    );
    if (!cordoned.ok) return { again: `node ${name} not cordoned: ${cordoned.error.message}` };
  }
  const listed = await context.kubernetes.list(pods, { fieldSelector: `spec.nodeName=${name}` });
  if (!listed.ok) return { again: `pods of node ${name}: ${listed.error.message}` };
  // A kubelet that does not answer will never confirm an end: who was told to go has gone as far as it can.
  const silent = machine.value.status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True';
  const left = listed.value.items.filter((pod) => mustLeave(pod) && !(silent && pod.metadata.deletionTimestamp !== undefined));
  if (left.length === 0) return go;
  const forced = pastGrace(tools, view);
  for (const pod of left) await leave(tools, pod, forced);
  view.draft.condition(
    'Draining',
    true,
    'Draining',
    `waiting for ${left.length} pod(s): ${left
      .slice(0, 5)
      .map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`)
      .join(', ')}`,
  );
  return { wait: 'drain', afterMs: pollMs };
}

/** Daemons, mirror pods and pods that have ended go with the machine. */
function mustLeave(pod: Stored<Pod>): boolean {
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return false;
  if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return false;
  return !(pod.metadata.ownerReferences ?? []).some(({ kind, controller }) => kind === 'DaemonSet' && controller === true);
}

async function leave(tools: NodeTools, pod: Stored<Pod>, forced: boolean): Promise<void> {
  const { kubernetes, telemetry } = tools.context;
  const { name, namespace = '', uid, deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined && !forced) return;
  if (forced) {
    await kubernetes.delete(pods, { namespace, name }, { uid, gracePeriodSeconds: 0 });
    return;
  }
  const evicted = await kubernetes.evict({ namespace, name }, { uid });
  if (evicted.ok || evicted.error.kind === 'NotFound' || evicted.error.kind === 'TooManyRequests') return;
  // In a terminating namespace the eviction subresource may not be created; what is going anyway may be deleted.
  if (tools.context.stores.namespaces.get(namespace)?.metadata.deletionTimestamp !== undefined) {
    await kubernetes.delete(pods, { namespace, name }, { uid });
    return;
  }
  telemetry.log('warn', 'eviction refused', { pod: `${namespace}/${name}`, error: evicted.error.message });
}

function pastGrace(tools: NodeTools, view: NodeView): boolean {
  const since = parseTime(view.node.metadata.deletionTimestamp);
  const grace = parseDurationMs(view.node.spec.terminationGracePeriod ?? '4h');
  if (since === undefined) return false;
  return tools.context.clock.now() - since >= (grace.ok ? grace.value : 4 * 3_600_000);
}
