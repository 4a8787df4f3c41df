import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type { PackingProblem } from '../../../src/core/packing/problem.ts';
import { violations } from './checker.ts';
import { pod, problem } from './fixtures.ts';
import { randomProblem, simpler } from './random-problem.ts';

/* Problems on which placing one unit after the other gets stuck, found by brute force and by seeds; all of their pods can be placed. */

const follows = (topologyKey: string) => ({
  affinity: {
    podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { app: 'leader' } } }] },
  },
});

function placesAll(input: PackingProblem): void {
  const plan = planPacking(input);
  assert.deepEqual(violations(input, plan), []);
  assert.deepEqual(plan.unschedulable, []);
}

test('a leader goes where its follower must be, though the leader alone would be cheaper elsewhere', () => {
  const leader = pod('leader', 1, '1Gi', {}, { labels: { app: 'leader' } });
  const follower = pod('follower', 1, '1Gi', follows('kubernetes.io/hostname'), {
    volumes: { zones: ['z-b'], attachments: 1 },
    priority: 1,
  });
  const cheaperElsewhere = [{ instanceType: 't.small', zone: 'z-a', capacityType: 'on-demand', usdPerHour: 0.05 } as const];
  const { offerings } = problem({});
  placesAll(
    problem({ pods: [leader, follower], offerings: [...cheaperElsewhere, ...offerings.filter((offering) => offering.zone === 'z-b')] }),
  );
});

test('a pod that fits one node only gets it, though a pod of higher priority is asked first and fits elsewhere', () => {
  const node = { name: 'n', labels: { 'topology.kubernetes.io/zone': 'z-x' }, allocatable: { cpu: 4, memory: '16Gi', pods: 10 }, pods: [] };
  const high = pod('high', 3, '1Gi', {}, { priority: 9 });
  const bound = pod('bound', 2, '1Gi', {}, { volumes: { zones: ['z-x'], attachments: 0 } });
  placesAll(problem({ pods: [high, bound], nodes: [node] }));
});

test('with more pods than are searched exhaustively, the stuck ones go first', () => {
  const node = {
    name: 'n',
    labels: { 'topology.kubernetes.io/zone': 'z-x' },
    allocatable: { cpu: 20, memory: '64Gi', pods: 50 },
    pods: [],
  };
  const high = Array.from({ length: 10 }, (_, index) => pod(`high${index}`, 2, '1Gi', {}, { priority: 9 }));
  const bound = Array.from({ length: 10 }, (_, index) =>
    pod(`bound${index}`, 1, '1Gi', {}, { volumes: { zones: ['z-x'], attachments: 0 } }),
  );
  placesAll(problem({ pods: [...high, ...bound], nodes: [node] }));
});

// [pods at most, seed]: with a single attempt and no search, pods of these are left.
const SEEDS: readonly (readonly [number, number])[] = [
  [4, 373],
  [4, 496],
  [4, 918],
  [4, 1458],
  [8, 8],
  [8, 175],
  [8, 703],
  [8, 1162],
  [8, 1401],
  [16, 692],
  [16, 920],
  [16, 1260],
  [16, 1383],
];
for (const [pods, seed] of SEEDS)
  test(`up to ${pods} pods, seed ${seed}`, () => placesAll(randomProblem(seed, { pods, types: 2, nodes: 2 })));

// What is left of these where spread counts domains that nodes could be launched in, and nothing where it counts those that there are.
for (const seed of [316760, 6073873, 6517337, 6675717, 19100628])
  test(`no more domains than the pods need, seed ${seed}`, () => placesAll(simpler(randomProblem(seed, { pods: 4, types: 2, nodes: 2 }))));
