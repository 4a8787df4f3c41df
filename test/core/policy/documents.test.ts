import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type AccountFacts, authorizationsOf } from '../../../src/core/policy/actions.ts';
import type { AwsCalls, AwsMethod } from '../../../src/core/policy/calls.ts';
import { type PolicyDocument, policyOf } from '../../../src/core/policy/document.ts';
import { type DocumentsInput, mergeDocuments, runtimeDocuments } from '../../../src/core/policy/documents.ts';
import { evaluate } from '../../../src/core/policy/evaluate.ts';
import type { SessionTags } from '../../../src/core/policy/principal.ts';
import { evaluateAssumeRole, evaluateAssumeRoleWithWebIdentity } from '../../../src/core/policy/trust.ts';

const role = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
const key = 'arn:aws:kms:us-east-1:111122223333:key/acme';
const issuer = 'oidc.example.com/id/1';
const provider = `arn:aws:iam::111122223333:oidc-provider/${issuer}`;
const identities = {
  agent: { roleArn: role('agent') },
  operator: { roleArn: role('operator'), externalIdSecretRef: { name: 'ext', key: 'id' } },
};

function input(namespace: string, name: string, own = `${namespace}-`): DocumentsInput {
  const location = (bucket: string) => ({ uri: `s3://${bucket}/elastic`, kmsKeyArn: key });
  return {
    runtime: {
      metadata: { namespace, name },
      spec: {
        organization: 'acme',
        region: 'us-east-1',
        identities: {
          ...identities,
          master: { roleArn: role(`${own}master`) },
          worker: { roleArn: role(`${own}worker`) },
          node: { instanceProfileArn: `arn:aws:iam::111122223333:instance-profile/${own}node` },
        },
        staging: location('staging'),
        logs: location('logs'),
        network: { subnetIds: ['subnet-1'], securityGroupIds: ['sg-1'] },
        initScript: { uri: 's3://platform/init.sh' },
        tags: { CostCenter: '4711' },
      },
    },
    jobs: [
      {
        metadata: { namespace, name: 'job' },
        spec: {
          runtime: name,
          connections: [
            { name: 'orders', usage: 'Source', location: 's3://orders/raw/', authentication: { roleArn: role('orders') } },
            { name: 'lake', usage: 'Target', location: 's3://lake/out' },
          ],
          dependencies: [
            { path: 'lib.jar', uri: 's3://artifacts/lib.jar' },
            { path: 'own.jar', uri: 's3://vendor/own.jar', connection: 'orders' },
            { path: 'open.jar', uri: 's3://vendor/open.jar', connection: 'lake' },
          ],
        },
      },
    ],
    clusterName: 'c1',
    accountId: '111122223333',
    oidcProviderArn: provider,
    issuer: `https://${issuer}`,
    externalIds: { 'ext/id': 'x1' },
  };
}

const made = runtimeDocuments(input('finance', 'analytics'));
const tagsOf = (namespace: string, runtime: string, organization = 'acme', cluster = 'c1'): Readonly<Record<string, string>> => ({
  'elasticruntime.dev/cluster': cluster,
  'elasticruntime.dev/organization': organization,
  'elasticruntime.dev/namespace': namespace,
  'elasticruntime.dev/runtime': runtime,
});
const ours = tagsOf('finance', 'analytics');
const foreign = tagsOf('research', 'scratch');
const actor = { ...ours, 'elasticruntime.dev/actor': 'operator' };

