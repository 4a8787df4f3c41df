import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ElasticRuntimeClass, ElasticRuntimeClassSpec } from '../../../src/api/generated/types.ts';
import { apiVersion, labels } from '../../../src/api/labels.ts';
import { requiredFields } from '../../../src/core/classes/builtin.ts';
import { refusedAccesses } from '../../../src/core/classes/connections.ts';
import { covers } from '../../../src/core/classes/glob.ts';
import { allowance } from '../../../src/core/classes/limits.ts';
import { resolveRuntime, stalledBy, type WrittenRuntime } from '../../../src/core/classes/resolve.ts';
import { selects } from '../../../src/core/classes/select.ts';
import { applyDefaults } from '../../../src/core/validation/defaults.ts';

const KEY = 'arn:aws:kms:us-east-1:111122223333:key/0d9f7a10';
const role = (name: string) => ({ roleArn: `arn:aws:iam::111122223333:role/${name}` });

function runtime(more: Readonly<Record<string, unknown>> = {}): WrittenRuntime {
  return {
    apiVersion,
    kind: 'ElasticRuntime',
    metadata: { name: 'analytics', namespace: 'finance' },
    spec: {
      organization: 'acme',
      region: 'us-east-1',
      identities: { agent: role('acme-agent'), operator: role('acme-operator'), master: role('acme-master'), worker: role('acme-worker') },
      staging: { uri: 's3://acme-staging/elastic', kmsKeyArn: KEY },
      logs: { uri: 's3://acme-logs/elastic', kmsKeyArn: KEY },
      network: { subnetIds: ['subnet-a'], securityGroupIds: ['sg-1'] },
      workers: { max: 8 },
      suspend: false,
      ...more,
    },
  };
}

function ofClass(name: string, spec: Readonly<Record<string, unknown>> = {}): ElasticRuntimeClass {
  return applyDefaults('ElasticRuntimeClass', {
    apiVersion,
    kind: 'ElasticRuntimeClass' as const,
    metadata: { name },
    spec: spec as never,
  });
}

const finance = { name: 'finance', labels: { team: 'finance' } };
const resolve = (one: WrittenRuntime, ...classes: readonly ElasticRuntimeClass[]) => resolveRuntime(one, classes, finance);
const fields = (one: WrittenRuntime, ...classes: readonly ElasticRuntimeClass[]) =>
  resolve(one, ...classes).violations.map(({ field }) => field);

test('without any class nothing restricts, and the built-in defaults are filled in', () => {
  const { agent, operator } = runtime().spec.identities ?? {};
  const { spec, class: holds, violations } = resolve(runtime({ identities: { agent, operator } }));
  assert.deepEqual([holds, violations], [undefined, []]);
  assert.deepEqual(spec.masters, { min: 0, max: 4, volumes: { type: 'gp3', initialGiB: 50, maxGiB: 1000, growAtPercent: 80 } });
  assert.deepEqual([spec.workers.min, spec.workers.max, spec.workers.spotPercent, spec.idleTimeout], [0, 8, 0, '10m']);
  assert.deepEqual(spec.machineImage, { family: 'AL2023', version: 'latest' });
  assert.deepEqual(spec.disruption.budgets, [{ nodes: '10%' }]);
});

test("the author's fields stand over the class's, the class's over the built-in ones; what the author wrote like a default stays", () => {
  const standard = ofClass('default', {
    defaults: {
      idleTimeout: '1h',
      machineImage: { family: 'Bottlerocket', version: 'v1' },
      masters: { max: 2, volumes: { maxGiB: 200 } },
      workers: { spotPercent: 80, requirements: [{ key: 'a', operator: 'Exists' }] },
      disruption: { expireAfter: '24h' },
      tags: { CostCenter: '1', Team: 'platform' },
    },
  });
  const given = runtime({
    idleTimeout: '10m',
    masters: { volumes: { initialGiB: 10 } },
    workers: { max: 8, requirements: [] },
    tags: { CostCenter: '4711' },
  });
  const before = structuredClone(given);
  const { spec, violations } = resolve(given, standard);
  assert.deepEqual(violations, []);
  assert.equal(spec.idleTimeout, '10m');
  assert.deepEqual(spec.machineImage, { family: 'Bottlerocket', version: 'v1' });
  assert.deepEqual(spec.masters, { min: 0, max: 2, volumes: { type: 'gp3', initialGiB: 10, maxGiB: 200, growAtPercent: 80 } });
  assert.deepEqual([spec.workers.spotPercent, spec.workers.requirements, spec.workers.max], [80, [], 8]);
  assert.deepEqual([spec.disruption.expireAfter, spec.disruption.consolidateAfter], ['24h', '30s']);
  assert.deepEqual(spec.tags, { CostCenter: '4711', Team: 'platform' });
  assert.deepEqual(given, before);
});

