import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticRuntime } from '../../../src/api/generated/types.ts';
import { policyOf } from '../../../src/core/policy/document.ts';
import { runtimeDocuments } from '../../../src/core/policy/documents.ts';
import { remedyFor } from '../../../src/core/preflight/missing.ts';
import { roleSimulations } from '../../../src/core/preflight/role-actions.ts';
import { judgeSimulation, type SimulatedDecision } from '../../../src/core/preflight/simulation.ts';
import { simulated } from '../../../src/sim/aws/policy-simulation.ts';

const account = '111122223333';
const role = (name: string): string => `arn:aws:iam::${account}:role/${name}`;
const kmsKeyArn = `arn:aws:kms:us-east-1:${account}:key/1`;

function runtimeOf(identities: object, more: object = {}): ElasticRuntime {
  return {
    metadata: { name: 'analytics', namespace: 'finance', uid: '27763973-0000-4000-8000-000000000001' },
    spec: {
      organization: 'acme',
      region: 'us-east-1',
      identities: { agent: { roleArn: role('agent') }, operator: { roleArn: role('operator') }, ...identities },
      staging: { uri: 's3://acme-staging/elastic', kmsKeyArn },
      logs: { uri: 's3://acme-logs/elastic', kmsKeyArn },
      network: {},
      tags: { CostCenter: '4711' },
      ...more,
    },
  } as unknown as ElasticRuntime;
}

const given = { master: { roleArn: role('master') }, worker: { roleArn: role('worker') } };
const x509 = {
  roleAlias: 'hub',
  thingName: 'hub',
  certificateSecretRef: { name: 'cert' },
  endpoint: 'c1.credentials.iot.us-east-1.amazonaws.com',
};
const owner = {
  cluster: 'prod',
  organization: 'acme',
  namespace: 'finance',
  runtime: 'analytics',
  runtimeUid: '27763973-0000-4000-8000-000000000001',
};
const askedOf = (runtime: ElasticRuntime) =>
  roleSimulations(runtime, owner).map(({ of, questions }) => [of, questions.flatMap(({ actions }) => actions).toSorted()] as const);

void test('what each role will do is asked', () => {
  assert.deepEqual(askedOf(runtimeOf(given)), [
    ['operator', ['ec2:CreateLaunchTemplate', 'ec2:CreateTags', 'ec2:DeleteLaunchTemplate', 'ec2:DescribeLaunchTemplates']],
    ['master', ['ec2:DescribeInstances', 'ec2:TerminateInstances']],
    ['worker', ['ec2:DescribeVolumes', 'ec2:DescribeVolumesModifications', 'ec2:ModifyVolume']],
  ]);
  const [[, rotating] = [], ...others] = askedOf(runtimeOf({ agent: { roleArn: role('agent'), x509 } }));
  assert.deepEqual(
    rotating?.filter((action) => action.startsWith('iot:')),
    [
      'AttachPolicy',
      'AttachThingPrincipal',
      'CreateCertificateFromCsr',
      'DeleteCertificate',
      'DetachThingPrincipal',
      'UpdateCertificate',
    ].map((name) => `iot:${name}`),
  );
  assert.ok(rotating?.includes('cloudformation:CreateStack'));
  const kept = ['DeleteStack', 'DescribeStackEvents', 'DescribeStacks', 'TagResource', 'UpdateStack'];
  const stack = ['operator', kept.map((name) => `cloudformation:${name}`)];
  const inIam = [
    'CreatePolicyVersion',
    'DeleteInstanceProfile',
    'DeletePolicy',
    'DeletePolicyVersion',
    'DeleteRole',
    'DeleteRolePolicy',
    'DetachRolePolicy',
    'PutRolePolicy',
    'RemoveRoleFromInstanceProfile',
    'UpdateAssumeRolePolicy',
  ];
  const byStack = ['operator', inIam.map((name) => `iam:${name}`)];
  assert.deepEqual(others, [stack, byStack], 'default roles are made with what they need, by a stack that is kept');
});

