import { filterTable, type LabelLookup, matchesPlacement, type NodeFilter } from './filters.ts';
import { portsHeld } from './host-ports.ts';
import type { PackingPod, Taint } from './problem.ts';
import { type Amounts, add, type HostPort, hostPorts, podRequests } from './requests.ts';
import { untolerated } from './taints.ts';

export type Daemon = {
  readonly pod: PackingPod;
  readonly filter: NodeFilter;
  readonly requests: Amounts;
  readonly ports: readonly HostPort[];
};

/** DaemonSet pods with well-formed requests; each takes its room on every node that it tolerates and selects. */
export function readDaemons(pods: readonly PackingPod[] = []): readonly Daemon[] {
  const table = filterTable();
  return pods.flatMap((pod) => {
    const requests = podRequests(pod);
    return requests.ok
      ? [
          {
            pod,
            filter: table.intern(pod, { preferred: [], avoidPreferred: false, zones: undefined }),
            requests: requests.value,
            ports: hostPorts(pod.spec),
          },
        ]
      : [];
  });
}

/** Those that run on a node with these labels and taints. */
export function daemonsOn(daemons: readonly Daemon[], label: LabelLookup, taints: readonly Taint[]): readonly Daemon[] {
  return daemons.filter(
    ({ filter }) => untolerated(taints, filter.tolerations, false) === undefined && matchesPlacement(filter, label, undefined),
  );
}

/** Of these resources, ports of the host among them. */
export function daemonOverhead(
  daemons: readonly Daemon[],
  names: readonly string[],
  label: LabelLookup,
  taints: readonly Taint[],
): ReadonlyMap<string, number> {
  const total = new Map<string, number>();
  for (const { requests, ports } of daemonsOn(daemons, label, taints)) {
    add(total, requests);
    if (ports.length > 0) for (const name of portsHeld(ports, names)) total.set(name, 1);
  }
  return total;
}
