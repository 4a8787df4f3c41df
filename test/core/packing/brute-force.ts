import type { NodeRequirement, Offering, PackingPod, PackingPool, PackingProblem } from '../../../src/core/packing/problem.ts';
import { existingHosts, launchedHost, put, refusal } from './checker.ts';

type Launch = { readonly offering: Offering; readonly pool: string; readonly labels: Readonly<Record<string, string>> };
type Host = ReturnType<typeof existingHosts>[number];

/**
 * The cheapest set of at most `most` new nodes that holds every pod, by trying all of them in order of price and all ways and orders of
 * putting pods onto them. Undefined where there is none. Only for problems of a handful of pods.
 */
export function cheapestSet(problem: PackingProblem, most: number): { readonly usdPerHour: number } | undefined {
  const launches = problem.pools.flatMap((pool) => launchesOf(problem, pool));
  const sets = multisets(launches.length, most)
    .map((set) => ({ set, usdPerHour: set.reduce((sum, index) => sum + (launches[index] as Launch).offering.usdPerHour, 0) }))
    .filter(({ set }) =>
      keepsLimits(
        problem,
        set.map((index) => launches[index] as Launch),
      ),
    )
    .sort((left, right) => left.usdPerHour - right.usdPerHour);
  for (const { set, usdPerHour } of sets) {
    const hosts = [...existingHosts(problem), ...set.map((index, at) => hostOf(problem, launches[index] as Launch, `new-${at + 1}`))];
    if (placeAll(problem, hosts, problem.pods, new Set())) return { usdPerHour };
  }
  return undefined;
}

function launchesOf(problem: PackingProblem, pool: PackingPool): readonly Launch[] {
  return problem.offerings.flatMap((offering) => {
    const type = problem.types.find((one) => one.name === offering.instanceType);
    const gone = (problem.unavailable ?? []).some(
      (one) =>
        (one.instanceType ?? offering.instanceType) === offering.instanceType &&
        (one.zone ?? offering.zone) === offering.zone &&
        (one.capacityType ?? offering.capacityType) === offering.capacityType,
    );
    if (type === undefined || gone) return [];
    const labels: Record<string, string> = {
      ...type.labels,
      ...pool.labels,
      'node.kubernetes.io/instance-type': type.name,
      'topology.kubernetes.io/zone': offering.zone,
      'karpenter.sh/capacity-type': offering.capacityType,
    };
    const open = (pool.requirements ?? []).filter((one) => one.operator === 'In' && labels[one.key] === undefined);
    const choices = open.reduce<Record<string, string>[]>(
      (all, one) => all.flatMap((chosen) => (one.values ?? []).map((value) => ({ ...chosen, [one.key]: value }))),
      [labels],
    );
    return choices
      .filter((chosen) => (pool.requirements ?? []).every((one) => holds(one, chosen[one.key])))
      .map((chosen) => ({ offering, pool: pool.name, labels: chosen }));
  });
}

function holds({ operator, values = [] }: NodeRequirement, value: string | undefined): boolean {
  if (operator === 'In') return value !== undefined && values.includes(value);
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'Gt') return Number(value) > Number(values[0]);
  throw new Error(`brute force does not know ${operator} of a pool`);
}

function hostOf(problem: PackingProblem, launch: Launch, name: string): Host {
  return launchedHost(problem, { name, pool: launch.pool, instanceType: launch.offering.instanceType, labels: launch.labels });
}

/** All multisets of up to `most` of so many kinds. */
function multisets(kinds: number, most: number): readonly (readonly number[])[] {
  let last: readonly (readonly number[])[] = [[]];
  const all = [...last];
  for (let size = 1; size <= most; size++) {
    last = last.flatMap((set) =>
      Array.from({ length: kinds }, (_, kind) => kind)
        .filter((kind) => kind >= (set.at(-1) ?? 0))
        .map((kind) => [...set, kind]),
    );
    all.push(...last);
  }
  return all;
}

function keepsLimits(problem: PackingProblem, launches: readonly Launch[]): boolean {
  const pools = new Set(problem.pools.map((pool) => pool.name));
  const within = (caps: PackingProblem['limits'], inPool: (name: string | undefined) => boolean) => {
    const chosen = launches.filter((launch) => inPool(launch.pool));
    if (chosen.length === 0) return true;
    const there = problem.nodes.filter((node) => node.pool !== undefined && pools.has(node.pool) && inPool(node.pool));
    const usd = [...chosen.map((launch) => launch.offering.usdPerHour), ...there.map((node) => node.usdPerHour ?? 0)].reduce(
      (sum, one) => sum + one,
      0,
    );
    const vcpus = chosen.reduce((sum, { offering }) => sum + cpuOf(problem, offering), 0);
    return (
      chosen.length + there.length <= (caps?.nodes ?? Infinity) &&
      usd <= (caps?.usdPerHour ?? Infinity) + 1e-9 &&
      vcpus <= (caps?.vcpus ?? Infinity)
    );
  };
  return within(problem.limits, () => true) && problem.pools.every((pool) => within(pool.limits, (name) => name === pool.name));
}

/** Usable cores of a launch; nodes that are there are no part of problems with a limit on them. */
function cpuOf({ types }: PackingProblem, { instanceType }: Offering): number {
  const type = types.find((one) => one.name === instanceType);
  return Number(type?.capacity['cpu'] ?? 0) - Number.parseInt(String(type?.reserved?.['cpu'] ?? '0'), 10) / 1000;
}

/** Depth first over which pod goes next and where; states seen before are not tried again. */
function placeAll(problem: PackingProblem, hosts: readonly Host[], left: readonly PackingPod[], seen: Set<string>): boolean {
  if (left.length === 0) return gangsTogether(problem, hosts);
  const state = hosts
    .map((host) =>
      host.pods
        .map((pod) => pod.key)
        .sort()
        .join(),
    )
    .join('|');
  if (seen.has(state)) return false;
  seen.add(state);
  for (const pod of left) {
    for (const host of hosts) {
      if (refusal({ hosts, problem }, pod, host) !== undefined) continue;
      const room = new Map(host.room);
      put(pod, host);
      if (
        placeAll(
          problem,
          hosts,
          left.filter((other) => other !== pod),
          seen,
        )
      )
        return true;
      host.pods.pop();
      for (const [name, amount] of room) host.room.set(name, amount);
    }
  }
  return false;
}

function gangsTogether(problem: PackingProblem, hosts: readonly Host[]): boolean {
  return (problem.gangs ?? []).every(({ id, singleZone }) => {
    const zones = new Set(
      hosts.filter((host) => host.pods.some((pod) => pod.gang === id)).map((host) => host.labels['topology.kubernetes.io/zone']),
    );
    return singleZone !== true || zones.size <= 1;
  });
}
