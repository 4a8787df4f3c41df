import { type ArnLocation, asksOf, byResources, onOf } from '../access/arn-locations.ts';
import { serviceNames } from '../access/partitions.ts';
import type { PolicyStatement } from './document.ts';
import { pattern } from './statements.ts';

/**
 * What a connection needs at a location that is an ARN: to see it, and the usual data actions of its usage (service-resources.ts). One statement for each set
 * of ARNs; `name` makes the Sids.
 */
export function resourceStatements(
  name: string,
  at: ArnLocation,
  usage: string | undefined,
  kmsKeyArn?: string,
): readonly PolicyStatement[] {
  const { describe, sample, reads, writes } = at.kind;
  const calls = [describe, ...(sample === undefined || usage === 'Target' ? [] : [sample])];
  const needs = [...(usage === 'Target' ? [] : reads), ...(usage === 'Source' ? [] : writes)];
  const asked = [
    ...calls.flatMap(({ action }) => asksOf(at, action)),
    ...needs.filter(({ actions }) => actions.length > 0).map((need) => ({ actions: need.actions, resources: onOf(at, need) })),
  ];
  const statements = byResources(asked).map(
    ({ resources, actions }, index): PolicyStatement => ({
      Sid: index === 0 ? name : `${name}${index + 1}`,
      Effect: 'Allow',
      Action: [...actions].sort(),
      Resource: resources.length === 1 ? pattern(resources[0] ?? '') : resources.map(pattern),
    }),
  );
  return kmsKeyArn === undefined ? statements : [...statements, keyThrough(`${name}Key`, at, usage, kmsKeyArn)];
}

/** The key of the resource, only through its service: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service */
function keyThrough(
  name: string,
  { service, region, partition }: ArnLocation,
  usage: string | undefined,
  kmsKeyArn: string,
): PolicyStatement {
  return {
    Sid: name,
    Effect: 'Allow',
    Action: usage === 'Source' ? ['kms:Decrypt'] : ['kms:Decrypt', 'kms:GenerateDataKey'],
    Resource: kmsKeyArn,
    Condition: { StringEquals: { 'kms:ViaService': serviceNames(`${service}.${region}`, partition) } },
  };
}
