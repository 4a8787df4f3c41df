import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WatchEvent, WatchOptions } from '../../../src/ports/kubernetes.ts';
import { type FaultProfile, profiles } from '../../../src/sim/faults.ts';
import { kindNamed } from '../../../src/sim/kubernetes/kinds.ts';
import { type Bed, bed, configMaps, type Plain } from './bed.ts';

type Seen = { readonly events: WatchEvent<Plain>[]; ended: unknown; readonly stop: () => void };

function watch(at: Bed, options: Partial<WatchOptions> = {}): Seen {
  const abort = new AbortController();
  const seen: Seen = { events: [], ended: undefined, stop: () => abort.abort() };
  const call = at.port.watch(
    configMaps,
    { namespace: 'finance', resourceVersion: '0', ...options },
    (event) => seen.events.push(event),
    abort.signal,
  );
  void call.then((result) => {
    seen.ended = result;
  });
  return seen;
}

function shown(seen: Seen): readonly string[] {
  return seen.events
    .filter((event) => event.type !== 'Bookmark')
    .map((event) =>
      'object' in event ? `${event.type} ${event.object.metadata.name}` : `Error ${'error' in event ? event.error.kind : ''}`,
    )
    .filter((line) => !line.includes('kube-root-ca'));
}

async function create(at: Bed, name: string, labels: Record<string, string> = {}): Promise<string> {
  const created = await at.value(at.port.create(configMaps, { metadata: { name, namespace: 'finance', labels } }));
  return created.metadata.resourceVersion;
}

test('a watch shows everything after its version, in order, and ends when its client says so', async () => {
  const at = await bed();
  const from = await create(at, 'a');
  await create(at, 'b');
  const seen = watch(at, { resourceVersion: from });
  await at.pass(100);
  assert.deepEqual(shown(seen), ['Added b']);
  await at.value(at.port.mergePatch(configMaps, { namespace: 'finance', name: 'a' }, { data: { x: '1' } }));
  await at.value(at.port.delete(configMaps, { namespace: 'finance', name: 'b' }));
  await at.pass(100);
  assert.deepEqual(shown(seen), ['Added b', 'Modified a', 'Deleted b']);
  assert.equal(seen.ended, undefined);
  seen.stop();
  await create(at, 'c');
  await at.pass(100);
  assert.deepEqual(seen.ended, { ok: true, value: undefined });
  assert.equal(shown(seen).length, 3);
});

test('version 0 starts with what is there', async () => {
  const at = await bed();
  await create(at, 'a');
  const seen = watch(at);
  await at.pass(100);
  assert.deepEqual(shown(seen), ['Added a']);
});

test('with a selector, objects are added and deleted as they come to match and cease to', async () => {
  const at = await bed();
  const seen = watch(at, { labelSelector: 'app=etl' });
  await at.pass(50);
  await create(at, 'a');
  const key = { namespace: 'finance', name: 'a' };
  await at.value(at.port.mergePatch(configMaps, key, { metadata: { labels: { app: 'etl' } } }));
  await at.value(at.port.mergePatch(configMaps, key, { data: { x: '1' } }));
  await at.value(at.port.mergePatch(configMaps, key, { metadata: { labels: { app: 'web' } } }));
  await at.value(at.port.delete(configMaps, key));
  await at.pass(100);
  assert.deepEqual(shown(seen), ['Added a', 'Modified a', 'Deleted a']);
});

test('bookmarks carry a quiet watch forward, and it ends when its time is over', async () => {
  const at = await bed();
  const seen = watch(at, { resourceVersion: '1000', timeoutSeconds: 200 });
  await at.pass(190_000);
  const bookmarks = seen.events.filter((event) => event.type === 'Bookmark');
  assert.ok(bookmarks.length >= 2);
  assert.ok(Number(bookmarks.at(-1)?.resourceVersion) > 1000);
  await at.pass(20_000);
  assert.deepEqual(seen.ended, { ok: true, value: undefined });
});

test('a version that is no longer known is Gone, inside the stream', async () => {
  const at = await bed();
  const from = await create(at, 'a');
  await at.value(at.port.delete(configMaps, { namespace: 'finance', name: 'a' }));
  await at.pass(6 * 60_000);
  const seen = watch(at, { resourceVersion: String(Number(from) - 1) });
  await at.pass(100);
  assert.deepEqual(shown(seen), ['Error Gone']);
  assert.deepEqual(seen.ended, { ok: true, value: undefined });
});

