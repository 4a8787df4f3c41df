import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticJob, ElasticRuntime } from '../../../src/api/generated/types.ts';
import { planAccess } from '../../../src/core/access/plan.ts';
import type { Identity } from '../../../src/core/access/vocabulary.ts';
import { type AccountFacts, type Authorization, authorizationsOf } from '../../../src/core/policy/actions.ts';
import { policyOf } from '../../../src/core/policy/document.ts';
import { runtimeDocuments } from '../../../src/core/policy/documents.ts';
import { evaluate } from '../../../src/core/policy/evaluate.ts';
import { locationQuestions, locationSides } from '../../../src/core/preflight/location.ts';
import { type MissingStatement, type RefusedAt, type RefusedPlace, remedyFor } from '../../../src/core/preflight/missing.ts';
import { jobProbes, type ObjectProbe, type Probe, type ProbeAction, runtimeProbes } from '../../../src/core/preflight/probes.ts';
import { placeOfProbe } from '../../../src/core/preflight/refused-place.ts';
import { roleSimulations } from '../../../src/core/preflight/role-actions.ts';
import { arn, inputOf, role, s3 } from '../access/sketch.ts';
import { facts } from '../policy/facts.ts';

/* Whatever a probe is refused, the statement that is named, pasted into the policy that is named, lets the same call through. */

const account = '111122223333';
const kmsKeyArn = `arn:aws:kms:us-east-1:${account}:key/1`;
const uid = '27763973-0000-4000-8000-000000000001';
const owner = { cluster: 'prod', organization: 'acme', namespace: 'finance', runtime: 'analytics', runtimeUid: uid };

function given(defaultRoles: boolean) {
  const { runtime: sketched, job } = inputOf({
    defaultRoles,
    connections: [
      s3('orders', 'Source', role('orders')),
      s3('lake', 'SourceAndTarget'),
      { ...s3('out', 'Target'), location: 's3://data-out/in/day=1/', kmsKeyArn },
      { name: 'fire', usage: 'Target', connector: 'KinesisFirehose', location: `arn:aws:firehose:us-east-1:${account}:deliverystream/f` },
      { name: 'table', usage: 'SourceAndTarget', connector: 'DynamoDB', location: `arn:aws:dynamodb:us-east-1:${account}:table/t` },
    ],
  });
  const runtime = {
    metadata: { ...sketched.metadata, uid },
    spec: {
      ...sketched.spec,
      region: 'us-east-1',
      network: {},
      staging: { uri: 's3://acme-staging/elastic', kmsKeyArn },
      logs: { uri: 's3://acme-logs/elastic', kmsKeyArn },
    },
  } as unknown as ElasticRuntime;
  const planned = planAccess({ runtime, job });
  assert.ok(planned.ok, planned.ok ? '' : JSON.stringify(planned.errors));
  const documents = runtimeDocuments({
    runtime,
    jobs: [job as unknown as ElasticJob],
    clusterName: 'prod',
    accountId: account,
    issuer: 'oidc.example.com/1',
    oidcProviderArn: `arn:aws:iam::${account}:oidc-provider/oidc.example.com/1`,
  });
  const probes: readonly Probe[] = [
    ...(defaultRoles ? [] : runtimeProbes(runtime)),
    ...jobProbes(runtime, { name: 'nightly', namespace: 'finance', uid }, planned.plan),
    ...roleSimulations(runtime, owner),
  ];
  return { documents, probes, agent: arn('agent') };
}

/** Every object is encrypted with the one key. */
const world: AccountFacts = { ...facts, keyOfObject: () => kmsKeyArn, keyOfBucket: () => undefined };

function callOf({ folder: { bucket, key }, kmsKeyArn: named, object }: ObjectProbe, action: ProbeAction): readonly Authorization[] {
  const prefix = key === '' ? '' : `${key}/`;
  const at = { bucket, key: `${prefix}${object?.name ?? '.elastic-probe-27763973-abcdefgh'}` };
  if (action === 'list') return authorizationsOf('s3.listObjects', { bucket, prefix, maxKeys: 20 }, world);
  if (action === 'read') return authorizationsOf('s3.getObject', at, world);
  if (action === 'delete') return authorizationsOf('s3.deleteObject', at, world);
  return authorizationsOf('s3.putObject', { ...at, ...(named !== undefined && { kmsKeyArn: named }) }, world);
}

type Asked = { readonly identity: Identity; readonly roleArn: string; readonly place: RefusedPlace; readonly needed: Authorization };

function askedBy(probe: Probe): readonly Asked[] {
  const roleArn = arn(probe.identity.slice(probe.identity.indexOf(':') + 1));
  if (probe.kind === 'simulation')
    return probe.questions.flatMap(({ actions, resource, context }) =>
      actions.map((action) => ({ identity: probe.of, roleArn: probe.roleArn, place: {}, needed: { action, resource, context } })),
    );
  if (probe.kind === 'location') {
    const questions = locationSides(probe).flatMap((side) => locationQuestions(probe, roleArn, side));
    const place = placeOfProbe(probe);
    return questions.flatMap(({ actions, resource, context }) =>
      actions.map((action) => ({ identity: probe.identity, roleArn, place, needed: { action, resource, context } })),
    );
  }
  if (probe.kind !== 'objects') return [];
  const own = probe.actions.flatMap((action) => callOf(probe, action));
  const asked = own.map((needed) => ({ identity: probe.identity, roleArn, place: placeOfProbe(probe), needed }));
  if (probe.deletedBy === undefined) return asked;
  // Whichever of the two probes it is told of.
  const taken = askedBy(probe.deletedBy);
  return [...asked, ...taken, ...taken.map((one) => ({ ...one, place: placeOfProbe(probe) }))];
}

