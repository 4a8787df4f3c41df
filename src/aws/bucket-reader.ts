import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';

/** A bucket as the person at the command line: the SDK's own way to credentials (environment, profile, SSO). Never used by the operator. */
export async function readBucket(
  place: { readonly bucket: string; readonly prefix: string },
  wanted: (key: string, size?: number) => boolean,
): Promise<readonly { readonly name: string; readonly bytes: Uint8Array }[]> {
  const client = new S3Client({ followRegionRedirects: true });
  const found: { readonly name: string; readonly bytes: Uint8Array }[] = [];
  try {
    let next: { readonly ContinuationToken?: string } = {};
    do {
      const page = await client.send(new ListObjectsV2Command({ Bucket: place.bucket, Prefix: place.prefix, ...next }));
      for (const { Key = '', Size } of page.Contents ?? []) {
        if (!wanted(Key, Size)) continue;
        const object = await client.send(new GetObjectCommand({ Bucket: place.bucket, Key }));
        found.push({ name: `s3://${place.bucket}/${Key}`, bytes: (await object.Body?.transformToByteArray()) ?? new Uint8Array() });
      }
      next = page.NextContinuationToken === undefined ? {} : { ContinuationToken: page.NextContinuationToken };
    } while (next.ContinuationToken !== undefined);
  } finally {
    client.destroy();
  }
  return found;
}
