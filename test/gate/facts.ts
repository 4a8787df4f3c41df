import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DescribeLaunchTemplateVersionsCommand, DescribeTagsCommand } from '@aws-sdk/client-ec2';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { AccountFacts } from '../../src/core/policy/actions.ts';
import type { Account } from './account.ts';
import type { Backend } from './backend.ts';
import type { GateCall } from './decode.ts';

type Template = NonNullable<ReturnType<AccountFacts['launchTemplate']>>;
type Tags = Readonly<Record<string, string>>;

/** Reads from the emulator what the authorization of one call depends on. */
export async function gatherFacts(account: Account, backend: Backend, call: GateCall, now: number): Promise<AccountFacts> {
  const tags = await tagsOf(backend, resourceIds(call));
  const templateId = 'launchTemplate' in call.request ? call.request.launchTemplate.id : '';
  const template = templateId === '' ? undefined : await templateOf(backend, templateId);
  const stack = call.method.startsWith('cloudFormation.') && 'name' in call.request ? await stackOf(backend, call.request.name) : undefined;
  const objectKey = call.method === 's3.getObject' ? await keyOfObject(backend, call.request) : undefined;
  return {
    accountId: account.id,
    region: account.region,
    now,
    tagsOf: (id) => tags.get(id),
    launchTemplate: (id) => (id === templateId ? template : undefined),
    stack: () => stack,
    roleArn: (name) => [...account.roles.keys()].find((arn) => arn.endsWith(`/${name}`)),
    roleOfProfile: (arn) => account.profiles.get(arn),
    keyOfObject: () => objectKey,
    keyOfBucket: (bucket) => account.buckets.get(bucket)?.keyArn,
    keyOfSecret: (nameOrArn) => account.secrets.get(nameOrArn)?.keyArn,
    secretArn: (id) => account.secrets.get(id)?.arn,
  };
}

/** Ids of what the call changes or launches from. */
function resourceIds({ request }: GateCall): readonly string[] {
  if ('launchTemplate' in request) return [request.launchTemplate.id];
  if ('instanceIds' in request) return request.instanceIds;
  if ('volumeId' in request) return [request.volumeId];
  return 'id' in request ? [request.id] : [];
}

async function tagsOf(backend: Backend, ids: readonly string[]): Promise<ReadonlyMap<string, Tags>> {
  const tags = new Map<string, Record<string, string>>();
  if (ids.length === 0) return tags;
  const answer = await backend.ec2.send(new DescribeTagsCommand({ Filters: [{ Name: 'resource-id', Values: [...ids] }] }));
  for (const { ResourceId = '', Key = '', Value = '' } of answer.Tags ?? []) {
    const known = tags.get(ResourceId) ?? {};
    known[Key] = Value;
    tags.set(ResourceId, known);
  }
  return tags;
}

async function templateOf(backend: Backend, id: string): Promise<Template | undefined> {
  try {
    const answer = await backend.ec2.send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId: id }));
    const data = answer.LaunchTemplateVersions?.[0]?.LaunchTemplateData;
    const profile = data?.IamInstanceProfile?.Arn;
    const key = data?.BlockDeviceMappings?.[0]?.Ebs?.KmsKeyId;
    const launchTags = data?.TagSpecifications?.find(({ ResourceType }) => ResourceType === 'network-interface')?.Tags ?? [];
    return {
      launchTags: Object.fromEntries(launchTags.map(({ Key = '', Value = '' }) => [Key, Value])),
      imageId: data?.ImageId ?? '',
      securityGroupIds: data?.SecurityGroupIds ?? [],
      ...(profile !== undefined && { instanceProfileArn: profile }),
      ...(key !== undefined && { kmsKeyArn: key }),
    };
  } catch {
    return undefined;
  }
}

async function stackOf(backend: Backend, name: string): Promise<{ readonly arn: string; readonly tags: Tags } | undefined> {
  const answer = await backend.cloudFormation.send(new DescribeStacksCommand({ StackName: name })).catch(() => undefined);
  const [stack] = answer?.Stacks ?? [];
  if (stack === undefined) return undefined;
  return { arn: stack.StackId ?? '', tags: Object.fromEntries((stack.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])) };
}

async function keyOfObject(
  backend: Backend,
  { bucket, key }: { readonly bucket: string; readonly key: string },
): Promise<string | undefined> {
  const answer = await backend.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key })).catch(() => undefined);
  return answer?.SSEKMSKeyId;
}
