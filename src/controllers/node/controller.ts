import type { ElasticNode, ElasticNodeStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { finalizers } from '../../api/labels.ts';
import { createApplier } from '../../machinery/applier.ts';
import { done, type ReconcileResult } from '../../machinery/controller.ts';
import type { Expectations } from '../../machinery/expectations.ts';
import { removeFinalizer } from '../../machinery/finalizers.ts';
import { elasticNodes } from '../../ports/resources.ts';
import { type OperatorContext, runtimeKey } from '../context.ts';
import { applyStatus, draftStatus } from '../draft.ts';
import { adoptReported } from '../job/node-accesses.ts';
import { drain } from './drain.ts';
import { flushLogs } from './flush.ts';
import { launch } from './launch.ts';
import { initialize, register } from './register.ts';
import { terminate } from './terminate.ts';
import { go, type NodeTools, type NodeVerdict, type NodeView } from './tools.ts';

/** The life of one instance: launched, registered, initialized, ready; then drained, terminated, gone. */
export function createNodeReconciler(context: OperatorContext, expectations: Expectations): (key: string) => Promise<ReconcileResult> {
  const tools: NodeTools = {
    context,
    expectations,
    hostNames: new Map(),
    applier: createApplier({ port: context.kubernetes, telemetry: context.telemetry, fieldManager: 'elastic-node-controller' }),
  };
  return async (key) => {
    const node = context.stores.elasticNodes.get(key);
    return node === undefined ? done : reconcileNode(tools, node);
  };
}

async function reconcileNode(tools: NodeTools, node: Stored<ElasticNode>): Promise<ReconcileResult> {
  const { context } = tools;
  const runtime = context.stores.runtimes.get(runtimeKey(node.spec.runtimeRef));
  // The runtime's finalizer keeps it until its nodes are gone, so this is a cache that is behind, or a finalizer taken off by hand.
  if (runtime === undefined || runtime.metadata.uid !== node.spec.runtimeRef.uid)
    return { retry: `runtime ${runtimeKey(node.spec.runtimeRef)} of this node is not known` };
  // Here, since a report is news to this controller, and goes with its node.
  adoptReported(context, runtime, node);
  const draft = draftStatus(ownStatus(node), node.metadata.generation, context.clock.now());
  const view: NodeView = { node, runtime, draft };
  const deleting = node.metadata.deletionTimestamp !== undefined;
  const verdict = await inOrder(
    deleting ? [startDraining, drain, flushLogs, terminate] : [launch, register, async (t, v) => initialize(t, v)],
    tools,
    view,
  );
  if (deleting && 'go' in verdict) {
    tools.hostNames.delete(draft.value().instanceId ?? '');
    context.events.record(elasticNodes, node, 'Normal', 'Terminated', `instance ${draft.value().instanceId ?? '(none)'} ended`);
    const removed = await removeFinalizer(context.kubernetes, elasticNodes, node, finalizers.node);
    return removed.ok ? done : { retry: removed.error.message };
  }
  if ('abandon' in verdict) draft.set({ phase: 'Failed' });
  const written = await applyStatus(tools.applier, elasticNodes, node, draft.value());
  if (!written.ok) return written.error.kind === 'NotFound' ? done : { retry: written.error.message };
  if (written.value.changed) tools.expectations.wrote(node.metadata.name, context.stores.elasticNodes, written.value.object);
  if ('abandon' in verdict) return abandon(context, node, verdict.abandon, verdict.message);
  if ('again' in verdict) return { retry: verdict.again };
  if ('wait' in verdict) return { requeueAfterMs: verdict.afterMs };
  return done;
}

/** Report and volumes are others' fields: applying them too would take them over. */
function ownStatus(node: Stored<ElasticNode>): ElasticNodeStatus | undefined {
  if (node.status === undefined) return undefined;
  const { report: _report, volumes: _volumes, ...own } = node.status;
  return own;
}

async function inOrder(
  steps: readonly ((tools: NodeTools, view: NodeView) => Promise<NodeVerdict>)[],
  tools: NodeTools,
  view: NodeView,
): Promise<NodeVerdict> {
  for (const step of steps) {
    const verdict = await step(tools, view);
    if (!('go' in verdict)) return verdict;
  }
  return go;
}

async function startDraining(_tools: NodeTools, { draft }: NodeView): Promise<NodeVerdict> {
  if (draft.value().phase !== 'Terminating') draft.set({ phase: 'Draining' });
  draft.condition('Ready', false, 'Draining', 'the node is being removed');
  return go;
}

async function abandon(context: OperatorContext, node: Stored<ElasticNode>, reason: string, message: string): Promise<ReconcileResult> {
  context.events.record(elasticNodes, node, 'Warning', reason, message);
  const deleted = await context.kubernetes.delete(elasticNodes, { name: node.metadata.name }, { uid: node.metadata.uid });
  return deleted.ok || deleted.error.kind === 'NotFound' ? done : { retry: deleted.error.message };
}
