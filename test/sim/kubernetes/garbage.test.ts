import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OwnerReference } from '../../../src/api/kubernetes.ts';
import { type Bed, bed, configMaps, namespaces, type Plain, refusal } from './bed.ts';

async function make(at: Bed, name: string, owners: readonly Plain[] = [], more: Partial<Plain['metadata']> = {}): Promise<Plain> {
  const ownerReferences: readonly OwnerReference[] = owners.map(({ metadata }) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: metadata.name,
    uid: metadata.uid ?? '',
    blockOwnerDeletion: true,
  }));
  return at.value(
    at.port.create(configMaps, { metadata: { name, namespace: 'finance', ...(owners.length === 0 ? {} : { ownerReferences }), ...more } }),
  );
}

async function names(at: Bed): Promise<readonly string[]> {
  const list = await at.value(at.port.list(configMaps, { namespace: 'finance' }));
  return list.items.map((item) => item.metadata.name).filter((name) => name !== 'kube-root-ca.crt');
}

const key = (name: string): { readonly namespace: string; readonly name: string } => ({ namespace: 'finance', name });

test('dependents go after their owner, and theirs after them; those with another owner stay', async () => {
  const at = await bed();
  const owner = await make(at, 'owner');
  const other = await make(at, 'other');
  const child = await make(at, 'child', [owner]);
  await make(at, 'grandchild', [child]);
  await make(at, 'shared', [owner, other]);
  await at.value(at.port.delete(configMaps, key('owner')));
  await at.pass(5000);
  assert.deepEqual(await names(at), ['other', 'shared']);
  const shared = await at.value(at.port.get(configMaps, key('shared')));
  assert.deepEqual(
    shared.metadata.ownerReferences?.map(({ name }) => name),
    ['other'],
  );
});

test('an owner that never was, or lives in another namespace, is no owner', async () => {
  const at = await bed();
  await at.value(at.port.create(namespaces, { metadata: { name: 'sales' } }));
  const foreign = await at.value(at.port.create(configMaps, { metadata: { name: 'foreign', namespace: 'sales' } }));
  await make(at, 'lost', [{ metadata: { name: 'nobody', uid: 'never' } }]);
  await make(at, 'abroad', [foreign]);
  await at.pass(5000);
  assert.deepEqual(await names(at), []);
});

test('in the foreground the owner waits for its dependents; orphans are set free', async () => {
  const at = await bed();
  const owner = await make(at, 'owner');
  await make(at, 'child', [owner], { finalizers: ['example.com/hold'] });
  await at.value(at.port.delete(configMaps, key('owner'), { propagation: 'Foreground' }));
  await at.pass(5000);
  const waiting = await at.value(at.port.get(configMaps, key('owner')));
  assert.deepEqual(waiting.metadata.finalizers, ['foregroundDeletion']);
  assert.ok((await at.value(at.port.get(configMaps, key('child')))).metadata.deletionTimestamp);
  await at.value(at.port.mergePatch(configMaps, key('child'), { metadata: { finalizers: null } }));
  await at.pass(5000);
  assert.equal(refusal(await at.answer(at.port.get(configMaps, key('owner')))).kind, 'NotFound');
  const first = await make(at, 'first');
  const second = await make(at, 'second');
  await make(at, 'both', [first, second]);
  await at.value(at.port.delete(configMaps, key('first'), { propagation: 'Foreground' }));
  await at.pass(5000);
  assert.deepEqual(await names(at), ['both', 'second']);
  await at.value(at.port.delete(configMaps, key('second'), { propagation: 'Foreground' }));
  await at.pass(5000);
  const parent = await make(at, 'parent');
  await make(at, 'orphan', [parent]);
  await at.value(at.port.delete(configMaps, key('parent'), { propagation: 'Orphan' }));
  await at.pass(5000);
  assert.deepEqual(await names(at), ['orphan']);
  assert.equal((await at.value(at.port.get(configMaps, key('orphan')))).metadata.ownerReferences, undefined);
});
