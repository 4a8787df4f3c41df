import assert from 'node:assert/strict';
import { test } from 'node:test';
import { find, job, runtime, start, until } from './support/stage.ts';

void test('the status says what the demand costs, and at least: nothing, while nodes are missing, while it runs, and afterwards', async () => {
  const simulation = start([...runtime({}), job('nightly', { duration: '10m', worker: { min: 3, max: 3, cpu: '2' } })]);
  const cost = () => {
    const { usdPerHour, lowerBoundUsdPerHour } = simulation.runtimes()[0]?.status?.cost ?? {};
    return { usd: Number(usdPerHour), bound: Number(lowerBoundUsdPerHour) };
  };
  await until(simulation, 'the demand is known', () => cost().bound > 0);
  const wanted = cost();
  assert.ok(wanted.bound > wanted.usd, 'no node has its price yet');
  await until(simulation, 'it runs', () => find(simulation, 'nightly').status?.phase === 'Running');
  await simulation.world.runUntil(() => false, 60_000);
  const running = cost();
  const actual = simulation.account.liveInstances().reduce((sum, { usdPerHour }) => sum + usdPerHour, 0);
  assert.ok(Math.abs(running.usd - actual) < 1e-3, `${running.usd} and ${actual}`);
  assert.ok(running.bound > 0.5 * running.usd && running.bound <= running.usd, JSON.stringify(running));
  await until(
    simulation,
    'all is over',
    () => find(simulation, 'nightly').status?.phase === 'Succeeded' && simulation.account.liveInstances().length === 0,
  );
  await simulation.world.runUntil(() => false, 60_000);
  assert.deepEqual(cost(), { usd: 0, bound: 0 });
});
