import { filterTable, type LabelLookup, matchesPlacement, type NodeFilter } from './filters.ts';
import type { PackingPod, Taint } from './problem.ts';
import { type Amounts, add, podRequests } from './requests.ts';
import { untolerated } from './taints.ts';

export type Daemon = { readonly filter: NodeFilter; readonly requests: Amounts };

/** DaemonSet pods with well-formed requests; each takes its room on every node that it tolerates and selects. */
export function readDaemons(pods: readonly PackingPod[] = []): readonly Daemon[] {
  const table = filterTable();
  return pods.flatMap((pod) => {
    const requests = podRequests(pod);
    return requests.ok
      ? [{ filter: table.intern(pod, { preferred: [], avoidPreferred: false, zones: undefined }), requests: requests.value }]
      : [];
  });
}

export function daemonOverhead(daemons: readonly Daemon[], label: LabelLookup, taints: readonly Taint[]): Amounts {
  const total = new Map<string, number>();
  for (const { filter, requests } of daemons) {
    if (untolerated(taints, filter.tolerations, false) === undefined && matchesPlacement(filter, label, undefined)) add(total, requests);
  }
  return total;
}
