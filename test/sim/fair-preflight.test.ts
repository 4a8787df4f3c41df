import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimulationManifest } from '../../src/sim/simulate.ts';
import { find, job, runtime, start, until } from './support/stage.ts';

const sales = ({ metadata, ...rest }: SimulationManifest): SimulationManifest => ({
  ...rest,
  metadata: rest.kind === 'Namespace' ? { name: 'sales' } : { ...metadata, namespace: 'sales' },
});

const connections = (location: string, connector = 'DynamoDB') => ({
  connections: [{ name: 'data', usage: 'Source', connector, location }],
});

void test('jobs of one runtime that stand in line for the rates of AWS keep no job of another runtime waiting', async () => {
  const crowd = Array.from({ length: 100 }, (_, index) =>
    job(`crowd-${index}`, { duration: '30s' }, connections(`arn:aws:dynamodb:us-east-1:111122223333:table/t${index}`)),
  );
  const alone = [...runtime({}), job('alone', { duration: '30s' }, connections('s3://finance-source/raw/', 'AmazonS3'))].map(sales);
  const simulation = start([...runtime({}), ...crowd, ...alone]);
  const began = simulation.world.now();
  const isVerified = (name: string): boolean =>
    find(simulation, name).status?.conditions?.some(({ type, status }) => type === 'AccessVerified' && status === 'True') === true;
  await until(simulation, 'its access is verified', () => isVerified('alone'));
  assert.ok(simulation.world.now() - began < 20_000, `after ${simulation.world.now() - began} ms`);
  const verified = crowd.filter(({ metadata }) => isVerified(metadata.name)).length;
  assert.ok(verified < 50, `${verified} of the crowd were first`);
  await until(simulation, 'all are verified', () => crowd.every(({ metadata }) => isVerified(metadata.name)));
});
