import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, Pod } from '../../../src/api/kubernetes.ts';
import { loseNode } from '../../../src/sim/kubernetes/cluster.ts';
import { formatIndexes, parseIndexes } from '../../../src/sim/kubernetes/job-pods.ts';
import { kindNamed } from '../../../src/sim/kubernetes/kinds.ts';
import { type Bed, bed, job, jobs, machine, namespaces, pod, pods, refusal } from './bed.ts';

const simulation = 'simulation.elasticruntime.dev';

function key(name: string): { readonly namespace: string; readonly name: string } {
  return { namespace: 'finance', name };
}

async function read(at: Bed, name: string): Promise<Job> {
  return at.value(at.port.get(jobs, key(name)));
}

async function podsOf(at: Bed, name: string): Promise<readonly Pod[]> {
  return (await at.value(at.port.list(pods, { labelSelector: `batch.kubernetes.io/job-name=${name}` }))).items;
}

function conditionTypes(found: Job): readonly string[] {
  return (found.status?.conditions ?? []).filter((condition) => condition.status === 'True').map((condition) => condition.type);
}

function reasonOf(found: Job, type: string): string | undefined {
  return found.status?.conditions?.find((condition) => condition.type === type)?.reason;
}

test('a job runs its pod to the end', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  await at.value(at.port.create(jobs, job('etl')));
  await at.pass(30_000);
  const running = await read(at, 'etl');
  assert.equal(running.status?.active, 1);
  assert.equal(running.status?.ready, 1);
  const [only] = await podsOf(at, 'etl');
  assert.match(only?.metadata.name ?? '', /^etl-[a-z0-9]{5}$/);
  assert.equal(only?.spec.nodeName, 'one');
  assert.deepEqual(only?.metadata.finalizers, ['batch.kubernetes.io/job-tracking']);
  await at.pass(60_000);
  const done = await read(at, 'etl');
  assert.deepEqual(conditionTypes(done), ['SuccessCriteriaMet', 'Complete']);
  assert.equal(reasonOf(done, 'Complete'), 'CompletionsReached');
  assert.equal(done.status?.succeeded, 1);
  assert.equal(done.status?.active, undefined);
  assert.ok(done.status?.completionTime);
  assert.equal((await podsOf(at, 'etl'))[0]?.metadata.finalizers, undefined);
});

test('a suspended job has no pods and may still be placed; resumed, it runs; suspended again, its pods go uncounted', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one', { labels: { pool: 'a' } });
  await at.value(at.port.create(jobs, job('etl', { suspend: true, backoffLimit: 0 }, { [`${simulation}/duration`]: '1h' })));
  await at.pass(10_000);
  const waiting = await read(at, 'etl');
  assert.deepEqual([conditionTypes(waiting), waiting.status?.startTime, (await podsOf(at, 'etl')).length], [['Suspended'], undefined, 0]);
  await at.value(at.port.mergePatch(jobs, key('etl'), { spec: { template: { spec: { nodeSelector: { pool: 'a' } } } } }));
  const image = { spec: { template: { spec: { containers: [] } } } };
  assert.equal(refusal(await at.answer(at.port.mergePatch(jobs, key('etl'), image))).kind, 'Invalid');
  await at.value(at.port.mergePatch(jobs, key('etl'), { spec: { suspend: false } }));
  await at.pass(20_000);
  const running = await read(at, 'etl');
  assert.deepEqual([conditionTypes(running), running.status?.active], [[], 1]);
  assert.equal(running.status?.conditions?.find(({ type }) => type === 'Suspended')?.reason, 'JobResumed');
  const placed = await at.answer(at.port.mergePatch(jobs, key('etl'), { spec: { template: { spec: { nodeSelector: { pool: 'b' } } } } }));
  assert.equal(refusal(placed).kind, 'Invalid');
  await at.value(at.port.mergePatch(jobs, key('etl'), { spec: { suspend: true } }));
  await at.pass(60_000);
  const again = await read(at, 'etl');
  assert.deepEqual([conditionTypes(again), again.status?.failed, (await podsOf(at, 'etl')).length], [['Suspended'], undefined, 0]);
});

