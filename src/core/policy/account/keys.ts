import { serviceNames } from '../../access/partitions.ts';
import { fitted } from '../../access/roles.ts';
import type { PolicyStatement } from '../document.ts';
import { mergeDocuments } from '../documents.ts';
import { literal, sidPart, storedBelow, storedKeyConditions } from '../statements.ts';
import { organizationFolders } from './folders.ts';
import type { AccountPlanOptions, KeyPlan } from './plan.ts';
import { rolesOf } from './roles.ts';
import { accountOfRole, type RuntimeView } from './view.ts';

/**
 * One key per organization (or as many as its runtimes name). Administration is the account's; its use is left to the account's IAM policies, but only through S3
 * and only for objects below the organization's prefixes. The encryption context of S3 is the object's ARN, or the bucket's where it has a Bucket Key
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html).
 */
export function keyPlans(views: readonly RuntimeView[], options: AccountPlanOptions): readonly KeyPlan[] {
  const arns = [
    ...new Set(views.flatMap(({ input: { runtime } }) => [runtime.spec.staging.kmsKeyArn, runtime.spec.logs.kmsKeyArn])),
  ].sort();
  const named = arns.map((arn) => {
    const users = views.filter(({ input: { runtime } }) => [runtime.spec.staging.kmsKeyArn, runtime.spec.logs.kmsKeyArn].includes(arn));
    const organizations = [...new Set(users.map(({ input }) => input.runtime.spec.organization))].sort();
    return { arn, users, organizations, name: `${options.namePrefix}-${options.environment}-${organizations.join('-')}` };
  });
  // Further keys are numbered, by no number with which another organization is called.
  const taken = new Set(named.map(({ name }) => name));
  const seen = new Set<string>();
  function aliasOf(name: string): string {
    let free = name;
    if (seen.has(name)) for (let number = 2; taken.has(free); number += 1) free = `${name}-${number}`;
    seen.add(name);
    taken.add(free);
    return `alias/${fitted(free, 240)}`;
  }
  return named.map(({ arn, users, organizations, name }) => ({
    arn,
    region: arn.split(':')[3] ?? '',
    organizations,
    alias: aliasOf(name),
    policy: mergeDocuments([{ Version: '2012-10-17', Statement: keyStatements(arn, users) }]),
  }));
}

/** Those of the default policy's administrators: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html */
export const keyAdministration = [
  'kms:CancelKeyDeletion',
  'kms:CreateAlias',
  'kms:DeleteAlias',
  'kms:DescribeKey',
  'kms:DisableKey',
  'kms:DisableKeyRotation',
  'kms:EnableKey',
  'kms:EnableKeyRotation',
  'kms:GetKeyPolicy',
  'kms:GetKeyRotationStatus',
  'kms:ListAliases',
  'kms:ListGrants',
  'kms:ListKeyPolicies',
  'kms:ListKeyRotations',
  'kms:ListResourceTags',
  'kms:PutKeyPolicy',
  'kms:RevokeGrant',
  'kms:RotateKeyOnDemand',
  'kms:ScheduleKeyDeletion',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:UpdateAlias',
  'kms:UpdateKeyDescription',
];

function keyStatements(arn: string, users: readonly RuntimeView[]): readonly PolicyStatement[] {
  const [, partition = 'aws', , region = '', account = ''] = arn.split(':');
  const root = `arn:${partition}:iam::${account}:root`;
  const contexts = organizationFolders(users)
    .filter((folder) => folder.keys.includes(arn))
    .flatMap(({ bucket, key }) => [`arn:${partition}:s3:::${bucket}`, `arn:${partition}:s3:::${bucket}/${literal(key)}/*`]);
  const organizations = [...new Set(users.map(({ input }) => input.runtime.spec.organization))].sort();
  const throughS3 = {
    StringEquals: { 'kms:ViaService': serviceNames(`s3.${region}`, partition) },
    StringLike: { 'kms:EncryptionContext:aws:s3:arn': [...new Set(contexts)].sort() },
  };
  const foreign = [...new Set(users.flatMap((view) => rolesOf(view).map(([, role]) => role.roleArn)))]
    .filter((role) => accountOfRole(role) !== account && users.some((view) => usesKey(view, role, arn)))
    .sort();
  return [
    { Sid: 'AdministrationByTheAccountWithoutUse', Effect: 'Allow', Principal: { AWS: root }, Action: keyAdministration, Resource: '*' },
    {
      Sid: 'UseThroughS3AsIamPoliciesOfTheAccountSay',
      Effect: 'Allow',
      Principal: { AWS: root },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: '*',
      Condition: throughS3,
    },
    ...organizations.flatMap((organization) => storedStatements(organization, { partition, region, account }, root)),
    ...(foreign.length === 0
      ? []
      : [
          {
            Sid: 'UseThroughS3ByRolesOfOtherAccounts',
            Effect: 'Allow',
            Principal: { AWS: foreign },
            Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
            Resource: '*',
            Condition: throughS3,
          } satisfies PolicyStatement,
        ]),
  ];
}

/** Credentials and logins of connections, stored under the organization's key: put there by people, read by workers. */
function storedStatements(
  organization: string,
  place: { readonly partition: string; readonly region: string; readonly account: string },
  root: string,
): readonly PolicyStatement[] {
  const through = storedKeyConditions(place, storedBelow(place, organization));
  const statement = (service: string, actions: readonly string[], condition: PolicyStatement['Condition']): PolicyStatement => ({
    Sid: `${service}Of${sidPart(organization)}AsIamPoliciesOfTheAccountSay`,
    Effect: 'Allow',
    Principal: { AWS: root },
    Action: actions,
    Resource: '*',
    ...(condition !== undefined && { Condition: condition }),
  });
  return [
    statement('ParametersThroughSsm', ['kms:Decrypt', 'kms:Encrypt'], through.ssm),
    statement('SecretsThroughSecretsManager', ['kms:Decrypt', 'kms:GenerateDataKey'], through.secretsManager),
  ];
}

function usesKey(view: RuntimeView, roleArn: string, keyArn: string): boolean {
  return rolesOf(view).some(([, role]) => role.roleArn === roleArn && JSON.stringify(role.permissions).includes(JSON.stringify(keyArn)));
}
