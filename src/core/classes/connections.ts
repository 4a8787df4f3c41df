import type { ElasticRuntimeClass } from '../../api/generated/types.ts';
import { locationOfConnection, type NamedIn } from '../access/connection-locations.ts';
import type { Connection } from '../access/connections.ts';
import { type ClassViolation, type Found, outside, type Site } from './violations.ts';

/** What a job names, inline or through ElasticConnections. */
export type Named = {
  readonly connections: readonly Pick<Connection, 'name' | 'connector' | 'authentication' | 'spec'>[];
  readonly namedIn: NamedIn;
  readonly dependencies?: readonly { readonly path: string; readonly uri?: string }[] | undefined;
};

/**
 * Roles, locations (folders of S3, and what an ARN or a plain name means) and keys of a job that the class of its runtime does not allow. The admission policy
 * elastic-job-class says the same of what is inline, but for names: it does not know whose they are.
 */
export function refusedAccesses(ofClass: ElasticRuntimeClass | undefined, named: Named): readonly ClassViolation[] {
  if (ofClass === undefined) return [];
  const { allowed } = ofClass.spec;
  const found = [
    ...outside(
      sites(named, ({ authentication }) => (authentication.kind === 'role' ? authentication.roleArn : undefined), 'authentication.roleArn'),
      allowed.connectionRoleArns,
      'connectionRoleArns',
    ),
    ...folders(
      sites(named, (connection) => placeOf(connection, named.namedIn), 'location'),
      allowed.uris,
    ),
    ...folders(
      (named.dependencies ?? []).map(({ path, uri }): Site => [`dependency ${path}: uri`, uri]),
      allowed.uris,
    ),
    ...outside(
      sites(named, ({ spec }) => spec.kmsKeyArn, 'kmsKeyArn'),
      allowed.kmsKeyArns,
      'kmsKeyArns',
    ),
  ];
  return found.map((one) => ({ ...one, className: ofClass.metadata.name }));
}

/** Of keys nobody knows here whose account a plain name would be of, and a login outside AWS is of none. */
function placeOf(connection: Named['connections'][number], namedIn: NamedIn): string | undefined {
  const { location = '' } = connection.spec;
  if (/^(s3|arn):/.test(location)) return location;
  const at = locationOfConnection(connection, namedIn);
  const isOfRole = ['none', 'role'].includes(connection.authentication.kind);
  return at === undefined || (at.ofItsUser === true && !isOfRole) ? undefined : at.arn;
}

function sites(
  { connections }: Named,
  of: (connection: Named['connections'][number]) => string | undefined,
  field: string,
): readonly Site[] {
  return connections.map((connection) => [`connection ${connection.name}: ${field}`, of(connection)]);
}

/** A folder is the same with a slash at its end and without. */
function folders(found: readonly Site[], allowed: readonly string[] | undefined): readonly Found[] {
  return found.flatMap((site) => {
    const [field, uri] = site;
    const bare = uri?.endsWith('/') === true ? outside([[field, uri.slice(0, -1)]], allowed, 'uris') : undefined;
    return bare?.length === 0 ? [] : outside([site], allowed, 'uris');
  });
}
