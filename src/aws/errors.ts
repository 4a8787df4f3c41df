import type { AwsError } from '../ports/aws/index.ts';

type Kind = AwsError['kind'];

/**
 * Codes that say more than their status. Sources: the common errors of each service's API reference; EC2's are at
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, S3's at https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
 */
const KINDS: Readonly<Record<string, Kind>> = {
  ...all('AccessDenied', [
    'AccessDenied',
    'AccessDeniedException',
    'UnauthorizedOperation',
    'AuthorizationError',
    'SignatureDoesNotMatch',
    'InvalidSignatureException',
    'NotAuthorized',
    'NotAuthorizedException',
    'UnauthorizedException',
    'Forbidden',
    'AllAccessDisabled',
    'IDPRejectedClaim',
    'InvalidIdentityToken',
    'OptInRequired',
  ]),
  ...all('Expired', [
    'ExpiredToken',
    'ExpiredTokenException',
    'InvalidClientTokenId',
    'UnrecognizedClientException',
    'InvalidAccessKeyId',
    'InvalidToken',
    'TokenRefreshRequired',
    'AuthFailure',
    'RequestExpired',
  ]),
  ...all('Throttled', [
    'Throttling',
    'ThrottlingException',
    'ThrottledException',
    'RequestThrottled',
    'RequestThrottledException',
    'RequestLimitExceeded',
    'EC2ThrottledException',
    'TooManyRequestsException',
    'SlowDown',
    'BandwidthLimitExceeded',
    'PriorRequestNotComplete',
    'ProvisionedThroughputExceededException',
    'ConditionalRequestConflict',
    'OperationAborted',
    // Of one volume, for hours; the same "not now": https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modify-volume.html
    'VolumeModificationRateExceeded',
    'IncorrectModificationState',
  ]),
  ...all('InsufficientCapacity', [
    'InsufficientInstanceCapacity',
    'InsufficientCapacity',
    'InsufficientHostCapacity',
    'InsufficientReservedInstanceCapacity',
    'InsufficientFreeAddressesInSubnet',
    'InsufficientVolumeCapacity',
    'UnfulfillableCapacity',
    'Unsupported',
    'SpotMaxPriceTooLow',
    'MaxSpotInstanceCountExceeded',
    'VcpuLimitExceeded',
    'InstanceLimitExceeded',
    'VolumeLimitExceeded',
    'MaxIOPSLimitExceeded',
    'NetworkInterfaceLimitExceeded',
  ]),
  ...all('NotFound', [
    'NoSuchKey',
    'NoSuchBucket',
    'NoSuchEntity',
    'NoSuchVersion',
    'ParameterNotFound',
    'ResourceNotFoundException',
    'NotFound',
    'NotFoundException',
    'QueueDoesNotExist',
    'AWS.SimpleQueueService.NonExistentQueue',
  ]),
  ...all('AlreadyExists', [
    'PreconditionFailed',
    'BucketAlreadyExists',
    'BucketAlreadyOwnedByYou',
    'EntityAlreadyExists',
    'ResourceExistsException',
  ]),
  ...all('IdempotentMismatch', ['IdempotentParameterMismatch', 'IdempotentInstanceTerminated', 'TokenAlreadyExistsException']),
  ...all('Unavailable', [
    'InternalError',
    'InternalFailure',
    'InternalServerError',
    'InternalServiceError',
    'ServiceUnavailable',
    'Unavailable',
    'RequestTimeout',
    'IDPCommunicationError',
  ]),
  ...all('Invalid', [
    'PackedPolicyTooLarge',
    'MalformedPolicyDocument',
    'PackedPolicyTooLarge',
    'PackedPolicyTooLargeException',
    'ValidationError',
    'ValidationException',
    'VolumeInUse',
    'IncorrectState',
    'IncorrectInstanceState',
  ]),
};

function all(kind: Kind, codes: readonly string[]): Record<string, Kind> {
  return Object.fromEntries(codes.map((code) => [code, kind]));
}

