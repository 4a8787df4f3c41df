import { parseS3Uri } from '../../access/locations.ts';
import { defaultRolePattern } from '../../access/roles.ts';
import type { PolicyStatement } from '../document.ts';
import { mergeDocuments } from '../documents.ts';
import { belowKey, literal, sidPart } from '../statements.ts';
import { type OrganizationFolder, organizationFolders } from './folders.ts';
import type { BucketPlan } from './plan.ts';
import { rolesOf } from './roles.ts';
import { accountOfRole, isDefault, type RuntimeView } from './view.ts';

/**
 * What the buckets of staging and logs refuse whatever anybody's IAM policies allow: plain HTTP, objects of an organization under another key than its own,
 * and an organization's roles anywhere but below its prefix (and in the data of its jobs' connections).
 */
export function bucketPlans(views: readonly RuntimeView[]): readonly BucketPlan[] {
  const folders = organizationFolders(views);
  const buckets = [...new Set(folders.map(({ bucket }) => bucket))];
  return buckets.map((bucket) => {
    const own = folders.filter((folder) => folder.bucket === bucket);
    return {
      bucket,
      region: own[0]?.region ?? '',
      policy: mergeDocuments([{ Version: '2012-10-17', Statement: bucketStatements(bucket, own, views) }]),
    };
  });
}

function bucketStatements(
  bucket: string,
  folders: readonly OrganizationFolder[],
  views: readonly RuntimeView[],
): readonly PolicyStatement[] {
  const partition = folders[0]?.keys[0]?.split(':')[1] ?? 'aws';
  const arn = `arn:${partition}:s3:::${bucket}`;
  return [
    {
      Sid: 'TlsOnly',
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:*',
      Resource: [arn, `${arn}/*`],
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    },
    ...folders.map(
      ({ organization, key, keys }, index): PolicyStatement => ({
        Sid: `OnlyTheKeyOf${sidPart(organization)}${index + 1}`,
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:PutObject',
        Resource: `${arn}/${literal(key)}/*`,
        // Holds where the header is missing, too: what names no key is refused.
        Condition: { StringNotEquals: { 's3:x-amz-server-side-encryption-aws-kms-key-id': keys.length === 1 ? (keys[0] ?? '') : keys } },
      }),
    ),
    ...confinements(bucket, arn, folders, views),
    ...guests(arn, folders, views),
  ];
}

/** Roles by the organizations that they serve: a role that two share may go below the prefix of either, one that has nothing here nowhere. */
function confinements(
  bucket: string,
  arn: string,
  folders: readonly OrganizationFolder[],
  views: readonly RuntimeView[],
): readonly PolicyStatement[] {
  const organizations = new Map<string, Set<string>>();
  for (const view of views) {
    const named = rolesOf(view).flatMap(([use, { roleArn }]) => (use === 'node' ? [] : [roleArn]));
    // ArnEquals takes wildcards as ArnLike does: default roles have a uid in their names that nobody knows yet.
    const { runtime } = view.input;
    const later = isDefault(view.input) ? (['master', 'worker'] as const).map((role) => defaultRolePattern(runtime, role)) : [];
    for (const roleArn of [...named, ...later]) {
      organizations.set(roleArn, (organizations.get(roleArn) ?? new Set()).add(view.input.runtime.spec.organization));
    }
  }
  const groups = new Map<string, string[]>();
  for (const [roleArn, served] of organizations) {
    const group = [...served].sort().join(' ');
    groups.set(group, [...(groups.get(group) ?? []), roleArn]);
  }
  const strangers: string[] = [];
  const confined = [...groups]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([group, roles]): readonly PolicyStatement[] => {
      const served = group.split(' ');
      const prefixes = [
        ...folders.filter((folder) => served.includes(folder.organization)).map(({ key }) => key),
        ...dataIn(bucket, served, views),
      ];
      if (prefixes.length === 0) {
        strangers.push(...roles);
        return [];
      }
      // A whole bucket of data leaves nothing to confine.
      if (prefixes.includes('')) return [];
      const name = served.map(sidPart).join('And');
      const who = { ArnEquals: { 'aws:PrincipalArn': roles.toSorted() } };
      return [
        {
          Sid: `RolesOf${name}OnlyBelowTheirPrefix`,
          Effect: 'Deny',
          Principal: '*',
          Action: objectActions,
          NotResource: prefixes.flatMap((prefix) => [`${arn}/${literal(prefix)}`, `${arn}/${literal(prefix)}/*`]),
          Condition: who,
        },
        {
          Sid: `RolesOf${name}ListOnlyTheirPrefix`,
          Effect: 'Deny',
          Principal: '*',
          Action: 's3:ListBucket',
          Resource: arn,
          Condition: { ...who, StringNotLike: { 's3:prefix': prefixes.map(belowKey) } },
        },
      ];
    });
  if (strangers.length === 0) return confined;
  return [
    ...confined,
    {
      Sid: 'RolesOfOthersNotHere',
      Effect: 'Deny',
      Principal: '*',
      Action: [...objectActions, 's3:ListBucket'],
      Resource: [arn, `${arn}/*`],
      Condition: { ArnEquals: { 'aws:PrincipalArn': strangers.toSorted() } },
    },
  ];
}

const objectActions = ['s3:AbortMultipartUpload', 's3:DeleteObject', 's3:GetObject', 's3:PutObject'];

/** What jobs of these organizations read and write elsewhere in the bucket: connections, dependencies, init scripts. */
function dataIn(bucket: string, organizations: readonly string[], views: readonly RuntimeView[]): readonly string[] {
  const uris = views
    .filter(({ input }) => organizations.includes(input.runtime.spec.organization))
    .flatMap(({ input }) => [
      input.runtime.spec.initScript?.uri,
      ...(input.jobs ?? []).flatMap(({ spec }) => [
        ...(spec.connections ?? []).map(({ location }) => location),
        ...(spec.dependencies ?? []).map(({ uri }) => uri),
      ]),
    ]);
  const keys = uris.flatMap((uri) => {
    const location = parseS3Uri(uri ?? '');
    return location.ok && location.value.bucket === bucket ? [location.value.key] : [];
  });
  return [...new Set(keys)].sort();
}

/** Roles of other accounts need the bucket's word, too (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html). */
function guests(arn: string, folders: readonly OrganizationFolder[], views: readonly RuntimeView[]): readonly PolicyStatement[] {
  return folders.flatMap(({ organization, key }, index) => {
    const roles = views
      .filter(({ input }) => input.runtime.spec.organization === organization)
      .flatMap((view) => rolesOf(view).flatMap(([, role]) => (accountOfRole(role.roleArn) === view.input.accountId ? [] : [role])))
      .filter(({ permissions }) => JSON.stringify(permissions).includes(`${arn}/${literal(key)}/`))
      .map(({ roleArn }) => roleArn);
    const principals = [...new Set(roles)].sort();
    if (principals.length === 0) return [];
    return [
      {
        Sid: `RolesOfOtherAccountsFor${sidPart(organization)}${index + 1}`,
        Effect: 'Allow',
        Principal: { AWS: principals },
        Action: objectActions,
        Resource: `${arn}/${literal(key)}/*`,
      },
      {
        Sid: `RolesOfOtherAccountsListFor${sidPart(organization)}${index + 1}`,
        Effect: 'Allow',
        Principal: { AWS: principals },
        Action: 's3:ListBucket',
        Resource: arn,
        Condition: { StringLike: { 's3:prefix': belowKey(key) } },
      },
    ] satisfies readonly PolicyStatement[];
  });
}
