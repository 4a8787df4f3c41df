import { decideStaging } from '../access/staging.ts';
import type { PolicyJob } from './runtime-input.ts';

/** The connection role as which a job's pods reach staging; undefined: they do it as somebody else. */
export function stagingRole({ spec }: Pick<PolicyJob, 'spec'>): string | undefined {
  const connections = (spec.connections ?? []).map(({ name, usage, authentication: by = {} }) => {
    const kind = by?.credentials !== undefined ? 'credentials' : by?.roleArn !== undefined ? 'role' : 'none';
    return { name, usage, roleArn: by?.roleArn, authentication: { kind } } as const;
  });
  const { value } = decideStaging({ spec }, connections);
  return connections.find(({ name }) => value === `connectionRole:${name}`)?.roleArn;
}
