import { type Remedy, remedyText } from '../../core/preflight/missing.ts';
import type { AwsError } from '../../ports/aws/index.ts';
import type { KubernetesError } from '../../ports/kubernetes.ts';

/** Why an identity could not be had, or a call as it failed: what a condition says. Holds no secret. */
export type AccessFailure = {
  /** As in the access plan. */
  readonly identity: string;
  /** Role ARNs up to and with the one that failed. */
  readonly chain: readonly string[];
  /** sts:AssumeRole, s3:PutObject, or the Kubernetes call. */
  readonly action: string;
  readonly resource: string;
  readonly code: string;
  readonly message: string;
  readonly requestId?: string;
  /** Worth another try without a change by anybody: throttling, 5xx, no answer. */
  readonly transient: boolean;
  /** AWS does not take the static keys: for a moment where they are new, for good where they are wrong, revoked or past their end. */
  readonly refusesKeys?: true;
  /** Where S3 says that the bucket is. */
  readonly bucketRegion?: string;
  /** What to add to which policy, or to change. */
  readonly remedy?: Remedy;
};

const transientKinds: ReadonlySet<AwsError['kind']> = new Set(['Throttled', 'Unavailable', 'Network', 'Expired']);

export function awsFailure(
  at: { readonly identity: string; readonly chain: readonly string[]; readonly action: string; readonly resource: string },
  error: AwsError,
): AccessFailure {
  return {
    ...at,
    code: error.code,
    message: error.message,
    ...(error.requestId !== undefined && { requestId: error.requestId }),
    ...(error.bucketRegion !== undefined && { bucketRegion: error.bucketRegion }),
    transient: transientKinds.has(error.kind),
    ...(error.kind === 'Expired' && at.identity.startsWith('connectionCredentials:') && { refusesKeys: true }),
  };
}

/** Worth waiting for where something is to be kept or cleared: static keys that AWS no longer takes do not come back by themselves. */
export function isPassing({ transient, refusesKeys }: AccessFailure): boolean {
  return transient && refusesKeys !== true;
}

const transientKubernetes: ReadonlySet<KubernetesError['kind']> = new Set([
  'Conflict',
  'Server',
  'Network',
  'TooManyRequests',
  'Unauthorized',
]);

export function kubernetesFailure(
  at: { readonly identity: string; readonly chain: readonly string[]; readonly action: string; readonly resource: string },
  error: KubernetesError,
): AccessFailure {
  return { ...at, code: error.kind, message: error.message, transient: transientKubernetes.has(error.kind) };
}

/** One sentence: which call failed, as whom, through which chain, with AWS's own words and request id; then what to do. */
export function describeFailure(failure: AccessFailure): string {
  return describeFailures([failure]);
}

/** All that failed, then all there is to do: whoever reads the beginning knows what is wrong. */
export function describeFailures(failures: readonly AccessFailure[]): string {
  const remedies = failures.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedyText(remedy)]));
  return [[...new Set(failures.map(whatFailed))].join('; '), ...new Set(remedies)].join('. ');
}

function whatFailed(failure: AccessFailure): string {
  const chain = failure.chain.length === 0 ? '' : ` (chain ${failure.chain.join(' -> ')})`;
  const request = failure.requestId === undefined ? '' : ` [request ${failure.requestId}]`;
  return `${failure.action} on ${failure.resource} failed as ${failure.identity}${chain}: ${failure.code}: ${failure.message}${request}`;
}

/** Several accesses may be refused alike, on the way that they have in common: the first of each. */
export function saidOnce(failures: readonly AccessFailure[]): readonly AccessFailure[] {
  const first = new Map<string, AccessFailure>();
  for (const failure of failures) {
    const { identity, chain, action, resource, code, message } = failure;
    const key = JSON.stringify([identity, chain, action, resource, code, message]);
    if (!first.has(key)) first.set(key, failure);
  }
  return [...first.values()];
}

/** What status holds of it: for programs, and for `kubectl-elastic why`. */
export function reportFailure(failure: AccessFailure): Readonly<Record<string, unknown>> {
  const { identity, chain, action, resource, code, message, requestId, remedy } = failure;
  return {
    identity,
    chain,
    action,
    resource,
    code,
    message,
    ...(requestId !== undefined && { requestId }),
    ...(remedy !== undefined && { remedy: remedy.text, add: remedy.add }),
  };
}

/** The end of a sentence that says what was verified. */
export function except(notVerified: readonly string[]): string {
  return notVerified.length === 0 ? '' : `; not verified: ${notVerified.join('; ')}`;
}
