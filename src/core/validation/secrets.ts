import type { ElasticJob, ElasticRuntime } from '../../api/generated/types.ts';
import { below } from './structure.ts';
import type { Violation } from './validate.ts';

/**
 * Secrets that the templates of a job name although they belong to none of its connections and the runtime does not list
 * them in `allowedSecrets`. No schema can say this: it takes two objects.
 * @param referenced Secrets of the ElasticConnections that the job's connectionRefs name.
 */
export function refusedTemplateSecrets(
  job: Pick<ElasticJob, 'metadata' | 'spec'>,
  runtime: { readonly metadata: { readonly name: string }; readonly spec: Pick<ElasticRuntime['spec'], 'allowedSecrets'> },
  referenced: readonly string[] = [],
): readonly Violation[] {
  const allowed = new Set([...connectionSecrets(job), ...referenced, ...(runtime.spec.allowedSecrets ?? [])]);
  const object = `ElasticJob ${job.metadata.namespace === undefined ? '' : `${job.metadata.namespace}/`}${job.metadata.name}`;
  const uses = [
    ...secretUses(job.spec.master.template.spec, 'spec.master.template.spec'),
    ...secretUses(job.spec.workers?.template?.spec, 'spec.workers.template.spec'),
  ];
  return uses
    .filter((use) => !allowed.has(use.name))
    .map(({ field, name }) => ({
      object,
      field,
      value: name,
      message: `Secret ${JSON.stringify(name)} is of no connection of this job: make it a connection's properties, or have it listed in spec.allowedSecrets of ElasticRuntime ${runtime.metadata.name}`,
    }));
}

/** The Secrets that hold the credentials and properties of a job's connections; external IDs are not for its pods. */
export function connectionSecrets(job: Pick<ElasticJob, 'spec'>): readonly string[] {
  return (job.spec.connections ?? []).flatMap(({ authentication }) =>
    [authentication?.credentials?.secretRef?.name, authentication?.properties?.secretRef?.name].filter((name) => name !== undefined),
  );
}

type Use = { readonly field: string; readonly name: string };
type Json = Readonly<Record<string, unknown>>;

/** Fields whose value names a Secret in its `name`. */
const REFERENCES: ReadonlySet<string> = new Set(['secret', 'secretRef', 'secretKeyRef', 'nodePublishSecretRef', 'imagePullSecrets']);

/**
 * Every Secret that a pod spec names, wherever: volumes (secret, projected, the secretRefs of cephfs, rbd, iscsi, flexVolume,
 * csi, azureFile's secretName), env, envFrom, imagePullSecrets. A walk over the whole spec, so that a volume type that
 * Kubernetes adds later is not missed.
 */
export function secretUses(value: unknown, field: string, parent = ''): readonly Use[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => secretUses(item, `${field}[${index}]`, parent));
  if (value === null || typeof value !== 'object') return [];
  return [
    ...namesOf(value as Json, field, parent),
    ...Object.entries(value as Json).flatMap(([name, child]) => secretUses(child, below(field, name), name)),
  ];
}

function namesOf(value: Json, field: string, parent: string): readonly Use[] {
  // A projected source says `name` where a volume says `secretName`; azureFile has a secretName of its own.
  return (REFERENCES.has(parent) ? ['secretName', 'name'] : ['secretName']).flatMap((key) => {
    const name = value[key];
    return typeof name === 'string' && name !== '' ? [{ field: below(field, key), name }] : [];
  });
}
