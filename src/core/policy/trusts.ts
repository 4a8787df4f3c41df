import { agentNamespace, tags as tagKeys } from '../../api/labels.ts';
import { serviceNames } from '../access/partitions.ts';
import { defaultRolePattern, hasDefaultRoles } from '../access/roles.ts';
import { sessionTagKeys } from '../access/sessions.ts';
import type { ConditionBlock, PolicyStatement } from './document.ts';
import type { DocumentContext } from './permissions.ts';
import { accountOf } from './principal.ts';
import type { PolicyConnection } from './runtime-input.ts';
import { merge, tagsEqual, withCondition } from './statements.ts';

/** Who may assume each role (DESIGN.md, "The identities"). */

export function agentTrust(context: DocumentContext): readonly PolicyStatement[] {
  const alias = context.input.runtime.spec.identities.agent.x509?.roleAlias;
  if (alias !== undefined) return [certificates(context, alias)];
  return [
    webIdentity(context, context.roles.agent, 'AgentServiceAccountOfThisRuntime', [
      `system:serviceaccount:${agentNamespace}:${context.namespace}.${context.name}`,
    ]),
  ];
}

/** https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html */
function certificates({ partition, region, accountId }: DocumentContext, alias: string): PolicyStatement {
  return {
    Sid: 'CertificatesThroughThisRoleAlias',
    Effect: 'Allow',
    Principal: { Service: 'credentials.iot.amazonaws.com' },
    Action: 'sts:AssumeRole',
    Condition: {
      StringEquals: { 'aws:SourceAccount': accountId },
      ArnEquals: { 'aws:SourceArn': `arn:${partition}:iot:${region}:${accountId}:rolealias/${alias}` },
    },
  };
}

/** Tags are demanded, so that a session of this role always says whose it is: the trust of master and worker asks for it. */
export function operatorTrust(context: DocumentContext): readonly PolicyStatement[] {
  const { spec } = context.input.runtime;
  return [
    {
      Sid: 'AgentWithExternalIdAndOurTags',
      Effect: 'Allow',
      Principal: { AWS: context.roles.agent },
      Action: 'sts:AssumeRole',
      ...withCondition(
        merge(
          externalId(
            context,
            [spec.identities.operator.externalIdSecretRef].filter((secret) => secret !== undefined),
          ),
          ownTags('aws:RequestTag', context),
        ),
      ),
    },
    onlyOurTags(context.roles.agent),
  ];
}

/** Master and worker: the operator role as this runtime's session, and the pods of this runtime. A driver (master pod) reads data as worker too. */
export function ownRoleTrust(context: DocumentContext, role: 'master' | 'worker'): readonly PolicyStatement[] {
  const accounts = role === 'master' ? ['master'] : ['worker', 'master'];
  return [
    {
      Sid: 'OperatorForThisRuntimeOnly',
      Effect: 'Allow',
      Principal: { AWS: context.roles.operator },
      Action: 'sts:AssumeRole',
      ...withCondition(merge(ownTags('aws:PrincipalTag', context), ownTags('aws:RequestTag', context))),
    },
    onlyOurTags(context.roles.operator),
    webIdentity(
      context,
      context.roles[role],
      'PodsOfThisRuntime',
      accounts.map((account) => `system:serviceaccount:${context.namespace}:${context.name}-${account}`),
    ),
  ];
}

export function nodeTrust({ partition }: DocumentContext): readonly PolicyStatement[] {
  return [{ Sid: 'InstancesOnly', Effect: 'Allow', Principal: { Service: serviceNames('ec2', partition) }, Action: 'sts:AssumeRole' }];
}

/** sts:AssumeRole and nothing else: towards connection roles we pass neither tags nor a source identity. */
export function connectionTrust(context: DocumentContext, connections: readonly PolicyConnection[]): readonly PolicyStatement[] {
  const secrets = connections.flatMap((connection) => connection.authentication?.externalIdSecretRef ?? []);
  const asked = externalId(context, secrets);
  const trusted = (sid: string, principal: readonly string[], more?: ConditionBlock): PolicyStatement => ({
    Sid: sid,
    Effect: 'Allow',
    Principal: { AWS: principal },
    Action: 'sts:AssumeRole',
    ...withCondition(merge(asked, more)),
  });
  const { runtime } = context.input;
  if (!hasDefaultRoles(runtime)) return [trusted('WorkerAtRunAgentAtDesign', [context.roles.worker, context.roles.agent])];
  // IAM takes no principal that does not exist yet, and no wildcard in one: the account, and of it this runtime's worker alone.
  const account = context.roles.worker.split(':role/')[0] ?? '';
  return [
    trusted('AgentAtDesign', [context.roles.agent]),
    trusted('DefaultWorkerAtRun', [`${account}:root`], { ArnLike: { 'aws:PrincipalArn': defaultRolePattern(runtime, 'worker') } }),
  ];
}

/**
 * Tags are asked for apart from the session, and there IAM knows no external ID: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html.
 * Whose tags they must be, the session's own statement says. `Null`: ForAllValues alone would hold without any tag.
 */
function onlyOurTags(principal: string): PolicyStatement {
  return {
    Sid: 'OnlyOurTags',
    Effect: 'Allow',
    Principal: { AWS: principal },
    Action: 'sts:TagSession',
    Condition: { 'ForAllValues:StringEquals': { 'aws:TagKeys': sessionTagKeys }, Null: { 'aws:TagKeys': 'false' } },
  };
}

function ownTags(key: string, { stableTags }: DocumentContext): ConditionBlock {
  const keys = [tagKeys.organization, tagKeys.namespace, tagKeys.runtime];
  return tagsEqual(key, Object.fromEntries(keys.map((tag) => [tag, stableTags[tag] ?? ''])));
}

/** Of the role's own account: IAM knows no provider of another (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html). */
function webIdentity(context: DocumentContext, roleArn: string, sid: string, subjects: readonly string[]): PolicyStatement {
  const provider = context.input.oidcProviderArn.replace(/::\d{12}:/, `::${accountOf(roleArn)}:`);
  return {
    Sid: sid,
    Effect: 'Allow',
    Principal: { Federated: provider },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: { StringEquals: { [`${context.issuer}:aud`]: 'sts.amazonaws.com', [`${context.issuer}:sub`]: subjects } },
  };
}

/** Connections that share a role may each have a Secret: any of their values will do. */
function externalId(
  context: DocumentContext,
  secrets: readonly { readonly name: string; readonly key: string }[],
): ConditionBlock | undefined {
  // An external ID holds no space (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html), so this matches nobody until it is filled in.
  const values = secrets
    .map(({ name, key }) => `${name}/${key}`)
    .map((reference) => context.input.externalIds?.[reference] ?? `external ID of Secret ${reference}`);
  const unique = [...new Set(values)];
  const [first] = unique;
  if (first === undefined) return undefined;
  return { StringEquals: { 'sts:ExternalId': unique.length === 1 ? first : unique } };
}