/** `status` is the HTTP status; undefined where there was no answer. */
export function kindOf(code: string, status: number | undefined): Kind {
  const known = KINDS[code];
  if (known) {
    return known;
  }
  if (status === undefined) {
    return 'Network';
  }
  return (
    (/\.NotFound$|NotFound(Exception|Fault)?$/.test(code) && 'NotFound') ||
    (/AlreadyExists(Exception)?$|\.Duplicate$/.test(code) && 'AlreadyExists') ||
    (/^(Invalid|Malformed|Missing|Unknown(Parameter|Operation)|Illegal)/.test(code) && status < 500 && 'Invalid') ||
    ofStatus(status)
  );
}

function ofStatus(status: number): Kind {
  switch (status) {
    case 401:
    case 403:
      return 'AccessDenied';
    case 404:
      return 'NotFound';
    case 412:
      return 'AlreadyExists';
    case 429:
      return 'Throttled';
    case 400:
    case 405:
    case 409:
      return 'Other';
    default:
      return status >= 500 ? 'Unavailable' : 'Other';
  }
}

/** A TLS handshake that was refused, by the server (an alert about our certificate) or by us (its certificate is not what it should be). */
export class HandshakeRefused extends Error {
  override readonly name = 'HandshakeRefused';
  readonly kind: Kind;
  readonly code: string;
  constructor(kind: Kind, code: string, message: string) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

/** Fields of the SDK's exceptions that are read here; everything else in them (`$response`, the request) is left behind. */
type Thrown = {
  readonly name?: string;
  readonly message?: string;
  /** Of Node's network errors. */
  readonly code?: string;
  /** Of the XML protocols: as on the wire, where `name` is the SDK's class (InvalidIdentityToken, InvalidIdentityTokenException). */
  readonly Code?: string;
  /** Set on what AWS answered, absent from what the SDK could not read. */
  readonly $fault?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  /** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html: on redirects and refusals. Of the answer nothing else is read. */
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
};

/** Of a bucket in another region: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const redirected: ReadonlySet<string> = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  '301',
  '307',
  '400',
]);

/**
 * AWS's own code, message and request id. A message keeps its first line only, since SignatureDoesNotMatch goes on with the canonical request, session token
 * included; `secrets` of the call are cut out wherever AWS echoes them.
 */
export function toAwsError(thrown: unknown, secrets: readonly string[] = []): AwsError {
  if (thrown instanceof HandshakeRefused) return { kind: thrown.kind, code: thrown.code, message: clean(thrown.message, secrets) };
  const error = (thrown ?? {}) as Thrown;
  const status = error.$metadata?.httpStatusCode;
  const requestId = error.$metadata?.requestId;
  const found = status !== undefined && error.$fault === undefined ? unreadable(status) : answered(error, status, secrets);
  const bucketRegion = redirected.has(found.code) ? error.$response?.headers?.['x-amz-bucket-region'] : undefined;
  return { ...found, ...(requestId && { requestId }), ...(bucketRegion !== undefined && { bucketRegion }) };
}

function answered(error: Thrown, status: number | undefined, secrets: readonly string[]): AwsError {
  const code = codeOf(error, status);
  const said = error.message === 'UnknownError' ? `HTTP ${status} without further words` : (error.message ?? '');
  return { kind: kindOf(code, status), code, message: clean(said, secrets) };
}

/** A proxy's page or a torn answer. The parser's message quotes the body, which may be a secret's value: it is not passed on. */
function unreadable(status: number): AwsError {
  const message = 'the answer could not be read';
  return status < 300 ? { kind: 'Network', code: 'UnreadableAnswer', message } : { kind: ofStatus(status), code: String(status), message };
}

/** An answer to HEAD has no body, so no code but its status; for 404 the SDK knows NotFound. */
function codeOf(error: Thrown, status: number | undefined): string {
  if (status === undefined) {
    return error.code ?? error.name ?? 'NoAnswer';
  }
  const name = error.Code ?? error.name ?? '';
  return name === '' || name === 'Unknown' || name === 'UnknownError' ? String(status) : name;
}

function clean(message: string, secrets: readonly string[]): string {
  const firstLine = message.split('\n', 1)[0] ?? '';
  return secrets.filter((secret) => secret !== '').reduce((text, secret) => text.replaceAll(secret, '[removed]'), firstLine);
}
