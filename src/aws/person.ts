import { STSClient } from '@aws-sdk/client-sts';
import type { AwsPort, Caller } from '../ports/aws/index.ts';
import type { Clock } from '../ports/clock.ts';
import { createAws } from './index.ts';
import type { AuditOf } from './send.ts';

export type PersonsAws = { readonly aws: AwsPort; readonly caller: (runtime: string) => Caller; readonly close: () => void };

/**
 * AWS as the person at the terminal: the credentials that the AWS command line would use (environment, profile, single sign-on:
 * https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html). Rejects where there are none. For commands only: the operator has none of its own.
 */
export async function connectAsPerson(options: {
  readonly region: string;
  readonly endpoint?: string;
  readonly clock: Clock;
  readonly auditOf: AuditOf;
}): Promise<PersonsAws> {
  const client = new STSClient({ region: options.region });
  const { accessKeyId, secretAccessKey, sessionToken } = await client.config.credentials();
  client.destroy();
  const aws = createAws({ ...options, audit: { record: () => undefined } });
  const grant = aws.sts.staticGrant('person', { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) });
  return { aws, caller: (runtime) => ({ grant, subject: { runtime } }), close: () => aws.close() };
}
