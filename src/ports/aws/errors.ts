import type { Result } from '../result.ts';

/**
 * Why an AWS call failed. `code`, `message` and `requestId` are AWS's own, verbatim.
 * - AccessDenied: the policies say no (AccessDenied, UnauthorizedOperation, AccessDeniedException, 403)
 * - Expired: the credentials are past their end or revoked (ExpiredToken, InvalidClientTokenId, InvalidAccessKeyId)
 * - Throttled: try later (Throttling, RequestLimitExceeded, SlowDown)
 * - InsufficientCapacity: EC2 has none of this offering now (InsufficientInstanceCapacity, and CreateFleet's per-pool errors of that kind); also quotas: `code` tells
 * - NotFound, AlreadyExists
 * - Invalid: the request is wrong and will stay so
 * - IdempotentMismatch: a client token was used with other parameters
 * - Unavailable: 5xx: may or may not have been carried out
 * - Network: no answer: may or may not have been carried out
 * - Other: unknown code
 */
export type AwsError = {
  readonly kind:
    | 'AccessDenied'
    | 'Expired'
    | 'Throttled'
    | 'InsufficientCapacity'
    | 'NotFound'
    | 'AlreadyExists'
    | 'Invalid'
    | 'IdempotentMismatch'
    | 'Unavailable'
    | 'Network'
    | 'Other';
  readonly code: string;
  readonly message: string;
  readonly requestId?: string;
  /** Region of the bucket, where S3 names it: it is not the one that was asked (x-amz-bucket-region). */
  readonly bucketRegion?: string;
};

export type AwsResult<T> = Result<T, AwsError>;
