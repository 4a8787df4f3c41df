import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyDocument } from '../../src/core/policy/document.ts';
import { judgePodsPath } from '../../src/core/preflight/pods-path.ts';
import type { Caller, PolicyQuestion } from '../../src/ports/aws/index.ts';
import { provision } from '../gate/provision.ts';
import { differences } from '../gate/record.ts';
import { accountId, arnOf, assumeChain, roles, stableTags } from './roles.ts';
import { as, failure, must, useStand } from './stand.ts';

/* What a preflight asks of IAM and of EC2 without doing anything, as it goes over the wire. */

let operator: Caller;

const ours = (key: string) => Object.fromEntries(Object.entries(stableTags).map(([tag, value]) => [`${key}/${tag}`, value]));
const permissions: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iam:GetRole', Resource: [arnOf('worker'), arnOf('gone')] },
    { Effect: 'Allow', Action: 'iam:SimulatePrincipalPolicy', Resource: arnOf('master') },
  ],
};
const master: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'ec2:TerminateInstances', Resource: '*', Condition: { StringEquals: ours('aws:ResourceTag') } },
    { Effect: 'Allow', Action: 'ec2:CreateTags', Resource: '*', Condition: { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a', 'b'] } } },
    { Effect: 'Allow', Action: 'ec2:StopInstances', Resource: '*', Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } },
  ],
};

const stand = useStand(async (self) => {
  await provision(self.gate, { roles: roles(self.issuer.issuer, { operator: permissions, master }) });
  operator = as((await assumeChain(self)).operator);
});

void test('a trust policy is read as IAM keeps it; what is not there or not allowed is told apart', async () => {
  const { iam } = stand.aws;
  const { arn, trust } = must(await iam.getRole(operator, { roleName: 'worker' }));
  assert.equal(arn, arnOf('worker'));
  assert.deepEqual(JSON.parse(trust), roles(stand.issuer.issuer, {})['worker']?.trust);
  const providerArn = `arn:aws:iam::${accountId}:oidc-provider/${stand.issuer.issuer.replace('https://', '')}`;
  const path = {
    by: 'webIdentity',
    roleArn: arn,
    subjects: ['x'],
    audience: 'sts.amazonaws.com',
    providerArn,
    issuer: stand.issuer.issuer,
  } as const;
  assert.equal(judgePodsPath(path, trust, Date.now()).kind, 'refused');
  const gone = failure(await iam.getRole(operator, { roleName: 'gone' }));
  assert.deepEqual([gone.kind, gone.code], ['NotFound', 'NoSuchEntity']);
  const refused = failure(await iam.getRole(operator, { roleName: 'master' }));
  assert.deepEqual([refused.kind, refused.code], ['AccessDenied', 'AccessDenied']);
});

const ask = (more: Partial<PolicyQuestion>): PolicyQuestion => ({
  principalArn: arnOf('master'),
  actions: ['ec2:TerminateInstances'],
  resource: `arn:aws:ec2:us-east-1:${accountId}:instance/i-1`,
  context: ours('aws:ResourceTag'),
  ...more,
});

void test('IAM is asked with the keys of the call, one value or many, and says what it was not given', async () => {
  const { iam } = stand.aws;
  const decisions = must(await iam.simulatePrincipalPolicy(operator, ask({ actions: ['ec2:TerminateInstances', 'ec2:RunInstances'] })));
  assert.deepEqual(
    decisions.map(({ action, decision }) => [action, decision]),
    [
      ['ec2:TerminateInstances', 'allowed'],
      ['ec2:RunInstances', 'implicitDeny'],
    ],
  );
  const untagged = must(await iam.simulatePrincipalPolicy(operator, ask({ context: {} })));
  assert.ok(
    untagged.every(({ requestId }) => requestId !== undefined),
    'each says which call it was',
  );
  assert.deepEqual(
    untagged.map(({ action, decision, missingContext }) => ({ action, decision, missingContext })),
    [{ action: 'ec2:TerminateInstances', decision: 'implicitDeny', missingContext: Object.keys(ours('aws:resourcetag')).toSorted() }],
  );
  for (const [keys, decision] of [
    [['a', 'b'], 'allowed'],
    [['a', 'c'], 'implicitDeny'],
  ] as const) {
    const [found] = must(
      await iam.simulatePrincipalPolicy(operator, ask({ actions: ['ec2:CreateTags'], context: { 'aws:TagKeys': keys } })),
    );
    assert.equal(found?.decision, decision);
  }
  const [elsewhere] = must(await iam.simulatePrincipalPolicy(operator, ask({ actions: ['ec2:StopInstances'] })));
  assert.deepEqual([elsewhere?.decision, elsewhere?.missingContext], ['implicitDeny', ['aws:sourceip']]);
  assert.equal(failure(await iam.simulatePrincipalPolicy(operator, ask({ principalArn: arnOf('worker') }))).kind, 'AccessDenied');
});

void test('actions that IAM does not answer together are asked apart, and all answered', async () => {
  const actions = ['dynamodb:GetItem', 'dynamodb:Query', 'ec2:TerminateInstances', 'dynamodb:Scan'];
  const calls = stand.audit.length;
  const decisions = must(await stand.aws.iam.simulatePrincipalPolicy(operator, ask({ actions })));
  assert.deepEqual(Object.fromEntries(decisions.map(({ action, decision }) => [action, decision])), {
    'dynamodb:GetItem': 'implicitDeny',
    'dynamodb:Query': 'implicitDeny',
    'dynamodb:Scan': 'implicitDeny',
    'ec2:TerminateInstances': 'allowed',
  });
  assert.deepEqual(
    stand.audit.slice(calls).map(({ outcome }) => outcome),
    ['InvalidInput', 'ok', 'ok', 'ok'],
  );
});

void test('the audit and what the account saw agree', () => {
  assert.deepEqual(differences(stand.gate.record(), stand.audit), []);
});
