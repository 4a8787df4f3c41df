import type { S3Client } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AuditPort, AwsResult, Caller, ObjectLocation } from '../ports/aws/index.ts';
import { recordOf } from '../ports/aws/record.ts';
import type { Clock } from '../ports/clock.ts';
import { err, ok } from '../ports/result.ts';
import type { AuditOf } from './send.ts';
import type { Vault } from './vault.ts';

/** Presigned URLs live at most a week; ours never longer than a session. https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html */
const longestSeconds = 3600;

type PresignParts = {
  readonly client: S3Client;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly audit: AuditPort;
  readonly auditOf: AuditOf;
  readonly region: string;
  readonly endpoint?: string;
};

/**
 * A GET with its signature in the query (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html). As for calls, the sealed grant is opened for the
 * one signature, and the SDK's cache of signing keys stays empty. The secret key is not in a URL; the session token is, and is of no use without it.
 */
export function createPresign(parts: PresignParts) {
  const { client, vault, clock, audit, auditOf, region } = parts;

  return async (
    caller: Caller,
    request: ObjectLocation & { readonly expiresSeconds: number },
  ): Promise<AwsResult<{ readonly url: string }>> => {
    const material = await vault.open(caller.grant);
    if (material === undefined) {
      return err({ kind: 'Expired', code: 'GrantEnded', message: 'the grant was released or is past its end; no URL was made' });
    }
    try {
      const signer = new SignatureV4({
        credentials: {
          accessKeyId: material.accessKeyId,
          secretAccessKey: 'sealed',
          ...(material.sessionToken !== undefined && { sessionToken: material.sessionToken }),
        },
        region,
        service: 's3',
        sha256: client.config.sha256,
        uriEscapePath: false,
      });
      Object.assign(signer, {
        getSigningKey: async (_credentials: unknown, region: string, shortDate: string, service?: string) =>
          material.deriveKey(shortDate, region, service ?? 's3'),
      });
      const signed = await signer.presign(
        {
          method: 'GET',
          headers: { host: place(parts, request).host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
          query: request.expectedBucketOwner === undefined ? {} : { 'x-amz-expected-bucket-owner': request.expectedBucketOwner },
          ...place(parts, request),
        },
        { expiresIn: Math.min(request.expiresSeconds, longestSeconds), signingDate: new Date(clock.now()) },
      );
      await record(caller, request);
      return ok({ url: `${signed.protocol}//${place(parts, request).host}${signed.path}?${queryOf(signed.query ?? {})}` });
    } catch (thrown) {
      const message = `no URL was made: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
      return err({ kind: 'Unavailable', code: 'NotPresigned', message });
    } finally {
      material.close();
    }
  };

  /** As for a call: who cannot be recorded is given nothing. */
  async function record({ subject, grant }: Caller, request: ObjectLocation): Promise<void> {
    const { identity, chain, sessionName, widened } = grant;
    const facts = {
      subject,
      identity,
      chain,
      sessionName,
      widened,
      ...auditOf('s3.getObject', request as never, region),
      endedAt: clock.now(),
      durationMs: 0,
    };
    await audit.record({ ...recordOf({ ...facts, result: { ok: true } }), outcome: 'presigned' });
  }
}

type Place = { readonly protocol: string; readonly host: string; readonly hostname: string; readonly port?: number; readonly path: string };

/** By host name, but for names with dots (no certificate of S3 fits them) and behind an endpoint of one's own. */
function place({ endpoint, region }: Pick<PresignParts, 'endpoint' | 'region'>, { bucket, key }: ObjectLocation): Place {
  const path = key.split('/').map(encode).join('/');
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const byPath = endpoint !== undefined || bucket.includes('.');
  const url = new URL(endpoint ?? `https://${byPath ? '' : `${bucket}.`}s3.${region}.${suffix}`);
  return {
    protocol: url.protocol,
    host: url.host,
    hostname: url.hostname,
    ...(url.port !== '' && { port: Number(url.port) }),
    path: byPath ? `/${bucket}/${path}` : `/${path}`,
  };
}

function queryOf(query: Readonly<Record<string, string | readonly string[] | null>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encode(name)}=${encode(String(value))}`)
    .join('&');
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
