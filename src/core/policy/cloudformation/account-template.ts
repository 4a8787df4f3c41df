import { fitted } from '../../access/roles.ts';
import { roleAliases } from '../account/certificates.ts';
import type { AccountPlan, KeyPlan } from '../account/plan.ts';
import { rolesOfOneName, statementsOf } from '../account/roles.ts';
import { accountOfRole } from '../account/view.ts';
import type { PolicyDocument } from '../document.ts';
import { charactersOf, fitResourcePolicy, QuotaExceeded, quotas } from './quotas.ts';
import { asValue, type Render, roleResources } from './role.ts';
import {
  type Entry,
  logicalIds,
  maxParameters,
  maxResources,
  type Output,
  type Parameter,
  type Resource,
  section,
  type Template,
  type Value,
} from './template.ts';

export type AccountTemplate = {
  readonly template: Template;
  /** What a person must know before deploying it: what is not in it, what quota it needs. */
  readonly notes: readonly string[];
};

/**
 * One stack for one account and region: roles, instance profiles, keys, bucket policies, role aliases, policies for analysts. Every name and ARN stands in it as it is in
 * the manifests, so that it can be read and compared; external IDs alone are parameters (NoEcho). Throws where a role would exceed IAM's quotas.
 */
export function accountTemplate(plan: AccountPlan): AccountTemplate {
  const [twice] = rolesOfOneName(plan.roles);
  if (twice !== undefined)
    throw new QuotaExceeded(`roles ${twice.join(' and ')}: IAM gives a name once in an account, whatever the path: rename one of them`);
  const ids = logicalIds();
  const id = ids.of;
  const markers = new Map(plan.externalIds.map(({ marker, parameter }) => [marker, { Ref: parameter }]));
  const render: Render = (document) => withReferences(asValue(document), markers);
  const notes: string[] = [];
  const here = (what: string, account: string | undefined, region?: string): boolean => {
    if (account !== undefined && account !== plan.accountId)
      notes.push(`${what} lies in account ${account}: it is not in this template; -o json prints its policies`);
    else if (region !== undefined && region !== plan.region)
      notes.push(`${what} lies in ${region}: it is not in this template of ${plan.region}`);
    else return true;
    return false;
  };
  const roles = plan.roles.filter(({ arn }) => here(`role ${arn}`, accountOfRole(arn)));
  const roleIds = new Map(roles.map((role) => [role.arn, id(`Role ${role.name}`)]));
  const keys = plan.keys
    .filter(({ arn, region }) => here(`key ${arn}`, arn.split(':')[4], region))
    .map((key) => ({ ...key, logicalId: id(`Key ${key.organizations.join(' ')}`) }))
    // After every key has its own: an organization may be called as what belongs to another's key.
    .map((key): KeyWithIds => ({ ...key, aliasId: ids.derived(key.logicalId, 'Alias'), origin: ids.derived(key.logicalId, 'Origin') }));
  const resources: Entry<Resource>[] = [];
  for (const role of roles) {
    const { arn, name, trust } = role;
    const characters = charactersOf(trust);
    if (characters > quotas.trustCharacters)
      notes.push(
        `the trust policy of role ${name} has ${characters} characters: raise the account's quota "Role trust policy length" (${quotas.trustCharacters}) first`,
      );
    const logicalId = roleIds.get(arn) ?? '';
    const [[, made], ...policies] = roleResources(logicalId, role, ids, render);
    // IAM refuses a trust policy whose principal is not there yet.
    const trusted = principalsOf(trust).flatMap((principal) => (principal === arn ? [] : (roleIds.get(principal) ?? [])));
    const { Type, Properties } = made;
    resources.push([logicalId, trusted.length > 0 ? { Type, DependsOn: trusted, Properties } : made], ...policies);
  }
  for (const { name, path, roleArn } of plan.instanceProfiles) {
    const role = roleIds.get(roleArn);
    resources.push([
      id(`InstanceProfile ${name}`),
      {
        Type: 'AWS::IAM::InstanceProfile',
        Properties: {
          InstanceProfileName: name,
          Path: path,
          Roles: role === undefined ? [roleArn.slice(roleArn.lastIndexOf('/') + 1)] : [{ Ref: role }],
        },
      },
    ]);
  }
  for (const key of keys) resources.push(...keyResources(key));
  for (const { bucket, region, policy } of plan.buckets) {
    if (!here(`bucket ${bucket}`, undefined, region)) continue;
    resources.push([
      id(`BucketPolicy ${bucket}`),
      {
        Type: 'AWS::S3::BucketPolicy',
        Properties: { Bucket: bucket, PolicyDocument: asValue(fitResourcePolicy(`bucket ${bucket}`, policy, quotas.bucketPolicyBytes)) },
      },
    ]);
  }
  const aliases = new Set(roleAliases(plan.certificates));
  for (const certificate of plan.certificates) {
    const { region, roleAlias, roleArn, policyName, document } = certificate;
    if (!here(`role alias ${roleAlias}`, undefined, region)) continue;
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    if (accountOfRole(roleArn) !== plan.accountId)
      throw new QuotaExceeded(
        `role ${roleArn} of role alias ${roleAlias}: AWS IoT is passed roles of its own account only, and the certificates are in account ${plan.accountId}: give the agent a role there`,
      );
    const role = roleIds.get(roleArn);
    if (aliases.has(certificate))
      resources.push([
        id(`RoleAlias ${roleAlias}`),
        {
          Type: 'AWS::IoT::RoleAlias',
          Properties: {
            RoleAlias: roleAlias,
            RoleArn: role === undefined ? roleArn : { 'Fn::GetAtt': [role, 'Arn'] },
            CredentialDurationSeconds: 3600,
          },
        },
      ]);
    resources.push([
      id(`CertificatePolicy ${policyName}`),
      {
        Type: 'AWS::IoT::Policy',
        Properties: { PolicyName: policyName, PolicyDocument: asValue(document) },
      },
    ]);
  }
  for (const { organization, region, name, document, users } of plan.analysts) {
    if (!here(`the data access policy of ${organization}`, undefined, region)) continue;
    resources.push([
      id(`DataAccess ${organization}`),
      {
        Type: 'AWS::IAM::ManagedPolicy',
        Properties: {
          ManagedPolicyName: name,
          Description: `Read the data of organization ${organization} and query it with Athena`,
          PolicyDocument: asValue(document),
          ...(users.length > 0 && { Users: users }),
        },
      },
    ]);
  }
  for (const [what, count, most] of [
    ['resources', resources.length, maxResources],
    ['parameters', keys.length + plan.externalIds.length, maxParameters],
  ] as const)
    if (count > most)
      throw new QuotaExceeded(
        `the template has ${count} ${what}, more than the ${most} that CloudFormation takes: generate it from fewer runtimes`,
      );
  const parameters: readonly Entry<Parameter>[] = [
    ...plan.externalIds.map(({ parameter, secret }): Entry<Parameter> => [parameter, externalIdParameter(secret)]),
    ...keys.map((key): Entry<Parameter> => [key.origin, keyParameter(key)]),
  ];
  const template: Template = {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: `IAM of the Elastic Runtime Operator in account ${plan.accountId}, ${plan.region}`,
    ...(parameters.length > 0 && { Parameters: section(parameters) }),
    ...(keys.length > 0 && {
      Conditions: section(keys.map(({ logicalId, origin }) => [`Make${logicalId}`, { 'Fn::Equals': [{ Ref: origin }, 'Make'] }] as const)),
    }),
    Resources: section(resources, parameters),
    ...(keys.length > 0 && { Outputs: section(keys.map(keyOutput)) }),
  };
  return { template, notes };
}