test('ids and a selector are one choice: who gives one of them has chosen; what is left out comes from the class', () => {
  const standard = ofClass('default', { defaults: { network: { subnetSelector: { Tier: 'private' }, securityGroupIds: ['sg-9'] } } });
  const resolved = resolve(runtime({ network: { subnetIds: ['subnet-a'] } }), standard);
  assert.deepEqual(resolved.spec.network, { subnetIds: ['subnet-a'], securityGroupIds: ['sg-9'] });
  assert.deepEqual(resolved.violations, []);
  assert.deepEqual(resolve(runtime({ network: undefined }), standard).spec.network, {
    subnetSelector: { Tier: 'private' },
    securityGroupIds: ['sg-9'],
  });
  assert.deepEqual(fields(runtime({ network: undefined }), ofClass('default')), ['spec.network']);
});

/** A class that gives every field of `runtime()`, and a runtime that says nothing. */
const giving = (more: Readonly<Record<string, unknown>> = {}) => ofClass('default', { defaults: { ...runtime().spec, ...more } });
const silent = (spec: Readonly<Record<string, unknown>> = {}, more: object = {}): WrittenRuntime => ({ ...runtime(), spec, ...more });
const begunWith = (pinned: object) => ({ status: { internal: { awsUsed: true, pinned } } });

test('a class may give every field, and what it gives is judged as if the author had said it', () => {
  const { spec, violations, absent } = resolve(silent(), giving());
  assert.deepEqual([violations, absent], [[], []]);
  assert.deepEqual(spec, resolve(runtime()).spec);
  const half = resolve(silent({ staging: { uri: 's3://acme-own/elastic' }, workers: { min: 1 } }), giving());
  assert.deepEqual([half.spec.staging, half.spec.workers.max], [{ uri: 's3://acme-own/elastic', kmsKeyArn: KEY }, 8]);
  assert.deepEqual(fields(silent(), { ...giving(), spec: { ...giving().spec, organization: 'globex' } }), ['spec.organization']);
  assert.deepEqual(
    resolveRuntime(silent(), [giving()], { name: 'finance', labels: { [labels.organization]: 'globex' } }).violations.length,
    1,
  );
});

test('what neither author nor class gives is said field by field, with what to do; nothing else is said of it', () => {
  const found = resolve(
    silent(),
    ofClass('default', { organization: 'acme', allowed: { roleArns: [], uris: [], defaultRoles: 'Allowed' } }),
  );
  assert.deepEqual(
    found.violations.map(({ field }) => field),
    requiredFields.map((path) => `spec.${path}`),
  );
  assert.match(
    stalledBy(found) ?? '',
    /ElasticRuntimeClass default: spec\.staging\.uri: must be given: write it in the runtime, or in the defaults of the class/,
  );
  assert.match(
    stalledBy(resolve(silent())) ?? '',
    /^spec\.organization: must be given: write it in the runtime, or in the defaults of an Elastic/,
  );
  assert.deepEqual([found.spec.identities.operator.roleArn, found.spec.staging.uri, found.spec.workers.max], ['', '', 0]);
});

test("a role of the author's is not proved with what the class gives for its own", () => {
  const identities = {
    ...runtime().spec.identities,
    operator: { ...role('acme-operator'), externalIdSecretRef: { name: 'external', key: 'externalId' } },
  };
  const own = resolve(silent({ identities: { operator: role('own') } }), giving({ identities })).spec.identities;
  assert.deepEqual([own.operator, own.agent], [role('own'), role('acme-agent')]);
  assert.deepEqual(resolve(silent(), giving({ identities })).spec.identities, identities);
});

