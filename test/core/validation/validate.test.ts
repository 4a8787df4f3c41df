import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prune, unknownFields } from '../../../src/core/validation/prune.ts';
import { rules } from '../../../src/core/validation/rules/all.ts';
import { formatViolation, validateObject } from '../../../src/core/validation/validate.ts';
import { job, type Manifest, node, runtime } from '../../api/manifests.ts';
import { rightUpdates, type WrongManifest, wrongManifests } from '../../api/wrong-manifests.ts';

/** What kubectl would be told: faults, and unknown fields as its strict decoding says them. */
function faultsOf({
  manifest,
  old,
}: Pick<WrongManifest, 'manifest' | 'old'>): readonly { readonly field: string; readonly message: string }[] {
  return [
    ...unknownFields(manifest.kind, manifest).map((field) => ({ field, message: `unknown field "${field}"` })),
    ...validateObject(manifest.kind, manifest, old),
  ];
}

for (const manifest of [runtime, job, node] satisfies readonly Manifest[]) {
  test(`the whole ${manifest.kind} is right`, () => {
    assert.deepEqual(faultsOf({ manifest }), []);
  });
}

for (const { name, old, manifest } of rightUpdates) {
  test(`allowed: ${name}`, () => assert.deepEqual(faultsOf({ manifest, old }), []));
}

for (const row of wrongManifests) {
  test(`refused: ${row.name}`, () => {
    const faults = faultsOf(row);
    assert.deepEqual(
      faults.map(({ field }) => field),
      faults.map(() => row.field),
      `one thing is wrong, at ${row.field}: ${JSON.stringify(faults)}`,
    );
    assert.ok(
      faults.some(({ message }) => message.includes(row.message)),
      `${row.message} not in ${JSON.stringify(faults)}`,
    );
  });
}

test('every rule has a wrong manifest that breaks it', () => {
  const broken = new Set(
    wrongManifests.flatMap(({ manifest, old }) =>
      validateObject(manifest.kind, manifest, old).map(({ message }) => `${manifest.kind} ${message.replace(/^Required value: /, '')}`),
    ),
  );
  assert.deepEqual(
    rules.filter((rule) => !broken.has(`${rule.kind} ${rule.message}`)).map((rule) => `${rule.kind} ${rule.paths[0]}: ${rule.message}`),
    [],
  );
});

test('the names of wrong manifests are different', () => {
  assert.equal(new Set(wrongManifests.map(({ name }) => name)).size, wrongManifests.length);
});

test('a rule that the old value broke already is let pass, one that the new value breaks is not', () => {
  const old = { ...runtime, spec: { ...runtime.spec, tags: { 'aws:x': 'y' } } };
  assert.deepEqual(validateObject('ElasticRuntime', { ...old, spec: { ...old.spec, suspend: true } }, old), []);
  assert.equal(validateObject('ElasticRuntime', { ...old, spec: { ...old.spec, tags: { 'aws:x': 'z' } } }, old).length, 1);
});

test('a violation is one line that names object, field, value and remedy', () => {
  const [violation] = validateObject('ElasticJob', {
    ...job,
    spec: { ...job.spec, workers: { ...(job.spec.workers as object), min: 11 } },
  });
  assert.ok(violation);
  assert.equal(formatViolation(violation), 'ElasticJob finance/nightly-orders: spec.workers.min: 11: min must not be above max');
});

test('pruning drops what no schema declares and keeps what templates may bring', () => {
  const stray = { ...job, extra: 1, spec: { ...job.spec, stray: true, staging: { connection: 'warehouse', other: 1 } } };
  assert.deepEqual([...unknownFields('ElasticJob', stray)].sort(), ['extra', 'spec.staging.other', 'spec.stray']);
  assert.deepEqual(prune('ElasticJob', stray), job);
});