type KeyWithIds = KeyPlan & {
  readonly logicalId: string;
  readonly aliasId: string;
  /** Parameter that says whether the key is made or there already. */
  readonly origin: string;
};

/** Keys outlive the stack: what they encrypted could not be read again. */
function keyResources({ logicalId, aliasId, arn, organizations, alias, policy }: KeyWithIds): readonly Entry<Resource>[] {
  const names = fitted(organizations.join(', '), 1000);
  return [
    [
      logicalId,
      {
        Type: 'AWS::KMS::Key',
        Condition: `Make${logicalId}`,
        DeletionPolicy: 'Retain',
        UpdateReplacePolicy: 'Retain',
        Properties: {
          Description: `Objects of organization ${names}`,
          EnableKeyRotation: true,
          RotationPeriodInDays: 365,
          KeyPolicy: asValue(fitResourcePolicy(`key ${arn}`, policy, quotas.keyPolicyBytes)),
        },
      },
    ],
    [
      aliasId,
      {
        Type: 'AWS::KMS::Alias',
        Condition: `Make${logicalId}`,
        Properties: { AliasName: alias, TargetKeyId: { Ref: logicalId } },
      },
    ],
  ];
}

function keyParameter({ arn, organizations }: KeyPlan): Parameter {
  return {
    Type: 'String',
    Description: `Make: this stack makes the key of organization ${fitted(organizations.join(', '), 1000)} (its ARN is an output: write it into the runtimes and generate again). Existing: ${arn} is there already.`,
    Default: 'Make',
    AllowedValues: ['Make', 'Existing'],
  };
}

function keyOutput({ logicalId, organizations }: KeyWithIds): Entry<Output> {
  return [
    `${logicalId}Arn`,
    {
      Description: fitted(`spec.staging.kmsKeyArn and spec.logs.kmsKeyArn of the runtimes of ${organizations.join(', ')}`, 1000),
      Condition: `Make${logicalId}`,
      Value: { 'Fn::GetAtt': [logicalId, 'Arn'] },
    },
  ];
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: ExternalId. */
function externalIdParameter(secret: string): Parameter {
  return {
    Type: 'String',
    Description: `External ID that Secret ${secret} holds`,
    NoEcho: true,
    AllowedPattern: '[\\w+=,.@:/-]*',
    ConstraintDescription: 'letters, digits and _+=,.@:/-',
    MinLength: 2,
    MaxLength: 1224,
  };
}

function principalsOf(trust: PolicyDocument): readonly string[] {
  const principals = statementsOf(trust).flatMap(({ Principal }) => (typeof Principal === 'object' ? (Principal.AWS ?? []) : []));
  return [...new Set(principals)].sort();
}

function withReferences(value: Value, markers: ReadonlyMap<string, Value>): Value {
  if (typeof value === 'string') return markers.get(value) ?? value;
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item: Value) => withReferences(item, markers));
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, withReferences(item, markers)]])),
  );
}
