import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GetInstanceProfileCommand, GetRoleCommand, GetRolePolicyCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { tags as tagKeys } from '../../src/api/labels.ts';
import { runtimeTags } from '../../src/core/nodes/tags.ts';
import { defaultIdentities, defaultRolesTemplate } from '../../src/core/policy/cloudformation/default-roles.ts';
import { stackSessionPolicy } from '../../src/core/policy/cloudformation/default-roles-access.ts';
import { stackName } from '../../src/core/policy/cloudformation/names.ts';
import type { PolicyDocument } from '../../src/core/policy/document.ts';
import { runtimeDocuments } from '../../src/core/policy/documents.ts';
import type { PolicyRuntime } from '../../src/core/policy/runtime-input.ts';
import type { Caller } from '../../src/ports/aws/index.ts';
import { provision } from '../gate/provision.ts';
import { differences } from '../gate/record.ts';
import { accountId, allow, arnOf, assumeChain, externalId, roles, stableTags } from './roles.ts';
import { as, failure, must, useStand } from './stand.ts';

const uid = '27763973-0000-4000-8000-000000000001';
const kmsKeyArn = `arn:aws:kms:us-east-1:${accountId}:key/1`;

function runtimeOf(name: string): PolicyRuntime {
  return {
    metadata: { name, namespace: 'finance', uid },
    spec: {
      organization: 'acme',
      region: 'us-east-1',
      identities: { agent: { roleArn: arnOf('agent') }, operator: { roleArn: arnOf('operator') } },
      staging: { uri: 's3://acme-staging/elastic', kmsKeyArn },
      logs: { uri: 's3://acme-logs/elastic', kmsKeyArn },
    },
  };
}

const runtime = runtimeOf('analytics');
const tags = runtimeTags({ cluster: 'prod', organization: 'acme', namespace: 'finance', runtime: 'analytics', runtimeUid: uid });
const name = stackName(runtime);
let agent: Caller;
let operator: Caller;
let cut: Caller;

/** The statements as the generator puts them into the operator role. */
function generated(issuer: string): PolicyDocument {
  const host = issuer.replace('https://', '');
  const input = { runtime, clusterName: 'prod', accountId, issuer, oidcProviderArn: `arn:aws:iam::${accountId}:oidc-provider/${host}` };
  return runtimeDocuments(input).operator.permissions;
}

function template(extra: string): string {
  const data = allow('s3:GetObject', `arn:aws:s3:::${extra}/*`);
  const wide = allow(['iam:ListRolePolicies', 'sts:AssumeRole'], '*');
  const inline = [{ name: 'data', document: { ...data, Statement: [data.Statement, wide.Statement].flat() } }];
  const made = defaultRolesTemplate({ runtime, clusterName: 'prod', issuer: stand.issuer.issuer, agent: { managed: [], inline } });
  assert.ok(made.ok);
  return made.value.body;
}

const stand = useStand(async (self) => {
  await provision(self.gate, { roles: roles(self.issuer.issuer, { operator: generated(self.issuer.issuer) }) });
  const chain = await assumeChain(self);
  agent = as(chain.agent);
  operator = as(chain.operator);
  const session = await self.aws.sts.assumeRole(as(chain.agent), {
    durationSeconds: 3600,
    identity: 'operator',
    roleArn: arnOf('operator'),
    sessionName: 'r.-.operator',
    externalId,
    tags: stableTags,
    policy: stackSessionPolicy(runtime),
  });
  cut = as(must(session));
});

const { [tagKeys.runtimeUid]: _uid, ...sessionTags } = tags;

/** As the operator does it: a session with the runtime's tags, and from it the role with tags of its own. */
async function asDefault(roleArn: string, runtime = 'analytics') {
  const common = { durationSeconds: 3600, externalId };
  const own = { ...sessionTags, [tagKeys.runtime]: runtime };
  const through = { ...common, identity: 'operator', roleArn: arnOf('operator'), sessionName: 'r.j.operator', tags: sessionTags };
  const from = as(must(await stand.aws.sts.assumeRole(agent, through)));
  const request = { ...common, identity: 'worker', roleArn, sessionName: 'r.j.worker', tags: { ...own, [tagKeys.actor]: 'operator' } };
  return stand.aws.sts.assumeRole(from, request);
}

/** What the stack made, by what it lets through: trust, the agent's policy as the worker's own, the boundary. */
async function judged(identities: ReturnType<typeof defaultIdentities>): Promise<void> {
  const worker = as(must(await asDefault(identities.worker.roleArn)));
  const other = await asDefault(identities.worker.roleArn, 'research');
  assert.equal(failure(other).kind, 'AccessDenied', 'the session of another runtime');
  const read = (bucket: string) => stand.aws.s3.getObject(worker, { bucket, key: 'a', maxBytes: 1_000 });
  assert.equal(failure(await read('acme-data')).kind, 'NotFound', 'what the agent role may read');
  assert.equal(failure(await read('acme-more')).kind, 'AccessDenied', 'what it may not');
  // The document that is copied allows both: the boundary does not.
  assert.equal(failure(await stand.aws.iam.listRolePolicies(worker, { roleName: 'agent' })).kind, 'AccessDenied');
  const { because } = stand.gate.record().at(-1) ?? {};
  assert.match(because ?? '', /[Bb]oundary/);
  assert.equal(
    failure(
      await stand.aws.sts.assumeRole(worker, { durationSeconds: 3600, identity: 'agent', roleArn: arnOf('agent'), sessionName: 'r.j.x' }),
    ).kind,
    'AccessDenied',
  );
  assert.equal(failure(await asDefault(identities.node.roleArn)).kind, 'AccessDenied', 'EC2 alone becomes the node');
}

