import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { applyConfiguration, nobody, type Owners, ownersAfterUpdate } from '../../../src/sim/kubernetes/apply.ts';
import { equalJson, type Fields } from '../../../src/sim/kubernetes/json.ts';
import { kindNamed } from '../../../src/sim/kubernetes/kinds.ts';
import { shapeOf } from '../../../src/sim/kubernetes/shapes.ts';
import { bed, configMaps, type Plain, pod, pods, refusal, services } from './bed.ts';

const key = { namespace: 'finance', name: 'settings' };
const ours = { fieldManager: 'operator', force: true } as const;
const theirs = { fieldManager: 'other' } as const;
const shape = shapeOf(kindNamed('ConfigMap'));

test('apply creates, sets, and takes away what it no longer applies', async () => {
  const at = await bed();
  const created = await at.value(
    at.port.apply(configMaps, { metadata: { ...key, labels: { app: 'etl' } }, data: { a: '1', b: '2' } }, ours),
  );
  assert.deepEqual(created.data, { a: '1', b: '2' });
  await at.value(at.port.mergePatch(configMaps, key, { data: { c: '3' } }));
  const applied = await at.value(at.port.apply(configMaps, { metadata: key, data: { a: '9' } }, ours));
  assert.deepEqual(applied.data, { a: '9', c: '3' });
  assert.equal(applied.metadata.labels, undefined);
  const again = await at.value(at.port.apply(configMaps, { metadata: key, data: { a: '9' } }, ours));
  assert.equal(again.metadata.resourceVersion, applied.metadata.resourceVersion);
});

test('fields of others: refused without force, taken over with it, kept while anyone owns them', async () => {
  const at = await bed();
  await at.value(at.port.apply(configMaps, { metadata: key, data: { a: '1', shared: 'x' } }, ours));
  const error = refusal(await at.answer(at.port.apply(configMaps, { metadata: key, data: { a: '2' } }, theirs)));
  assert.deepEqual([error.kind, error.causes?.[0]?.reason, error.causes?.[0]?.field], ['Conflict', 'FieldManagerConflict', '.data.a']);
  await at.value(at.port.apply(configMaps, { metadata: key, data: { shared: 'x' } }, theirs));
  const left = await at.value(at.port.apply(configMaps, { metadata: key, data: { a: '1' } }, ours));
  assert.deepEqual(left.data, { a: '1', shared: 'x' });
  const forced = await at.value(at.port.apply(configMaps, { metadata: key, data: { a: '2', shared: 'x' } }, { ...theirs, force: true }));
  assert.deepEqual(forced.data, { a: '2', shared: 'x' });
  // It is theirs now: not applying it any more does not take it away.
  const ceded = await at.value(at.port.apply(configMaps, { metadata: { ...key, labels: { app: 'etl' } } }, ours));
  assert.deepEqual(ceded.data, { a: '2', shared: 'x' });
});

test('what somebody else writes is theirs, and a repeated apply takes it back', async () => {
  const at = await bed();
  await at.value(at.port.apply(configMaps, { metadata: key, data: { a: '1', b: '1' } }, ours));
  await at.value(at.port.mergePatch(configMaps, key, { data: { a: '2' } }));
  const forced = await at.value(at.port.apply(configMaps, { metadata: key, data: { a: '1', b: '1' } }, ours));
  assert.deepEqual(forced.data, { a: '1', b: '1' });
  await at.value(at.port.mergePatch(configMaps, key, { data: { a: '2' } }));
  const refused = await at.answer(at.port.apply(configMaps, { metadata: key, data: { a: '3' } }, { fieldManager: 'operator' }));
  assert.equal(refusal(refused).kind, 'Conflict');
  const ceded = await at.value(at.port.apply(configMaps, { metadata: key, data: { b: '1' } }, ours));
  assert.deepEqual(ceded.data, { a: '2', b: '1' });
});

test('an empty map that was applied and now has members keeps those of nobody', () => {
  const owner = 'x/Apply';
  const empty = applyConfiguration({ current: undefined, applied: { data: {} }, owners: nobody, owner, force: true, shape });
  assert.ok(empty.ok);
  const current = { data: { default: '1' } };
  const filled = applyConfiguration({ current, applied: { data: { a: '1' } }, owners: empty.owners, owner, force: true, shape });
  assert.deepEqual(filled.ok && filled.object, { data: { default: '1', a: '1' } });
});