function pasted(add: readonly MissingStatement[], policy: string, { needed, roleArn }: Asked): string {
  const identityPolicies = add
    .filter((missing) => missing.policy === policy)
    .map(({ statement }) => policyOf({ Version: '2012-10-17', Statement: statement }, 'identity'));
  return evaluate({ principal: { kind: 'role', roleArn, sessionName: 'probe' }, ...needed, identityPolicies }).decision;
}

for (const defaultRoles of [false, true]) {
  const { documents, probes, agent } = given(defaultRoles);
  for (const generated of [true, false]) {
    void test(`a probe's statement, pasted, is enough (${defaultRoles ? 'default' : 'given'} roles, ${generated ? 'with' : 'without'} generated policies)`, () => {
      const asked = probes.flatMap(askedBy);
      assert.ok(asked.length > (defaultRoles ? 20 : 50), `${asked.length}`);
      for (const one of asked) {
        const { identity, roleArn, place } = one;
        const { action, resource } = one.needed;
        const at: RefusedAt = {
          region: 'us-east-1',
          partition: 'aws',
          ...place,
          ...(generated && { documents }),
          ...(defaultRoles && { defaultsFrom: agent }),
        };
        const session = roleArn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/');
        const why = `because no identity-based policy allows the ${action} action`;
        const message = `User: ${session}/r.-.x is not authorized to perform: ${action} on resource: "${resource}" ${why}`;
        const remedy = remedyFor({ identity, chain: [agent, roleArn], action, resource, code: 'AccessDenied', message }, at);
        const { add = [] } = remedy ?? {};
        const what = `${identity} ${action} on ${resource}: ${JSON.stringify(add)}`;
        const name = defaultRoles && identity === 'worker' ? 'agent role' : 'role';
        const policy = add.find((missing) => missing.policy.startsWith(`identity policy of ${name} `))?.policy;
        assert.equal(pasted(add, policy ?? '', one), 'Allow', what);
      }
    });
  }
}

void test('who takes a probe of another away is allowed to delete probes, and no logs', () => {
  const deleter = given(false).probes.flatMap((probe) => (probe.kind === 'objects' ? (probe.deletedBy ?? []) : []))[0];
  assert.ok(deleter);
  const [asked] = askedBy(deleter);
  assert.ok(asked);
  const { action, resource } = asked.needed;
  const at: RefusedAt = { region: 'us-east-1', partition: 'aws', ...asked.place };
  const refusal = { identity: 'worker', chain: [arn('worker')], action, resource, code: 'AccessDenied', message: 'Access Denied' };
  const add = remedyFor(refusal, at)?.add ?? [];
  assert.deepEqual(
    add.map(({ statement }) => statement.Action),
    [['s3:DeleteObject']],
  );
  const log = { ...asked, needed: { action, resource: resource.replace(/\.elastic-probe.*/, 'master.log'), context: {} } };
  assert.deepEqual([pasted(add, add[0]?.policy ?? '', asked), pasted(add, add[0]?.policy ?? '', log)], ['Allow', 'ImplicitDeny']);
});

/* Calls that are no probe's: who makes them, with which method, and through which authorization. */
const others: readonly (readonly [string, Identity, string, readonly Authorization[]])[] = [
  ['a dependency', 'worker', 's3:GetObject', authorizationsOf('s3.getObject', { bucket: 'jars', key: 'lib/x.jar' }, world)],
  [
    'a dependency of a connection',
    'connectionRole:orders',
    's3:GetObject',
    authorizationsOf('s3.getObject', { bucket: 'jars', key: 'x' }, world),
  ],
  [
    "the cluster's information",
    'operator',
    's3:PutObject',
    authorizationsOf('s3.putObject', { bucket: 'acme-staging', key: 'elastic/acme/finance/analytics/cluster.json', kmsKeyArn }, world),
  ],
  ['an image', 'operator', 'ssm:GetParameter', authorizationsOf('ssm.getParameter', { name: '/aws/service/x' }, world)],
  ['subnets', 'operator', 'ec2:DescribeSubnets', authorizationsOf('ec2.describeSubnets', { subnetIds: ['subnet-1'] }, world)],
];

for (const [what, identity, action, needed] of others) {
  void test(`the statement for ${what}, pasted, is enough`, () => {
    const { documents } = given(false);
    const roleArn = arn(identity.slice(identity.indexOf(':') + 1));
    const resource = needed[0]?.resource ?? '';
    for (const one of needed) {
      for (const at of [{ documents }, {}]) {
        const why = `because no identity-based policy allows the ${one.action} action`;
        const message = `User: ${roleArn} is not authorized to perform: ${one.action} on resource: "${one.resource}" ${why}`;
        const refusal = { identity, chain: [roleArn], action, resource, code: 'AccessDenied', message };
        const { add = [] } = remedyFor(refusal, { region: 'us-east-1', partition: 'aws', ...at }) ?? {};
        const session = {
          'aws:PrincipalTag/elasticruntime.dev/namespace': 'finance',
          'aws:PrincipalTag/elasticruntime.dev/runtime': 'analytics',
        };
        const asked = { identity, roleArn, place: {}, needed: { ...one, context: { ...one.context, ...session } } };
        assert.equal(pasted(add, add[0]?.policy ?? '', asked), 'Allow', `${one.action}: ${JSON.stringify(add)}`);
      }
    }
  });
}
