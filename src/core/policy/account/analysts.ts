import { serviceNames } from '../../access/partitions.ts';
import { fitted } from '../../access/roles.ts';
import type { PolicyStatement } from '../document.ts';
import { belowKey, literal } from '../statements.ts';
import { type OrganizationFolder, organizationFolders } from './folders.ts';
import type { AccountPlanOptions, AnalystPlan } from './plan.ts';
import type { RuntimeView } from './view.ts';

/** Below the organization's staging prefix; a namespace holds no dot, so no runtime has this folder. */
const RESULTS = 'athena.results';

/**
 * For people of one organization: read what lies below its prefix, decrypt it with its key, query it through its Glue database and Athena workgroup. Nothing of it is
 * a role's: the policy is attached to users or permission sets.
 */
export function analystPlans(views: readonly RuntimeView[], options: AccountPlanOptions): readonly AnalystPlan[] {
  const regions = new Map<string, RuntimeView[]>();
  for (const view of views) {
    const { organization, region } = view.input.runtime.spec;
    regions.set(`${organization} ${region}`, [...(regions.get(`${organization} ${region}`) ?? []), view]);
  }
  return [...regions]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([place, own]) => {
      const [organization = '', region = ''] = place.split(' ');
      return {
        organization,
        region,
        name: named(`${options.namePrefix}-athena-${region}-${options.environment}-`, organization, '-policy'),
        document: { Version: '2012-10-17', Statement: statements(own, organization, region, options) },
        users: [...(options.users?.[organization] ?? [])].sort(),
      };
    });
}

function statements(
  views: readonly RuntimeView[],
  organization: string,
  region: string,
  { namePrefix, environment }: AccountPlanOptions,
): readonly PolicyStatement[] {
  const account = views[0]?.input.accountId ?? '';
  const folders = organizationFolders(views);
  const partition = folders[0]?.keys[0]?.split(':')[1] ?? 'aws';
  const staging = stagingFolders(views, folders);
  const bucketArns = (among: readonly OrganizationFolder[]): readonly string[] => [
    ...new Set(among.map(({ bucket }) => `arn:${partition}:s3:::${bucket}`)),
  ];
  const below = ({ bucket, key }: OrganizationFolder, folder = ''): string => `arn:${partition}:s3:::${bucket}/${literal(key)}/${folder}*`;
  const database = `${namePrefix}_${environment}_${organization}`.replaceAll('-', '_').toLowerCase();
  const glue = (resource: string): string => `arn:${partition}:glue:${region}:${account}:${resource}`;
  const throughS3 = (arns: readonly string[]) => ({
    StringEquals: { 'kms:ViaService': serviceNames(`s3.${region}`, partition) },
    StringLike: { 'kms:EncryptionContext:aws:s3:arn': arns },
  });
  return [
    { Sid: 'ReadBelowOwnPrefix', Effect: 'Allow', Action: 's3:GetObject', Resource: folders.map((folder) => below(folder)) },
    ...folders.map(
      ({ bucket, key }, index): PolicyStatement => ({
        Sid: `ListOwnPrefix${index + 1}`,
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: `arn:${partition}:s3:::${bucket}`,
        Condition: { StringLike: { 's3:prefix': belowKey(key) } },
      }),
    ),
    {
      Sid: 'DecryptWithOwnKey',
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: keysOf(folders),
      Condition: throughS3([...bucketArns(folders), ...folders.map((folder) => below(folder))]),
    },
    {
      Sid: 'ReadOwnGlueDatabase',
      Effect: 'Allow',
      Action: ['glue:BatchGetPartition', 'glue:GetDatabase', 'glue:GetPartition', 'glue:GetPartitions', 'glue:GetTable', 'glue:GetTables'],
      Resource: [glue('catalog'), glue(`database/${database}`), glue(`table/${database}/*`)],
    },
    {
      Sid: 'QueryInOwnWorkgroup',
      Effect: 'Allow',
      Action: [
        'athena:GetQueryExecution',
        'athena:GetQueryResults',
        'athena:GetWorkGroup',
        'athena:StartQueryExecution',
        'athena:StopQueryExecution',
      ],
      Resource: `arn:${partition}:athena:${region}:${account}:workgroup/${named(`${namePrefix}-${environment}-`, organization)}`,
    },
    {
      Sid: 'StoreAthenaResults',
      Effect: 'Allow',
      Action: ['s3:AbortMultipartUpload', 's3:PutObject'],
      Resource: staging.map((folder) => below(folder, `${RESULTS}/`)),
    },
    // Athena asks where the bucket of the results is: https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html
    { Sid: 'FindBucketOfResults', Effect: 'Allow', Action: 's3:GetBucketLocation', Resource: bucketArns(staging) },
    {
      Sid: 'EncryptResultsWithOwnKey',
      Effect: 'Allow',
      Action: 'kms:GenerateDataKey',
      Resource: keysOf(staging),
      Condition: throughS3([...bucketArns(staging), ...staging.map((folder) => below(folder, `${RESULTS}/`))]),
    },
  ];
}

/** Of policies and workgroups: at most 128 characters. */
function named(start: string, organization: string, end = ''): string {
  return `${start}${fitted(organization, 128 - start.length - end.length)}${end}`;
}

function keysOf(folders: readonly OrganizationFolder[]): readonly string[] {
  return [...new Set(folders.flatMap(({ keys }) => keys))].sort();
}

function stagingFolders(views: readonly RuntimeView[], folders: readonly OrganizationFolder[]): readonly OrganizationFolder[] {
  const uris = new Set(views.map(({ input }) => input.runtime.spec.staging.uri.replace(/\/$/, '')));
  return folders.filter(({ bucket, key, organization }) => uris.has(`s3://${bucket}/${key}`.slice(0, -organization.length - 1)));
}
