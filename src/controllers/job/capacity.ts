import { reservationLabel } from '../../core/jobs/children.ts';
import { slotName } from '../../core/jobs/slots.ts';
import { slotOfPod } from '../../core/nodes/bound-pods.ts';
import { slotsOf } from '../../core/nodes/slot-pods.ts';
import { formatTime } from '../../machinery/time.ts';
import { refusedLaunch } from '../node/launch.ts';
import { nodesOf } from '../runtime/activity.ts';
import { applyChildren } from './children.ts';
import { attemptOf, childrenOf, go, type JobTools, type JobVerdict, type JobView } from './tools.ts';

/** Waits until master and minimum workers have a place on nodes that are ready, all of them or none; then lets the attempt go. */
export async function startWhenReserved(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const { job } = view;
  const { master } = childrenOf(tools, view);
  const gang = slotsOf({ job, attempt: attemptOf(view) }).filter(({ inGang }) => inGang);
  if (master?.spec.suspend === false) return started(tools, view, gang.length);
  const made = await applyChildren(tools, view, {
    released: false,
    makeOnly: true,
    workers: job.spec.workers.template === undefined ? 0 : job.spec.workers.min,
  });
  if (!('go' in made)) return made;
  const ready = readySlots(tools, view);
  const missing = gang.filter(({ role, index }) => !ready.has(slotName(role, index)));
  if (missing.length > 0) return waiting(tools, view, gang.length, missing.length);
  const released = await applyChildren(tools, view, { released: true, workers: workersNow(view, ready) });
  return 'go' in released ? started(tools, view, gang.length) : released;
}

/** Also where an earlier process let the attempt go and died before it could say so: the deadlines count from here. */
function started(tools: JobTools, view: JobView, gang: number): JobVerdict {
  const { draft } = view;
  const { phase, attempt } = draft.value();
  if (phase === 'Running' && attempt?.startTime !== undefined) return go;
  const now = formatTime(tools.context.clock.now());
  draft.condition('CapacityReady', true, 'Reserved', `${gang} slot(s) reserved on ready nodes`);
  draft.set({
    phase: 'Running',
    startTime: draft.value().startTime ?? now,
    attempt: { ...draft.value().attempt, number: attemptOf(view), startTime: now },
  });
  draft.unset('waiting');
  return go;
}

function waiting(tools: JobTools, view: JobView, gang: number, missing: number): JobVerdict {
  const { uid } = view.job.metadata;
  const refused = refusedLaunch(nodesOf(tools.context, view.runtime), uid, attemptOf(view));
  const explanation = refused === undefined ? tools.context.explanations.get(uid) : { reason: 'LaunchRefused', message: refused };
  const message = explanation?.message ?? `${gang - missing} of ${gang} slot(s) on ready nodes; the rest is being launched`;
  view.draft.condition('CapacityReady', false, explanation?.reason ?? 'Launching', message);
  view.draft.set({ phase: 'Waiting' });
  return {
    wait: explanation?.reason ?? 'Launching',
    message,
    ...(explanation?.expectedAt !== undefined && { expectedAt: explanation.expectedAt }),
  };
}

/** Slots of this attempt that are kept on nodes which are ready and labelled for it, or whose pod is bound already: that pod has its place. */
export function readySlots(tools: JobTools, view: JobView): ReadonlySet<string> {
  const { job, runtime } = view;
  const attempt = attemptOf(view);
  const label = reservationLabel(job.metadata.uid);
  const slots = nodesOf(tools.context, runtime).flatMap((node) => {
    if (node.metadata.deletionTimestamp !== undefined || node.status?.phase !== 'Ready') return [];
    const machine = tools.context.stores.nodes.get(node.status.nodeName ?? '');
    if (machine?.metadata.labels?.[label] !== String(attempt) || machine.spec?.unschedulable === true) return [];
    return (node.spec.reservedFor ?? [])
      .filter((entry) => entry.jobUid === job.metadata.uid && entry.attempt === attempt)
      .flatMap((entry) => entry.slots);
  });
  const bound = childrenOf(tools, view).pods.flatMap((pod) => {
    const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    const slot = ended || pod.spec.nodeName === undefined ? undefined : slotOfPod(pod);
    return slot === undefined ? [] : [slot.name];
  });
  return new Set([...slots, ...bound]);
}

/** Workers that can run now: the minimum, and beyond it as far as an unbroken row of slots has capacity. */
export function workersNow(view: JobView, ready: ReadonlySet<string>): number {
  const { min, max, template } = view.job.spec.workers;
  if (template === undefined) return 0;
  let count = min;
  while (count < max && ready.has(slotName('worker', count))) count += 1;
  return count;
}
