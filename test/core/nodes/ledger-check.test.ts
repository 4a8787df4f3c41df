import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ElasticJob, ElasticNode } from '../../../src/api/generated/types.ts';
import type { DemandInput } from '../../../src/core/nodes/demand.ts';
import { type HoldingJob, ledgerCheck, outdatedLedgers } from '../../../src/core/nodes/ledger-check.ts';
import { dice } from '../packing/random-problem.ts';
import { happen, machine, randomJob, randomNode, randomPod, type Scene } from './random-scene.ts';

function withAttempt(job: HoldingJob['job'], number: number): HoldingJob['job'] {
  return { ...job, status: { phase: 'Running', attempt: { number } } };
}

void test('slots of attempts that ended, that the job no longer has and whose pod runs elsewhere are taken out, all others stay', () => {
  const template = { spec: { containers: [] } };
  const job = withAttempt(
    {
      metadata: { name: 'j-0', namespace: 'finance', uid: 'j-0' },
      spec: { master: { template }, workers: { min: 1, max: 2, template } },
    } as unknown as HoldingJob['job'],
    2,
  );
  const node = {
    metadata: { name: 'n', uid: 'n' },
    spec: {
      reservedFor: [
        { jobUid: 'j-0', jobName: 'j-0', attempt: 1, slots: ['worker/0'] },
        { jobUid: 'j-0', jobName: 'j-0', attempt: 2, slots: ['master/0', 'worker/0', 'worker/1', 'worker/7'] },
        { jobUid: 'gone', jobName: 'gone', attempt: 1, slots: ['master/0'] },
      ],
    },
    status: { nodeName: 'machine-0' },
  } as unknown as ElasticNode;
  const pod = (index: number, nodeName: string) => {
    const own = {
      'elasticruntime.dev/job-uid': 'j-0',
      'elasticruntime.dev/role': 'worker',
      'elasticruntime.dev/attempt': '2',
      'batch.kubernetes.io/job-completion-index': String(index),
    };
    return { metadata: { name: `w-${index}`, namespace: 'finance', labels: own }, spec: { nodeName, containers: [] } };
  };
  const pods = [pod(0, 'machine-0'), pod(1, 'machine-1')];
  const left = [{ jobUid: 'j-0', jobName: 'j-0', attempt: 2, slots: ['master/0', 'worker/0'] }];
  assert.deepEqual(outdatedLedgers(ledgerCheck(), [node], [{ job, pods }]), [{ node, ledger: left }]);
});

void test('with and without what was kept from earlier looks the same ledgers are outdated, over random sequences of changes', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const roll = dice(seed);
      const uids = ['j-0', 'j-1', 'j-2'];
      let scene: Scene = {
        input: {
          jobs: uids.map((uid) => ({ job: withAttempt(randomJob(roll, uid), 1), attempt: 1, priority: 0 })),
          elasticNodes: Array.from({ length: 6 }, (_, index) => randomNode(roll, `n-${index}`)),
          pools: [],
          catalog: {},
        } as unknown as DemandInput,
        machines: new Map([['aws:///z/i-0', machine('0')]]),
        pods: new Map(uids.map((uid) => [uid, [randomPod(roll, uid), randomPod(roll, uid)]] as const)),
      };
      const check = ledgerCheck();
      const earlier: DemandInput[] = [];
      const objects = new Map<ElasticJob, HoldingJob['job']>();
      for (let step = 0; step < 12; step++) {
        earlier.push(scene.input);
        const jobs = scene.input.jobs.map(({ job, attempt }): HoldingJob => {
          const known = objects.get(job);
          const now = known?.status?.attempt?.number === attempt ? known : withAttempt(job, attempt);
          objects.set(job, now);
          return { job: now, pods: scene.pods.get(job.metadata.uid) ?? [] };
        });
        const nodes = scene.input.elasticNodes;
        const fresh = outdatedLedgers(ledgerCheck(), nodes, jobs);
        const kept = outdatedLedgers(check, nodes, jobs);
        const byName = (all: typeof fresh) => all.toSorted((one, other) => (one.node.metadata.name < other.node.metadata.name ? -1 : 1));
        assert.deepEqual(byName(kept), byName(fresh), `step ${step}`);
        found += fresh.length;
        scene = happen(roll, scene, earlier, step);
        // Some are written, the others are found again.
        const written = new Map(fresh.filter(() => roll.chance(0.7)).map(({ node, ledger }) => [node as ElasticNode, ledger]));
        const elasticNodes = scene.input.elasticNodes.map((node) => {
          const ledger = written.get(node);
          return ledger === undefined ? node : { ...node, spec: { ...node.spec, reservedFor: ledger } };
        });
        scene = { ...scene, input: { ...scene.input, elasticNodes } };
      }
    }),
    { seed: 6, numRuns: 400, endOnFailure: true },
  );
  assert.ok(found > 4000, `only ${found} ledgers were outdated`);
});
