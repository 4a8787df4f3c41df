import { parseTime } from '../../machinery/time.ts';
import { go, type NodeTools, type NodeVerdict, type NodeView } from './tools.ts';

/** A notice of two minutes leaves no more than this. */
const mostMs = 60_000;
const pollMs = 5_000;

/** What the pods that had to leave have written goes with the machine: its agent stores it first, for as long as that is worth waiting for. */
export async function flushLogs(tools: NodeTools, view: NodeView): Promise<NodeVerdict> {
  const { settings, stores, clock } = tools.context;
  const { node, draft } = view;
  const name = draft.value().nodeName;
  const pending = Object.values(node.status?.report?.logs ?? {}).filter((log) => !isFlushed(log)).length;
  if (!settings.nodeAgents || name === undefined || draft.value().phase === 'Terminating') return go;
  if (pending === 0) {
    if (draft.value().conditions?.some(({ type }) => type === condition))
      draft.condition(condition, true, 'Uploaded', 'the logs of the pods that left are stored');
    return go;
  }
  // Whoever does not answer stores nothing.
  const ready = stores.nodes.get(name)?.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True') return go;
  draft.condition(condition, false, 'Uploading', `waiting for the logs of ${pending} pod(s) that left`);
  const since = parseTime(draft.value().conditions?.find(({ type }) => type === condition)?.lastTransitionTime);
  const left = (since ?? clock.now()) + mostMs - clock.now();
  if (left > 0) return { wait: 'logs', afterMs: Math.min(left, pollMs) };
  draft.condition(condition, false, 'TimedOut', `${pending} pod(s) left without a final flush of their logs`);
  return go;
}

const condition = 'LogsUploaded';

function isFlushed(log: unknown): boolean {
  return typeof log === 'object' && log !== null && 'flushed' in log && log.flushed === true;
}
