import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { AwsResult, Caller, ObjectLocation, S3Port } from '../ports/aws/index.ts';
import { err, ok } from '../ports/result.ts';
import { toAwsError } from './errors.ts';
import { actorOf, type Call, type Send } from './send.ts';

/** Long enough for the largest object that the operator moves in one request. */
const BODY_TIMEOUT_MS = 120_000;

export function createS3(parts: { readonly client: S3Client; readonly send: Send; readonly presign: S3Port['presignGetObject'] }): S3Port {
  const { client, send } = parts;

  function call(caller: Caller, method: Call['method'], request: object): Call {
    return { method, request, actor: actorOf(caller) };
  }

  return {
    async putObject(caller, request) {
      const where = {
        ...location(request),
        ...(request.kmsKeyArn !== undefined && {
          ServerSideEncryption: 'aws:kms' as const,
          SSEKMSKeyId: request.kmsKeyArn,
          BucketKeyEnabled: true,
        }),
        ...(request.contentType !== undefined && { ContentType: request.contentType }),
        ...(request.ifNoneMatch && { IfNoneMatch: '*' }),
      };
      const answer = await send({ ...call(caller, 's3.putObject', request), timeoutMs: BODY_TIMEOUT_MS }, (abortSignal) =>
        client.send(new PutObjectCommand({ ...where, Body: request.body, ContentLength: request.body.byteLength }), { abortSignal }),
      );
      return answer.ok ? ok({ eTag: answer.value.ETag ?? '' }) : answer;
    },

    async getObject(caller, request) {
      const input = { ...location(request), ...(request.firstByteOnly === true && { Range: 'bytes=0-0' }) };
      // The body is read under the call's timeout; that it breaks off is a value, since AWS has answered and the record says so.
      const answer = await send({ ...call(caller, 's3.getObject', request), timeoutMs: BODY_TIMEOUT_MS }, async (abortSignal) => {
        const { Body, ContentLength, ETag, $metadata } = await client.send(new GetObjectCommand(input), { abortSignal });
        const read = await readAtMost(Body as Readable | undefined, ContentLength, request.maxBytes, $metadata.requestId);
        return { read, eTag: ETag ?? '', $metadata };
      });
      if (!answer.ok) {
        return answer;
      }
      const { read, eTag } = answer.value;
      return read.ok ? ok({ body: read.value, eTag }) : read;
    },

    async headObject(caller, request) {
      const input = location(request);
      const answer = await send(call(caller, 's3.headObject', request), (abortSignal) =>
        client.send(new HeadObjectCommand(input), { abortSignal }),
      );
      if (!answer.ok) {
        return answer;
      }
      const { ContentLength, ETag, SSEKMSKeyId } = answer.value;
      return ok({ size: ContentLength ?? 0, eTag: ETag ?? '', ...(SSEKMSKeyId !== undefined && { kmsKeyArn: SSEKMSKeyId }) });
    },

    async listObjects(caller, request) {
      const input = {
        Bucket: request.bucket,
        Prefix: request.prefix,
        ...(request.maxKeys !== undefined && { MaxKeys: request.maxKeys }),
        ...(request.startAfter !== undefined && { StartAfter: request.startAfter }),
        ...(request.continuationToken !== undefined && { ContinuationToken: request.continuationToken }),
        ...(request.expectedBucketOwner !== undefined && { ExpectedBucketOwner: request.expectedBucketOwner }),
      };
      const answer = await send(call(caller, 's3.listObjects', request), (abortSignal) =>
        client.send(new ListObjectsV2Command(input), { abortSignal }),
      );
      if (!answer.ok) {
        return answer;
      }
      const { Contents = [], NextContinuationToken } = answer.value;
      return ok({
        keys: Contents.map(({ Key, Size }) => ({ key: Key ?? '', size: Size ?? 0 })),
        ...(NextContinuationToken !== undefined && { continuationToken: NextContinuationToken }),
      });
    },

    presignGetObject: parts.presign,

    async deleteObject(caller, request) {
      const input = location(request);
      const answer = await send(call(caller, 's3.deleteObject', request), (abortSignal) =>
        client.send(new DeleteObjectCommand(input), { abortSignal }),
      );
      return answer.ok ? ok(undefined) : answer;
    },
  };
}

function location(where: ObjectLocation): { Bucket: string; Key: string; ExpectedBucketOwner?: string } {
  return {
    Bucket: where.bucket,
    Key: where.key,
    ...(where.expectedBucketOwner !== undefined && { ExpectedBucketOwner: where.expectedBucketOwner }),
  };
}

/** The body, unless the header says it is larger; a length that the header does not tell is watched while reading. */
async function readAtMost(
  body: Readable | undefined,
  contentLength: number | undefined,
  maxBytes: number,
  requestId: string | undefined,
): Promise<AwsResult<Uint8Array>> {
  const tooLarge = err({
    kind: 'Invalid',
    code: 'ObjectTooLarge',
    message: `the object has ${contentLength ?? `more than ${maxBytes}`} bytes, at most ${maxBytes} are read`,
    ...(requestId !== undefined && { requestId }),
  } as const);
  if (contentLength !== undefined && contentLength > maxBytes) {
    body?.destroy();
    return tooLarge;
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body ?? []) {
      const bytes = chunk as Uint8Array;
      size += bytes.byteLength;
      if (size > maxBytes) {
        body?.destroy();
        return tooLarge;
      }
      chunks.push(bytes);
    }
  } catch (thrown) {
    return err({ ...toAwsError(thrown), ...(requestId !== undefined && { requestId }) });
  }
  return ok(Buffer.concat(chunks));
}
