import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindNamed } from '../../../src/sim/kubernetes/kinds.ts';
import { bed, configMaps, elasticNodes, leases, namespaces, pod, pods, refusal, secrets, serviceAccounts } from './bed.ts';

test('create gives an identity, reads give what was written, and the caller may change its object afterwards', async () => {
  const at = await bed();
  const data: Record<string, string> = { a: '1' };
  const call = at.port.create(configMaps, { metadata: { name: 'settings', namespace: 'finance', labels: { app: 'etl' } }, data });
  data.a = '2';
  const created = await at.value(call);
  assert.match(created.metadata.uid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.match(created.metadata.creationTimestamp, /^2026-11-02T08:00:\d\dZ$/);
  assert.equal(created.apiVersion, 'v1');
  assert.deepEqual(created.data, { a: '1' });
  assert.deepEqual(await at.value(at.port.get(configMaps, { namespace: 'finance', name: 'settings' })), created);
  assert.equal(refusal(await at.answer(at.port.create(configMaps, created))).kind, 'AlreadyExists');
  assert.equal(refusal(await at.answer(at.port.get(configMaps, { namespace: 'finance', name: 'other' }))).kind, 'NotFound');
  assert.equal(refusal(await at.answer(at.port.create(configMaps, { metadata: { name: 'x', namespace: 'nowhere' } }))).kind, 'NotFound');
});

test('what is read is frozen and trimmed', async () => {
  const at = await bed();
  await at.value(at.port.create(secrets, { metadata: { name: 'keys', namespace: 'finance' }, data: { key: 'c2VjcmV0' } }));
  const found = await at.value(at.port.get(secrets, { namespace: 'finance', name: 'keys' }));
  assert.throws(() => Object.assign(found.metadata, { name: 'other' }), TypeError);
  const { data: _, ...bare } = found;
  const trim = ({ data: __, ...rest }: typeof found): typeof found => rest;
  assert.deepEqual(await at.value(at.port.get({ ...secrets, trim }, { namespace: 'finance', name: 'keys' })), bare);
});

test('names and labels are checked as the API server does', async () => {
  const at = await bed();
  const rows: readonly (readonly [string, Record<string, string>, string])[] = [
    ['Upper', {}, 'metadata.name'],
    ['a'.repeat(254), {}, 'metadata.name'],
    ['', {}, 'metadata.name'],
    ['good', { app: 'x'.repeat(64) }, 'metadata.labels'],
    ['good', { app: '-x' }, 'metadata.labels'],
    ['good', { 'a/b/c': 'x' }, 'metadata.labels'],
  ];
  for (const [name, labels, field] of rows) {
    const error = refusal(await at.answer(at.port.create(configMaps, { metadata: { name, namespace: 'finance', labels } })));
    assert.equal(error.kind, 'Invalid');
    assert.equal(error.causes?.[0]?.field, field);
  }
});

test('replace needs the current version; custom resources and leases refuse to go without one', async () => {
  const at = await bed();
  const created = await at.value(at.port.create(configMaps, { metadata: { name: 'settings', namespace: 'finance' }, data: { a: '1' } }));
  const changed = await at.value(at.port.replace(configMaps, { ...created, data: { a: '2' } }));
  assert.notEqual(changed.metadata.resourceVersion, created.metadata.resourceVersion);
  assert.equal(refusal(await at.answer(at.port.replace(configMaps, { ...created, data: { a: '3' } }))).kind, 'Conflict');
  const { resourceVersion: _, ...metadata } = changed.metadata;
  await at.value(at.port.replace(configMaps, { ...changed, metadata, data: { a: '4' } }));
  const lease = { metadata: { name: 'leader', namespace: 'finance' }, spec: { holderIdentity: 'one' } };
  await at.value(at.port.create(leases, lease));
  assert.equal(refusal(await at.answer(at.port.replace(leases, lease))).kind, 'Invalid');
});

test('a write that changes nothing changes no version', async () => {
  const at = await bed();
  const created = await at.value(at.port.create(configMaps, { metadata: { name: 'settings', namespace: 'finance' }, data: { a: '1' } }));
  const patched = await at.value(at.port.mergePatch(configMaps, { namespace: 'finance', name: 'settings' }, { data: { a: '1' } }));
  assert.equal(patched.metadata.resourceVersion, created.metadata.resourceVersion);
});

test('merge patches delete with null, and are conditional with a resource version', async () => {
  const at = await bed();
  const key = { namespace: 'finance', name: 'settings' };
  const created = await at.value(at.port.create(configMaps, { metadata: key, data: { a: '1', b: '2' } }));
  const patched = await at.value(at.port.mergePatch(configMaps, key, { data: { a: null, c: '3' }, metadata: { labels: { app: 'etl' } } }));
  assert.deepEqual(patched.data, { b: '2', c: '3' });
  assert.deepEqual(patched.metadata.labels, { app: 'etl' });
  const stale = { metadata: { resourceVersion: created.metadata.resourceVersion }, data: { d: '4' } };
  assert.equal(refusal(await at.answer(at.port.mergePatch(configMaps, key, stale))).kind, 'Conflict');
  const other = { metadata: { uid: 'another' }, data: { d: '4' } };
  assert.equal(refusal(await at.answer(at.port.mergePatch(configMaps, key, other))).kind, 'Invalid');
});

test('status and the rest are written apart, and generation counts the rest', async () => {
  const at = await bed();
  const at_ = { namespace: 'finance', name: 'one' };
  const created = await at.value(at.port.create(pods, { ...pod('one'), status: { phase: 'Running' } }));
  assert.equal(created.status?.phase, 'Pending');
  assert.equal(created.metadata.generation, 1);
  const both = { spec: { activeDeadlineSeconds: 60 }, status: { message: 'hello' } };
  const status = await at.value(at.port.mergePatch(pods, at_, both, 'status'));
  assert.equal(status.status?.message, 'hello');
  assert.equal((status.spec as Record<string, unknown>).activeDeadlineSeconds, undefined);
  assert.equal(status.metadata.generation, 1);
  const main = await at.value(at.port.mergePatch(pods, at_, { spec: { activeDeadlineSeconds: 60 }, status: { message: 'bye' } }));
  assert.equal(main.status?.message, 'hello');
  assert.equal(main.metadata.generation, 2);
});

test('pods may change little once they exist', async () => {
  const at = await bed();
  await at.value(at.port.create(pods, pod('one')));
  const answer = await at.answer(at.port.mergePatch(pods, { namespace: 'finance', name: 'one' }, { spec: { restartPolicy: 'Always' } }));
  assert.equal(refusal(answer).kind, 'Invalid');
});

test('a pod needs its service account and its priority class', async () => {
  const at = await bed();
  assert.equal(refusal(await at.answer(at.port.create(pods, pod('one', { spec: { serviceAccountName: 'etl' } })))).kind, 'Forbidden');
  await at.value(at.port.create(serviceAccounts, { metadata: { name: 'etl', namespace: 'finance' } }));
  const created = await at.value(
    at.port.create(pods, pod('one', { spec: { serviceAccountName: 'etl', priorityClassName: 'system-node-critical' } })),
  );
  assert.equal(created.spec.priority, 2_000_001_000);
  assert.equal(refusal(await at.answer(at.port.create(pods, pod('two', { spec: { priorityClassName: 'nightly' } })))).kind, 'Forbidden');
});

test('finalizers hold an object, none can be added once it is being deleted, and the last one lets it go', async () => {
  const at = await bed();
  const key = { namespace: 'finance', name: 'settings' };
  await at.value(at.port.create(configMaps, { metadata: { ...key, finalizers: ['example.com/a'] } }));
  await at.value(at.port.delete(configMaps, key));
  const held = await at.value(at.port.get(configMaps, key));
  assert.ok(held.metadata.deletionTimestamp);
  const more = { metadata: { finalizers: ['example.com/a', 'example.com/b'] } };
  assert.equal(refusal(await at.answer(at.port.mergePatch(configMaps, key, more))).kind, 'Invalid');
  await at.value(at.port.mergePatch(configMaps, key, { metadata: { finalizers: null } }));
  assert.equal(refusal(await at.answer(at.port.get(configMaps, key))).kind, 'NotFound');
});

test('deletes keep to their preconditions', async () => {
  const at = await bed();
  const key = { namespace: 'finance', name: 'settings' };
  const created = await at.value(at.port.create(configMaps, { metadata: key }));
  assert.equal(refusal(await at.answer(at.port.delete(configMaps, key, { uid: 'another' }))).kind, 'Conflict');
  assert.equal(refusal(await at.answer(at.port.delete(configMaps, key, { resourceVersion: '1' }))).kind, 'Conflict');
  await at.value(at.port.delete(configMaps, key, { uid: created.metadata.uid, resourceVersion: created.metadata.resourceVersion }));
  assert.equal(refusal(await at.answer(at.port.delete(configMaps, key))).kind, 'NotFound');
});

test('custom resources are pruned, defaulted and checked by the schemas of crds/', async () => {
  const at = await bed();
  const wrong = await at.answer(at.port.create(elasticNodes, { metadata: { name: 'n1' }, spec: { pool: 7 } }));
  assert.equal(refusal(wrong).kind, 'Invalid');
});

test('lists come sorted, in pages of one instant, and by selector', async () => {
  const at = await bed();
  for (const name of ['c', 'a', 'b', 'd']) {
    await at.value(
      at.port.create(configMaps, {
        metadata: { name, namespace: 'finance', labels: { letter: name, kind: name < 'c' ? 'early' : 'late' } },
      }),
    );
  }
  const names = (list: { readonly items: readonly { readonly metadata: { readonly name: string } }[] }): readonly string[] =>
    list.items.map((item) => item.metadata.name).filter((name) => name !== 'kube-root-ca.crt');
  const first = await at.value(at.port.list(configMaps, { namespace: 'finance', labelSelector: 'letter', limit: 3 }));
  assert.deepEqual(names(first), ['a', 'b', 'c']);
  await at.value(at.port.delete(configMaps, { namespace: 'finance', name: 'd' }));
  const second = await at.value(at.port.list(configMaps, { namespace: 'finance', limit: 3, continue: first.continue ?? '' }));
  assert.deepEqual(names(second), ['d']);
  assert.equal(second.resourceVersion, first.resourceVersion);
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['kind=early', ['a', 'b']],
    ['kind!=early,letter', ['c']],
    ['letter in (a, c)', ['a', 'c']],
    ['letter notin (a, c),letter', ['b']],
    ['!letter', []],
  ];
  for (const [labelSelector, expected] of rows) {
    assert.deepEqual(names(await at.value(at.port.list(configMaps, { namespace: 'finance', labelSelector }))), expected, labelSelector);
  }
  assert.deepEqual(names(await at.value(at.port.list(configMaps, { fieldSelector: 'metadata.name=b' }))), ['b']);
  await at.pass(6 * 60_000);
  const late = await at.answer(at.port.list(configMaps, { continue: first.continue ?? '' }));
  assert.equal(refusal(late).kind, 'Gone');
  assert.equal(refusal(await at.answer(at.port.list(configMaps, { labelSelector: 'a=b=c' }))).kind, 'Invalid');
});