test('an indexed job has one pod for each index, and is elastic while completions follow parallelism', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  machine(at.kubernetes, 'two');
  const spec = { completionMode: 'Indexed', parallelism: 3, completions: 3 } as const;
  await at.value(at.port.create(jobs, job('work', spec, { [`${simulation}/duration`]: '1h' })));
  await at.pass(30_000);
  const three = await podsOf(at, 'work');
  assert.deepEqual(three.map((each) => each.metadata.labels?.['batch.kubernetes.io/job-completion-index'] ?? '').sort(), ['0', '1', '2']);
  for (const each of three) {
    const index = each.metadata.annotations?.['batch.kubernetes.io/job-completion-index'];
    assert.match(each.metadata.name, new RegExp(`^work-${index}-[a-z0-9]{5}$`));
    assert.equal(each.spec.hostname, `work-${index}`);
    assert.ok(each.spec.containers[0]?.env?.some(({ name }) => name === 'JOB_COMPLETION_INDEX'));
  }
  assert.equal(refusal(await at.answer(at.port.mergePatch(jobs, key('work'), { spec: { completions: 5 } }))).kind, 'Invalid');
  await at.value(at.port.mergePatch(jobs, key('work'), { spec: { completions: 5, parallelism: 5 } }));
  await at.pass(30_000);
  assert.equal((await read(at, 'work')).status?.ready, 5);
  await at.value(at.port.mergePatch(jobs, key('work'), { spec: { completions: 2, parallelism: 2 } }));
  await at.pass(60_000);
  const small = await read(at, 'work');
  assert.deepEqual([small.status?.active, small.status?.failed, (await podsOf(at, 'work')).length], [2, undefined, 2]);
});

test('an indexed job succeeds once every index has', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  await at.value(at.port.create(jobs, job('work', { completionMode: 'Indexed', parallelism: 2, completions: 5 })));
  await at.pass(10 * 60_000);
  const done = await read(at, 'work');
  assert.equal((done.status as { completedIndexes?: string }).completedIndexes, '0-4');
  assert.deepEqual([done.status?.succeeded, conditionTypes(done)], [5, ['SuccessCriteriaMet', 'Complete']]);
});

test('failures are retried with growing pauses until the limit, then the job fails', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  const annotations = { [`${simulation}/exit-code`]: '3', [`${simulation}/duration`]: '1s' };
  await at.value(at.port.create(jobs, job('bad', { backoffLimit: 2 }, annotations)));
  await at.pass(10 * 60_000);
  const failed = await read(at, 'bad');
  assert.deepEqual(conditionTypes(failed), ['FailureTarget', 'Failed']);
  assert.deepEqual([reasonOf(failed, 'Failed'), failed.status?.failed], ['BackoffLimitExceeded', 3]);
  const made = (await podsOf(at, 'bad')).map((each) => Date.parse(each.metadata.creationTimestamp ?? '')).sort((one, other) => one - other);
  assert.equal(made.length, 3);
  assert.ok((made[1] ?? 0) - (made[0] ?? 0) >= 10_000);
  assert.ok((made[2] ?? 0) - (made[1] ?? 0) >= 20_000);
});

test('the pod failure policy ignores disruptions and fails the job on an exit code', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  const podFailurePolicy = {
    rules: [
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } },
    ],
  };
  await at.value(at.port.create(jobs, job('etl', { backoffLimit: 0, podFailurePolicy }, { [`${simulation}/duration`]: '5m' })));
  await at.pass(30_000);
  const [first] = await podsOf(at, 'etl');
  await at.value(at.port.evict({ namespace: 'finance', name: first?.metadata.name ?? '' }));
  await at.pass(60_000);
  const [second] = await podsOf(at, 'etl');
  assert.notEqual(second?.metadata.uid, first?.metadata.uid);
  await at.pass(10 * 60_000);
  const done = await read(at, 'etl');
  assert.deepEqual([done.status?.failed, conditionTypes(done)], [undefined, ['SuccessCriteriaMet', 'Complete']]);
  const annotations = { [`${simulation}/duration`]: '1s', [`${simulation}/exit-code`]: '42' };
  await at.value(at.port.create(jobs, job('fatal', { backoffLimit: 5, podFailurePolicy }, annotations)));
  await at.pass(60_000);
  assert.equal(reasonOf(await read(at, 'fatal'), 'Failed'), 'PodFailurePolicy');
});

