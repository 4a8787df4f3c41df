import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticRuntime } from '../../../src/api/generated/types.ts';
import { planAccess } from '../../../src/core/access/plan.ts';
import type { AccessRow } from '../../../src/core/access/vocabulary.ts';
import { runtimeTags } from '../../../src/core/nodes/tags.ts';
import { authorizationsOf } from '../../../src/core/policy/actions.ts';
import type { AwsCalls, AwsMethod } from '../../../src/core/policy/calls.ts';
import { policyOf } from '../../../src/core/policy/document.ts';
import { evaluate } from '../../../src/core/policy/evaluate.ts';
import { sessionAccessOf } from '../../../src/core/policy/session-access.ts';
import { isCut, isOfRuntime, plannedWidening, withWidening } from '../../../src/core/policy/session-plan.ts';
import { sessionPolicyFor } from '../../../src/core/policy/session-policy.ts';
import { arn, inputOf, role, s3 } from '../access/sketch.ts';
import { facts } from './facts.ts';
import { allowAll, policy, session } from './helpers.ts';

const kmsKeyArn = 'arn:aws:kms:us-east-1:111122223333:key/1';
const uid = '0f0e0d0c-0000-4000-8000-000000000000';
const far = `s3://artifacts/${Array.from({ length: 15 }, () => 'x'.repeat(60)).join('/')}/lib.jar`;
const { runtime: sketched, job } = inputOf({
  connections: [s3('orders', 'Source', role('orders')), s3('lake', 'SourceAndTarget')],
  dependencies: [{ path: 'lib.jar', uri: 's3://artifacts/lib.jar' }, { path: 'far.jar', uri: far }, { path: 'etl.py' }],
  initScript: true,
});
const runtime = {
  ...sketched,
  spec: {
    ...sketched.spec,
    region: 'us-east-1',
    staging: { uri: 's3://acme-staging/elastic', kmsKeyArn },
    logs: { uri: 's3://acme-logs/elastic', kmsKeyArn },
  },
} as unknown as ElasticRuntime;
const planned = planAccess({ runtime, job });
assert.ok(planned.ok);
const { plan } = planned;
const tags = runtimeTags({ cluster: 'hub', organization: 'acme', namespace: 'finance', runtime: 'analytics', runtimeUid: uid });
const dependencies = job.spec.dependencies as never;
const around = { runtime, tags, plan, job: { name: 'nightly', uid }, dependencies };
const template = { imageId: 'ami-1', securityGroupIds: ['sg-1'], launchTags: tags };
const account = { ...facts, tagsOf: (id: string) => (id.endsWith('-own') ? tags : {}), launchTemplate: () => template };

/** As a role that may do everything, in the session that the operator makes for the row. */
function may(row: AccessRow): <M extends AwsMethod>(method: M, request: AwsCalls[M]) => boolean {
  const { plan: _, job: __, ...ofRuntime } = around;
  const made = sessionPolicyFor(
    sessionAccessOf({ ...(isOfRuntime(row) ? ofRuntime : around), identity: row.identity, resource: row.resource }),
  );
  assert.ok(made.ok);
  const held = {
    principal: session,
    identityPolicies: [policy(allowAll)],
    sessionPolicies: [policyOf(JSON.parse(made.value.policy) as never, 'identity')],
  };
  return (method, request) =>
    authorizationsOf(method, request, account).every((item) => evaluate({ ...held, ...item }).decision === 'Allow');
}

const below = 'elastic/acme/finance/analytics';
const own = `${below}/jobs/nightly-0f0e0d0c`;
const fleet = { launchTemplate: { id: 'lt-own' }, offerings: [{ subnetId: 's', instanceType: 't', capacityType: 'spot' as const }], tags };