test('a revocation holds whoever wrote it: the later one', () => {
  const [early, late] = ['2026-12-01T10:00:00Z', '2026-12-01T12:00:00+01:00'];
  const at = (author: string | undefined, ofClass: string | undefined) =>
    resolve(runtime({ accessRevokedBefore: author }), giving({ accessRevokedBefore: ofClass })).spec.accessRevokedBefore;
  assert.deepEqual([at(early, late), at(late, early), at(undefined, early), at(early, undefined)], [late, late, early, early]);
});

test('what is immutable stays as the runtime was begun with, whatever the class says now or whether there is one', () => {
  const { organization, region, staging, logs, identities } = resolve(runtime()).spec;
  const pinned = { organization, region, staging, logs, identities };
  const moved = giving({ organization: 'globex', region: 'eu-west-1', staging: { uri: 's3://else/x', kmsKeyArn: KEY } });
  const kept = resolve(silent({}, begunWith(pinned)), moved);
  assert.deepEqual([kept.spec.organization, kept.spec.region, kept.spec.staging, kept.violations], ['acme', 'us-east-1', staging, []]);
  const said = resolve(silent({ region: 'eu-west-1', staging: { uri: 's3://else/x' } }, begunWith(pinned)), moved);
  assert.deepEqual([said.spec.region, said.violations.map(({ field }) => field)], ['us-east-1', ['spec.region', 'spec.staging']]);
  assert.match(
    said.violations[0]?.message ?? '',
    /region is immutable, and this runtime was begun with us-east-1: write that or leave it out/,
  );
  assert.deepEqual(fields(silent({ staging: { uri: staging.uri } }, begunWith(pinned)), moved), []);
});

test('identities follow the class while it gives them; where it is gone, or the runtime is, those that the runtime had stand in', () => {
  const { organization, region, staging, logs, identities } = resolve(runtime()).spec;
  const pinned = { organization, region, staging, logs, identities };
  const other = { ...identities, master: role('acme-other') };
  const spec = { runtimeClassName: 'default' };
  const resolved = (one: WrittenRuntime, ...classes: readonly ElasticRuntimeClass[]) => resolve(one, ...classes).spec.identities;
  assert.deepEqual(resolved(silent(spec, begunWith(pinned)), giving({ identities: other })), other);
  assert.deepEqual(resolved(silent(spec, begunWith(pinned))), identities);
  assert.deepEqual(fields(silent(spec, begunWith(pinned))).slice(0, 1), ['spec.runtimeClassName']);
  const partly = resolve(silent(spec, begunWith(pinned)), giving({ identities: { agent: role('acme-agent') } }));
  assert.deepEqual(partly.spec.identities, identities);
  const ended = { metadata: { ...runtime().metadata, deletionTimestamp: '2026-12-01T10:00:00Z' }, ...begunWith(pinned) };
  assert.deepEqual(resolved(silent(spec, ended), giving({ identities: other })), identities);
});

test('what becomes wrong only with a default is said of the field', () => {
  const { violations } = resolve(runtime({ masters: { min: 6 } }));
  assert.deepEqual(
    violations.map(({ field, message }) => [field, message]),
    [['spec.masters.min', 'min must not be above max (after defaults)']],
  );
});

test('which class holds', () => {
  const forFinance = ofClass('standard', { namespaceSelector: { matchLabels: { team: 'finance' } } });
  const forOthers = ofClass('other', {
    namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['finance'] }] },
  });
  const named = (runtimeClassName: string) => runtime({ runtimeClassName });
  assert.equal(resolve(named('standard'), forFinance, forOthers).class?.metadata.name, 'standard');
  assert.equal(resolve(runtime(), ofClass('default'), forFinance).class?.metadata.name, 'default');
  assert.equal(
    stalledBy(resolve(named('other'), forFinance, forOthers)),
    'ElasticRuntimeClass other: spec.runtimeClassName "other": the namespaceSelector of ElasticRuntimeClass other does not match the labels of namespace finance; name one of standard',
  );
  assert.match(stalledBy(resolve(named('gone'), forFinance)) ?? '', /"gone": no ElasticRuntimeClass has this name; name one of standard/);
  assert.match(stalledBy(resolve(runtime(), forFinance)) ?? '', /no ElasticRuntimeClass is named default; name one of standard/);
  assert.match(stalledBy(resolve(runtime(), forOthers)) ?? '', /no class is for this namespace: ask the platform team/);
  assert.match(stalledBy(resolve(named('gone'))) ?? '', /no ElasticRuntimeClass has this name/);
});