void test('elsewhere than in the partition aws, and with roles of several accounts', () => {
  const moved = (from: DocumentsInput, ...changes: readonly (readonly [string, string])[]): DocumentsInput =>
    JSON.parse(changes.reduce((text, [one, other]) => text.replaceAll(one, other), JSON.stringify(from))) as DocumentsInput;
  const statement = ({ Statement }: PolicyDocument, sid: string) => [Statement].flat().find(({ Sid }) => Sid === sid);
  const chinese = runtimeDocuments(moved(input('finance', 'analytics'), ['arn:aws:', 'arn:aws-cn:'], ['us-east-1', 'cn-north-1']));
  assert.equal(/arn:aws:/.test(JSON.stringify(chinese)), false);
  // EC2 is passed a role under its Chinese name, IAM's instance profiles under the other: https://github.com/aws/karpenter-provider-aws/pull/6839
  const names = ['ec2.amazonaws.com', 'ec2.amazonaws.com.cn'];
  assert.deepEqual(
    statement(chinese.master.permissions, 'GiveNodesTheNodeRole')?.Condition?.['StringEquals']?.['iam:PassedToService'],
    names,
  );
  assert.deepEqual(statement(chinese.node.trust, 'InstancesOnly')?.Principal, { Service: names });
  assert.deepEqual(statement(chinese.worker.permissions, 'StageForJobsKey')?.Condition?.['StringEquals']?.['kms:ViaService'], [
    's3.cn-north-1.amazonaws.com',
    's3.cn-north-1.amazonaws.com.cn',
  ]);
  // A role trusts the provider of its own account alone.
  const apart = runtimeDocuments(moved(input('finance', 'analytics'), [role('agent'), 'arn:aws:iam::444455556666:role/agent']));
  const trusted = ({ trust }: { readonly trust: PolicyDocument }, sid: string) => statement(trust, sid)?.Principal;
  assert.deepEqual(trusted(apart.agent, 'AgentServiceAccountOfThisRuntime'), {
    Federated: provider.replace('111122223333', '444455556666'),
  });
  assert.deepEqual(trusted(apart.worker, 'PodsOfThisRuntime'), { Federated: provider });
});

type Identity = 'agent' | 'operator' | 'master' | 'worker' | 'node' | 'orders';
const documentsOf = { ...made, orders: made.connectionRoles[role('orders')] ?? made.node };

/** Tags of resources are said by their id: `…-ours`, `…-foreign`, `…-bare`. */
const facts: AccountFacts = {
  accountId: '111122223333',
  region: 'us-east-1',
  now: Date.UTC(2026, 10, 2, 8),
  tagsOf: (id) => (id.endsWith('-ours') ? ours : id.endsWith('-foreign') ? foreign : {}),
  launchTemplate: (id) => ({
    imageId: 'ami-1',
    securityGroupIds: ['sg-1'],
    instanceProfileArn: id.includes('admin') ? 'arn:aws:iam::111122223333:instance-profile/admin' : made.node.instanceProfileArn,
    launchTags: ours,
  }),
  roleOfProfile: (arn) => arn.replace(':instance-profile/', ':role/'),
  keyOfObject: (bucket) => (bucket === 'staging' || bucket === 'logs' ? key : undefined),
  keyOfBucket: () => undefined,
  keyOfSecret: () => undefined,
  secretArn: (id) => id,
};

/** The first thing that is refused, or `allowed`. */
function outcome<M extends AwsMethod>(identity: Identity, tags: SessionTags, method: M, request: AwsCalls[M]): string {
  const { roleArn, permissions } = documentsOf[identity];
  const identityPolicies = [policyOf(permissions, 'identity', identity)];
  const principal = { kind: 'role', roleArn, sessionName: 's', tags } as const;
  for (const item of authorizationsOf(method, request, facts)) {
    if (evaluate({ principal, ...item, identityPolicies }).decision !== 'Allow') return `refused: ${item.action}`;
  }
  return 'allowed';
}

type Row = readonly [
  why: string,
  identity: Identity,
  tags: SessionTags,
  call: { readonly [M in AwsMethod]?: AwsCalls[M] },
  expected: string,
];

const fleetTags = { ...ours, 'elasticruntime.dev/node-uid': 'n1', CostCenter: '4711' };
const offering = { instanceType: 'm7i.large', subnetId: 'subnet-1', capacityType: 'spot' } as const;
const fleet = { launchTemplate: { id: 'lt-ours' }, offerings: [offering], tags: fleetTags };
const below = 'elastic/acme/finance/analytics';

