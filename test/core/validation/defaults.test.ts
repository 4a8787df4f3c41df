import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { apiVersion } from '../../../src/api/labels.ts';
import { applyDefaults } from '../../../src/core/validation/defaults.ts';
import { prune } from '../../../src/core/validation/prune.ts';
import { validateObject } from '../../../src/core/validation/validate.ts';
import { job, runtime } from '../../api/manifests.ts';

const template = { spec: { containers: [{ name: 'main' }] } };

test('a job that says little gets the defaults of a job, and is never suspended by them', () => {
  const { spec } = applyDefaults('ElasticJob', {
    metadata: { name: 'x' },
    spec: { runtime: 'analytics', master: { template } },
  });
  assert.deepEqual(spec, {
    runtime: 'analytics',
    master: { template },
    workers: { min: 0, max: 0 },
    backoffLimit: 2,
    cleanupAfterSeconds: 86400,
    startDeadlineSeconds: 600,
    terminate: false,
  });
});

test('defaults inside defaults are filled in', () => {
  const bare = { apiVersion, kind: 'ElasticRuntimeClass', metadata: { name: 'standard' }, spec: {} };
  assert.deepEqual(applyDefaults('ElasticRuntimeClass', bare).spec, {
    allowed: { defaultRoles: 'Never', x509: 'Never', unverifiedAccess: 'Allowed' },
  });
});

test('what a runtime class may give is not filled in by the API server', () => {
  const { masters: _masters, disruption: _disruption, machineImage: _image, network: _network, ...spec } = runtime.spec;
  assert.deepEqual(applyDefaults('ElasticRuntime', { ...runtime, spec }).spec, spec);
});

test('a null stays where the field may be null; elsewhere it is as if the field were left out', () => {
  const { spec } = applyDefaults('ElasticJob', {
    ...job,
    spec: { ...job.spec, ttlSecondsAfterFinished: null, backoffLimit: null, staging: null },
  });
  assert.equal(spec.ttlSecondsAfterFinished, null);
  assert.equal(spec.backoffLimit, 2);
  assert.ok(!('staging' in spec));
});

test('a field named __proto__ stays data', () => {
  const hostile = JSON.parse('{"metadata":{"name":"x"},"spec":{"tags":{"__proto__":"x"},"__proto__":{"polluted":true}}}') as object;
  const tags = (prune('ElasticRuntime', applyDefaults('ElasticRuntime', hostile)) as { spec: { tags: object; polluted?: boolean } }).spec;
  assert.deepEqual(Object.keys(tags.tags), ['__proto__']);
  assert.equal(tags.polluted, undefined);
});

test('properties: whatever comes in, defaults and pruning are idempotent, change no input, and validation never throws', () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const keys = fc.constantFrom('spec', 'connections', 'workers', 'master', 'template', 'containers', 'staging', 'min', 'name', 'metadata');
  const object = fc.letrec<{ object: object }>((tie) => ({
    object: fc.dictionary(keys, fc.oneof(value, tie('object'), fc.array(tie('object'), { maxLength: 3 })), { maxKeys: 5 }),
  })).object;
  fc.assert(
    fc.property(object, (raw) => {
      const before = JSON.stringify(raw);
      const once = applyDefaults('ElasticJob', prune('ElasticJob', raw));
      assert.deepEqual(applyDefaults('ElasticJob', prune('ElasticJob', once)), once);
      validateObject('ElasticJob', raw);
      validateObject('ElasticJob', raw, job);
      assert.equal(JSON.stringify(raw), before);
    }),
    { seed: 3, numRuns: 1000 },
  );
});