type Call = { readonly [M in AwsMethod]?: AwsCalls[M] };
/** By resource of the plan: what its session is for, and what it is not for although the role may do it. */
const calls: Readonly<Record<string, readonly [may: readonly Call[], mayNot: readonly Call[]]>> = {
  staging: [
    [{ 's3.getObject': { bucket: 'acme-staging', key: `${own}/1/stage/x` } }],
    [
      { 's3.getObject': { bucket: 'acme-logs', key: `${own}/1/worker/x` } },
      { 's3.getObject': { bucket: 'acme-staging', key: 'elastic/acme2/finance/analytics/x' } },
    ],
  ],
  dependencies: [
    [{ 's3.putObject': { bucket: 'acme-staging', key: `${own}/deps/etl.py`, kmsKeyArn } }],
    [
      { 's3.putObject': { bucket: 'acme-staging', key: `${below}/jobs/other-0f0e0d0d/deps/etl.py`, kmsKeyArn } },
      { 's3.getObject': { bucket: 'acme-staging', key: `${own}/deps/etl.py` } },
    ],
  ],
  'dependency:lib.jar': [
    [{ 's3.getObject': { bucket: 'artifacts', key: 'lib.jar' } }],
    [{ 's3.getObject': { bucket: 'artifacts', key: 'lib.jar2' } }, { 's3.getObject': { bucket: 'data-lake', key: 'x' } }],
  ],
  'dependency:far.jar': [
    [{ 's3.getObject': { bucket: 'artifacts', key: far.slice('s3://artifacts/'.length) } }],
    [{ 's3.getObject': { bucket: 'artifacts', key: 'lib.jar' } }],
  ],
  'connection:orders': [
    [{ 's3.getObject': { bucket: 'data-orders', key: 'x' } }],
    [{ 's3.putObject': { bucket: 'data-orders', key: 'x' } }, { 's3.getObject': { bucket: 'data-lake', key: 'x' } }],
  ],
  'connection:lake': [
    [{ 's3.deleteObject': { bucket: 'data-lake', key: 'x' } }],
    [{ 's3.getObject': { bucket: 'data-orders', key: 'x' } }],
  ],
  log: [
    [{ 's3.listObjects': { bucket: 'acme-logs', prefix: `${own}/` } }],
    [{ 's3.listObjects': { bucket: 'acme-logs', prefix: `${below}/` } }],
  ],
  'log:agent': [
    [{ 's3.putObject': { bucket: 'acme-logs', key: `${own}/1/agent/agent.log`, kmsKeyArn } }],
    [
      { 's3.getObject': { bucket: 'acme-logs', key: `${own}/1/worker/x` } },
      { 's3.deleteObject': { bucket: 'acme-logs', key: `${own}/access.json` } },
    ],
  ],
  'init-script': [[{ 's3.getObject': { bucket: 'platform', key: 'init.sh' } }], [{ 'ec2.terminateInstances': { instanceIds: ['i-own'] } }]],
  'cluster-info': [
    [{ 's3.putObject': { bucket: 'acme-staging', key: `${below}/cluster.json`, kmsKeyArn } }],
    [
      { 's3.putObject': { bucket: 'acme-staging', key: 'elastic/acme/finance/other/cluster.json', kmsKeyArn } },
      { 'ec2.deleteLaunchTemplate': { id: 'lt-own' } },
    ],
  ],
  'cluster-resources': [
    [{ 'ec2.createLaunchTemplate': { name: 'n', tags } }, { 'ec2.deleteLaunchTemplate': { id: 'lt-own' } }, { 'ec2.describeSubnets': {} }],
    [
      { 'ec2.deleteLaunchTemplate': { id: 'lt-other' } },
      { 'ec2.createLaunchTemplate': { name: 'n', tags: {} } },
      { 's3.getObject': { bucket: 'acme-staging', key: `${below}/cluster.json` } },
    ],
  ],
  nodes: [
    [{ 'ec2.createFleet': fleet }, { 'ec2.terminateInstances': { instanceIds: ['i-own'] } }],
    [
      { 'ec2.createFleet': { ...fleet, tags: {} } },
      { 'ec2.terminateInstances': { instanceIds: ['i-other'] } },
      { 'ec2.modifyVolume': { volumeId: 'vol-own', sizeGiB: 9 } },
    ],
  ],
  volumes: [
    [{ 'ec2.modifyVolume': { volumeId: 'vol-own', sizeGiB: 9 } }],
    [{ 'ec2.modifyVolume': { volumeId: 'vol-other', sizeGiB: 9 } }, { 'ec2.terminateInstances': { instanceIds: ['i-own'] } }],
  ],
};

function only(call: Call): [AwsMethod, never] {
  return Object.entries(call)[0] as [AwsMethod, never];
}

for (const row of plan.rows.filter((each) => isCut(each) && each.phase !== 'Create')) {
  test(`the session of ${row.identity} for ${row.resource} is for that alone`, () => check(row));
}
for (const row of plan.rows.filter(
  (each) => isCut(each) && each.phase === 'Create' && each.resource !== 'staging' && each.resource !== 'log',
)) {
  test(`the runtime's session of ${row.identity} for ${row.resource} is for that alone`, () => check(row));
}

function check(row: AccessRow): void {
  const expected = calls[row.resource];
  assert.ok(expected, `no calls are listed for ${row.resource}`);
  const allowed = may(row);
  for (const call of expected[0]) assert.equal(allowed(...only(call)), true, JSON.stringify(call));
  for (const call of expected[1]) assert.equal(allowed(...only(call)), false, JSON.stringify(call));
}

test('a row says by which step its session is wider, and no other row does', () => {
  const rows = withWidening(plan, (row) => plannedWidening(row, around));
  const widened = rows.flatMap((row) => (row.widened === undefined ? [] : [`${row.resource} ${row.action}: ${row.widened.join()}`]));
  assert.deepEqual(widened, ['dependency:far.jar read: encryption-context']);
  assert.equal(plan.principals.roles.worker, arn('worker'));
});
