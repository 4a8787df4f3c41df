import type { AwsError } from '../../ports/aws/index.ts';

/** An error as AWS words it; the request id is added where the call is recorded. */
export type Failure = Omit<AwsError, 'requestId'>;

export function failure(kind: AwsError['kind'], code: string, message: string): Failure {
  return { kind, code, message };
}

export function invalid(code: string, message: string): Failure {
  return failure('Invalid', code, message);
}

export type Service = 'sts' | 'iotCredentials' | 'iot' | 's3' | 'ec2' | 'ssm' | 'secretsManager' | 'iam' | 'cloudFormation' | 'resources';

/** Those of the query protocol that have no words of their own. */
const queryWords = {
  denied: ['AccessDenied', ''],
  expired: ['ExpiredToken', 'The security token included in the request is expired'],
  unknownKey: ['InvalidClientTokenId', 'The security token included in the request is invalid.'],
  badSignature: ['SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided.'],
  throttled: ['Throttling', 'Rate exceeded'],
} as const;

/** Those of the JSON protocols. */
const jsonWords = {
  denied: ['AccessDeniedException', ''],
  expired: ['ExpiredTokenException', 'The security token included in the request is expired'],
  unknownKey: ['UnrecognizedClientException', 'The security token included in the request is invalid.'],
  badSignature: ['InvalidSignatureException', 'The request signature we calculated does not match the signature you provided.'],
  throttled: ['ThrottlingException', 'Rate exceeded'],
} as const;

/** Each service has its own words for the same thing. */
const words: {
  readonly [service in Service]: Readonly<
    Record<'denied' | 'expired' | 'unknownKey' | 'badSignature' | 'throttled', readonly [string, string]>
  >;
} = {
  iam: queryWords,
  cloudFormation: queryWords,
  sts: {
    denied: ['AccessDenied', ''],
    expired: ['ExpiredToken', 'The security token included in the request is expired'],
    unknownKey: ['InvalidClientTokenId', 'The security token included in the request is invalid.'],
    badSignature: [
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
    ],
    throttled: ['Throttling', 'Rate exceeded'],
  },
  // Unsigned: nothing about keys applies to it.
  iotCredentials: {
    denied: ['AccessDeniedException', ''],
    expired: ['AccessDeniedException', 'Access Denied'],
    unknownKey: ['AccessDeniedException', 'Access Denied'],
    badSignature: ['AccessDeniedException', 'Access Denied'],
    throttled: ['ThrottlingException', 'Rate exceeded'],
  },
  iot: jsonWords,
  s3: {
    denied: ['AccessDenied', ''],
    expired: ['ExpiredToken', 'The provided token has expired.'],
    unknownKey: ['InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.'],
    badSignature: [
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    ],
    throttled: ['SlowDown', 'Please reduce your request rate.'],
  },
  ec2: {
    denied: ['UnauthorizedOperation', 'You are not authorized to perform this operation. '],
    expired: ['RequestExpired', 'Request has expired.'],
    unknownKey: ['AuthFailure', 'AWS was not able to validate the provided access credentials'],
    badSignature: ['AuthFailure', 'AWS was not able to validate the provided access credentials'],
    throttled: ['RequestLimitExceeded', 'Request limit exceeded.'],
  },
  ssm: jsonWords,
  secretsManager: jsonWords,
  resources: jsonWords,
};

export function denied(service: Service, message: string): Failure {
  const [code, prefix] = words[service].denied;
  return failure('AccessDenied', code, `${prefix}${message}`);
}

export function expired(service: Service): Failure {
  return failure('Expired', ...words[service].expired);
}

export function unknownKey(service: Service): Failure {
  return failure('Expired', ...words[service].unknownKey);
}

export function badSignature(service: Service): Failure {
  const [code, message] = words[service].badSignature;
  return failure(code === 'AuthFailure' ? 'Expired' : 'AccessDenied', code, message);
}

export function throttled(service: Service): Failure {
  return failure('Throttled', ...words[service].throttled);
}

/** No answer came: the call may or may not have been carried out. */
export const noAnswer: Failure = failure('Network', 'ECONNRESET', 'the connection was closed before an answer came');