void test('the generated policies answer every question with yes, and every other runtime with no', () => {
  for (const identities of [given, {}, { ...given, agent: { roleArn: role('agent'), x509 } }]) {
    const runtime = runtimeOf(identities);
    const input = { runtime, clusterName: 'prod', accountId: account, issuer: 'oidc.example.com/1' };
    const documents = runtimeDocuments({ ...input, oidcProviderArn: `arn:aws:iam::${account}:oidc-provider/oidc.example.com/1` });
    for (const [own, expected] of [
      [owner, 'allowed'],
      [{ ...owner, runtime: 'research' }, 'denied'],
    ] as const) {
      for (const { of, questions } of roleSimulations(runtime, own)) {
        const policies = [policyOf(documents[of].permissions, 'identity', of)];
        // Looking knows no resource: whose session it is, is not asked of master and worker.
        for (const question of questions.filter(({ resource }) => expected === 'allowed' || resource !== '*'))
          assert.equal(judgeSimulation(question, simulated({ policies }, question)).kind, expected, `${of} ${JSON.stringify(question)}`);
      }
    }
  }
});

const question = { principalArn: role('master'), actions: ['ec2:TerminateInstances'], resource: '*', context: {} };
const answered = (more: Partial<SimulatedDecision>): readonly SimulatedDecision[] => [
  { action: 'ec2:terminateinstances', decision: 'implicitDeny', missingContext: [], ...more },
];

/* https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html */
const rows: readonly (readonly [string, readonly SimulatedDecision[], string, RegExp])[] = [
  ['allowed', answered({ decision: 'allowed' }), 'allowed', /^$/],
  ['no word', [], 'open', /said nothing of ec2:TerminateInstances/],
  ['not allowed', answered({}), 'denied', /because no identity-based policy allows/],
  [
    'not allowed: the tags that policies ask for are not those of our calls',
    answered({ missingContext: ['aws:ResourceTag/team', 'aws:TagKeys'] }),
    'denied',
    /because no identity/,
  ],
  ['not allowed without an address', answered({ missingContext: ['aws:SourceIp'] }), 'open', /ask for aws:SourceIp/],
  ['denied', answered({ decision: 'explicitDeny' }), 'denied', /with an explicit deny in an identity-based policy/],
  ['denied without a network', answered({ decision: 'explicitDeny', missingContext: ['aws:SourceVpc'] }), 'open', /ask for aws:SourceVpc/],
  ['by the boundary', answered({ refusedBy: 'permissions boundary' }), 'denied', /because no permissions boundary allows/],
  ['by the organization', answered({ refusedBy: 'service control policy' }), 'denied', /because no service control policy allows/],
];

for (const [what, decisions, kind, said] of rows) {
  void test(`an answer: ${what}`, () => {
    const verdict = judgeSimulation(question, decisions);
    assert.equal(verdict.kind, kind);
    assert.match(verdict.kind === 'open' ? verdict.because : verdict.kind === 'denied' ? verdict.message : '', said);
  });
}

void test('a refusal has the remedy of a real one', () => {
  const remedyOf = (decisions: readonly SimulatedDecision[]) => {
    const verdict = judgeSimulation(question, decisions);
    assert.ok(verdict.kind === 'denied');
    const { action, message } = verdict;
    const at = {
      identity: 'master',
      chain: [role('agent'), role('operator'), role('master')],
      resource: '*',
      code: 'SimulatedAccessDenied',
    };
    return remedyFor({ ...at, action, message }, { region: 'us-east-1', partition: 'aws' });
  };
  assert.match(remedyOf(answered({}))?.add[0]?.policy ?? '', /identity policy of role master/);
  assert.match(remedyOf(answered({ decision: 'explicitDeny' }))?.text ?? '', /Effect Deny/);
  assert.match(remedyOf(answered({ refusedBy: 'permissions boundary' }))?.text ?? '', /permissions boundary of role master/);
});
