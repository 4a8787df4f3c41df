import type { AwsError, Caller, S3Port } from '../../../src/ports/aws/index.ts';
import type { BrokerAnswer, BrokerPod } from '../../../src/ports/broker.ts';
import { err, ok } from '../../../src/ports/result.ts';

type Put = Parameters<S3Port['putObject']>[1];

/** S3 in memory: only what an uploader can do. */
export type Bucket = Pick<S3Port, 'putObject'> & {
  readonly objects: Map<string, string>;
  readonly puts: { readonly caller: Caller; readonly request: Put }[];
  /** Fails the next calls, in order: before anything is stored, or after it. */
  readonly faults: { readonly when: 'before' | 'after'; readonly error: AwsError }[];
  /** All objects below a prefix, joined in the order in which S3 lists them. */
  joined(prefix: string): string;
};

export function memoryBucket(): Bucket {
  const bucket: Bucket = {
    objects: new Map(),
    puts: [],
    faults: [],
    async putObject(caller, request) {
      const fault = bucket.faults.shift();
      if (fault?.when === 'before') return err(fault.error);
      bucket.puts.push({ caller, request });
      bucket.objects.set(request.key, Buffer.from(request.body).toString());
      return fault === undefined ? ok({ eTag: 'tag' }) : err(fault.error);
    },
    joined: (prefix) =>
      [...bucket.objects]
        .filter(([key]) => key.startsWith(`${prefix}/`))
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([, body]) => body)
        .join(''),
  };
  return bucket;
}

export const noAnswer: AwsError = { kind: 'Network', code: 'ECONNRESET', message: 'connection reset' };
export const denied: AwsError = { kind: 'AccessDenied', code: 'AccessDenied', message: 'no session policy allows it' };

export function podOf(uid: string, overrides: Partial<BrokerPod> = {}): BrokerPod {
  return {
    uid,
    namespace: 'finance',
    name: uid,
    job: 'nightly',
    jobUid: '0f0e0d0c-0000-4000-8000-000000000001',
    attempt: 1,
    keyPrefix: `logs/${uid}`,
    finished: false,
    ...overrides,
  };
}

export function answerOf(pods: readonly BrokerPod[], overrides: Partial<BrokerAnswer> = {}): BrokerAnswer {
  return {
    node: 'analytics-workers-x1',
    runtime: 'finance/analytics',
    role: 'worker',
    region: 'us-east-1',
    logs: { bucket: 'acme-logs', prefix: 'elastic/acme/finance/analytics' },
    kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/logs',
    terminateAfterSeconds: 3600,
    pods,
    grant: { id: 'grant-1', identity: 'worker', chain: [], sessionName: 'session', expiresAt: Number.POSITIVE_INFINITY },
    ...overrides,
  };
}