const noisy: FaultProfile = {
  ...profiles.rough,
  rates: { ...profiles.none.rates, watchCut: 0.05, watchGone: 0.05, stale: 0.5 },
  clockJumpEveryMs: 0,
};

test('under rough, watches lag, break and lose their place, yet what they show is in order and complete up to there', async () => {
  const at = await bed({ seed: 3, faults: noisy });
  const ends = { cut: 0, closed: 0, gone: 0 };
  let lagged = false;
  for (let round = 0; round < 60; round += 1) {
    const seen = watch(at, { resourceVersion: String(at.kubernetes.server.store.version()) });
    const created: string[] = [];
    for (let count = 0; count < 12; count += 1) {
      const name = `r${round}-${count}`;
      await create(at, name);
      created.push(`Added ${name}`);
      if (shown(seen).length < created.length - 1) lagged = true;
    }
    await at.pass(10_000);
    const lines = shown(seen);
    if (lines.at(-1) === 'Error Gone') {
      ends.gone += 1;
    } else if (seen.ended !== undefined) {
      if (JSON.stringify(seen.ended).includes('Network')) ends.cut += 1;
      else ends.closed += 1;
    }
    const additions = lines.filter((line) => line !== 'Error Gone');
    assert.deepEqual(additions, created.slice(0, additions.length));
    if (seen.ended === undefined) assert.equal(additions.length, created.length);
    seen.stop();
  }
  assert.ok(lagged && ends.cut > 0 && ends.closed > 0 && ends.gone > 0, JSON.stringify(ends));
});

test('a lagging watch misses nothing, bookmarks or not', async () => {
  const at = await bed({ faults: { ...noisy, rates: { ...profiles.none.rates, stale: 1 } } });
  const seen = watch(at, { resourceVersion: String(at.kubernetes.server.store.version()) });
  const created: string[] = [];
  for (let count = 0; count < 400; count += 1) {
    await create(at, `c${count}`);
    created.push(`Added c${count}`);
    await at.pass(700);
  }
  await at.pass(10_000);
  assert.ok(seen.events.some((event) => event.type === 'Bookmark'));
  assert.deepEqual(shown(seen), created);
});

test('a list that may come from a cache may be older, and a watch from its version catches up', async () => {
  const at = await bed({ faults: { ...noisy, rates: { ...profiles.none.rates, stale: 1 } } });
  await create(at, 'old');
  await create(at, 'gone');
  await at.pass(20_000);
  const key = { namespace: 'finance', name: 'old' };
  const changed = await at.value(at.port.mergePatch(configMaps, key, { data: { a: '1' } }));
  await create(at, 'new');
  await at.value(at.port.delete(configMaps, { namespace: 'finance', name: 'gone' }));
  const names = (items: readonly Plain[]): readonly string[] =>
    items.map((item) => item.metadata.name).filter((name) => name !== 'kube-root-ca.crt');
  const fresh = await at.value(at.port.list(configMaps, { namespace: 'finance' }));
  assert.deepEqual(names(fresh.items), ['new', 'old']);
  const stale: string[] = [];
  for (let attempt = 0; attempt < 40 && stale.length === 0; attempt += 1) {
    const list = await at.value(at.port.list(configMaps, { namespace: 'finance', resourceVersion: '0' }));
    if (Number(list.resourceVersion) >= Number(changed.metadata.resourceVersion)) continue;
    stale.push(...names(list.items));
    assert.equal(list.items.find((item) => item.metadata.name === 'old')?.data, undefined);
    const seen = watch(at, { resourceVersion: list.resourceVersion });
    await at.pass(10_000);
    assert.deepEqual(shown(seen), ['Modified old', 'Added new', 'Deleted gone']);
  }
  assert.deepEqual(stale, ['gone', 'old']);
});

test('nobody hears from a dead process’s watches', async () => {
  const at = await bed();
  const seen = watch(at);
  await at.pass(100);
  const before = seen.events.length;
  at.process.crash();
  at.kubernetes.server.create(kindNamed('ConfigMap'), { metadata: { name: 'late', namespace: 'finance' } }, 'someone');
  await at.pass(1000);
  assert.deepEqual([seen.events.length, seen.ended], [before, undefined]);
  assert.equal(at.kubernetes.backend.watches.count(), 0);
});
