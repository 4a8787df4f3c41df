import type { Connection, ElasticConnectionSpec, ElasticJob } from '../../api/generated/types.ts';

export type ConnectionSpecs = Readonly<Record<string, ElasticConnectionSpec>>;

/** The ElasticConnections that a job names, each once. */
export function referencedConnections(job: Pick<ElasticJob, 'spec'>): readonly string[] {
  const names = (job.spec.connections ?? []).flatMap(({ connectionRef }) => (connectionRef === undefined ? [] : [connectionRef.name]));
  return [...new Set(names)];
}

/**
 * The job as if its author had written the connections that it names into it: name and usage are the job's, everything else is the
 * ElasticConnection's; of two revocations the later one holds. An entry whose ElasticConnection is not there stays as it is.
 */
export function inlined<J extends Pick<ElasticJob, 'spec'>>(job: J, found: ConnectionSpecs): J {
  if (referencedConnections(job).length === 0) return job;
  const connections = (job.spec.connections ?? []).map((entry): Connection => {
    const spec = entry.connectionRef && (Object.hasOwn(found, entry.connectionRef.name) ? found[entry.connectionRef.name] : undefined);
    if (spec === undefined) return entry;
    const { accessRevokedBefore: _revoked, ...rest } = spec;
    const revoked = later(entry.accessRevokedBefore, spec.accessRevokedBefore);
    return { ...rest, name: entry.name, usage: entry.usage, ...(revoked !== undefined && { accessRevokedBefore: revoked }) };
  });
  return { ...job, spec: { ...job.spec, connections } };
}

/** Of two moments (RFC 3339) the later one. */
export function later(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Date.parse(one) >= Date.parse(other) ? one : other;
}
