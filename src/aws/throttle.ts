import PQueue from 'p-queue';

export type Service = 'sts' | 'iotCredentials' | 'iot' | 's3' | 'ec2' | 'ssm' | 'secretsManager' | 'iam' | 'cloudFormation';

/** How many calls of one service are under way at once, and how many may start in a second. */
export type ServiceLimit = { readonly concurrency: number; readonly perSecond: number };

/**
 * Below the account's own buckets, so that one operator leaves room for others: EC2 refills most actions at 20/s
 * (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html), STS allows 600/s
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), S3 3,500 writes/s a prefix, SSM GetParameter 40/s.
 */
export const DEFAULT_LIMITS: Readonly<Record<Service, ServiceLimit>> = {
  sts: { concurrency: 20, perSecond: 100 },
  // A runtime needs one each half hour.
  iotCredentials: { concurrency: 5, perSecond: 20 },
  // The least of AWS's own limits for these calls: https://docs.aws.amazon.com/general/latest/gr/iot-core.html
  iot: { concurrency: 2, perSecond: 5 },
  s3: { concurrency: 50, perSecond: 500 },
  ec2: { concurrency: 20, perSecond: 20 },
  ssm: { concurrency: 10, perSecond: 20 },
  secretsManager: { concurrency: 10, perSecond: 50 },
  // Neither says its limits; both are known to be low, and nobody waits for them by the second.
  iam: { concurrency: 5, perSecond: 5 },
  cloudFormation: { concurrency: 5, perSecond: 5 },
};

/** Ending what costs money goes before starting it, and both before looking. */
const PRIORITY: Readonly<Record<string, number>> = { 'ec2.terminateInstances': 2, 'ec2.createFleet': 1 };

export type Throttle = {
  run<T>(method: `${Service}.${string}`, work: () => Promise<T>): Promise<T>;
};

export function createThrottle(limits: Readonly<Partial<Record<Service, ServiceLimit>>> = {}): Throttle {
  const queues = new Map<Service, PQueue>();
  for (const [service, standard] of Object.entries(DEFAULT_LIMITS) as [Service, ServiceLimit][]) {
    const limit = limits[service] ?? standard;
    queues.set(service, new PQueue({ concurrency: limit.concurrency, interval: 1000, intervalCap: limit.perSecond }));
  }
  return {
    async run(method, work) {
      const service = method.slice(0, method.indexOf('.')) as Service;
      const queue = queues.get(service);
      if (!queue) {
        throw new TypeError(`No queue for ${service}`);
      }
      return await queue.add(work, { priority: PRIORITY[method] ?? 0 });
    },
  };
}