test('where only failed pods are replaced, one that is on its way out is waited for', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  const spec = { completionMode: 'Indexed', parallelism: 1, completions: 1, podReplacementPolicy: 'Failed' } as const;
  const annotations = { [`${simulation}/duration`]: '1h' };
  await at.value(at.port.create(jobs, job('work', spec, annotations)));
  await at.value(at.port.create(jobs, job('waits', { ...spec, template: { spec: { ...pod('x').spec, nodeSelector: { pool: 'none' } } } })));
  await at.pass(30_000);
  const names = async (name: string): Promise<readonly string[]> => (await podsOf(at, name)).map((each) => each.metadata.name);
  const [first, ...none] = await names('work');
  assert.deepEqual(none, []);
  const held = { metadata: { finalizers: ['batch.kubernetes.io/job-tracking', 'example.com/look'] } };
  await at.value(at.port.mergePatch(pods, key(first ?? ''), held));
  at.kubernetes.machines.lose('one', 'stopped');
  await at.value(at.port.delete(pods, key(first ?? '')));
  await at.pass(5000);
  const leaving = await read(at, 'work');
  assert.deepEqual([await names('work'), leaving.status?.active, leaving.status?.terminating], [[first], undefined, 1]);
  // A job that grows meanwhile gets its new index, not the one that is being left.
  await at.value(at.port.mergePatch(jobs, key('work'), { spec: { parallelism: 2, completions: 2 } }));
  await at.pass(5000);
  const indexes = (await podsOf(at, 'work')).map((each) => each.metadata.labels?.['batch.kubernetes.io/job-completion-index'] ?? '');
  assert.deepEqual(
    indexes.sort((before, after) => before.localeCompare(after)),
    ['0', '1'],
  );
  // Nobody but the pod collector is there to end a pod that was never placed.
  const [unplaced] = await names('waits');
  await at.value(at.port.delete(pods, key(unplaced ?? '')));
  await at.pass(60_000);
  const [next] = await names('waits');
  assert.ok(next !== undefined && next !== unplaced);
});

test('of two pods with the same index one goes, uncounted, and the index that is missing is made', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  const spec = { completionMode: 'Indexed', parallelism: 2, completions: 2 } as const;
  await at.value(at.port.create(jobs, job('work', spec, { [`${simulation}/duration`]: '1h' })));
  await at.pass(30_000);
  const { server } = at.kubernetes;
  const indexOf = (found: Pod): string => found.metadata.labels?.['batch.kubernetes.io/job-completion-index'] ?? '';
  const [zero, one] = [...(await podsOf(at, 'work'))].sort((left, right) => (indexOf(left) < indexOf(right) ? -1 : 1));
  assert.ok(zero && one);
  const { labels, annotations, finalizers, ownerReferences } = zero.metadata;
  server.change(kindNamed('Pod'), `finance/${one.metadata.name}`, (current) => ({
    ...current,
    metadata: { ...current.metadata, finalizers: [] },
  }));
  server.delete(kindNamed('Pod'), `finance/${one.metadata.name}`, { gracePeriodSeconds: 0 });
  const twin = pod('twin', { metadata: { labels, annotations, finalizers, ownerReferences } as Pod['metadata'] });
  assert.ok(server.create(kindNamed('Pod'), twin, 'somebody').ok);
  await at.pass(30_000);
  const left = await podsOf(at, 'work');
  assert.deepEqual(
    left.map(indexOf).sort((before, after) => before.localeCompare(after)),
    ['0', '1'],
  );
  assert.ok(left.some((each) => each.metadata.uid === zero.metadata.uid));
  assert.equal((await read(at, 'work')).status?.failed, undefined);
});