void test('what is attached to the agent role is read as operator, every policy with its document', async () => {
  const { iam } = stand.aws;
  const document = allow('s3:GetObject', 'arn:aws:s3:::b/a%20b+c*');
  await stand.gate.backend.iam.send(
    new PutRolePolicyCommand({ RoleName: 'agent', PolicyName: 'data', PolicyDocument: JSON.stringify(document) }),
  );
  assert.deepEqual(must(await iam.listAttachedRolePolicies(operator, { roleName: 'agent' })), []);
  assert.ok(must(await iam.listRolePolicies(operator, { roleName: 'agent' })).includes('data'));
  const read = must(await iam.getRolePolicy(operator, { roleName: 'agent', policyName: 'data' }));
  assert.deepEqual(JSON.parse(read.document), document);
  const missing = failure(await iam.getRolePolicy(operator, { roleName: 'agent', policyName: 'none' }));
  assert.deepEqual([missing.kind, missing.code], ['NotFound', 'NoSuchEntity']);
  assert.equal(failure(await iam.listRolePolicies(operator, { roleName: 'operator' })).kind, 'AccessDenied');
});

void test('the stack is made, found, not made twice, changed only where it differs, and deleted', async () => {
  const { cloudFormation } = stand.aws;
  const request = { name, tags, clientRequestToken: 'token-1', templateBody: template('acme-data') };
  const before = failure(await cloudFormation.describeStack(cut, { name }));
  assert.deepEqual([before.kind, before.code], ['NotFound', 'ValidationError']);
  const { stackId } = must(await cloudFormation.createStack(cut, request));
  const stack = must(await cloudFormation.describeStack(cut, { name }));
  assert.deepEqual([stack.stackId, stack.name, stack.status], [stackId, name, 'CREATE_COMPLETE']);
  assert.deepEqual(stack.tags, tags);
  const identities = defaultIdentities(runtime);
  assert.equal(stack.outputs['WorkerRoleArn'], identities.worker.roleArn);
  assert.equal(stack.outputs['NodeInstanceProfileArn'], identities.node.instanceProfileArn);
  await judged(identities);
  const again = failure(await cloudFormation.createStack(cut, { ...request, clientRequestToken: 'token-2' }));
  assert.deepEqual([again.kind, again.code], ['AlreadyExists', 'AlreadyExistsException']);
  const same = must(await cloudFormation.updateStack(cut, { ...request, clientRequestToken: 'token-6' }));
  assert.deepEqual(same, { changed: false });
  const changed = must(
    await cloudFormation.updateStack(cut, { ...request, templateBody: template('acme-more'), clientRequestToken: 'token-7' }),
  );
  assert.deepEqual(changed, { changed: true });
  const updated = must(await cloudFormation.describeStack(cut, { name }));
  assert.equal(updated.status, 'UPDATE_COMPLETE');
  assert.notEqual(updated.outputs['Digest'], stack.outputs['Digest']);
  const events = must(await cloudFormation.describeStackEvents(cut, { name: stackId }));
  assert.ok(events.some(({ physicalId, status }) => physicalId === stackId && status === 'CREATE_COMPLETE'));

  const { iam } = stand.gate.backend;
  const { Role } = await iam.send(new GetRoleCommand({ RoleName: identities.worker.roleArn.split('/').at(-1) }));
  assert.equal(Role?.Arn, identities.worker.roleArn);
  assert.match(Role?.PermissionsBoundary?.PermissionsBoundaryArn ?? '', /:policy\/elastic-runtime\/finance\/analytics\/.*\.boundary$/);
  const copied = await iam.send(new GetRolePolicyCommand({ RoleName: Role?.RoleName, PolicyName: 'data' }));
  assert.match(decodeURIComponent(copied.PolicyDocument ?? ''), /acme-data/);
  const profile = await iam.send(
    new GetInstanceProfileCommand({ InstanceProfileName: identities.node.instanceProfileArn.split('/').at(-1) ?? '' }),
  );
  assert.equal(profile.InstanceProfile?.Roles?.[0]?.Arn, identities.node.roleArn);
  assert.equal(stand.gate.account.profiles.get(identities.node.instanceProfileArn), identities.node.roleArn);

  must(await cloudFormation.deleteStack(cut, { name: stackId, clientRequestToken: 'token-3' }));
  assert.equal(failure(await cloudFormation.describeStack(cut, { name })).kind, 'NotFound');
  must(await cloudFormation.deleteStack(cut, { name: stackId, clientRequestToken: 'token-4' }));
  assert.equal(failure(await asDefault(identities.worker.roleArn)).kind, 'AccessDenied', 'a role that is gone');
});

void test("another runtime's stack, one without our tags and anything else in IAM are out of reach, by the role's policy and by the session's", async () => {
  const { cloudFormation } = stand.aws;
  const other = stackName(runtimeOf('other'));
  const request = { tags, clientRequestToken: 'token-5', templateBody: template('x') };
  assert.equal(failure(await cloudFormation.createStack(operator, { ...request, name: other })).kind, 'AccessDenied');
  assert.equal(failure(await cloudFormation.createStack(operator, { ...request, name, tags: { owner: 'me' } })).kind, 'AccessDenied');
  assert.equal(failure(await cloudFormation.describeStack(operator, { name: other })).kind, 'AccessDenied');
  assert.equal(failure(await stand.aws.iam.listRolePolicies(cut, { roleName: 'agent' })).kind, 'AccessDenied');
});

void test('what the gate saw and what the audit says agree', () => {
  assert.deepEqual(differences(stand.gate.record(), stand.audit), []);
});
