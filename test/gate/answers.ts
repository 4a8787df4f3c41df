import { randomBytes, randomUUID } from 'node:crypto';
import type { WireAnswer } from './http.ts';

/** A refusal or failure in AWS's words, before it is written in the service's protocol. */
export type Refusal = { readonly status: number; readonly code: string; readonly message: string; readonly because?: string };

export function isRefusal(value: object): value is Refusal {
  return 'code' in value;
}

export function newRequestId(service: string): string {
  return service === 's3' ? randomBytes(8).toString('hex').toUpperCase() : randomUUID();
}

/** The header that the SDK takes the request id from. */
export function withRequestId(answer: WireAnswer, service: string, requestId: string): WireAnswer {
  const headers: Record<string, string> = { ...answer.headers };
  for (const name of ['x-amzn-requestid', 'x-amzn-request-id', 'x-amz-request-id']) delete headers[name];
  headers[service === 's3' ? 'x-amz-request-id' : 'x-amzn-requestid'] = requestId;
  return { ...answer, headers };
}

export function xml(body: string, status = 200): WireAnswer {
  return {
    status,
    headers: { 'content-type': 'text/xml;charset=UTF-8' },
    body: Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${body}`),
  };
}

export function json(body: object, status = 200): WireAnswer {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: Buffer.from(JSON.stringify(body)) };
}

/** https://smithy.io/2.0/aws/protocols/: EC2 query, query (STS), REST XML (S3), JSON 1.1 (the others). */
export function refuse(service: string, refusal: Refusal, requestId: string): WireAnswer {
  const { status, code } = refusal;
  const message = escapeXml(refusal.message);
  switch (service) {
    case 'ec2':
      return xml(
        `<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>${requestId}</RequestID></Response>`,
        status,
      );
    case 'sts':
    case 'iam':
    case 'sns':
    case 'rds':
    case 'redshift':
    case 'cloudformation':
      return xml(
        `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
        status,
      );
    case 's3':
      return xml(`<Error><Code>${code}</Code><Message>${message}</Message><RequestId>${requestId}</RequestId></Error>`, status);
    default:
      return json({ __type: code, message: refusal.message }, status);
  }
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** The same thing has a name of its own in each service: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html and the services' error lists. */
export function named(
  service: string,
  what: 'denied' | 'expired' | 'unknownKey' | 'badSignature' | 'throttled' | 'unavailable',
  message: string,
): Refusal {
  const [status, code] = names[what][service === 'iam' || service === 'cloudformation' ? 'sts' : service] ?? names[what].json;
  return { status, code, message };
}

type Named = readonly [status: number, code: string];

const names: Readonly<Record<Parameters<typeof named>[1], { readonly [service: string]: Named; readonly json: Named }>> = {
  denied: {
    ec2: [403, 'UnauthorizedOperation'],
    s3: [403, 'AccessDenied'],
    sts: [403, 'AccessDenied'],
    sns: [403, 'AuthorizationError'],
    redshift: [403, 'AccessDenied'],
    json: [400, 'AccessDeniedException'],
  },
  expired: { ec2: [400, 'RequestExpired'], s3: [400, 'ExpiredToken'], sts: [403, 'ExpiredToken'], json: [400, 'ExpiredTokenException'] },
  unknownKey: {
    ec2: [401, 'AuthFailure'],
    s3: [403, 'InvalidAccessKeyId'],
    sts: [403, 'InvalidClientTokenId'],
    json: [400, 'UnrecognizedClientException'],
  },
  badSignature: {
    ec2: [401, 'AuthFailure'],
    s3: [403, 'SignatureDoesNotMatch'],
    sts: [403, 'SignatureDoesNotMatch'],
    json: [400, 'InvalidSignatureException'],
  },
  throttled: { ec2: [503, 'RequestLimitExceeded'], s3: [503, 'SlowDown'], sts: [400, 'Throttling'], json: [400, 'ThrottlingException'] },
  unavailable: {
    ec2: [503, 'Unavailable'],
    s3: [500, 'InternalError'],
    sts: [503, 'ServiceUnavailable'],
    json: [500, 'InternalServerError'],
  },
};
