import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '../../../src/api/kubernetes.ts';
import { type Bed, bed, job, jobs, machine, pods } from './bed.ts';

async function read(at: Bed, name: string): Promise<Job> {
  return at.value(at.port.get(jobs, { namespace: 'finance', name }));
}

function conditionTypes(found: Job): readonly string[] {
  return (found.status?.conditions ?? []).filter((condition) => condition.status === 'True').map((condition) => condition.type);
}

test('a job runs its pod to the end', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  await at.value(at.port.create(jobs, job('etl')));
  await at.pass(30_000);
  const running = await read(at, 'etl');
  assert.equal(running.status?.active, 1);
  assert.equal(running.status?.ready, 1);
  const [only] = (await at.value(at.port.list(pods, { namespace: 'finance' }))).items;
  assert.match(only?.metadata.name ?? '', /^etl-[a-z0-9]{5}$/);
  assert.equal(only?.spec.nodeName, 'one');
  assert.deepEqual(only?.metadata.finalizers, ['batch.kubernetes.io/job-tracking']);
  await at.pass(60_000);
  const done = await read(at, 'etl');
  assert.deepEqual(conditionTypes(done), ['SuccessCriteriaMet', 'Complete']);
  assert.equal(done.status?.succeeded, 1);
  assert.equal(done.status?.active, undefined);
  assert.ok(done.status?.completionTime);
});
