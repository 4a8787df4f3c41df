import { serviceNames } from '../../access/partitions.ts';
import { defaultInstanceProfileArn, defaultRoleArn, defaultRoleFolder, defaultRolePattern } from '../../access/roles.ts';
import type { ConditionBlock, PolicyDocument, PolicyStatement } from '../document.ts';
import type { RequestContext } from '../evaluate.ts';
import type { DocumentContext } from '../permissions.ts';
import type { PolicyRuntime } from '../runtime-input.ts';
import { merge, tagsEqual, withCondition } from '../statements.ts';
import { stackName, stackPattern } from './names.ts';

/**
 * What the operator role needs for default roles, and only then. The agent's policies are read as operator: the agent could read its own, but
 * whatever is attached to it is passed to the worker, and the agent's token is the one that most can be done with; the operator may change roles of
 * this runtime anyway. IAM is changed through CloudFormation alone (aws:CalledVia: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html),
 * below this runtime's path, and a role is made or given policies only under a boundary from that path. Which calls CloudFormation makes for a role,
 * a managed policy and an instance profile is in the handlers of their schemas
 * (https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html).
 */
export function defaultRolesStatements(context: DocumentContext, session: ConditionBlock): readonly PolicyStatement[] {
  const { runtime } = context.input;
  const stack = stackArn(context.partition, context.region, context.accountId, stackPattern(runtime));
  const below = (kind: 'role' | 'instance-profile' | 'policy') => `${defaultRoleFolder(runtime, kind)}*`;
  const requested = tagsEqual('aws:RequestTag', context.stableTags);
  const tagged = tagsEqual('aws:ResourceTag', context.stableTags);
  const within: ConditionBlock = { StringLike: { 'iam:PermissionsBoundary': below('policy') } };
  const viaCloudFormation = calledVia(context.partition);
  // A stack's tags are asked for apart: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/security_iam_id-based-policy-examples.html
  const tagging: ConditionBlock = { StringEquals: { 'cloudformation:CreateAction': ['CreateStack', 'UpdateStack'] } };
  const passed: ConditionBlock = { StringEquals: { 'iam:PassedToService': serviceNames('ec2', context.partition) } };
  const allow = (sid: string, actions: readonly string[], resource: string, ...conditions: readonly ConditionBlock[]): PolicyStatement => ({
    Sid: sid,
    Effect: 'Allow',
    Action: actions,
    Resource: resource,
    ...withCondition(merge(session, ...conditions)),
  });
  return [
    allow('ReadWhatIsAttachedToTheAgent', agentReads, context.roles.agent),
    allow('MakeTheStackOfThisRuntime', ['cloudformation:CreateStack'], stack, requested),
    allow('ChangeOnlyTheStackOfThisRuntime', ['cloudformation:UpdateStack'], stack, requested, tagged),
    allow('TagTheStackOnlyWithOurTags', ['cloudformation:TagResource'], stack, requested, tagging),
    allow('EndOnlyTheStackOfThisRuntime', ['cloudformation:DeleteStack'], stack, tagged),
    allow('LookAtTheStackOfThisRuntime', ['cloudformation:DescribeStacks', 'cloudformation:DescribeStackEvents'], stack),
    allow('GiveRolesRightsOnlyWithinABoundary', underBoundary, below('role'), viaCloudFormation, within),
    allow('KeepTheRolesOfThisRuntime', roleUpkeep, below('role'), viaCloudFormation),
    allow('KeepThePoliciesOfThisRuntime', policyUpkeep, below('policy'), viaCloudFormation),
    allow('KeepTheInstanceProfileOfThisRuntime', profileUpkeep, below('instance-profile'), viaCloudFormation),
    allow('PutTheNodeRoleIntoItsProfile', ['iam:PassRole'], defaultRolePattern(runtime, 'node'), viaCloudFormation, passed),
  ];
}

function calledVia(partition: string): ConditionBlock {
  return { 'ForAnyValue:StringEquals': { 'aws:CalledVia': [serviceNames('cloudformation', partition)].flat() } };
}

const agentReads = ['iam:ListAttachedRolePolicies', 'iam:ListRolePolicies', 'iam:GetRolePolicy'];

