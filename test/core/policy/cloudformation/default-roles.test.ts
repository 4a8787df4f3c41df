import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultRoleArn } from '../../../../src/core/access/roles.ts';
import { boundaryDocument, defaultRolesTemplate } from '../../../../src/core/policy/cloudformation/default-roles.ts';
import { agentReadPolicy, stackSessionPolicy } from '../../../../src/core/policy/cloudformation/default-roles-access.ts';
import { stackName, stackPattern } from '../../../../src/core/policy/cloudformation/names.ts';
import { type PolicyDocument, policyOf } from '../../../../src/core/policy/document.ts';
import { evaluate, type RequestContext } from '../../../../src/core/policy/evaluate.ts';
import type { PolicyRuntime } from '../../../../src/core/policy/runtime-input.ts';

const uid = '27763973-0000-4000-8000-000000000001';
const arn = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;

function runtime(metadata: Partial<PolicyRuntime['metadata']> = {}): PolicyRuntime {
  const location = { uri: 's3://acme-staging/elastic', kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/1' };
  return {
    metadata: { name: 'scratch', namespace: 'research', uid, ...metadata },
    spec: {
      organization: 'acme',
      region: 'us-east-1',
      identities: { agent: { roleArn: arn('team/agent') }, operator: { roleArn: arn('operator') } },
      staging: location,
      logs: location,
    },
  };
}

const allowAll: PolicyDocument = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
const inline = (name: string, characters = 0): { readonly name: string; readonly document: PolicyDocument } => ({
  name,
  document: {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:aws:s3:::b/${name}/${'x'.repeat(characters)}` }],
  },
});

type Made = { readonly Type: string; readonly Properties: Readonly<Record<string, unknown>> };

function made(agent: Parameters<typeof defaultRolesTemplate>[0]['agent'], of: PolicyRuntime = runtime()) {
  const template = defaultRolesTemplate({ runtime: of, clusterName: 'prod', issuer: 'https://oidc.example.com/id/1', agent });
  assert.ok(template.ok, template.ok ? '' : template.reason);
  const { Resources } = JSON.parse(template.value.body) as { readonly Resources: Readonly<Record<string, Made>> };
  return { ...template.value, resources: Resources };
}

test('the worker has what the agent has, and its own needs; master and node have theirs; all stand under the boundary', () => {
  const { resources } = made({
    managed: ['arn:aws:iam::aws:policy/B', 'arn:aws:iam::aws:policy/A'],
    inline: [inline('data'), inline('aside')],
  });
  const worker = resources['Worker']?.Properties ?? {};
  assert.deepEqual(worker['ManagedPolicyArns'], ['arn:aws:iam::aws:policy/A', 'arn:aws:iam::aws:policy/B']);
  const names = (worker['Policies'] as readonly { readonly PolicyName: string }[]).map(({ PolicyName }) => PolicyName);
  assert.deepEqual(names, ['aside', 'data', 'elastic-runtime-needs']);
  for (const role of ['Master', 'Worker', 'Node']) {
    assert.deepEqual(resources[role]?.Properties['PermissionsBoundary'], { Ref: 'Boundary' });
    assert.equal(resources[role]?.Properties['Path'], '/elastic-runtime/research/scratch/');
  }
  assert.equal(resources['Master']?.Properties['ManagedPolicyArns'], undefined);
  assert.match(
    JSON.stringify(resources['Worker']),
    /oidc\.example\.com\/id\/1:sub":\["system:serviceaccount:research:scratch-worker","system:serviceaccount:research:scratch-master"\]/,
  );
  assert.match(JSON.stringify(resources['Node']?.Properties['AssumeRolePolicyDocument']), /ec2\.amazonaws\.com/);
});

test('the same policies in another order are the same template; a changed one is another', () => {
  const one = made({ managed: ['arn:aws:iam::aws:policy/A', 'arn:aws:iam::aws:policy/B'], inline: [inline('a'), inline('b')] });
  const other = made({ managed: ['arn:aws:iam::aws:policy/B', 'arn:aws:iam::aws:policy/A'], inline: [inline('b'), inline('a')] });
  assert.equal(one.body, other.body);
  assert.notEqual(made({ managed: [], inline: [inline('a', 1)] }).digest, made({ managed: [], inline: [inline('a', 2)] }).digest);
});

test("a policy of the agent's that has the name of ours keeps it", () => {
  const worker = made({ managed: [], inline: [inline('elastic-runtime-needs')] }).resources['Worker']?.Properties ?? {};
  const names = (worker['Policies'] as readonly { readonly PolicyName: string }[]).map(({ PolicyName }) => PolicyName);
  assert.deepEqual(names, ['elastic-runtime-needs', 'elastic-runtime-needs-2']);
});

test('revoked access is denied to sessions of master and worker by the template itself, and to those of no node', () => {
  const before = '2026-12-01T10:00:00Z';
  const name = 'elastic-revoked-27763973';
  const input = { runtime: runtime(), clusterName: 'prod', issuer: 'https://oidc.example.com/id/1' };
  // The agent role may have one of that name, which ends its own sessions.
  const agent = { managed: [], inline: [inline(name), inline('a')] };
  const [without, template] = [undefined, before].map((revokedBefore) => defaultRolesTemplate({ ...input, agent, revokedBefore }));
  assert.ok(without?.ok === true && template?.ok === true);
  assert.notEqual(template.value.digest, without.value.digest);
  const { Resources } = JSON.parse(template.value.body) as { readonly Resources: Readonly<Record<string, Made>> };
  const policiesOf = (id: string) =>
    (Resources[id]?.Properties['Policies'] ?? []) as readonly { readonly PolicyName: string; readonly PolicyDocument: PolicyDocument }[];
  assert.deepEqual(
    policiesOf('Worker').map(({ PolicyName }) => PolicyName),
    [name, 'a', 'elastic-runtime-needs'],
  );
  assert.ok(policiesOf('Node').every(({ PolicyName }) => PolicyName !== name));
  for (const id of ['Master', 'Worker']) {
    const own = policiesOf(id).find(({ PolicyName }) => PolicyName === name);
    const [statement] = [own?.PolicyDocument.Statement ?? []].flat();
    assert.deepEqual([statement?.Effect, statement?.Condition], ['Deny', { DateLessThan: { 'aws:TokenIssueTime': before } }]);
  }
});

test('inline policies that do not fit beside our own become managed ones; what cannot fit at all is a reason', () => {
  const { resources } = made({ managed: [], inline: [inline('a', 5000), inline('b', 4000)] });
  assert.equal(resources['Worker']?.Properties['Policies'], undefined);
  assert.ok(
    Object.values(resources).filter(({ Type, Properties }) => Type === 'AWS::IAM::ManagedPolicy' && Properties['Roles'] !== undefined)
      .length >= 2,
  );
  const agent = { managed: [], inline: Array.from({ length: 12 }, (_, index) => inline(`p${index}`, 5900)) };
  const refused = defaultRolesTemplate({ runtime: runtime(), clusterName: 'c', issuer: 'https://i', agent });
  assert.match(refused.ok ? '' : refused.reason, /more than the 10 managed policies/);
});

test('managed policies of the agent count among those that a role may have', () => {
  const answer = (managed: number, ...copies: readonly number[]) =>
    defaultRolesTemplate({
      runtime: runtime(),
      clusterName: 'c',
      issuer: 'https://i',
      agent: {
        managed: Array.from({ length: managed }, (_, index) => `arn:aws:iam::aws:policy/P${index}`),
        inline: copies.map((characters, index) => inline(`p${index}`, characters)),
      },
    });
  const refused = answer(9, 5900, 5900);
  assert.match(
    refused.ok ? '' : refused.reason,
    /its policies need \d managed policies beside the 9 that are attached to it, more than the 10 managed policies .*: attach less to the agent role$/,
  );
  assert.ok(answer(6, 5900, 5900).ok);
  // Whoever has that many has a raised quota; what stays inline needs none of it.
  assert.ok(answer(10).ok && answer(12).ok);
  assert.ok(!answer(12, 5900, 5900).ok);
});

test('names: at most 64 characters, of this runtime and no other, known before the stack is there', () => {
  const long = runtime({ namespace: 'n'.repeat(63), name: 'r'.repeat(40) });
  const name = (of: PolicyRuntime, role: 'master' | 'worker' | 'node'): string => defaultRoleArn(of, role).split('/').at(-1) ?? '';
  for (const role of ['master', 'worker', 'node'] as const) {
    assert.ok(name(long, role).length <= 64, name(long, role));
    assert.match(name(runtime(), role), /^[\w+=,.@-]+$/);
  }
  assert.equal(name(runtime(), 'worker'), 'research.scratch-27763973.worker');
  assert.notEqual(name(runtime({ uid: '99999999-0000-4000-8000-000000000001' }), 'worker'), name(runtime(), 'worker'));
  assert.ok(stackName(long).length <= 128);
  assert.match(stackName(runtime()), /^elastic-[0-9a-f]{16}-research-scratch-27763973$/);
});

test('no runtime can be named so that its stack falls under the pattern of another', () => {
  const pattern = (of: PolicyRuntime): RegExp => new RegExp(`^${stackPattern(of).replace('*', '.*')}$`);
  const one = runtime({ namespace: 'a', name: 'b-c' });
  const digest = stackPattern(one).split('-')[1] ?? '';
  for (const other of [
    runtime({ namespace: 'a-b', name: 'c' }),
    runtime({ namespace: 'a', name: `b-c-${digest.slice(0, 8)}` }),
    runtime({ namespace: `elastic-${digest}-a`, name: 'b-c' }),
  ])
    assert.doesNotMatch(stackName(other), pattern(one));
  assert.match(stackName(one), pattern(one));
});

/** What a role of everything may do under the boundary. */
function bounded(role: 'master' | 'worker' | 'node', action: string, resource: string, context: RequestContext = {}): string {
  return evaluate({
    principal: { kind: 'role', roleArn: defaultRoleArn(runtime(), role), sessionName: 's' },
    action,
    resource,
    context,
    identityPolicies: [policyOf(allowAll, 'identity')],
    permissionBoundary: policyOf(boundaryDocument(runtime()), 'identity', 'boundary'),
  }).decision;
}

const node = defaultRoleArn(runtime(), 'node');
const passed = { 'iam:PassedToService': 'ec2.amazonaws.com' };
const boundaryRows: readonly (readonly ['master' | 'worker' | 'node', string, string, 'Allow' | 'ExplicitDeny'])[] = [
  ['worker', 's3:GetObject', 'arn:aws:s3:::b/k', 'Allow'],
  ['master', 'iam:PassRole', node, 'Allow'],
  ['worker', 'iam:PassRole', node, 'ExplicitDeny'],
  ['node', 'iam:PassRole', node, 'ExplicitDeny'],
  ['master', 'iam:PassRole', arn('admin'), 'ExplicitDeny'],
  ['master', 'iam:DeleteRole', node, 'ExplicitDeny'],
  ['master', 'iam:PutRolePolicy', node, 'ExplicitDeny'],
  ['master', 'iam:DeleteRolePermissionsBoundary', defaultRoleArn(runtime(), 'master'), 'ExplicitDeny'],
  ['worker', 'iam:CreateUser', 'arn:aws:iam::111122223333:user/mallory', 'ExplicitDeny'],
  ['worker', 'iam:GetRole', arn('operator'), 'ExplicitDeny'],
  ['worker', 'sts:AssumeRole', arn('operator'), 'ExplicitDeny'],
  ['worker', 'sts:TagSession', arn('operator'), 'ExplicitDeny'],
  ['worker', 'sts:AssumeRole', arn('team/agent'), 'ExplicitDeny'],
  ['master', 'sts:AssumeRole', node, 'ExplicitDeny'],
  ['worker', 'sts:AssumeRole', arn('orders-reader'), 'Allow'],
];
for (const [role, action, resource, decision] of boundaryRows) {
  test(`boundary: ${role} ${action} ${resource.split('/').at(-1)}: ${decision}`, () => {
    assert.equal(bounded(role, action, resource, passed), decision);
  });
}

test('sessions on the stack reach this stack, and IAM through it only; both fit', () => {
  const policy = policyOf(JSON.parse(stackSessionPolicy(runtime())) as PolicyDocument, 'identity');
  const may = (action: string, resource: string, context: RequestContext = {}): boolean =>
    evaluate({
      principal: { kind: 'role', roleArn: arn('operator'), sessionName: 's' },
      action,
      resource,
      context,
      identityPolicies: [policyOf(allowAll, 'identity')],
      sessionPolicies: [policy],
    }).decision === 'Allow';
  const via = { 'aws:CalledVia': ['cloudformation.amazonaws.com'] };
  const stack = (name: string): string => `arn:aws:cloudformation:us-east-1:111122223333:stack/${name}/1`;
  assert.ok(may('cloudformation:CreateStack', stack(stackName(runtime()))));
  assert.ok(!may('cloudformation:CreateStack', stack(stackName(runtime({ uid: '99999999' })))));
  assert.ok(may('iam:CreateRole', node, via));
  assert.ok(!may('iam:CreateRole', node));
  assert.ok(!may('iam:CreateRole', arn('admin'), via));
  assert.ok(!may('iam:CreateRole', defaultRoleArn(runtime({ name: 'scratch2' }), 'worker'), via));
  assert.ok(!may('s3:GetObject', 'arn:aws:s3:::b/k'));
  const long = runtime({ namespace: 'n'.repeat(63), name: 'r'.repeat(40) });
  for (const text of [stackSessionPolicy(long), agentReadPolicy(long)]) assert.ok(text.length <= 2048, String(text.length));
});
