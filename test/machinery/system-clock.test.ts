import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock, systemRandom } from '../../src/telemetry/system.ts';

test('a delay beyond 32 bits of milliseconds is waited for, and can be cancelled in each of its parts', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = systemClock();
  const month = 30 * 24 * 3_600_000;
  let fired = 0;
  clock.after(month, () => (fired += 1));
  const cancel = clock.after(month, () => (fired += 100));
  context.mock.timers.tick(2 ** 31 - 1);
  assert.equal(fired, 0);
  cancel();
  context.mock.timers.tick(month - 2 ** 31);
  assert.equal(fired, 0);
  context.mock.timers.tick(1);
  assert.equal(fired, 1);
});

test('what the system draws', () => {
  const random = systemRandom();
  const drawn = random.next();
  assert.ok(drawn >= 0 && drawn < 1);
  assert.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
