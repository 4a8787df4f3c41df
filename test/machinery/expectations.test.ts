import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/kubernetes.ts';
import { createExpectations } from '../../src/machinery/expectations.ts';
import { createOverlay } from '../../src/machinery/overlay.ts';
import { createStore } from '../../src/machinery/store.ts';
import { pods } from '../../src/ports/resources.ts';
import { fakeClock, recordedTelemetry } from './support/fakes.ts';
import { pod } from './support/scripted-port.ts';

function harness() {
  const clock = fakeClock();
  const telemetry = recordedTelemetry();
  const store = createStore<Pod, 'node'>({
    type: pods,
    telemetry,
    indexes: { node: (object) => (object.spec.nodeName === undefined ? [] : [object.spec.nodeName]) },
  });
  store.replace([pod('old', 5)], '10');
  const expectations = createExpectations({ clock, telemetry });
  const satisfied: string[] = [];
  expectations.onSatisfied((key) => satisfied.push(key));
  const overlay = createOverlay({ store, clock });
  return { clock, telemetry, store, expectations, satisfied, overlay };
}

test('a creation is awaited until the store shows it', () => {
  const { store, expectations, satisfied } = harness();
  expectations.wrote('job', store, pod('new', 12));
  assert.equal(expectations.satisfied('job'), false);
  assert.equal(expectations.satisfied('another job'), true);
  store.set(pod('unrelated', 11));
  assert.equal(expectations.satisfied('job'), false);
  store.set(pod('new', 12));
  assert.equal(expectations.satisfied('job'), true);
  assert.deepEqual(satisfied, ['job']);
});

test('a write that has been overtaken is met by what overtook it', () => {
  const { store, expectations } = harness();
  expectations.wrote('later state', store, pod('old', 12));
  store.set(pod('old', 14));
  assert.equal(expectations.satisfied('later state'), true);

  expectations.wrote('deleted by somebody', store, pod('gone', 15));
  // A relist after both: the store never showed it.
  store.replace([], '20');
  assert.equal(expectations.satisfied('deleted by somebody'), true);

  expectations.wrote('outside of the selector', store, pod('foreign', 21));
  store.advance('22');
  assert.equal(expectations.satisfied('outside of the selector'), true);
});

test('all of a key has to be met', () => {
  const { store, expectations, satisfied } = harness();
  for (const version of [11, 12, 13]) expectations.wrote('job', store, pod(`pod-${version}`, version));
  store.set(pod('pod-11', 11));
  store.set(pod('pod-12', 12));
  assert.deepEqual(satisfied, []);
  store.set(pod('pod-13', 13));
  assert.deepEqual(satisfied, ['job']);
});

test('a deletion is met by its timestamp, its disappearance or its successor', () => {
  for (const showIt of ['timestamp', 'gone', 'successor'] as const) {
    const { store, expectations } = harness();
    expectations.deleted('job', store, pod('old', 5));
    store.set(pod('old', 11));
    assert.equal(expectations.satisfied('job'), false);
    if (showIt === 'timestamp') store.set(pod('old', 12, { deleting: true }));
    else store.remove(pod('old', 12));
    if (showIt === 'successor') store.set(pod('old', 13, { uid: 'next' }));
    assert.equal(expectations.satisfied('job'), true, showIt);
  }
});

test('the deletion of what the store has not even seen created waits for that', () => {
  const { store, expectations } = harness();
  expectations.deleted('job', store, pod('new', 12));
  assert.equal(expectations.satisfied('job'), false);
  store.set(pod('new', 12));
  assert.equal(expectations.satisfied('job'), false);
  store.remove(pod('new', 13));
  assert.equal(expectations.satisfied('job'), true);
});

test('never a deadlock: what does not come is dropped after the timeout, and said', async () => {
  const { clock, telemetry, store, expectations, satisfied } = harness();
  expectations.wrote('job', store, pod('new', 12));
  assert.equal(expectations.remainingMs('job'), 30_000);
  await clock.advance(29_999);
  assert.equal(expectations.satisfied('job'), false);
  await clock.advance(1);
  assert.equal(expectations.satisfied('job'), true);
  assert.deepEqual(satisfied, ['job']);
  assert.equal(telemetry.counter('expectations_timed_out_total'), 1);
  expectations.wrote('job', store, pod('new', 12));
  expectations.clear('job');
  assert.equal(expectations.satisfied('job'), true);
  assert.equal(clock.timers(), 0);
});

