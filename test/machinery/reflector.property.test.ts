import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Pod } from '../../src/api/kubernetes.ts';
import { createReflector } from '../../src/machinery/reflector.ts';
import { createStore } from '../../src/machinery/store.ts';
import { pods } from '../../src/ports/resources.ts';
import { fakeClock, fakeRandom, recordedTelemetry } from './support/fakes.ts';
import { type Breakage, historyServer } from './support/history-server.ts';

const breakages: readonly Breakage[] = ['gone', 'cut', 'close', 'refuse', 'bookmark', 'doubled', 'compact', 'mute'];
const step = fc.oneof(
  fc.record({ write: fc.constantFrom('put', 'remove', 'recreate'), name: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
  fc.record({ break: fc.constantFrom(...breakages) }),
  fc.record({ waitMs: fc.constantFrom(100, 400, 2_000, 70_000) }),
);

test('whatever breaks, the changes follow from one another and the store ends equal to the server', async () => {
  let relists = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), fc.nat(), async (script, seed) => {
      const clock = fakeClock();
      const telemetry = recordedTelemetry();
      const server = historyServer(clock);
      const store = createStore<Pod, 'uid'>({ type: pods, telemetry, indexes: { uid: (object) => [object.metadata.uid] } });
      const mirror = new Map<string, string>();
      store.onChange(({ previous, current }) => {
        const key = (current ?? previous)?.metadata.name ?? '';
        assert.equal(mirror.get(key), previous?.metadata.uid, 'a change that does not follow from the last one');
        if (current === undefined) mirror.delete(key);
        else mirror.set(key, current.metadata.uid);
      });
      const abort = new AbortController();
      const running = createReflector<Pod>({
        port: server.port,
        clock,
        random: fakeRandom(seed),
        telemetry,
        store,
        pageSize: 2,
        stalledAfterMs: 60_000,
      }).run(abort.signal);

      for (const each of script) {
        if ('write' in each) {
          if (each.write !== 'put') server.remove(each.name);
          if (each.write !== 'remove') server.put(each.name);
        } else if ('break' in each) server.break(each.break);
        else await clock.advance(each.waitMs);
      }
      await clock.advance(300_000);

      const versions = new Map(store.list().map((object) => [object.metadata.name, object.metadata.resourceVersion]));
      assert.deepEqual(new Map([...versions].sort()), new Map([...server.state()].sort()));
      assert.deepEqual([...mirror.keys()].sort(), [...versions.keys()].sort());
      for (const object of store.list()) assert.deepEqual(store.byIndex('uid', object.metadata.uid), [object]);
      // Assertions in a change handler are caught there.
      assert.equal(telemetry.counter('store_handler_errors_total'), 0);
      relists += telemetry.counter('reflector_lists_total') - 1;
      abort.abort();
      await running;
      assert.equal(clock.timers(), 0);
    }),
    { seed: 20261122, numRuns: 300 },
  );
  assert.ok(relists > 300, `only ${relists} relists: the script does not break enough`);
});
