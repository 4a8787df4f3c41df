import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessFailure } from '../../src/controllers/identity/failure.ts';
import { describeMany, reportMany } from '../../src/controllers/identity/many.ts';
import { find, job, runtime, start, until } from './support/stage.ts';

function refused(index: number): AccessFailure {
  const statement = { Effect: 'Allow' as const, Action: 's3:ListBucket', Resource: `arn:aws:s3:::acme-b${index}` };
  return {
    identity: 'worker',
    chain: ['arn:aws:iam::111122223333:role/agent', 'arn:aws:iam::111122223333:role/worker'],
    action: 's3:ListBucket',
    resource: `arn:aws:s3:::acme-b${index}`,
    code: 'AccessDenied',
    message: `User: arn:aws:sts::111122223333:assumed-role/worker/s is not authorized to perform: s3:ListBucket ${'x'.repeat(300)}`,
    transient: false,
    remedy: {
      text: `role worker may not s3:ListBucket on acme-b${index}: add the statement`,
      add: [{ policy: 'identity policy of role worker', statement }],
    },
  };
}

const many = (count: number): readonly AccessFailure[] => Array.from({ length: count }, (_, index) => refused(index));
const statementsIn = (text: string): number => text.split('"Action":"s3:ListBucket"').length - 1;
const failuresIn = (text: string): number => text.split('failed as worker').length - 1;

void test('few refusals: what failed, then what to do', () => {
  const text = describeMany(many(3));
  assert.deepEqual([failuresIn(text), statementsIn(text), text.includes('more are refused')], [3, 3, false]);
  assert.ok(text.lastIndexOf('failed as worker') < text.indexOf('add the statement'));
});

void test('many: the first ones whole, each with its statement, and how many there are beside', () => {
  const text = describeMany(many(30));
  const whole = failuresIn(text);
  assert.ok(text.length <= 4096 && whole >= 4, `${whole} in ${text.length} characters`);
  assert.equal(statementsIn(text), whole);
  assert.match(text, new RegExp(`… and ${30 - whole} more are refused: status.preflight.failed and kubectl-elastic why show them$`));
});

void test('one that is longer than a condition may be is cut alone', () => {
  const long = { ...refused(0), message: 'y'.repeat(5000) };
  assert.equal(failuresIn(describeMany([long, refused(1)])), 1);
});

void test('status holds all of a job, and says how many it does not', () => {
  const few = reportMany(many(33)) as { readonly failed: readonly unknown[] };
  assert.deepEqual([few.failed.length, 'more' in few], [33, false]);
  const lots = reportMany(many(50)) as { readonly failed: readonly unknown[]; readonly more?: number };
  assert.deepEqual([lots.failed.length, lots.more], [40, 10]);
});

void test('a job that may read none of thirty connections says so of each', async () => {
  const connections = Array.from({ length: 30 }, (_, index) => ({
    name: `c${index}`,
    usage: 'Source',
    connector: 'AmazonS3',
    location: `s3://acme-b${index}/in/`,
  }));
  const manifests = [...runtime({}), job('etl', {}, { connections })];
  const simulation = start(manifests);
  const worker = simulation.account.roles().find(({ arn }) => arn.endsWith('role/worker'));
  assert.ok(worker);
  const nothingOfIt = worker.policies.map(({ name, document }) => ({
    name,
    document: { ...document, Statement: [document.Statement].flat().filter((statement) => !JSON.stringify(statement).includes('acme-b')) },
  }));
  simulation.account.putRole({ ...worker, policies: nothingOfIt });
  await until(simulation, 'it fails', () => find(simulation, 'etl').status?.phase === 'Failed');
  const { conditions, preflight } = find(simulation, 'etl').status ?? {};
  const { failed = [] } = (preflight ?? {}) as {
    readonly failed?: readonly { readonly resource: string; readonly add: readonly unknown[] }[];
  };
  assert.deepEqual([new Set(failed.map(({ resource }) => resource)).size, failed.every(({ add }) => add.length > 0)], [30, true]);
  const message = conditions?.find(({ type }) => type === 'AccessVerified')?.message ?? '';
  assert.match(message, /"Effect":"Allow".*… and \d+ more are refused/);
});