test('logs that lie in staging are refused, whoever says where: what is one folder only with the namespace, too', () => {
  const staging = { uri: 's3://one/elastic', kmsKeyArn: KEY };
  const inside = { uri: 's3://one/elastic/acme/finance/analytics/logs', kmsKeyArn: KEY };
  assert.deepEqual(fields(runtime({ staging, logs: inside })), ['spec.logs.uri']);
  assert.match(
    stalledBy(resolve(runtime({ staging, logs: inside }))) ?? '',
    /^spec\.logs\.uri "s3:\/\/one\/elastic\/acme\/finance\/analytics\/logs": puts the runtime's logs into .*lies in its folder in staging.*: name another folder/,
  );
  // A class says one of the two: the API server cannot compare them.
  const { logs: _logs, ...silent } = runtime({ staging }).spec;
  const found = resolve({ ...runtime(), spec: silent }, ofClass('default', { defaults: { logs: staging } })).violations;
  assert.deepEqual(
    found.map(({ className, field, value }) => [className, field, value]),
    [['default', 'spec.logs.uri', 's3://one/elastic']],
  );
  assert.deepEqual(fields(runtime({ staging, logs: { uri: 's3://one/logs', kmsKeyArn: KEY } })), []);
});

/** One thing that the class does not allow, and where it is said. */
const refused: readonly (readonly [name: string, spec: Readonly<Record<string, unknown>>, runtime: WrittenRuntime, field: string])[] = [
  ['another organization', { organization: 'globex' }, runtime(), 'spec.organization'],
  [
    'a role of another account',
    { allowed: { roleArns: ['arn:aws:iam::111122223333:role/acme-*'] } },
    runtime({ identities: { ...runtime().spec.identities, agent: { roleArn: 'arn:aws:iam::999988887777:role/acme-agent' } } }),
    'spec.identities.agent.roleArn',
  ],
  [
    'an instance profile that no role pattern covers',
    { allowed: { roleArns: ['arn:aws:iam::111122223333:role/acme-*'] } },
    runtime({
      identities: { ...runtime().spec.identities, node: { instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/admin' } },
    }),
    'spec.identities.node.instanceProfileArn',
  ],
  [
    "another tenant's bucket",
    { allowed: { uris: ['s3://acme-staging/*', 's3://acme-logs/*'] } },
    runtime({ logs: { uri: 's3://acme-logs2/elastic', kmsKeyArn: KEY } }),
    'spec.logs.uri',
  ],
  [
    'a bucket as a whole',
    { allowed: { uris: ['s3://acme-staging/*', 's3://acme-logs/*'] } },
    runtime({ logs: { uri: 's3://acme-logs', kmsKeyArn: KEY } }),
    'spec.logs.uri',
  ],
  [
    'an init script elsewhere',
    { allowed: { uris: ['s3://acme-staging/*', 's3://acme-logs/*'] } },
    runtime({ initScript: { uri: 's3://evil/init.sh' } }),
    'spec.initScript.uri',
  ],
  [
    'another key',
    { allowed: { kmsKeyArns: [KEY] } },
    runtime({ staging: { uri: 's3://acme-staging/elastic', kmsKeyArn: `${KEY}2` } }),
    'spec.staging.kmsKeyArn',
  ],
  [
    'another subnet',
    { allowed: { subnetIds: ['subnet-a'] } },
    runtime({ network: { subnetIds: ['subnet-a', 'subnet-b'], securityGroupIds: ['sg-1'] } }),
    'spec.network.subnetIds[1]',
  ],
  [
    'tags in place of listed subnets',
    { allowed: { subnetIds: ['subnet-a'] } },
    runtime({ network: { subnetSelector: { a: 'b' }, securityGroupIds: ['sg-1'] } }),
    'spec.network.subnetSelector',
  ],
  ['another security group', { allowed: { securityGroupIds: ['sg-2'] } }, runtime(), 'spec.network.securityGroupIds[0]'],
  ['another image family', { allowed: { imageFamilies: ['Bottlerocket'] } }, runtime(), 'spec.machineImage.family'],
  [
    'another image family of a pool',
    { allowed: { imageFamilies: ['AL2023'] } },
    runtime({ workers: { max: 1, pools: [{ name: 'gpu', weight: 0, machineImage: { family: 'Custom', amiId: 'ami-1' } }] } }),
    'spec.workers.pools[0].machineImage.family',
  ],
  ['default roles', {}, runtime({ identities: { agent: role('acme-agent'), operator: role('acme-operator') } }), 'spec.identities'],
  [
    'X.509',
    {},
    runtime({
      identities: {
        ...runtime().spec.identities,
        agent: {
          ...role('acme-agent'),
          x509: {
            endpoint: 'a.credentials.iot.us-east-1.amazonaws.com',
            roleAlias: 'b',
            thingName: 'c',
            certificateSecretRef: { name: 'd' },
          },
        },
      },
    }),
    'spec.identities.agent.x509',
  ],
  ['a missing tag', { requiredTags: ['CostCenter', 'Team'] }, runtime({ tags: { Team: 'data' } }), 'spec.tags'],
  [
    'an empty list',
    { allowed: { kmsKeyArns: [] } },
    runtime({ logs: { uri: 's3://acme-logs/elastic', kmsKeyArn: KEY } }),
    'spec.staging.kmsKeyArn',
  ],
];

for (const [name, spec, given, field] of refused) {
  test(`refused: ${name}`, () => {
    const { violations } = resolve(given, ofClass('default', spec));
    assert.equal(violations[0]?.field, field);
    assert.ok(violations.every(({ className }) => className === 'default'));
  });
}

test('a violation names class, field, value and what the class allows', () => {
  const standard = ofClass('default', { allowed: { roleArns: ['arn:aws:iam::111122223333:role/acme-*'] } });
  const agent = { roleArn: 'arn:aws:iam::999988887777:role/evil' };
  assert.equal(
    stalledBy(resolve(runtime({ identities: { ...runtime().spec.identities, agent } }), standard)),
    'ElasticRuntimeClass default: spec.identities.agent.roleArn "arn:aws:iam::999988887777:role/evil": not among what the class allows (allowed.roleArns: arn:aws:iam::111122223333:role/acme-*)',
  );
});

test('what is allowed is allowed: patterns, profiles named like a role, default roles and X.509', () => {
  const allowed = {
    roleArns: ['arn:aws:iam::111122223333:role/acme-*'],
    uris: ['s3://acme-staging/*', 's3://acme-logs/elastic'],
    kmsKeyArns: ['arn:aws:kms:*:111122223333:key/*'],
    subnetIds: ['subnet-*'],
    securityGroupIds: ['sg-1'],
    imageFamilies: ['AL2023'],
    defaultRoles: 'Allowed',
    x509: 'Allowed',
  };
  const x509 = {
    endpoint: 'a.credentials.iot.us-east-1.amazonaws.com',
    roleAlias: 'b',
    thingName: 'c',
    certificateSecretRef: { name: 'd' },
  };
  const identities = {
    agent: { ...role('acme-agent'), x509 },
    operator: role('acme-operator'),
    node: { instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/acme-node' },
  };
  const given = runtime({ identities, tags: { CostCenter: '1' } });
  assert.deepEqual(fields(given, ofClass('default', { allowed, organization: 'acme', requiredTags: ['CostCenter'] })), []);
});

test('X.509 needs a class that allows it, also where there is none', () => {
  const x509 = {
    endpoint: 'a.credentials.iot.us-east-1.amazonaws.com',
    roleAlias: 'b',
    thingName: 'c',
    certificateSecretRef: { name: 'd' },
  };
  const given = runtime({ identities: { ...runtime().spec.identities, agent: { ...role('acme-agent'), x509 } } });
  assert.deepEqual(fields(given), ['spec.identities.agent.x509']);
});

test("the namespace's label holds with and without a class", () => {
  const labelled = { name: 'finance', labels: { 'elasticruntime.dev/organization': 'globex' } };
  for (const classes of [[], [ofClass('default')]]) {
    const [violation] = resolveRuntime(runtime(), classes, labelled).violations;
    assert.deepEqual([violation?.field, violation?.value], ['spec.organization', 'acme']);
    assert.match(violation?.message ?? '', /namespace finance is labelled elasticruntime.dev\/organization=globex/);
  }
});

test('roles, locations and keys of connections, and sources of dependencies, are judged by the class of the runtime', () => {
  const standard = ofClass('standard', {
    allowed: {
      connectionRoleArns: ['arn:aws:iam::111122223333:role/data/*'],
      uris: ['s3://acme-orders/raw', 's3://acme-lake/*'],
      kmsKeyArns: [KEY],
    },
  });
  const connection = (roleArn: string, spec: Readonly<Record<string, unknown>> = {}) =>
    ({
      name: 'orders',
      connector: 'DynamoDB',
      authentication: { kind: 'role', identity: 'connectionRole:orders', roleArn },
      spec: spec as never,
    }) as const;
  const own = 'arn:aws:iam::111122223333:role/own';
  const namedIn = { principals: { roles: { agent: own, operator: own, master: own, worker: own } }, region: 'us-east-1' };
  const reader = 'arn:aws:iam::111122223333:role/data/reader';
  const field = (spec: Readonly<Record<string, unknown>>) =>
    refusedAccesses(standard, { connections: [connection(reader, spec)], namedIn })[0]?.field;
  assert.equal(field({ location: 's3://acme-orders/raw/', kmsKeyArn: KEY }), undefined);
  assert.equal(field({ location: 's3://acme-orders/raw' }), undefined);
  assert.equal(field({ location: 's3://acme-lake/' }), undefined);
  assert.equal(field({ location: 'jdbc:postgresql://db/orders' }), undefined);
  assert.equal(field({ location: 's3://acme-orders/raw2/' }), 'connection orders: location');
  assert.equal(field({ location: 's3://acme-lake' }), 'connection orders: location');
  // A plain name is a table of its user's account, as the ARN of it would be; of keys nobody knows which account that is.
  assert.equal(field({ location: 'orders' }), 'connection orders: location');
  const open = ofClass('open', { allowed: { uris: ['arn:aws:dynamodb:us-east-1:111122223333:table/ord*'] } });
  const uses = (location: string, authentication: object) =>
    refusedAccesses(open, { connections: [{ ...connection(reader, { location }), authentication: authentication as never }], namedIn }).map(
      ({ value }) => value,
    );
  assert.deepEqual(uses('orders', { kind: 'role', roleArn: reader }), []);
  assert.deepEqual(uses('sales', { kind: 'none' }), ['arn:aws:dynamodb:us-east-1:111122223333:table/sales']);
  assert.deepEqual(uses('sales', { kind: 'credentials' }), []);
  assert.deepEqual(uses('sales', { kind: 'properties' }), []);
  assert.equal(field({ kmsKeyArn: KEY.replace('1111', '2222') }), 'connection orders: kmsKeyArn');
  assert.deepEqual(refusedAccesses(undefined, { connections: [connection('arn:aws:iam::111122223333:role/admin')], namedIn }), []);
  const [found] = refusedAccesses(standard, { connections: [connection('arn:aws:iam::111122223333:role/admin')], namedIn });
  assert.deepEqual([found?.className, found?.field], ['standard', 'connection orders: authentication.roleArn']);
  const dependencies = [
    { path: 'app/etl.py' },
    { path: 'app/lib.jar', uri: 's3://acme-lake/lib.jar' },
    { path: 'app/evil.jar', uri: 's3://evil/lib.jar' },
  ];
  assert.deepEqual(
    refusedAccesses(standard, { connections: [], dependencies, namedIn }).map((one) => [one.field, one.value]),
    [['dependency app/evil.jar: uri', 's3://evil/lib.jar']],
  );
});

/** Pattern, what it covers, what it does not. */
const globs: readonly (readonly [pattern: string, covered: readonly string[], not: readonly string[]])[] = [
  ['s3://acme/*', ['s3://acme/x', 's3://acme/x/y'], ['s3://acme', 's3://acme2/x', 's3://acmex', 's3://evil/acme/x', 'xs3://acme/x']],
  ['s3://acme/finance', ['s3://acme/finance'], ['s3://acme/finance2', 's3://acme/finance/x', 's3://acme/financ']],
  ['s3://acme/*/logs', ['s3://acme/a/logs'], ['s3://acme/a/b/logs', 's3://acme/logs', 's3://acme/a/logs2', 's3://acme/a/logs/x']],
  ['s3://*/elastic', ['s3://acme/elastic'], ['s3://acme/x/elastic', 's3://acme/elastic/x']],
  [
    'arn:aws:iam::111122223333:role/acme-*',
    ['arn:aws:iam::111122223333:role/acme-agent'],
    ['arn:aws:iam::111122223334:role/acme-agent', 'arn:aws:iam::111122223333:role/x/acme-agent', 'arn:aws:iam::111122223333:role/acme'],
  ],
  [
    'arn:aws:iam::*:role/acme',
    ['arn:aws:iam::111122223333:role/acme'],
    ['arn:aws:iam::1:role/x:role/acme', 'arn:aws:iam::1/2:role/acme', 'arn:aws:iam::1:role/acme2'],
  ],
  ['arn:aws:iam::111122223333:role/a.b', ['arn:aws:iam::111122223333:role/a.b'], ['arn:aws:iam::111122223333:role/axb']],
  ['arn:aws:iam::111122223333:role/a+b', ['arn:aws:iam::111122223333:role/a+b'], ['arn:aws:iam::111122223333:role/aab']],
  ['*', ['anything at all/:'], []],
];

for (const [pattern, covered, not] of globs) {
  test(`pattern ${pattern}`, () => {
    assert.deepEqual(
      [...covered, ...not].filter((value) => covers(pattern, value)),
      covered,
    );
  });
}

test('property: below a folder lies only what begins with the folder and a slash', () => {
  const part = fc.constantFrom('acme', 'acme2', 'acm', 'a', '..', '*', '2', '-', '.', 'é');
  const text = fc.array(fc.oneof(part, fc.constant('/')), { maxLength: 6 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, (path) => {
      const value = `s3://${path}`;
      assert.equal(covers('s3://acme/*', value), value.startsWith('s3://acme/'));
      assert.equal(covers('s3://acme', value), value === 's3://acme');
    }),
    { seed: 5, numRuns: 2000 },
  );
});

test('selectors judge labels as Kubernetes does', () => {
  const labels = { team: 'finance' };
  const expression = (operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', key: string, values?: readonly string[]) =>
    selects({ matchExpressions: [{ key, operator, ...(values && { values }) }] }, labels);
  assert.deepEqual(
    [selects(undefined, {}), selects({}, {}), selects({ matchLabels: labels }, labels), selects({ matchLabels: labels }, {})],
    [true, true, true, false],
  );
  assert.deepEqual(
    [expression('In', 'team', ['a', 'finance']), expression('In', 'team', ['a']), expression('In', 'x', ['a'])],
    [true, false, false],
  );
  assert.deepEqual([expression('NotIn', 'team', ['finance']), expression('NotIn', 'x', ['finance'])], [false, true]);
  assert.deepEqual([expression('Exists', 'team'), expression('Exists', 'x'), expression('DoesNotExist', 'x')], [true, false, true]);
  assert.equal(selects({ matchLabels: { constructor: 'x' } }, {}), false);
});

test('a limit leaves what the other runtimes of the namespace do not have, never less than nothing', () => {
  const limits: NonNullable<ElasticRuntimeClassSpec['limitsPerNamespace']> = { nodes: 5, maxUsdPerHour: '2' };
  const named = { className: 'standard', namespace: 'finance' };
  const left = allowance(
    limits,
    [
      { nodes: 2, vcpus: 8, usdPerHour: 2.5 },
      { nodes: 1, vcpus: 4, usdPerHour: 0.5 },
    ],
    named,
  );
  assert.deepEqual([left?.nodes, left?.vcpus, left?.usdPerHour], [2, undefined, 0]);
  assert.match(left?.whose ?? '', /ElasticRuntimeClass standard .* namespace finance/);
  assert.equal(allowance(undefined, [], named), undefined);
  assert.equal(allowance({}, [], named), undefined);
});
