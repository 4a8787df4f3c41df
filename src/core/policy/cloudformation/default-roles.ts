import { createHash } from 'node:crypto';
import { type DefaultRole, defaultInstanceProfileArn, defaultRoleArn, defaultRoleName, defaultRolePath } from '../../access/roles.ts';
import { malformed, type Parsed, parsed } from '../../quantity/outcome.ts';
import type { NamedPolicy } from '../account/plan.ts';
import type { PolicyDocument } from '../document.ts';
import { runtimeDocuments } from '../documents.ts';
import { revocationDenies, revocationPolicyName } from '../revocation.ts';
import type { PolicyRuntime } from '../runtime-input.ts';
import { logicalIds as named } from './names.ts';
import { QuotaExceeded } from './quotas.ts';
import { asValue, roleResources } from './role.ts';
import { type Entry, logicalIds, maxInlineBytes, type Output, type Resource, section, type Template } from './template.ts';

/** What is attached to the agent role, as IAM tells it. */
export type AgentPolicies = {
  /** ARNs */
  readonly managed: readonly string[];
  readonly inline: readonly NamedPolicy[];
};

export type DefaultRolesInput = {
  readonly runtime: PolicyRuntime;
  readonly clusterName: string;
  /** Of the cluster's tokens, https://… */
  readonly issuer: string;
  readonly agent: AgentPolicies;
  /** RFC 3339: everything is denied to sessions of master and worker that were issued before. */
  readonly revokedBefore?: string | undefined;
};

export type DefaultRolesTemplate = {
  /** The template as JSON. The same input gives the same bytes. */
  readonly body: string;
  /** Of the template without this digest; also its output `Digest`, so that the stack itself says what it was made from. */
  readonly digest: string;
};

/**
 * The stack of a runtime without master and worker roles: both of them, the node role with its instance profile, and the boundary under which all three
 * stand. The worker has what is attached to the agent role (managed policies by ARN, inline ones as copies) and its own needs. Revoked access is denied by the stack
 * itself: a policy that is attached to one of its roles otherwise keeps CloudFormation from deleting it. What does not fit the quotas of IAM and CloudFormation is a reason.
 */
export function defaultRolesTemplate(input: DefaultRolesInput): Parsed<DefaultRolesTemplate> {
  const { runtime, agent } = input;
  const documents = documentsOf(input);
  const ids = logicalIds();
  const revoked = deniesOf(input);
  // The agent's own deny, of its sessions from before, is narrower than the one that stands under this name.
  const copies = agent.inline
    .filter(({ name }) => !revoked.some((own) => own.name === name))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  // An inline policy's name is the role's own matter: one that the agent has already is left to the copy.
  const needs = copies.some(({ name }) => name === needsName) ? `${needsName}-2` : needsName;
  const role = (use: DefaultRole, policies: readonly NamedPolicy[], attached: readonly string[] = []): readonly Entry<Resource>[] => {
    const properties = {
      name: defaultRoleName(runtime, use),
      path: defaultRolePath(runtime),
      description: `${use} of ElasticRuntime ${nameOf(runtime)}`,
      trust: documents[use].trust,
      policies: [...policies, { name: needs, document: documents[use].permissions }],
      boundaryArn: { Ref: named.boundary },
      ...(attached.length > 0 && { managedPolicyArns: attached.toSorted() }),
    };
    return roleResources(named[use], properties, ids);
  };
  try {
    const profile: Resource = {
      Type: 'AWS::IAM::InstanceProfile',
      Properties: {
        InstanceProfileName: defaultRoleName(runtime, 'node'),
        Path: defaultRolePath(runtime),
        Roles: [{ Ref: named.node }],
      },
    };
    return finished(
      runtime,
      section([
        [named.boundary, boundary(runtime)],
        ...role('master', revoked),
        ...role('worker', [...revoked, ...copies], agent.managed),
        ...role('node', []),
        [named.profile, profile],
      ]),
    );
  } catch (error) {
    if (error instanceof QuotaExceeded) return malformed(error.message);
    throw error;
  }
}

const needsName = 'elastic-runtime-needs';

/** The same for master and worker: pods name their sessions as they like, so there every session from before ends. */
function deniesOf({ runtime, revokedBefore: before }: DefaultRolesInput): readonly NamedPolicy[] {
  const { uid: runtimeUid = '' } = runtime.metadata;
  if (before === undefined) return [];
  const roles = [{ identity: 'worker', roleArn: defaultRoleArn(runtime, 'worker') }];
  return revocationDenies({ before, runtimeUid, roles, agentProof: 'webIdentity' }).map(({ document }) => ({
    name: revocationPolicyName(runtimeUid),
    document,
  }));
}