const rows: readonly Row[] = [
  // what each identity is for
  ['launches nodes', 'master', actor, { 'ec2.createFleet': fleet }, 'allowed'],
  ['ends its nodes', 'master', actor, { 'ec2.terminateInstances': { instanceIds: ['i-ours'] } }, 'allowed'],
  // Its volumes go with their instances.
  ['deletes no volume', 'master', actor, { 'ec2.deleteVolume': { volumeId: 'vol-ours' } }, 'refused: ec2:DeleteVolume'],
  [
    'sets no tag that is neither ours nor of the runtime',
    'master',
    actor,
    { 'ec2.createFleet': { ...fleet, tags: { ...fleetTags, Owner: 'me' } } },
    'refused: ec2:CreateFleet',
  ],
  [
    "deletes nobody's logs",
    'worker',
    {},
    { 's3.deleteObject': { bucket: 'logs', key: `${below}/jobs/j/access.json` } },
    'refused: s3:DeleteObject',
  ],
  [
    "writes nobody else's logs",
    'worker',
    {},
    { 's3.putObject': { bucket: 'logs', key: `${below}/jobs/j/1/agent/agent.log`, kmsKeyArn: key } },
    'refused: s3:PutObject',
  ],
  ['reads no logs', 'master', {}, { 's3.getObject': { bucket: 'logs', key: `${below}/jobs/j/1/master/x` } }, 'refused: s3:GetObject'],
  [
    'writes no worker logs',
    'agent',
    {},
    { 's3.putObject': { bucket: 'logs', key: `${below}/jobs/j/1/worker/x`, kmsKeyArn: key } },
    'refused: s3:PutObject',
  ],
  ['describes instances', 'master', actor, { 'ec2.describeInstances': {} }, 'allowed'],
  ['describes subnets', 'operator', ours, { 'ec2.describeSubnets': {} }, 'allowed'],
  [
    'stores master logs',
    'master',
    {},
    { 's3.putObject': { bucket: 'logs', key: `${below}/jobs/j/1/master/x`, kmsKeyArn: key } },
    'allowed',
  ],
  ['reads the init script', 'master', actor, { 's3.getObject': { bucket: 'platform', key: 'init.sh' } }, 'allowed'],
  ['grows volumes', 'worker', actor, { 'ec2.modifyVolume': { volumeId: 'vol-ours', sizeGiB: 9 } }, 'allowed'],
  ['sees how they grow', 'worker', actor, { 'ec2.describeVolumesModifications': {} }, 'allowed'],
  ['reads and writes staging', 'worker', {}, { 's3.putObject': { bucket: 'staging', key: `${below}/x`, kmsKeyArn: key } }, 'allowed'],
  ['reads what is encrypted', 'worker', {}, { 's3.getObject': { bucket: 'staging', key: `${below}/x` } }, 'allowed'],
  ['lists its folder', 'worker', {}, { 's3.listObjects': { bucket: 'staging', prefix: `${below}/` } }, 'allowed'],
  ['deletes its probe', 'worker', {}, { 's3.deleteObject': { bucket: 'staging', key: `${below}/.probe` } }, 'allowed'],
  ['writes a target that nobody else authenticates', 'worker', {}, { 's3.putObject': { bucket: 'lake', key: 'out/x' } }, 'allowed'],
  ['reads a dependency', 'worker', {}, { 's3.getObject': { bucket: 'artifacts', key: 'lib.jar' } }, 'allowed'],
  ['reads one through its own connection', 'worker', {}, { 's3.getObject': { bucket: 'vendor', key: 'open.jar' } }, 'allowed'],
  ['reads none through a role', 'worker', {}, { 's3.getObject': { bucket: 'vendor', key: 'own.jar' } }, 'refused: s3:GetObject'],
  ['reads a dependency as its role', 'orders', {}, { 's3.getObject': { bucket: 'vendor', key: 'own.jar' } }, 'allowed'],
  ['reads no other one', 'orders', {}, { 's3.getObject': { bucket: 'vendor', key: 'open.jar' } }, 'refused: s3:GetObject'],
  ['reads secrets of its namespace', 'worker', {}, { 'ssm.getParameter': { name: '/acme/finance/db' } }, 'allowed'],
  ['makes launch templates', 'operator', ours, { 'ec2.createLaunchTemplate': { name: 'n', tags: ours } }, 'allowed'],
  ['deletes its launch templates', 'operator', ours, { 'ec2.deleteLaunchTemplate': { id: 'lt-ours' } }, 'allowed'],
  ['finds images', 'operator', ours, { 'ssm.getParameter': { name: '/aws/service/eks/optimized-ami/1.35/image_id' } }, 'allowed'],
  [
    'stores cluster info',
    'operator',
    ours,
    { 's3.putObject': { bucket: 'staging', key: `${below}/cluster.json`, kmsKeyArn: key } },
    'allowed',
  ],
  ['uploads its job log', 'agent', {}, { 's3.putObject': { bucket: 'logs', key: `${below}/jobs/j/1/agent/x`, kmsKeyArn: key } }, 'allowed'],
  ['polls logs', 'agent', {}, { 's3.getObject': { bucket: 'logs', key: `${below}/jobs/j/1/master/x` } }, 'allowed'],
  ['reads at design time', 'agent', {}, { 's3.listObjects': { bucket: 'lake', prefix: 'out/' } }, 'allowed'],
  ['reads its source', 'orders', {}, { 's3.getObject': { bucket: 'orders', key: 'raw/x' } }, 'allowed'],
  ['reaches staging by precedence', 'orders', {}, { 's3.putObject': { bucket: 'staging', key: `${below}/x`, kmsKeyArn: key } }, 'allowed'],
  // user code in a pod has the role, but not the actor
  ['launches nothing from a pod', 'master', {}, { 'ec2.createFleet': fleet }, 'refused: ec2:CreateFleet'],
  [
    'launches nothing as a node agent',
    'master',
    { ...ours, 'elasticruntime.dev/actor': 'node-agent' },
    { 'ec2.createFleet': fleet },
    'refused: ec2:CreateFleet',
  ],
  ['ends nothing from a pod', 'master', {}, { 'ec2.terminateInstances': { instanceIds: ['i-ours'] } }, 'refused: ec2:TerminateInstances'],
  ['grows nothing from a pod', 'worker', {}, { 'ec2.modifyVolume': { volumeId: 'vol-ours', sizeGiB: 9 } }, 'refused: ec2:ModifyVolume'],
  ['sees no instances from a pod', 'master', {}, { 'ec2.describeInstances': {} }, 'refused: ec2:DescribeInstances'],
  // what carries other tags, or none
  [
    'ends nothing foreign',
    'master',
    actor,
    { 'ec2.terminateInstances': { instanceIds: ['i-foreign'] } },
    'refused: ec2:TerminateInstances',
  ],
  [
    'ends nothing foreign beside its own',
    'master',
    actor,
    { 'ec2.terminateInstances': { instanceIds: ['i-ours', 'i-foreign'] } },
    'refused: ec2:TerminateInstances',
  ],
  ['ends nothing untagged', 'master', actor, { 'ec2.terminateInstances': { instanceIds: ['i-bare'] } }, 'refused: ec2:TerminateInstances'],
  ['deletes no foreign volume', 'master', actor, { 'ec2.deleteVolume': { volumeId: 'vol-foreign' } }, 'refused: ec2:DeleteVolume'],
  [
    'grows no foreign volume',
    'worker',
    actor,
    { 'ec2.modifyVolume': { volumeId: 'vol-foreign', sizeGiB: 9 } },
    'refused: ec2:ModifyVolume',
  ],
  ['launches nothing with foreign tags', 'master', actor, { 'ec2.createFleet': { ...fleet, tags: foreign } }, 'refused: ec2:CreateFleet'],
  ['launches nothing untagged', 'master', actor, { 'ec2.createFleet': { ...fleet, tags: {} } }, 'refused: ec2:CreateFleet'],
  [
    'launches nothing with one stable tag missing',
    'master',
    actor,
    { 'ec2.createFleet': { ...fleet, tags: { ...tagsOf('finance', 'analytics', 'acme', 'c2') } } },
    'refused: ec2:CreateFleet',
  ],
  [
    'launches from no foreign template',
    'master',
    actor,
    { 'ec2.createFleet': { ...fleet, launchTemplate: { id: 'lt-foreign' } } },
    'refused: ec2:CreateFleet',
  ],
  [
    'passes no other role',
    'master',
    actor,
    { 'ec2.createFleet': { ...fleet, launchTemplate: { id: 'lt-admin-ours' } } },
    'refused: iam:PassRole',
  ],
  [
    'launches into no other subnet',
    'master',
    actor,
    { 'ec2.createFleet': { ...fleet, offerings: [{ ...offering, subnetId: 'subnet-2' }] } },
    'refused: ec2:CreateFleet',
  ],
  [
    'makes no templates with foreign tags',
    'operator',
    ours,
    { 'ec2.createLaunchTemplate': { name: 'n', tags: foreign } },
    'refused: ec2:CreateLaunchTemplate',
  ],
  [
    'deletes no foreign template',
    'operator',
    ours,
    { 'ec2.deleteLaunchTemplate': { id: 'lt-foreign' } },
    'refused: ec2:DeleteLaunchTemplate',
  ],
  // a role that runtimes share does nothing for another one
  [
    "does nothing in another runtime's session",
    'operator',
    foreign,
    { 'ec2.createLaunchTemplate': { name: 'n', tags: ours } },
    'refused: ec2:CreateLaunchTemplate',
  ],
  [
    "stores nothing in another runtime's session",
    'operator',
    foreign,
    { 's3.putObject': { bucket: 'staging', key: `${below}/cluster.json`, kmsKeyArn: key } },
    'refused: s3:PutObject',
  ],
  ['does nothing without tags', 'operator', {}, { 'ec2.deleteLaunchTemplate': { id: 'lt-ours' } }, 'refused: ec2:DeleteLaunchTemplate'],
  // other folders, buckets, keys
  [
    'writes nothing of another organization',
    'worker',
    {},
    { 's3.putObject': { bucket: 'staging', key: 'elastic/acme2/finance/analytics/x', kmsKeyArn: key } },
    'refused: s3:PutObject',
  ],
  [
    'writes nothing of another runtime',
    'worker',
    {},
    { 's3.putObject': { bucket: 'staging', key: 'elastic/acme/research/scratch/x', kmsKeyArn: key } },
    'refused: s3:PutObject',
  ],
  [
    'writes nothing of a runtime with a longer name',
    'worker',
    {},
    { 's3.putObject': { bucket: 'staging', key: `${below}2/x`, kmsKeyArn: key } },
    'refused: s3:PutObject',
  ],
  ['lists no other folder', 'worker', {}, { 's3.listObjects': { bucket: 'staging', prefix: 'elastic/acme/' } }, 'refused: s3:ListBucket'],
  ['lists no whole bucket', 'worker', {}, { 's3.listObjects': { bucket: 'staging', prefix: '' } }, 'refused: s3:ListBucket'],
  [
    'encrypts with no other key',
    'worker',
    {},
    { 's3.putObject': { bucket: 'staging', key: `${below}/x`, kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/other' } },
    'refused: kms:GenerateDataKey',
  ],
  ['reads no source that has its own role', 'worker', {}, { 's3.getObject': { bucket: 'orders', key: 'raw/x' } }, 'refused: s3:GetObject'],
  ['writes no source', 'orders', {}, { 's3.putObject': { bucket: 'orders', key: 'raw/x' } }, 'refused: s3:PutObject'],
  [
    'reads no secrets of another namespace',
    'worker',
    {},
    { 'ssm.getParameter': { name: '/acme/research/db' } },
    'refused: ssm:GetParameter',
  ],
  [
    'reads no secrets of a namespace with a longer name',
    'worker',
    {},
    { 'ssm.getParameter': { name: '/acme/finance2/db' } },
    'refused: ssm:GetParameter',
  ],
  ['touches no staging', 'agent', {}, { 's3.getObject': { bucket: 'staging', key: `${below}/x` } }, 'refused: s3:GetObject'],
  ['deletes no logs', 'agent', {}, { 's3.deleteObject': { bucket: 'logs', key: `${below}/jobs/j/1/agent/x` } }, 'refused: s3:DeleteObject'],
  ['writes nowhere at design time', 'agent', {}, { 's3.putObject': { bucket: 'lake', key: 'out/x' } }, 'refused: s3:PutObject'],
  ['launches nothing', 'node', actor, { 'ec2.createFleet': fleet }, 'refused: ec2:CreateFleet'],
  ['reads no objects', 'node', actor, { 's3.getObject': { bucket: 'staging', key: `${below}/x` } }, 'refused: s3:GetObject'],
  ['launches nothing', 'worker', actor, { 'ec2.createFleet': fleet }, 'refused: ec2:CreateFleet'],
  ['launches nothing', 'operator', actor, { 'ec2.createFleet': fleet }, 'refused: ec2:CreateFleet'],
];

for (const [why, identity, tags, call, expected] of rows) {
  const [method, request] = Object.entries(call)[0] as [AwsMethod, never];
  test(`${identity} ${why}: ${method}`, () => assert.equal(outcome(identity, tags, method, request), expected));
}

type Hop = readonly [
  why: string,
  from: Identity,
  fromTags: SessionTags,
  to: Identity,
  request: { externalId?: string; tags?: SessionTags },
  expected: string,
];
const hops: readonly Hop[] = [
  ['agent to operator', 'agent', {}, 'operator', { externalId: 'x1', tags: ours }, 'Allow'],
  ['agent to operator without the external ID', 'agent', {}, 'operator', { tags: ours }, 'ImplicitDeny'],
  ['agent to operator with another external ID', 'agent', {}, 'operator', { externalId: 'x2', tags: ours }, 'ImplicitDeny'],
  ['agent to operator without tags', 'agent', {}, 'operator', { externalId: 'x1' }, 'ImplicitDeny'],
  [
    'agent to operator with a tag of its own',
    'agent',
    {},
    'operator',
    { externalId: 'x1', tags: { ...ours, admin: 'yes' } },
    'ImplicitDeny',
  ],
  ['operator to worker', 'operator', ours, 'worker', { tags: actor }, 'Allow'],
  ['operator to master', 'operator', ours, 'master', { tags: actor }, 'Allow'],
  [
    'operator to master for a node agent',
    'operator',
    ours,
    'master',
    { tags: { ...ours, 'elasticruntime.dev/actor': 'node-agent' } },
    'Allow',
  ],
  ["another runtime's operator session to worker", 'operator', foreign, 'worker', { tags: actor }, 'ImplicitDeny'],
  ["another runtime's operator session to worker, with its own tags", 'operator', foreign, 'worker', { tags: foreign }, 'ImplicitDeny'],
  ['operator to worker without tags', 'operator', ours, 'worker', {}, 'ImplicitDeny'],
  ['agent to worker', 'agent', {}, 'worker', { tags: actor }, 'ImplicitDeny'],
  ['master to worker', 'master', actor, 'worker', { tags: actor }, 'ImplicitDeny'],
  ['worker to a connection role', 'worker', actor, 'orders', {}, 'Allow'],
  ['agent to a connection role', 'agent', {}, 'orders', {}, 'Allow'],
  ['worker to a connection role with tags', 'worker', actor, 'orders', { tags: ours }, 'ImplicitDeny'],
  ['master to a connection role', 'master', actor, 'orders', {}, 'ImplicitDeny'],
  ['operator to the node role', 'operator', ours, 'node', {}, 'ImplicitDeny'],
  ['master to the node role', 'master', actor, 'node', {}, 'ImplicitDeny'],
  ['worker to agent', 'worker', actor, 'agent', {}, 'ImplicitDeny'],
];
for (const [why, from, tags, to, request, expected] of hops) {
  test(`trust: ${why}: ${expected}`, () => {
    const caller = { kind: 'role', roleArn: documentsOf[from].roleArn, sessionName: 's', tags } as const;
    const { roleArn, trust } = documentsOf[to];
    const callerPolicies = { identityPolicies: [policyOf(documentsOf[from].permissions, 'identity')] };
    const verdict = evaluateAssumeRole({ roleArn, trust: policyOf(trust, 'trust'), caller, callerPolicies, sessionName: 's', ...request });
    assert.equal(verdict.decision, expected);
  });
}

const subjects: readonly (readonly [sub: string, to: Identity, expected: string])[] = [
  ['elastic-agents:finance.analytics', 'agent', 'Allow'],
  ['elastic-agents:research.scratch', 'agent', 'ImplicitDeny'],
  ['finance:analytics', 'agent', 'ImplicitDeny'],
  ['finance:analytics-master', 'master', 'Allow'],
  ['finance:analytics-master', 'worker', 'Allow'],
  ['finance:analytics-worker', 'worker', 'Allow'],
  ['finance:analytics-worker', 'master', 'ImplicitDeny'],
  ['research:analytics-worker', 'worker', 'ImplicitDeny'],
  ['finance:default', 'worker', 'ImplicitDeny'],
  ['elastic-agents:finance.analytics', 'operator', 'ImplicitDeny'],
  ['finance:analytics-master', 'node', 'ImplicitDeny'],
  ['finance:analytics-worker', 'orders', 'ImplicitDeny'],
];
for (const [account, to, expected] of subjects) {
  test(`web identity: ${account} to ${to}: ${expected}`, () => {
    const { roleArn, trust } = documentsOf[to];
    const claims = { sub: `system:serviceaccount:${account}`, aud: 'sts.amazonaws.com' };
    const request = { roleArn, trust: policyOf(trust, 'trust'), providerArn: provider, issuer, claims, sessionName: 's' };
    assert.equal(evaluateAssumeRoleWithWebIdentity(request).decision, expected);
    const elsewhere = { ...request, claims: { ...claims, aud: 'kubernetes' } };
    assert.equal(evaluateAssumeRoleWithWebIdentity(elsewhere).decision, 'ImplicitDeny');
  });
}

function allDocuments(): readonly (readonly [string, 'trust' | 'identity', PolicyDocument])[] {
  const { connectionRoles, ...own } = made;
  return Object.entries({ ...own, ...connectionRoles }).flatMap(([name, { trust, permissions }]) => [
    [name, 'trust', trust] as const,
    [name, 'identity', permissions] as const,
  ]);
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: trust policy 2,048 characters (default), inline policies of a role 10,240, without white space
test('every document is valid, fits the quotas and says why in each Sid', () => {
  for (const [name, use, document] of allDocuments()) {
    policyOf(document, use, name);
    assert.ok(JSON.stringify(document).length <= (use === 'trust' ? 2048 : 10_240), `${name} ${use}`);
    const statements = document.Statement as readonly { readonly Sid?: string }[];
    assert.ok(statements.every(({ Sid }) => Sid !== undefined && Sid.length > 5));
  }
});

test("nodes pull their account's images and those of EKS's network and proxy, and no others", () => {
  const node = policyOf(made.node.permissions, 'identity', 'node');
  const pulls = (account: string, name: string): string =>
    evaluate({
      principal: { kind: 'role', roleArn: made.node.roleArn, sessionName: 'i-1' },
      action: 'ecr:BatchGetImage',
      resource: `arn:aws:ecr:us-east-1:${account}:repository/${name}`,
      context: {},
      identityPolicies: [node],
    }).decision;
  const eks = '602401143452';
  for (const name of ['amazon-k8s-cni', 'amazon-k8s-cni-init', 'amazon/aws-network-policy-agent', 'eks/kube-proxy', 'eks/pause'])
    assert.equal(pulls(eks, name), 'Allow', name);
  assert.equal(pulls('111122223333', 'team/etl'), 'Allow');
  for (const name of ['team/etl', 'amazon-k8s-cni-other', 'x/eks/pause']) assert.equal(pulls('444455556666', name), 'ImplicitDeny', name);
});

test('an external ID whose value is not known matches nobody', () => {
  const { operator } = runtimeDocuments({ ...input('finance', 'analytics'), externalIds: {} });
  assert.match(JSON.stringify(operator.trust), /"sts:ExternalId":"external ID of Secret ext\/id"/);
});

// https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
test('an agent with a certificate is trusted through its role alias alone', () => {
  const given = input('finance', 'analytics');
  const agent = { roleArn: role('agent'), x509: { roleAlias: 'hub' } };
  const { spec } = given.runtime;
  const runtime = { ...given.runtime, spec: { ...spec, identities: { ...spec.identities, agent } } };
  const trust = policyOf(runtimeDocuments({ ...given, runtime }).agent.trust, 'trust');
  const decide = (alias: string): string =>
    evaluate({
      principal: { kind: 'service', service: 'credentials.iot.amazonaws.com' },
      action: 'sts:AssumeRole',
      resource: role('agent'),
      identityPolicies: [],
      resourcePolicies: [trust],
      context: { 'aws:SourceAccount': '111122223333', 'aws:SourceArn': `arn:aws:iot:us-east-1:111122223333:rolealias/${alias}` },
    }).decision;
  assert.equal(decide('hub'), 'Allow');
  assert.equal(decide('other'), 'ImplicitDeny');
  const claims = { sub: 'system:serviceaccount:elastic-agents:finance.analytics', aud: 'sts.amazonaws.com' };
  const request = { roleArn: role('agent'), trust, providerArn: provider, issuer, claims, sessionName: 's' };
  assert.equal(evaluateAssumeRoleWithWebIdentity(request).decision, 'ImplicitDeny');
});

test('a slash at the end of an EKS provider or issuer is none of its name; that of another issuer may be', () => {
  const trusted = (name: string): string => {
    const issuer = `https://${name}`;
    const oidcProviderArn = `arn:aws:iam::111122223333:oidc-provider/${name}`;
    return JSON.stringify(runtimeDocuments({ ...input('finance', 'analytics'), issuer, oidcProviderArn }).agent.trust);
  };
  const eks = 'oidc.eks.us-east-1.amazonaws.com/id/ABC';
  assert.equal(trusted(`${eks}/`), trusted(eks));
  assert.match(trusted('tokens.example.com/'), /oidc-provider\/tokens\.example\.com\/".*"tokens\.example\.com\/:sub"/);
});

const label = fc.string({ unit: fc.constantFrom('a', 'b', '-'), minLength: 1, maxLength: 5 }).filter((text) => !/^-|-$/.test(text));
test('whatever two runtimes are called, neither reaches the other', () => {
  fc.assert(
    fc.property(label, label, label, label, (namespace, runtime, otherNamespace, otherRuntime) => {
      fc.pre(namespace !== otherNamespace || runtime !== otherRuntime);
      const [own, other] = [runtimeDocuments(input(namespace, runtime)), runtimeDocuments(input(otherNamespace, otherRuntime))];
      const principal = { kind: 'role', roleArn: own.worker.roleArn, sessionName: 's' } as const;
      const identityPolicies = [policyOf(own.worker.permissions, 'identity')];
      const reads = (place: string): string =>
        evaluate({ principal, action: 's3:GetObject', resource: `arn:aws:s3:::staging/elastic/acme/${place}/x`, identityPolicies })
          .decision;
      assert.equal(reads(`${namespace}/${runtime}`), 'Allow');
      assert.equal(reads(`${otherNamespace}/${otherRuntime}`), 'ImplicitDeny');
      const caller = { kind: 'role', roleArn: own.operator.roleArn, sessionName: 's', tags: tagsOf(namespace, runtime) } as const;
      const assume = { trust: policyOf(other.worker.trust, 'trust'), caller, callerPolicies: { identityPolicies: [] }, sessionName: 's' };
      for (const tags of [tagsOf(namespace, runtime), tagsOf(otherNamespace, otherRuntime)]) {
        assert.equal(evaluateAssumeRole({ ...assume, roleArn: other.worker.roleArn, tags }).decision, 'ImplicitDeny');
      }
      for (const account of ['master', 'worker']) {
        const claims = { sub: `system:serviceaccount:${namespace}:${runtime}-${account}`, aud: 'sts.amazonaws.com' };
        const request = { roleArn: other.worker.roleArn, trust: assume.trust, providerArn: provider, issuer, claims, sessionName: 's' };
        assert.equal(evaluateAssumeRoleWithWebIdentity(request).decision, 'ImplicitDeny');
      }
    }),
    { seed: 20261102, numRuns: 300 },
  );
});

test('runtimes that share an agent role keep apart when their documents are merged', () => {
  const other = runtimeDocuments(input('research', 'scratch'));
  const trust = policyOf(mergeDocuments([made.agent.trust, other.agent.trust]), 'trust');
  for (const account of ['finance.analytics', 'research.scratch']) {
    const claims = { sub: `system:serviceaccount:elastic-agents:${account}`, aud: 'sts.amazonaws.com' };
    const request = { roleArn: role('agent'), trust, providerArn: provider, issuer, claims, sessionName: 's' };
    assert.equal(evaluateAssumeRoleWithWebIdentity(request).decision, 'Allow');
  }
  const merged = mergeDocuments([made.agent.trust, made.agent.trust, other.agent.trust]).Statement as readonly { readonly Sid?: string }[];
  assert.deepEqual(
    merged.map(({ Sid }) => Sid),
    ['AgentServiceAccountOfThisRuntime', 'AgentServiceAccountOfThisRuntime2'],
  );
});
