import type { ElasticRuntime } from '../../api/generated/types.ts';
import { later } from '../../core/classes/merge.ts';
import type { Pins } from '../../core/classes/pins.ts';

/** What is remembered of the stack of default roles; its presence says that there may be one. */
export type RoleStackNotes = {
  /** Digest of the template that is about to be made a stack of, or was just sent: written before the call. */
  readonly creating?: string;
  readonly updating?: string;
  /** The last one seen. */
  readonly stackId?: string;
  /** Failures in a row, when the last one was, why, and of which resolved spec (its digest). */
  readonly failures?: number;
  readonly failedAt?: string;
  readonly reason?: string;
  readonly spec?: string;
};

/** `internal` of a runtime's status: whether anything was ever made in AWS, written before the first thing is. */
export type RuntimeNotes = {
  readonly awsUsed?: boolean;
  /** With what the runtime was begun, and the identities that it has: written before anything is done with them. */
  readonly pinned?: Pins;
  /** Secrets that carry our in-use finalizer for this runtime, also those that its spec no longer names. */
  readonly held?: readonly string[];
  /** How often launch templates that somebody deleted were made anew. */
  readonly remade?: number;
  /** What subnets and images were resolved for: digests of the spec's fields. */
  readonly subnetsFor?: string;
  readonly images?: Readonly<Record<string, { readonly for: string; readonly imageId: string }>>;
  /** Digest of the init script as it was first read. */
  readonly initScript?: string;
  /** Of a teardown: nothing of the runtime is left in AWS, so no identity is needed any more. */
  readonly swept?: boolean;
  readonly roleStack?: RoleStackNotes;
  /** The moment of which the revocation is about to be carried out, written before the first step of it, and of which it is. */
  readonly revoking?: string;
  readonly revoked?: string;
  /** Ids of certificates of AWS IoT of which all but the Secret's are to be ended: written before they can do anything. */
  readonly certificates?: readonly string[];
  readonly verified?: string;
  /** What of it could not be looked at. */
  readonly notVerified?: readonly string[];
  /** What launching was asked of EC2 for (a digest), and what of that could not be looked at. */
  readonly launchAsked?: { readonly for: string; readonly notVerified: readonly string[] };
  readonly stored?: string;
  readonly subnets?: readonly { readonly subnetId: string; readonly zone: string }[];
};

/** The latest moment of which a revocation was begun. It holds for good, whatever the spec says later. */
export function revokedByNow(runtime: ElasticRuntime): string | undefined {
  const { revoking, revoked } = notesOf(runtime);
  return later(revoking, revoked);
}

export function notesOf(runtime: ElasticRuntime): RuntimeNotes {
  return runtime.status?.internal ?? {};
}

/** What was refused to its identities by the last look is in its conditions, for people and for us. */
export function wasRefused({ status }: ElasticRuntime): boolean {
  const condition = status?.conditions?.find(({ type }) => type === 'AccessVerified');
  return condition?.status === 'False' && condition.reason === 'AccessDenied';
}
