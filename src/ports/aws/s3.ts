import type { AwsResult } from './errors.ts';
import type { Caller } from './grant.ts';

export type ObjectLocation = { readonly bucket: string; readonly key: string; readonly expectedBucketOwner?: string };

export type S3Port = {
  /** SSE-KMS with `kmsKeyArn` where given (ours always), else the bucket's default. `ifNoneMatch`: only if the object does not exist (412 -> AlreadyExists). */
  putObject(
    caller: Caller,
    request: ObjectLocation & {
      readonly body: Uint8Array;
      readonly kmsKeyArn?: string;
      readonly contentType?: string;
      readonly ifNoneMatch?: boolean;
    },
  ): Promise<AwsResult<{ readonly eTag: string }>>;
  /** At most `maxBytes`: a larger object answers Invalid, before its body is read. `firstByteOnly`: that is all that is asked for. */
  getObject(
    caller: Caller,
    request: ObjectLocation & { readonly maxBytes: number; readonly firstByteOnly?: boolean },
  ): Promise<AwsResult<{ readonly body: Uint8Array; readonly eTag: string }>>;
  headObject(
    caller: Caller,
    request: ObjectLocation,
  ): Promise<AwsResult<{ readonly size: number; readonly eTag: string; readonly kmsKeyArn?: string }>>;
  /** One page. */
  listObjects(
    caller: Caller,
    request: {
      readonly bucket: string;
      readonly prefix: string;
      readonly maxKeys?: number;
      readonly continuationToken?: string;
      /** Keys after this one only. */
      readonly startAfter?: string;
      readonly expectedBucketOwner?: string;
    },
  ): Promise<AwsResult<{ readonly keys: readonly { readonly key: string; readonly size: number }[]; readonly continuationToken?: string }>>;
  /**
   * A URL that reads the one object, without any credentials, until it expires or the caller's session ends. Makes no call (whether it may is judged when the URL
   * is used) but leaves an audit record with the outcome `presigned`. The URL is a secret.
   */
  presignGetObject(
    caller: Caller,
    request: ObjectLocation & { readonly expiresSeconds: number },
  ): Promise<AwsResult<{ readonly url: string }>>;
  /** Deleting what is not there is a success (https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html). */
  deleteObject(caller: Caller, request: ObjectLocation): Promise<AwsResult<void>>;
};
