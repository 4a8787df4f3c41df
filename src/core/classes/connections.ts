import type { ElasticRuntimeClass } from '../../api/generated/types.ts';
import type { Connection } from '../access/connections.ts';
import { type ClassViolation, outside, type Site } from './violations.ts';

/** Connection roles of a job, inline or of its ElasticConnections, that the class of its runtime does not allow. */
export function refusedConnectionRoles(
  ofClass: ElasticRuntimeClass | undefined,
  connections: readonly Pick<Connection, 'name' | 'authentication'>[],
): readonly ClassViolation[] {
  const sites = connections.flatMap(({ name, authentication }): readonly Site[] =>
    authentication.kind === 'role' ? [[`connection ${name}: authentication.roleArn`, authentication.roleArn]] : [],
  );
  const className = ofClass?.metadata.name;
  return outside(sites, ofClass?.spec.allowed.connectionRoleArns, 'connectionRoleArns').map((found) => ({ ...found, className }));
}