function finished(runtime: PolicyRuntime, resources: Readonly<Record<string, Resource>>): Parsed<DefaultRolesTemplate> {
  const digest = createHash('sha256').update(JSON.stringify(resources)).digest('hex').slice(0, 32);
  const arn = (Description: string, logicalId: string): Output => ({ Description, Value: { 'Fn::GetAtt': [logicalId, 'Arn'] } });
  const template: Template = {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: `Default roles of ElasticRuntime ${nameOf(runtime)}; made, kept and deleted by the Elastic Runtime Operator`,
    Resources: resources,
    Outputs: {
      MasterRoleArn: arn('Role of the master pods', named.master),
      WorkerRoleArn: arn('Role of the worker pods', named.worker),
      NodeRoleArn: arn('Role of the nodes', named.node),
      NodeInstanceProfileArn: arn('Instance profile of the nodes', named.profile),
      [named.digest]: { Description: 'What this stack was made from', Value: digest },
    },
  };
  const body = JSON.stringify(template);
  if (Buffer.byteLength(body) > maxInlineBytes)
    return malformed(`the template of the default roles has more than ${maxInlineBytes} bytes: attach less to the agent role`);
  return parsed({ body, digest });
}

function nameOf({ metadata }: PolicyRuntime): string {
  return `${metadata.namespace ?? 'default'}/${metadata.name ?? ''}`;
}

function boundary(runtime: PolicyRuntime): Resource {
  return {
    Type: 'AWS::IAM::ManagedPolicy',
    Properties: {
      ManagedPolicyName: defaultRoleName(runtime, 'boundary'),
      Path: defaultRolePath(runtime),
      Description: `The most that a default role of ElasticRuntime ${nameOf(runtime)} may do`,
      PolicyDocument: asValue(boundaryDocument(runtime)),
    },
  };
}

/**
 * The most that any of the three roles may do, whatever is attached to the agent role or to them: no IAM, and never the agent's or the operator's
 * sessions, which the worker's copies of the agent's policies would allow. The one IAM action that is left is the master's, without which it could
 * launch nothing: to pass the node role, and to do nothing else with it.
 */
export function boundaryDocument(runtime: PolicyRuntime): PolicyDocument {
  const node = defaultRoleArn(runtime, 'node');
  const { agent, operator } = runtime.spec.identities;
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'RolesSayWhatIsAllowed', Effect: 'Allow', Action: '*', Resource: '*' },
      { Sid: 'NoIam', Effect: 'Deny', Action: 'iam:*', NotResource: node },
      {
        Sid: 'OnlyTheMasterPassesTheNodeRole',
        Effect: 'Deny',
        Action: 'iam:*',
        Resource: node,
        Condition: { ArnNotEquals: { 'aws:PrincipalArn': defaultRoleArn(runtime, 'master') } },
      },
      { Sid: 'TheNodeRoleIsOnlyPassed', Effect: 'Deny', NotAction: 'iam:PassRole', Resource: node },
      { Sid: 'NeverAgentOrOperator', Effect: 'Deny', Action: 'sts:*', Resource: [agent.roleArn, operator.roleArn] },
    ],
  };
}

/** What the stack makes, by name: known before it is there. */
export function defaultIdentities(runtime: PolicyRuntime): {
  readonly master: { readonly roleArn: string };
  readonly worker: { readonly roleArn: string };
  readonly node: { readonly roleArn: string; readonly instanceProfileArn: string };
} {
  const roleArn = (role: DefaultRole): { readonly roleArn: string } => ({ roleArn: defaultRoleArn(runtime, role) });
  return {
    master: roleArn('master'),
    worker: roleArn('worker'),
    node: { ...roleArn('node'), instanceProfileArn: defaultInstanceProfileArn(runtime) },
  };
}

function documentsOf({ runtime, clusterName, issuer }: DefaultRolesInput): ReturnType<typeof runtimeDocuments> {
  const [, partition = 'aws', , , accountId = ''] = runtime.spec.identities.operator.roleArn.split(':');
  const host = issuer.replace(/^https:\/\//, '');
  return runtimeDocuments({
    runtime,
    clusterName,
    accountId,
    issuer,
    oidcProviderArn: `arn:${partition}:iam::${accountId}:oidc-provider/${host}`,
  });
}