test('a deadline ends a job, and no terminal condition comes before its pods are gone', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  await at.value(at.port.create(jobs, job('slow', { activeDeadlineSeconds: 60 }, { [`${simulation}/duration`]: '1h' })));
  let order: readonly string[] = [];
  await at.until(() => {
    order = conditionTypes(at.kubernetes.server.store.get(kindNamed('Job'), 'finance/slow') as unknown as Job);
    return order.includes('FailureTarget');
  });
  assert.deepEqual(order, ['FailureTarget']);
  await at.pass(30_000);
  const failed = await read(at, 'slow');
  assert.deepEqual([conditionTypes(failed), reasonOf(failed, 'Failed')], [['FailureTarget', 'Failed'], 'DeadlineExceeded']);
});

test('a pod of a lost node is replaced, and without a policy counts as a failure', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  await at.value(at.port.create(jobs, job('etl', {}, { [`${simulation}/duration`]: '20m' })));
  await at.pass(30_000);
  loseNode(at.kubernetes, 'one');
  machine(at.kubernetes, 'two');
  await at.pass(5 * 60_000);
  const running = await read(at, 'etl');
  assert.deepEqual([running.status?.active, running.status?.failed], [1, 1]);
  assert.deepEqual(
    (await podsOf(at, 'etl')).map((each) => each.spec.nodeName),
    ['two'],
  );
});

test('deleting a job orphans its pods unless told otherwise, and nothing of it stays then', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  const annotations = { [`${simulation}/duration`]: '1h' };
  await at.value(at.port.create(jobs, job('kept', {}, annotations)));
  await at.value(at.port.create(jobs, job('gone', {}, annotations)));
  await at.value(at.port.create(jobs, job('waited', {}, annotations)));
  await at.pass(30_000);
  await at.value(at.port.delete(jobs, key('kept')));
  await at.value(at.port.delete(jobs, key('gone'), { propagation: 'Background' }));
  await at.value(at.port.delete(jobs, key('waited'), { propagation: 'Foreground' }));
  assert.ok((await read(at, 'waited')).metadata.finalizers?.includes('foregroundDeletion'));
  await at.pass(2 * 60_000);
  for (const name of ['kept', 'gone', 'waited']) assert.equal(refusal(await at.answer(at.port.get(jobs, key(name)))).kind, 'NotFound');
  const [orphan] = await podsOf(at, 'kept');
  assert.ok(orphan);
  assert.deepEqual([orphan.metadata.ownerReferences, orphan.metadata.finalizers, orphan.status?.phase], [undefined, undefined, 'Running']);
  assert.deepEqual([(await podsOf(at, 'gone')).length, (await podsOf(at, 'waited')).length], [0, 0]);
});

test('jobs end with their namespace, also those that never found a node', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  await at.value(at.port.create(jobs, job('runs', {}, { [`${simulation}/duration`]: '1h' })));
  await at.value(at.port.create(jobs, job('waits', { podFailurePolicy: { rules: [] } }, {})));
  await at.pass(20_000);
  await at.value(at.port.delete(namespaces, { name: 'finance' }));
  await at.pass(3 * 60_000);
  assert.equal(refusal(await at.answer(at.port.get(namespaces, { name: 'finance' }))).kind, 'NotFound');
  assert.deepEqual((await at.value(at.port.list(pods))).items, []);
});

test('index lists read and write as Kubernetes formats them', () => {
  for (const [text, indexes] of [
    ['', []],
    ['3', [3]],
    ['0,1', [0, 1]],
    ['0-2,5,7,8', [0, 1, 2, 5, 7, 8]],
  ] as const) {
    assert.deepEqual([...parseIndexes(text, 100)], indexes);
    assert.equal(formatIndexes(new Set(indexes)), text);
  }
  assert.deepEqual([...parseIndexes('0-9', 3)], [0, 1, 2]);
});
