import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statementsOf } from '../../../src/core/policy/account/roles.ts';
import { runtimeDocuments } from '../../../src/core/policy/documents.ts';
import type { PolicyJob } from '../../../src/core/policy/runtime-input.ts';
import { stagingRole } from '../../../src/core/policy/staging-role.ts';
import { inputOf as accessInputOf, arn, jdbc, keys, planOf, role, type Sketch, s3 } from '../access/sketch.ts';
import { inputOf } from './account-input.ts';

const TABLE: readonly (readonly [what: string, sketch: Sketch, expected: string | undefined])[] = [
  ['no connection', {}, undefined],
  ['no role', { connections: [s3('a', 'Source')] }, undefined],
  ['a role', { connections: [s3('a', 'Source', role('reader'))] }, 'reader'],
  ['targets before sources', { connections: [s3('a', 'Source', role('reader')), s3('b', 'Target', role('writer'))] }, 'writer'],
  ['keys override roles', { connections: [s3('a', 'Target', role('writer')), s3('b', 'Source', keys())] }, undefined],
  ['a login overrides nothing', { connections: [jdbc('crm'), s3('a', 'Source', role('reader'))] }, 'reader'],
  ['the worker is asked for', { connections: [s3('a', 'Source', role('reader'))], staging: { identity: 'Worker' } }, undefined],
  [
    'one is named',
    { connections: [s3('a', 'Source', role('reader')), s3('b', 'Target', role('writer'))], staging: { connection: 'a' } },
    'reader',
  ],
];

for (const [what, sketch, expected] of TABLE) {
  test(`the role that reaches staging is the access plan's: ${what}`, () => {
    const job = accessInputOf(sketch).job as PolicyJob;
    const plan = planOf(sketch);
    const planned = plan.connections.find(
      ({ authentication }) => authentication.kind === 'role' && authentication.identity === plan.staging.identity,
    );
    assert.equal(stagingRole(job), expected === undefined ? undefined : arn(expected));
    assert.equal(planned?.spec.authentication?.roleArn, stagingRole(job));
  });
}

test('only a connection role that reaches staging is allowed it', () => {
  const job = accessInputOf({ connections: [s3('a', 'Source', role('reader')), s3('b', 'Target', role('writer'))] }).job as PolicyJob;
  const { connectionRoles } = runtimeDocuments({ ...inputOf('acme'), jobs: [job] });
  const ofStaging = (name: string): readonly string[] =>
    statementsOf(connectionRoles[arn(name)]?.permissions ?? assert.fail()).flatMap(({ Sid = '' }) =>
      Sid.startsWith('Staging') ? [Sid] : [],
    );
  assert.deepEqual(ofStaging('reader'), []);
  assert.ok(ofStaging('writer').length > 0);
});