test('overlay: an own creation is there at once, in every kind of read, and exactly once', () => {
  const { store, overlay } = harness();
  overlay.wrote(pod('new', 12, { node: 'n1' }));
  assert.equal(store.get('team/new'), undefined);
  assert.equal(overlay.get('team/new')?.metadata.resourceVersion, '12');
  assert.deepEqual(names(overlay.list()), ['old', 'new']);
  assert.deepEqual(names(overlay.byIndex('node', 'n1')), ['new']);
  store.set(pod('new', 12, { node: 'n1' }));
  assert.deepEqual(names(overlay.list()), ['old', 'new']);
  assert.equal(overlay.pending(), 0);
});

test('overlay: a patched object is never seen older than the answer, under its new index values', () => {
  const { store, overlay } = harness();
  overlay.wrote(pod('old', 14, { node: 'n2' }));
  store.set(pod('old', 12, { node: 'n1' }));
  assert.equal(overlay.get('team/old')?.metadata.resourceVersion, '14');
  assert.deepEqual(names(overlay.byIndex('node', 'n1')), []);
  assert.deepEqual(names(overlay.byIndex('node', 'n2')), ['old']);
  assert.deepEqual(names(overlay.list()), ['old']);
  store.set(pod('old', 15, { node: 'n3' }));
  assert.equal(overlay.get('team/old')?.metadata.resourceVersion, '15');
});

test('overlay: answers out of order do not go back', () => {
  const { overlay } = harness();
  overlay.wrote(pod('old', 14));
  overlay.wrote(pod('old', 12));
  assert.equal(overlay.get('team/old')?.metadata.resourceVersion, '14');
});

test('overlay: what was deleted is seen ending, not gone, until the store says so', () => {
  const { store, overlay } = harness();
  overlay.deleted(pod('old', 5));
  assert.notEqual(overlay.get('team/old')?.metadata.deletionTimestamp, undefined);
  store.advance('40');
  store.set(pod('old', 41));
  assert.notEqual(overlay.get('team/old')?.metadata.deletionTimestamp, undefined);
  // The answer of a patch that was sent before the delete.
  overlay.wrote(pod('old', 42));
  assert.notEqual(overlay.get('team/old')?.metadata.deletionTimestamp, undefined);
  store.remove(pod('old', 43));
  assert.equal(overlay.get('team/old'), undefined);
  assert.equal(overlay.pending(), 0);
});

test('overlay: another object of the same name is not touched by the old one’s deletion', () => {
  const { store, overlay } = harness();
  store.remove(pod('old', 11));
  store.set(pod('old', 12, { uid: 'next' }));
  overlay.deleted(pod('old', 5));
  assert.equal(overlay.get('team/old')?.metadata.deletionTimestamp, undefined);
  store.remove(pod('old', 13, { uid: 'next' }));
  overlay.wrote(pod('old', 14, { uid: 'third' }));
  overlay.deleted(pod('old', 12, { uid: 'next' }));
  assert.equal(overlay.get('team/old')?.metadata.uid, 'third');
  assert.equal(overlay.get('team/old')?.metadata.deletionTimestamp, undefined);
});

test('overlay: somebody else’s deletion of an own creation is seen, also when only a relist tells', () => {
  const { store, overlay } = harness();
  overlay.wrote(pod('new', 12));
  store.replace([pod('old', 5)], '20');
  assert.equal(overlay.get('team/new'), undefined);
});

test('overlay: an own write that the store never shows is given up', async () => {
  const { overlay, clock } = harness();
  overlay.wrote(pod('new', 12));
  await clock.advance(59_999);
  assert.notEqual(overlay.get('team/new'), undefined);
  await clock.advance(1);
  assert.equal(overlay.get('team/new'), undefined);
});

test('overlay: a thousand writes that nobody reads again do not pile up', () => {
  const { store, overlay } = harness();
  for (let index = 0; index < 1_000; index++) {
    overlay.wrote(pod(`pod-${index}`, 100 + index));
    store.set(pod(`pod-${index}`, 100 + index));
  }
  assert.equal(overlay.pending(), 0);
});

function names(objects: readonly Pod[]): string[] {
  return objects.map((object) => object.metadata.name);
}
