import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../../src/api/generated/types.ts';
import { labels } from '../../../src/api/labels.ts';
import { type DemandJob, slotPods } from '../../../src/core/nodes/slot-pods.ts';
import { type DemandPlan, givenBack, planDemand } from '../../../src/core/nodes/stuck-gangs.ts';
import { LARGE, offer, problem } from '../packing/fixtures.ts';

/* Machines that hold one worker each, of which a pool may have so many: who gets one, and who keeps what it holds. */

type Ask = { readonly min: number; readonly max: number; readonly phase?: string };

function demand(uid: string, { min, max, phase = 'Waiting' }: Ask): DemandJob {
  const template = (cpu: string) => ({ spec: { containers: [{ name: 'main', resources: { requests: { cpu } } }] } });
  const job = {
    metadata: { name: uid, namespace: 'finance', uid, generation: 1 },
    spec: { master: { template: template('1') }, workers: { min, max, template: template('5') } },
    status: { phase },
  } as unknown as ElasticJob & { readonly metadata: { readonly uid: string } };
  return { job, attempt: 1, priority: 0 };
}

const runtime = { metadata: { uid: 'r' } } as unknown as ElasticRuntime & { readonly metadata: { readonly uid: string } };

/** Slots that have a place already are not among the problem's. */
function planned(jobs: readonly DemandJob[], nodes: number, placed: readonly string[] = []): DemandPlan {
  const pods = jobs.flatMap((one) => [...slotPods(runtime, one, undefined).slots.values()].map(({ pod }) => pod));
  const roles = ['master', 'worker'].map((role) => ({ name: role, labels: { [labels.nodeRole]: role } }));
  return planDemand(
    problem({
      types: [LARGE],
      offerings: offer('t.large', 0.36),
      pods: pods.filter(({ key }) => !placed.includes(key)),
      pools: roles.map((pool) => (pool.name === 'master' ? pool : { ...pool, limits: { nodes } })),
    }),
    jobs,
  );
}

type Answer = { readonly workers: readonly string[]; readonly stuck: readonly string[] };

const rows: readonly (readonly [
  what: string,
  jobs: Readonly<Record<string, Ask>>,
  nodes: number,
  placed: readonly string[],
  answer: Answer,
])[] = [
  ['a gang that fits, and as much of its growth as does', { a: { min: 1, max: 4 } }, 3, [], { workers: ['a/0', 'a/1', 'a/2'], stuck: [] }],
  ['growth goes nowhere where its gang has no place', { a: { min: 3, max: 8 } }, 2, [], { workers: [], stuck: ['a'] }],
  [
    'what it leaves is for the growth of others',
    { a: { min: 3, max: 8 }, b: { min: 1, max: 4 } },
    2,
    [],
    { workers: ['b/0', 'b/1'], stuck: ['a'] },
  ],
  ['nor where part of it has', { a: { min: 3, max: 5 } }, 1, ['a/1/master/0', 'a/1/worker/0'], { workers: [], stuck: ['a'] }],
  [
    'growth of a gang that has all its places',
    { a: { min: 1, max: 3 } },
    1,
    ['a/1/master/0', 'a/1/worker/0'],
    { workers: ['a/1'], stuck: [] },
  ],
  [
    'whoever runs takes what there is: some worker is better than none',
    { a: { min: 2, max: 4, phase: 'Running' } },
    1,
    ['a/1/master/0'],
    { workers: ['a/2'], stuck: [] },
  ],
];

for (const [what, asked, nodes, placed, answer] of rows) {
  void test(what, () => {
    const jobs = Object.entries(asked).map(([uid, ask]) => demand(uid, ask));
    const { plan, stuck } = planned(jobs, nodes, placed);
    const workers = plan.order.filter((key) => key.includes('/worker/')).map((key) => key.replace('/1/worker/', '/'));
    assert.deepEqual({ workers: workers.sort(), stuck: stuck.map(({ job }) => job.metadata.uid) }, answer);
    if (workers.length === 0) assert.deepEqual(plan.newNodes, [], 'nothing is bought for it');
  });
}

void test('of the gangs that are stuck the first keeps what its gang holds and no growth, the others keep nothing, and who is not stuck all', () => {
  const held = (name: string, kept: Readonly<Record<string, readonly string[]>>): ElasticNode =>
    ({
      metadata: { name },
      spec: { reservedFor: Object.entries(kept).map(([jobUid, slots]) => ({ jobUid, jobName: jobUid, attempt: 1, slots })) },
    }) as unknown as ElasticNode;
  const nodes = [
    held('a', { first: ['master/0', 'worker/1', 'worker/2'], second: ['worker/0'] }),
    held('b', { first: ['worker/3'] }),
    held('c', { third: ['worker/0', 'worker/5'], second: ['master/0'] }),
    held('d', { first: ['worker/0'], third: ['worker/4'] }),
  ];
  const stuck = [demand('first', { min: 2, max: 4 }), demand('second', { min: 1, max: 4 })];
  const left = givenBack(nodes, stuck).map(({ node, ledger }) => [
    node.metadata.name,
    Object.fromEntries(ledger.map(({ jobUid, slots }) => [jobUid, slots])),
  ]);
  assert.deepEqual(left, [
    ['a', { first: ['master/0', 'worker/1'] }],
    ['b', {}],
    ['c', { third: ['worker/0', 'worker/5'] }],
  ]);
  assert.deepEqual(givenBack(nodes, []), []);
});
