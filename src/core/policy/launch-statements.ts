import { tags as tagKeys } from '../../api/labels.ts';
import { serviceNames } from '../access/partitions.ts';
import type { ConditionBlock, PolicyStatement } from './document.ts';
import type { DocumentContext } from './permissions.ts';
import { merge, tagsEqual, withCondition } from './statements.ts';

/** What a web identity session cannot carry: user code in a pod can launch, end or change nothing. */
export const actor: ConditionBlock = { StringEquals: { [`aws:PrincipalTag/${tagKeys.actor}`]: 'operator' } };

/**
 * Tags that a launch may set: ours, the runtime's own, a name. `Null`: ForAllValues alone would hold for a request without any tag
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html).
 */
function onlyOurTagKeys({ input }: DocumentContext): ConditionBlock {
  const { actor, job, ...resourceTags } = tagKeys;
  const ofSessions: readonly string[] = [actor, job];
  const keys = [...Object.values(resourceTags), 'Name', ...Object.keys(input.runtime.spec.tags ?? {})].filter(
    (key) => !ofSessions.includes(key),
  );
  return { 'ForAllValues:StringEquals': { 'aws:TagKeys': [...new Set(keys)].sort() }, Null: { 'aws:TagKeys': 'false' } };
}

export function launches(context: DocumentContext): readonly PolicyStatement[] {
  const { partition, region, stableTags } = context;
  const { network } = context.input.runtime.spec;
  const ids = (kind: string, given: readonly string[] | undefined): readonly string[] =>
    (given ?? ['*']).map((id) => ec2(context, `${kind}/${id}`));
  const created = ['fleet', 'instance', 'volume', 'network-interface'].map((kind) => ec2(context, `${kind}/*`));
  const tagged = merge(actor, tagsEqual('aws:RequestTag', stableTags), onlyOurTagKeys(context));
  const launch = ['ec2:CreateFleet', 'ec2:RunInstances'];
  return [
    {
      Sid: 'LaunchFromImagesAndNetworks',
      Effect: 'Allow',
      Action: launch,
      Resource: [
        `arn:${partition}:ec2:${region}::image/*`,
        `arn:${partition}:ec2:${region}::snapshot/*`,
        ...ids('subnet', network?.subnetIds),
        ...ids('security-group', network?.securityGroupIds),
        ec2(context, 'spot-instances-request/*'),
      ],
      ...withCondition(actor),
    },
    {
      Sid: 'LaunchFromOurTemplatesOnly',
      Effect: 'Allow',
      Action: launch,
      Resource: ec2(context, 'launch-template/*'),
      ...withCondition(merge(actor, tagsEqual('aws:ResourceTag', stableTags))),
    },
    {
      Sid: 'LaunchOnlyWithOurTags',
      Effect: 'Allow',
      Action: launch,
      Resource: created,
      ...withCondition(tagged),
    },
    {
      Sid: 'TagOnlyAtLaunch',
      Effect: 'Allow',
      Action: 'ec2:CreateTags',
      Resource: created,
      ...withCondition(merge(tagged, { StringEquals: { 'ec2:CreateAction': ['CreateFleet', 'RunInstances'] } })),
    },
    {
      Sid: 'GiveNodesTheNodeRole',
      Effect: 'Allow',
      Action: 'iam:PassRole',
      Resource: context.roles.node,
      ...withCondition(merge(actor, { StringEquals: { 'iam:PassedToService': serviceNames('ec2', partition) } })),
    },
  ];
}

export function launchTemplates(context: DocumentContext, session: ConditionBlock): readonly PolicyStatement[] {
  const resource = ec2(context, 'launch-template/*');
  const requested = merge(tagsEqual('aws:RequestTag', context.stableTags), onlyOurTagKeys(context));
  return [
    {
      Sid: 'CreateTemplatesOnlyWithOurTags',
      Effect: 'Allow',
      Action: 'ec2:CreateLaunchTemplate',
      Resource: resource,
      ...withCondition(merge(session, requested)),
    },
    {
      Sid: 'TagTemplatesOnlyAtCreation',
      Effect: 'Allow',
      Action: 'ec2:CreateTags',
      Resource: resource,
      ...withCondition(merge(session, requested, { StringEquals: { 'ec2:CreateAction': 'CreateLaunchTemplate' } })),
    },
    {
      Sid: 'DeleteOnlyTemplatesWithOurTags',
      Effect: 'Allow',
      Action: 'ec2:DeleteLaunchTemplate',
      Resource: resource,
      ...withCondition(merge(session, tagsEqual('aws:ResourceTag', context.stableTags))),
    },
  ];
}

export function ec2({ partition, region, accountId }: DocumentContext, resource: string): string {
  return `arn:${partition}:ec2:${region}:${accountId}:${resource}`;
}
