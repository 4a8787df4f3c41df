import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { find, hour, job, runtime, start, until } from './support/stage.ts';

/** STS packs session policy and tags together into less room than each may have for itself; only its answer tells. */
function account(packedSessionCharacters: number): SimulationManifest {
  return {
    apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
    kind: 'SimulatedAccount',
    metadata: { name: 'account' },
    spec: { quotas: { packedSessionCharacters } },
  };
}

function widenedRows(simulation: Simulation): readonly string[] {
  const rows = find(simulation, 'etl').status?.accessPlan ?? [];
  return rows
    .filter(({ widened }) => widened !== undefined)
    .map(({ resource, identity, widened }) => `${resource} ${identity} ${widened?.join()}`);
}

test('nothing is widened where all fits', async () => {
  const simulation = start([...runtime({}), job('etl', {})]);
  await until(simulation, 'done', () => find(simulation, 'etl').status?.phase === 'Succeeded');
  assert.deepEqual(widenedRows(simulation), []);
  assert.ok(simulation.operator.audit.every(({ widened }) => widened === undefined));
});

test('what STS finds too large is widened by the next step; plan and audit say by which, and the job runs', async () => {
  const simulation = start([account(1900), ...runtime({}), job('etl', {})]);
  await until(simulation, 'done', () => find(simulation, 'etl').status?.phase === 'Succeeded');
  assert.deepEqual(widenedRows(simulation), ['nodes master tags']);
  const audit = simulation.operator.audit;
  const launches = audit.filter(({ action }) => action === 'ec2:CreateFleet');
  assert.ok(launches.length > 0 && launches.every(({ widened }) => widened?.join() === 'tags'));
  assert.ok(audit.every(({ action, widened }) => widened === undefined || action.startsWith('ec2:')));
  // What STS has refused once is not asked for again.
  const refusals = audit.filter(({ outcome }) => outcome === 'PackedPolicyTooLarge');
  assert.equal(refusals.length, 1);
  await simulation.settle(hour);
  assert.deepEqual(simulation.result().violations, []);
});

test('what is too large at its widest is refused, never handed out without a policy', async () => {
  const simulation = start([account(1200), ...runtime({}), job('etl', {})]);
  await simulation.settle(hour);
  const ready = simulation.runtimes()[0]?.status?.conditions?.find(({ type }) => type === 'Ready');
  assert.equal(ready?.status, 'False');
  assert.match(
    ready?.message ?? '',
    /Packed policy consumes \d+% of allotted space, please use smaller policy\. \(at its widest\): name fewer or shorter locations/,
  );
  assert.equal(simulation.operator.audit.filter(({ action }) => action === 'ec2:CreateFleet').length, 0);
});