/** Those that know iam:PermissionsBoundary (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html). */
const underBoundary = [
  'iam:CreateRole',
  'iam:PutRolePermissionsBoundary',
  'iam:PutRolePolicy',
  'iam:DeleteRolePolicy',
  'iam:AttachRolePolicy',
  'iam:DetachRolePolicy',
];

const roleUpkeep = [
  'iam:GetRole',
  'iam:DeleteRole',
  'iam:UpdateRole',
  'iam:UpdateRoleDescription',
  'iam:UpdateAssumeRolePolicy',
  'iam:TagRole',
  'iam:UntagRole',
  'iam:GetRolePolicy',
  'iam:ListRolePolicies',
  'iam:ListAttachedRolePolicies',
];

const policyUpkeep = [
  'iam:CreatePolicy',
  'iam:GetPolicy',
  'iam:DeletePolicy',
  'iam:CreatePolicyVersion',
  'iam:GetPolicyVersion',
  'iam:DeletePolicyVersion',
  'iam:ListPolicyVersions',
  'iam:ListEntitiesForPolicy',
];

const profileUpkeep = [
  'iam:CreateInstanceProfile',
  'iam:GetInstanceProfile',
  'iam:DeleteInstanceProfile',
  'iam:AddRoleToInstanceProfile',
  'iam:RemoveRoleFromInstanceProfile',
];

export type StackUpkeep = { readonly resource: string; readonly actions: readonly string[]; readonly context: RequestContext };

/**
 * What CloudFormation will do in IAM, in the operator's session, when the stack is changed or deleted: nothing tries it before. What making the stack needs is tried
 * by making it.
 */
export function stackUpkeep(runtime: PolicyRuntime): readonly StackUpkeep[] {
  const [, partition = 'aws'] = runtime.spec.identities.operator.roleArn.split(':');
  const context = { 'aws:CalledVia': [serviceNames('cloudformation', partition)].flat() };
  const boundary = { 'iam:PermissionsBoundary': `${defaultRoleFolder(runtime, 'policy')}boundary` };
  return [
    {
      resource: defaultRoleArn(runtime, 'worker'),
      actions: ['iam:PutRolePolicy', 'iam:DeleteRolePolicy', 'iam:DetachRolePolicy'],
      context: { ...context, ...boundary },
    },
    { resource: defaultRoleArn(runtime, 'worker'), actions: ['iam:UpdateAssumeRolePolicy', 'iam:DeleteRole'], context },
    {
      resource: `${defaultRoleFolder(runtime, 'policy')}boundary`,
      actions: ['iam:CreatePolicyVersion', 'iam:DeletePolicyVersion', 'iam:DeletePolicy'],
      context,
    },
    {
      resource: defaultInstanceProfileArn(runtime),
      actions: ['iam:RemoveRoleFromInstanceProfile', 'iam:DeleteInstanceProfile'],
      context,
    },
  ];
}

/** Session policy of whoever reads the agent's policies: that, and nothing else. */
export function agentReadPolicy({ spec }: PolicyRuntime): string {
  return documentText([{ Effect: 'Allow', Action: agentReads, Resource: spec.identities.agent.roleArn }]);
}

/** Session policy of whoever works on the stack: this one stack, and through it what lies below the runtime's path. At most 2,048 characters. */
export function stackSessionPolicy(runtime: PolicyRuntime): string {
  const [, partition = 'aws', , , account = ''] = runtime.spec.identities.operator.roleArn.split(':');
  const calls = ['CreateStack', 'UpdateStack', 'TagResource', 'DeleteStack', 'DescribeStacks', 'DescribeStackEvents'];
  return documentText([
    {
      Effect: 'Allow',
      Action: calls.map((call) => `cloudformation:${call}`),
      Resource: stackArn(partition, runtime.spec.region, account, stackName(runtime)),
    },
    {
      Effect: 'Allow',
      Action: 'iam:*',
      Resource: (['role', 'policy', 'instance-profile'] as const).map((kind) => `${defaultRoleFolder(runtime, kind)}*`),
      Condition: calledVia(partition),
    },
  ]);
}

function documentText(statements: readonly PolicyStatement[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements } satisfies PolicyDocument);
}

function stackArn(partition: string, region: string, account: string, name: string): string {
  return `arn:${partition}:cloudformation:${region}:${account}:stack/${name}/*`;
}
