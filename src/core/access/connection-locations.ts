import { type ArnLocation, locationOf } from './arn-locations.ts';
import type { Connection } from './connections.ts';
import { type Principals, parseRoleArn } from './roles.ts';

/** Where a plain name is looked for. */
export type NamedIn = { readonly principals: Pick<Principals, 'roles'>; readonly region: string };

/**
 * The table, stream, queue, … that the location of a connection names. A plain name is one of the account of whoever uses it; of keys only STS knows
 * that, and the operator role's stands in.
 */
export function locationOfConnection(
  { connector, spec, authentication }: Pick<Connection, 'connector' | 'spec' | 'authentication'>,
  { principals: { roles }, region }: NamedIn,
): ArnLocation | undefined {
  const user = authentication.kind === 'role' ? authentication.roleArn : authentication.kind === 'none' ? roles.worker : roles.operator;
  const role = parseRoleArn(user);
  return role.ok ? locationOf(connector, spec.location, { ...role.value, region }) : undefined;
}
