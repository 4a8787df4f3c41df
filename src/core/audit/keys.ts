/** For whose data a service of AWS's asks KMS in the session of whoever calls it. */
import type { Action } from '../access/vocabulary.ts';
import type { TrailEvent } from './cloudtrail.ts';

/** What S3 asks KMS for: a key to write with; the key that it was written with, also to go on with an upload in parts. */
export const ofKms: Readonly<Record<string, readonly Action[]>> = { 'kms:GenerateDataKey': ['write'], 'kms:Decrypt': ['read', 'write'] };

/** The service for whose data a key is asked for; S3's are told by the object itself, those of EC2's volumes by what launches. */
export function keyService({ action, service, encrypts, encryptionContext = {} }: TrailEvent): string | undefined {
  if (!action.startsWith('kms:') || service === undefined || service === 'ec2' || encrypts !== undefined) return undefined;
  if (service !== 'AWS Internal') return service;
  const [key = ''] = Object.keys(encryptionContext);
  return (
    { SecretARN: 'secretsmanager', SecretVersionId: 'secretsmanager', PARAMETER_ARN: 'ssm' }[key] ?? /^aws:([a-z0-9-]+):/.exec(key)?.[1]
  );
}

/** The ARNs, or the name of a table, of which the service says that the key is for it. */
export function namedByContext({ encryptionContext = {} }: TrailEvent): readonly string[] {
  return Object.entries(encryptionContext).flatMap(([key, value]) =>
    value.startsWith('arn:') || key.endsWith(':tableName') ? [value] : [],
  );
}

/** A secret is asked for by its ARN or its name, a parameter by its name, a table by its ARN. */
export function isNamed(resource: string, names: readonly string[]): boolean {
  return (
    names.length === 0 ||
    names.some((name) =>
      [
        name === resource,
        name.endsWith(`:parameter${resource}`),
        resource.endsWith(`/${name}`),
        name.includes(`:secret:${resource}-`),
      ].some(Boolean),
    )
  );
}
