import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRecordKey } from '../../../src/core/audit/records.ts';

const own = 'elastic/acme/finance/analytics';
const job = `${own}/jobs/nightly-0f0e0d0c`;

const KEYS: readonly (readonly [key: string, isRecord: boolean])[] = [
  [`${job}/access.json`, true],
  [`${job}/access/12.json`, true],
  ['jobs/worker/jobs/jobs/nightly-0f0e0d0c/access.json', true],
  // What the worker role, and so every pod of the runtime, may write: logs and probes.
  [`${job}/1/worker/node/pod/access.json`, false],
  [`${job}/1/worker/access.json`, false],
  [`${own}/jobs/x/1/worker/jobs/y-0f0e0d0c/access.json`, false],
  [`${job}/1/master/jobs/y-0f0e0d0c/access/1.json`, false],
  [`${own}/jobs///worker/jobs/y-0f0e0d0c/access.json`, false],
  [`${own}/.elastic-x/jobs/y-0f0e0d0c/access.json`, false],
  [`${own}/jobs/.elastic-x/jobs/y-0f0e0d0c/access.json`, false],
  [`${own}/jobs/.elastic-0f0e0d0c/access.json`, false],
  // Nothing of ours.
  [`${own}/jobs/nightly/access.json`, false],
  [`${job}/access.jsonl`, false],
  [`${job}/access/x.json`, false],
  [`${own}/access.json`, false],
];

for (const [key, isRecord] of KEYS) {
  test(`${isRecord ? 'a record' : 'no record'}: ${key}`, () => assert.equal(isRecordKey(key), isRecord));
}
