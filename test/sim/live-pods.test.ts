import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticJob } from '../../src/api/generated/types.ts';
import type { Job, Pod, Stored } from '../../src/api/kubernetes.ts';
import { labels } from '../../src/api/labels.ts';
import type { OperatorContext } from '../../src/controllers/context.ts';
import { livePods, ownPods } from '../../src/controllers/job/own.ts';
import { createStore } from '../../src/machinery/store.ts';
import { jobs, pods as podType } from '../../src/ports/resources.ts';

const telemetry = { count: () => {}, gauge: () => {}, observeSeconds: () => {}, log: () => {} };
const byJob = ({ metadata }: Job | Pod) => [`${metadata.namespace}/${metadata.labels?.[labels.jobUid]}`];
const job = { metadata: { name: 'nightly', namespace: 'finance', uid: 'j-1' } } as Stored<ElasticJob>;
let version = 0;

function pod(index: number, more: object = {}): Stored<Pod> {
  const own = { [labels.jobUid]: 'j-1', [labels.role]: 'worker', [labels.attempt]: '1' };
  const ownerReferences = [{ apiVersion: 'batch/v1', kind: 'Job', name: 'nightly-1-worker', uid: 'child-1', controller: true }];
  const metadata = {
    name: `p-${index}`,
    namespace: 'finance',
    uid: `p-${index}`,
    labels: own,
    ownerReferences,
    resourceVersion: String(++version),
  };
  return { metadata, spec: { containers: [] }, ...more } as unknown as Stored<Pod>;
}

function child(uid: string, owner: string, more: object = {}): Stored<Job> {
  const ownerReferences = [
    { apiVersion: 'elasticruntime.dev/v1alpha1', kind: 'ElasticJob', name: 'nightly', uid: owner, controller: true },
  ];
  // Without the job's label: whoever takes the name of a child Job need not put it on.
  return {
    metadata: { name: 'nightly-1-worker', namespace: 'finance', uid, ownerReferences, resourceVersion: String(++version) },
    ...more,
  } as unknown as Stored<Job>;
}

void test('the pods of a job that have not ended are the same list until one of them, or whose they are, has changed', () => {
  const stores = {
    pods: createStore<Pod, 'job'>({ type: podType, telemetry, indexes: { job: byJob } }),
    childJobs: createStore<Job, 'job'>({ type: jobs, telemetry, indexes: { job: byJob } }),
  };
  const context = { stores } as unknown as Pick<OperatorContext, 'stores'>;
  const alive = () => ownPods(context, job).filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const steps: readonly (readonly [what: string, happen: () => void, isSame: boolean, count: number])[] = [
    ['none yet', () => {}, true, 0],
    ['a pod comes', () => stores.pods.set(pod(1)), false, 1],
    ['nothing', () => {}, true, 1],
    ['its Job comes to be seen', () => stores.childJobs.set(child('child-1', 'j-1')), true, 1],
    ['another pod', () => stores.pods.set(pod(2)), false, 2],
    [
      'a pod of another job',
      () => stores.pods.set({ ...pod(3), metadata: { ...pod(3).metadata, labels: { [labels.jobUid]: 'j-2' } } }),
      true,
      2,
    ],
    ['the Job counts its pods', () => stores.childJobs.set(child('child-1', 'j-1', { status: { active: 2 } })), true, 2],
    ['one has ended', () => stores.pods.set(pod(1, { status: { phase: 'Succeeded' } })), false, 1],
    ['another Job has its name', () => stores.childJobs.set(child('child-9', 'j-9')), false, 0],
    ['the right one is back', () => stores.childJobs.set(child('child-1', 'j-1')), false, 1],
    ['the last is gone', () => stores.pods.remove({ ...pod(2) }), false, 0],
  ];
  let before = livePods(context, job);
  for (const [what, happen, isSame, count] of steps) {
    happen();
    const now = livePods(context, job);
    assert.deepEqual(now, alive(), what);
    assert.equal(now === before, isSame, what);
    assert.equal(now.length, count, what);
    before = now;
  }
});
