import PQueue from 'p-queue';
import type { ApiPace, PacedCall } from '../ports/aws/pace.ts';

export type Service = 'sts' | 'iotCredentials' | 'iot' | 's3' | 'ec2' | 'ssm' | 'secretsManager' | 'iam' | 'cloudFormation' | 'resources';

/** How many calls of one service are under way at once: connections and memory, not the account's buckets, which `pace` keeps to. */
export const DEFAULT_CONCURRENCY: Readonly<Record<Service, number>> = {
  sts: 20,
  iotCredentials: 5,
  iot: 2,
  s3: 50,
  ec2: 50,
  ssm: 10,
  secretsManager: 10,
  iam: 5,
  cloudFormation: 5,
  resources: 10,
};

/** Ending what costs money goes before starting it, and both before looking. */
const PRIORITY: Readonly<Record<string, number>> = { 'ec2.terminateInstances': 2, 'ec2.createFleet': 1 };

export type Throttle = {
  /** Queues that are kept now: none where nothing is under way. */
  queues(): number;
  run<T>(call: PacedCall, work: () => Promise<T>): Promise<T>;
  /** A refusal for the rate slows the account's bucket down. */
  answered(call: PacedCall, code: string | undefined): void;
};

/** Of all that counts as throttling, what is about the rate of calls (a volume that was modified too often is not). */
const RATE_CODES = /^(RequestLimitExceeded|Throttl|SlowDown|TooManyRequests|RequestThrottled|EC2Throttled|BandwidthLimitExceeded)/;

/** First the account's bucket, by priority and in turn (ports/aws/pace.ts), then a place among the calls under way. */
export function createThrottle(options: {
  readonly pace?: ApiPace | undefined;
  readonly concurrency?: Readonly<Partial<Record<Service, number>>> | undefined;
}): Throttle {
  const { pace } = options;
  const queues = new Map<string, PQueue>();
  return {
    async run(call, work) {
      await pace?.take(call);
      const service = call.method.slice(0, call.method.indexOf('.')) as Service;
      const concurrency = options.concurrency?.[service] ?? DEFAULT_CONCURRENCY[service];
      if (concurrency === undefined) throw new TypeError(`No queue for ${service}`);
      const key = `${call.account} ${service}`;
      const queue = queues.get(key) ?? new PQueue({ concurrency });
      queues.set(key, queue);
      try {
        return await queue.add(work, { priority: PRIORITY[call.method] ?? 0 });
      } finally {
        // Accounts come and go with what tenants name.
        if (queue.size === 0 && queue.pending === 0) queues.delete(key);
      }
    },
    queues: () => queues.size,
    answered: (call, code) => pace?.answered(call, code !== undefined && RATE_CODES.test(code)),
  };
}
