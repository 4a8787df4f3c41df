import type { BucketSize } from './bucket.ts';

/** Calls that share buckets: of EC2 each action for itself, of STS all of them. */
export type ApiFamily = {
  readonly name: string;
  /** One token for each request. */
  readonly requests: BucketSize;
  /** One token for each instance; a request names one. */
  readonly resources?: BucketSize;
};

/**
 * The default sizes. EC2: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html (non-mutating actions 100 and 20/s, unless filtered or paginated 50 and 10/s;
 * mutating ones 50 and 5/s; TerminateInstances 100 and 5/s; resource tokens of RunInstances 1,000 and 2/s, of TerminateInstances 1,000 and 20/s). CreateFleet is not
 * named there: it is counted as a mutating action, and the instances that an instant fleet launches as those of RunInstances. STS: 600 requests a second for each
 * account and Region, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html. Systems Manager GetParameter: 40/s,
 * https://docs.aws.amazon.com/general/latest/gr/ssm.html. S3 and Secrets Manager scale far beyond what an operator asks.
 */
const describe: BucketSize = { capacity: 100, perSecond: 20 };
const mutate: BucketSize = { capacity: 50, perSecond: 5 };

const families: Readonly<Record<string, Omit<ApiFamily, 'name'>>> = {
  'ec2.createFleet': { requests: mutate, resources: { capacity: 1_000, perSecond: 2 } },
  'ec2.terminateInstances': { requests: { capacity: 100, perSecond: 5 }, resources: { capacity: 1_000, perSecond: 20 } },
};

const sts: ApiFamily = { name: 'sts', requests: { capacity: 600, perSecond: 600 } };
/**
 * A few a second: IoT's least limit of these calls (https://docs.aws.amazon.com/general/latest/gr/iot-core.html), and the least of those that show a resource,
 * Firehose's (https://docs.aws.amazon.com/firehose/latest/dev/limits.html); IAM and CloudFormation do not say theirs.
 */
const few: BucketSize = { capacity: 5, perSecond: 5 };
const slow: ReadonlySet<string> = new Set(['iot', 'iam', 'cloudFormation', 'resources']);
const parameters: ApiFamily = { name: 'ssm.getParameter', requests: { capacity: 40, perSecond: 40 } };

/** `method` as the port names it, e.g. `ec2.createFleet`; undefined for what needs no pace. */
export function familyOf(method: string): ApiFamily | undefined {
  const [service = '', action = ''] = method.split('.');
  if (service === 'sts') return sts;
  if (slow.has(service)) return { name: service, requests: few };
  if (method === parameters.name) return parameters;
  if (service !== 'ec2') return undefined;
  return { name: method, ...(families[method] ?? { requests: action.startsWith('describe') ? describe : mutate }) };
}

/** Ending what costs money goes before starting it, and both before looking. */
export function priorityOf(method: string): number {
  if (method === 'ec2.terminateInstances') return 2;
  return method === 'ec2.createFleet' ? 1 : 0;
}

/** Below the documented size by this much: clocks differ, and calls arrive closer together than they were sent. */
const prudence = 0.9;

export function prudent(size: BucketSize): BucketSize {
  return { capacity: Math.max(1, Math.floor(size.capacity * prudence)), perSecond: size.perSecond * prudence };
}
