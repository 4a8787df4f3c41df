import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticNode } from '../../../src/api/generated/types.ts';
import type { Pod } from '../../../src/api/kubernetes.ts';
import { labels } from '../../../src/api/labels.ts';
import { crowdedLedgers } from '../../../src/core/nodes/crowded.ts';
import type { SeenNode } from '../../../src/core/nodes/packing-nodes.ts';
import type { PackingPod } from '../../../src/core/packing/problem.ts';
import { machine } from './random-scene.ts';

/* Room for four pods of one CPU on a machine; what is kept there, what runs there, and what is kept after a look. */

const spec = { containers: [{ resources: { requests: { cpu: 1 } } }] };

function podOf(jobUid: string, index: number): Pod {
  const own = {
    [labels.jobUid]: jobUid,
    [labels.role]: 'worker',
    [labels.attempt]: '1',
    'batch.kubernetes.io/job-completion-index': `${index}`,
  };
  return {
    metadata: { name: `${jobUid}-${index}`, uid: `${jobUid}-${index}`, labels: own },
    spec: { ...spec, nodeName: 'm' },
  } as unknown as Pod;
}

const heldPod = (key: string, priority: number): PackingPod => ({ key, namespace: 'finance', spec, priority });

type Slots = Readonly<Record<string, readonly string[]>>;

/** `running`: `<job>/<index>` of pods there; `kept` by job; `held`: keys of what no pod fills, with their priority. */
function node(running: readonly string[], kept: Slots, held: Readonly<Record<string, number>>, isThere = true): SeenNode {
  const pods = running.map((one) => podOf(one.split('/')[0] ?? '', Number(one.split('/')[1])));
  const waiting = Object.entries(held).map(([key, priority]) => heldPod(key, priority));
  const reservedFor = Object.entries(kept).map(([jobUid, slots]) => ({ jobUid, jobName: jobUid, attempt: 1, slots }));
  const all = [
    ...pods.map((pod) => ({ key: pod.metadata.name, namespace: 'finance', spec: pod.spec })),
    ...waiting,
  ] as readonly PackingPod[];
  return {
    node: { metadata: { name: 'n' }, spec: { reservedFor } } as unknown as ElasticNode,
    machine: isThere ? machine('m') : undefined,
    pods,
    held: waiting,
    daemons: [],
    text: '',
    machineText: '',
    value: { name: 'n', labels: {}, allocatable: { cpu: 4, pods: 10 }, pods: all },
  };
}

const rows: readonly (readonly [what: string, seen: SeenNode, left: Slots | undefined])[] = [
  ['all has room', node(['j/0', 'j/1'], { j: ['worker/0', 'worker/1', 'worker/2'] }, { 'j/1/worker/2': 0 }), undefined],
  [
    'a pod of the same job that nothing was kept for, where another slot has no room any more',
    node(['j/0', 'j/1', 'j/2', 'j/9'], { j: ['worker/0', 'worker/1', 'worker/2', 'worker/3'] }, { 'j/1/worker/3': 0 }),
    { j: ['worker/0', 'worker/1', 'worker/2'] },
  ],
  [
    'a slot of another job gives way, too',
    node(['j/0', 'j/1', 'j/2', 'j/9'], { j: ['worker/0', 'worker/1', 'worker/2'], k: ['worker/0'] }, { 'k/1/worker/0': 0 }),
    { j: ['worker/0', 'worker/1', 'worker/2'] },
  ],
  [
    'growth goes before a gang, and no more than has to',
    node(['j/0', 'j/9', 'j/8'], { j: ['worker/0'], k: ['worker/0', 'worker/1'] }, { 'k/1/worker/0': 100, 'k/1/worker/1': -2_000_000_000 }),
    { j: ['worker/0'], k: ['worker/0'] },
  ],
  ['such a pod where all has room', node(['j/9'], { j: ['worker/0'] }, { 'j/1/worker/0': 0 }), undefined],
  [
    'a machine that is smaller than was thought, with its own pods only: another of its type would be no larger',
    node(['j/0', 'j/1', 'j/2', 'j/3'], { j: ['worker/0', 'worker/1', 'worker/2', 'worker/3', 'worker/4'] }, { 'j/1/worker/4': 0 }),
    undefined,
  ],
  ['a machine that has not joined', node([], { j: ['worker/0'] }, { 'j/1/worker/0': 0 }, false), undefined],
];

for (const [what, seen, left] of rows) {
  void test(what, () => {
    const found = crowdedLedgers([seen]);
    if (left === undefined) assert.deepEqual(found, []);
    else assert.deepEqual(Object.fromEntries(found[0]?.ledger.map(({ jobUid, slots }) => [jobUid, slots]) ?? []), left);
  });
}
