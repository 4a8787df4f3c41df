import { DescribeLaunchTemplatesCommand, type Instance, paginateDescribeInstances } from '@aws-sdk/client-ec2';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { Gate } from '../../gate/gate.ts';

export type StoredObject = { readonly key: string; readonly body: string; readonly kmsKeyArn: string | undefined };

export async function objectsIn({ backend }: Gate, bucket: string, prefix = ''): Promise<readonly StoredObject[]> {
  const objects: StoredObject[] = [];
  let token: string | undefined;
  do {
    const page = await backend.s3.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...(token !== undefined && { ContinuationToken: token }) }),
    );
    for (const { Key = '' } of page.Contents ?? []) {
      const object = await backend.s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
      objects.push({ key: Key, body: (await object.Body?.transformToString()) ?? '', kmsKeyArn: object.SSEKMSKeyId });
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return objects;
}

/** Every instance that was ever started, terminated ones too. */
export async function allInstances({ backend }: Gate): Promise<readonly Instance[]> {
  const instances: Instance[] = [];
  for await (const { Reservations = [] } of paginateDescribeInstances({ client: backend.ec2 }, {}))
    instances.push(...Reservations.flatMap(({ Instances = [] }) => Instances));
  return instances;
}

/** With all tags that are given. The emulator shows so many at once and no page after. */
export async function launchTemplateNames({ backend }: Gate, tags: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const Filters = Object.entries(tags).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] }));
  const answer = await backend.ec2.send(new DescribeLaunchTemplatesCommand({ Filters, MaxResults: 200 }));
  return (answer.LaunchTemplates ?? []).map(({ LaunchTemplateName = '' }) => LaunchTemplateName);
}
