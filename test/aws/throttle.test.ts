import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createThrottle } from '../../src/aws/throttle.ts';

const callOf = (account: string) => ({ account, region: 'us-east-1', method: 's3.putObject', lane: 'finance/analytics' });

test('so many calls of an account at once, and no queue is kept for one that has none', async () => {
  const throttle = createThrottle({ concurrency: { s3: 2 } });
  const waiting: (() => void)[] = [];
  const work = () => new Promise<void>((resolve) => waiting.push(resolve));
  const calls = ['1', '1', '1', '2'].map((account) => throttle.run(callOf(account), work));
  await new Promise(setImmediate);
  assert.deepEqual([waiting.length, throttle.queues()], [3, 2]);
  waiting.splice(0).forEach((done) => done());
  await new Promise(setImmediate);
  waiting.splice(0).forEach((done) => done());
  await Promise.all(calls);
  assert.equal(throttle.queues(), 0);
  for (let account = 0; account < 50; account += 1) await throttle.run(callOf(String(account)), async () => undefined);
  await assert.rejects(
    throttle.run(callOf('1'), () => Promise.reject(new Error('torn'))),
    /torn/,
  );
  assert.equal(throttle.queues(), 0);
});
