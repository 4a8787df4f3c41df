import {
  GetInstanceProfileCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListEntitiesForPolicyCommand,
  ListRolePoliciesCommand,
} from '@aws-sdk/client-iam';
import { DescribeRoleAliasCommand, GetPolicyCommand as GetIotPolicyCommand, IoTClient } from '@aws-sdk/client-iot';
import { GetKeyPolicyCommand, GetKeyRotationStatusCommand, KMSClient } from '@aws-sdk/client-kms';
import { GetBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { AccountReader, RoleView } from '../ports/aws/account-reader.ts';
import type { AwsResult } from '../ports/aws/index.ts';
import { err, ok } from '../ports/result.ts';
import { toAwsError } from './errors.ts';

/**
 * Reads an account as whoever the SDK's default credential chain finds: environment, shared configuration, SSO, instance
 * (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html). For people at a command line; nothing of the operator uses it.
 */
export function createAccountReader(options: { readonly region: string; readonly endpoint?: string }): AccountReader {
  const { region, endpoint } = options;
  const common = { region, ...(endpoint !== undefined && { endpoint }) };
  const iam = new IAMClient(common);
  const s3 = new S3Client({ ...common, ...(endpoint !== undefined && { forcePathStyle: true }) });
  const kms = new KMSClient(common);
  const iot = new IoTClient(common);
  const sts = new STSClient(common);

  async function documentOf(arn: string): Promise<string> {
    const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn: arn }));
    const version = await iam.send(new GetPolicyVersionCommand({ PolicyArn: arn, VersionId: Policy?.DefaultVersionId ?? 'v1' }));
    return decoded(version.PolicyVersion?.Document);
  }

  async function inlinePolicies(RoleName: string): Promise<RoleView['policies']> {
    const names = await pages(
      (Marker) => iam.send(new ListRolePoliciesCommand({ RoleName, ...marked(Marker) })),
      ({ PolicyNames }) => PolicyNames,
    );
    return await Promise.all(
      names.map(async (name) => {
        const policy = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: name }));
        return { name, document: decoded(policy.PolicyDocument) };
      }),
    );
  }

  async function attachedPolicies(RoleName: string): Promise<RoleView['policies']> {
    const list = (Marker: string | undefined) => iam.send(new ListAttachedRolePoliciesCommand({ RoleName, ...marked(Marker) }));
    const attached = await pages(list, ({ AttachedPolicies }) => AttachedPolicies);
    return await Promise.all(
      attached.map(async ({ PolicyArn = '', PolicyName = '' }) => ({ name: PolicyName, document: await documentOf(PolicyArn) })),
    );
  }

  return {
    account: () => answer(async () => (await sts.send(new GetCallerIdentityCommand({}))).Account ?? ''),
    role: (name) =>
      found(async () => {
        const { Role } = await iam.send(new GetRoleCommand({ RoleName: name }));
        const boundaryArn = Role?.PermissionsBoundary?.PermissionsBoundaryArn;
        const [inline, attached] = await Promise.all([inlinePolicies(name), attachedPolicies(name)]);
        return {
          arn: Role?.Arn ?? '',
          trust: decoded(Role?.AssumeRolePolicyDocument),
          policies: [...inline, ...attached],
          ...(boundaryArn !== undefined && { boundaryArn }),
        };
      }),
    instanceProfile: (name) =>
      found(async () => {
        const { InstanceProfile } = await iam.send(new GetInstanceProfileCommand({ InstanceProfileName: name }));
        return { arn: InstanceProfile?.Arn ?? '', roleArns: (InstanceProfile?.Roles ?? []).flatMap(({ Arn }) => Arn ?? []) };
      }),
    managedPolicy: (arn) =>
      found(async () => {
        const list = (Marker: string | undefined) =>
          iam.send(new ListEntitiesForPolicyCommand({ PolicyArn: arn, EntityFilter: 'User', ...marked(Marker) }));
        const document = await documentOf(arn);
        const users = await pages(list, ({ PolicyUsers }) => PolicyUsers);
        return { document, users: users.flatMap(({ UserName }) => UserName ?? []) };
      }),
    async bucketPolicy(bucket) {
      const policy = await found(async () => (await s3.send(new GetBucketPolicyCommand({ Bucket: bucket }))).Policy ?? '');
      // A bucket without a policy is an error of its own: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html
      return policy.ok || policy.error.code !== 'NoSuchBucketPolicy' ? policy : ok('');
    },
    key: (arn) =>
      found(async () => {
        const { Policy } = await kms.send(new GetKeyPolicyCommand({ KeyId: arn, PolicyName: 'default' }));
        const { KeyRotationEnabled } = await kms.send(new GetKeyRotationStatusCommand({ KeyId: arn }));
        return { policy: Policy ?? '', rotated: KeyRotationEnabled === true };
      }),
    roleAlias: (name) =>
      found(async () => {
        const { roleAliasDescription } = await iot.send(new DescribeRoleAliasCommand({ roleAlias: name }));
        return { roleArn: roleAliasDescription?.roleArn ?? '' };
      }),
    certificatePolicy: (name) => found(async () => (await iot.send(new GetIotPolicyCommand({ policyName: name }))).policyDocument ?? ''),
    close() {
      for (const client of [iam, s3, kms, iot, sts]) client.destroy();
    },
  };
}

async function answer<T>(read: () => Promise<T>): Promise<AwsResult<T>> {
  try {
    return ok(await read());
  } catch (thrown) {
    return err(toAwsError(thrown));
  }
}

const missing: ReadonlySet<string> = new Set([
  'NoSuchEntity',
  'NoSuchEntityException',
  'NoSuchBucket',
  'NotFoundException',
  'ResourceNotFoundException',
]);

async function found<T>(read: () => Promise<T>): Promise<AwsResult<T | undefined>> {
  const result = await answer(read);
  return result.ok || !missing.has(result.error.code) ? result : ok(undefined);
}

/** IAM lists by pages of 100 (https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRolePolicies.html). */
async function pages<A extends { readonly IsTruncated?: boolean | undefined; readonly Marker?: string | undefined }, T>(
  list: (marker: string | undefined) => Promise<A>,
  itemsOf: (page: A) => readonly T[] | undefined,
): Promise<readonly T[]> {
  const items: T[] = [];
  for (let marker: string | undefined; ; ) {
    const page = await list(marker);
    items.push(...(itemsOf(page) ?? []));
    if (page.IsTruncated !== true || page.Marker === undefined) return items;
    marker = page.Marker;
  }
}

function marked(marker: string | undefined): { readonly Marker?: string } {
  return marker === undefined ? {} : { Marker: marker };
}

/** IAM writes documents percent-encoded (RFC 3986). */
function decoded(document: string | undefined): string {
  return decodeURIComponent(document ?? '');
}