test('an update takes what it changes from its owners, and what it removes from everybody', () => {
  const owners: Owners = new Map([
    ['x/Apply', new Set(['f:a', 'f:b', 'f:c'])],
    ['y/Update', new Set(['f:d'])],
  ]);
  const next = ownersAfterUpdate(owners, 'y/Update', { changed: new Set(['f:a']), removed: new Set(['f:b', 'f:d']) });
  assert.deepEqual(
    [...next].map(([owner, paths]) => [owner, [...paths]]),
    [
      ['x/Apply', ['f:c']],
      ['y/Update', ['f:a']],
    ],
  );
});

test('items of keyed lists merge by key, finalizers as a set, atomic lists as a whole', async () => {
  const at = await bed();
  const condition = (type: string, status: string): Record<string, string> => ({
    type,
    status,
    reason: 'x',
    message: '',
    lastTransitionTime: '2026-11-02T08:00:00Z',
  });
  await at.value(at.port.create(pods, pod('one', { metadata: { finalizers: ['example.com/a'] } })));
  const name = { name: 'one', namespace: 'finance' };
  const status = { subresource: 'status', ...ours } as const;
  await at.value(at.port.apply(pods, { metadata: name, status: { conditions: [condition('A', 'True')] } } as never, status));
  const other = { ...status, fieldManager: 'other' };
  const two = await at.value(at.port.apply(pods, { metadata: name, status: { conditions: [condition('B', 'True')] } } as never, other));
  assert.deepEqual(
    two.status?.conditions?.map((each) => each.type).filter((type) => type < 'C'),
    ['A', 'B'],
  );
  const one = await at.value(at.port.apply(pods, { metadata: name, status: {} } as never, status));
  assert.deepEqual(
    one.status?.conditions?.map((each) => each.type).filter((type) => type < 'C'),
    ['B'],
  );
  const finalized = await at.value(at.port.apply(pods, { metadata: { ...name, finalizers: ['example.com/b'] } } as never, ours));
  assert.deepEqual(finalized.metadata.finalizers, ['example.com/a', 'example.com/b']);
  const released = await at.value(at.port.apply(pods, { metadata: name } as never, ours));
  assert.deepEqual(released.metadata.finalizers, ['example.com/a']);
});

test('ports of a service are keyed by port and protocol, whether TCP is said or not', async () => {
  const at = await bed();
  const service = (ports: readonly unknown[]): Plain => ({
    metadata: { name: 'web', namespace: 'finance' },
    spec: { clusterIP: 'None', ports },
  });
  await at.value(at.port.apply(services, service([{ name: 'a', port: 80 }]), ours));
  const applied = await at.value(at.port.apply(services, service([{ name: 'b', port: 80 }]), ours));
  assert.deepEqual(applied.spec?.ports, [{ name: 'b', port: 80, protocol: 'TCP', targetPort: 80 }]);
  assert.equal(applied.spec?.clusterIP, 'None');
});

test('apply to status needs the object, and leaves the rest alone', async () => {
  const at = await bed();
  const status = { ...ours, subresource: 'status' } as const;
  assert.equal(refusal(await at.answer(at.port.apply(pods, pod('none'), status))).kind, 'NotFound');
});

const values = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2', '3'));
const steps = fc.array(fc.record({ owner: fc.constantFrom('x/Apply', 'y/Apply', 'z/Apply'), data: values }), {
  minLength: 1,
  maxLength: 12,
});

test('property: what was applied last is there; what nobody applies is gone; applying again changes nothing', () => {
  fc.assert(
    fc.property(steps, (all) => {
      let object: Fields | undefined;
      let owners: Owners = nobody;
      const last = new Map<string, Fields>();
      for (const { owner, data } of all) {
        const applied = applyConfiguration({ current: object, applied: { data }, owners, owner, force: true, shape });
        assert.ok(applied.ok);
        [object, owners] = [applied.object, applied.owners];
        last.set(owner, data);
        const now = (object.data ?? {}) as Fields;
        for (const [name, value] of Object.entries(data)) assert.equal(now[name], value);
        const wanted = new Set([...last.values()].flatMap((each) => Object.keys(each)));
        for (const name of Object.keys(now)) assert.ok(wanted.has(name), `nobody applies ${name}`);
        const again = applyConfiguration({ current: object, applied: { data }, owners, owner, force: false, shape });
        assert.ok(again.ok && equalJson(again.object, object));
      }
    }),
    { seed: 11, numRuns: 300 },
  );
});
