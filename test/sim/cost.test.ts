import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
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

void test('a plan is told as an event and as metrics, with dollars, bound and gap', async () => {
  const simulation = start([...runtime({}), job('nightly', { duration: '10m', worker: { min: 3, max: 3, cpu: '2' } })]);
  await until(simulation, 'it runs', () => find(simulation, 'nightly').status?.phase === 'Running');
  const events = simulation.kubernetes.server.store.list(kindNamed('Event')) as unknown as readonly {
    readonly reason: string;
    readonly note?: string;
    readonly message?: string;
  }[];
  const planned = events.filter(({ reason }) => reason === 'NodesPlanned').map(({ note, message }) => note ?? message ?? '');
  assert.ok(planned.length > 0);
  const gauge = (name: string) => simulation.operator.gauges.get(`${name} {"runtime":"finance/analytics"}`) ?? Number.NaN;
  const [usd, bound, gap] = [gauge('plan_usd_per_hour'), gauge('plan_lower_bound_usd_per_hour'), gauge('plan_gap_ratio')];
  assert.ok(bound > 0 && bound <= usd, `${bound} and ${usd}`);
  assert.ok(Math.abs(gap - (usd - bound) / bound) < 1e-9, `${gap}`);
  const text = `for ${usd.toFixed(4)} USD/h (bound ${bound.toFixed(4)}, gap ${(gap * 100).toFixed(1)} %): `;
  assert.ok(planned.at(-1)?.includes(text), `${planned.join()} without ${text}`);
});