test('namespaces come with a service account, end with their contents, and take nothing new meanwhile', async () => {
  const at = await bed();
  await at.value(at.port.get(serviceAccounts, { namespace: 'finance', name: 'default' }));
  const held = { namespace: 'finance', name: 'held' };
  await at.value(at.port.create(configMaps, { metadata: { ...held, finalizers: ['example.com/a'] } }));
  await at.value(at.port.create(configMaps, { metadata: { namespace: 'finance', name: 'free' } }));
  await at.value(at.port.delete(namespaces, { name: 'finance' }));
  await at.pass(1000);
  const terminating = await at.value(at.port.get(namespaces, { name: 'finance' }));
  assert.deepEqual([terminating.status?.phase, terminating.metadata.deletionTimestamp !== undefined], ['Terminating', true]);
  const error = refusal(await at.answer(at.port.create(configMaps, { metadata: { namespace: 'finance', name: 'late' } })));
  assert.deepEqual([error.kind, error.causes?.[0]?.reason], ['Forbidden', 'NamespaceTerminating']);
  assert.deepEqual(
    (await at.value(at.port.list(configMaps, { namespace: 'finance' }))).items.map((item) => item.metadata.name),
    ['held'],
  );
  await at.value(at.port.mergePatch(configMaps, held, { metadata: { finalizers: null } }));
  await at.pass(20_000);
  assert.equal(refusal(await at.answer(at.port.get(namespaces, { name: 'finance' }))).kind, 'NotFound');
});

test('the status of a custom resource is pruned and checked by its schema', async () => {
  const at = await bed();
  const schedule = { metadata: { name: 'n1' }, spec: {} };
  const error = refusal(await at.answer(at.port.create(elasticNodes, schedule)));
  assert.ok(error.causes?.every(({ field }) => field?.startsWith('spec')));
  at.kubernetes.server.store.put(kindNamed('ElasticNode'), {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticNode',
    metadata: { name: 'n1', uid: 'u1', resourceVersion: '1', creationTimestamp: '2026-11-02T08:00:00Z', generation: 1 },
    spec: {},
  });
  const written = await at.value(
    at.port.mergePatch(elasticNodes, { name: 'n1' }, { status: { instanceId: 'i-1', unheardOf: 1 } }, 'status'),
  );
  assert.deepEqual(written.status, { instanceId: 'i-1' });
  assert.equal(
    refusal(await at.answer(at.port.mergePatch(elasticNodes, { name: 'n1' }, { status: { instanceId: 7 } }, 'status'))).kind,
    'Invalid',
  );
});
