import type { ElasticJob, ElasticRuntime } from '../api/generated/types.ts';
import type { ConnectionSpec } from '../core/access/input.ts';
import { type ConnectionSpecs, inlined } from '../core/access/references.ts';
import { nodeRoleArn, principalsOf } from '../core/access/roles.ts';
import { placeOf, type World } from './explain.ts';
import { type InputError, namespaceOf } from './manifests.ts';

export function accountOf({ spec }: ElasticRuntime): string {
  return spec.identities.operator.roleArn.split(':')[4] ?? '';
}

/** The job with the connections that it names written into it. */
export function inlinedJob(job: ElasticJob, { connections }: World): ElasticJob {
  const here = `${namespaceOf(job.metadata)}/`;
  const named = [...connections].filter(([key]) => key.startsWith(here)).map(([key, spec]) => [key.slice(here.length), spec]);
  return inlined(job, Object.fromEntries(named) as ConnectionSpecs);
}

export type WrittenConnection = {
  /** The job, or the ElasticConnection that it names. */
  readonly object: string;
  readonly field: string;
  /** With the job's usage. */
  readonly spec: ConnectionSpec;
};

/** A job's connections, and where each is written. */
export function connectionsOf(job: ElasticJob, world: World): readonly WrittenConnection[] {
  const namespace = namespaceOf(job.metadata);
  return (job.spec.connections ?? []).flatMap((entry, index): readonly WrittenConnection[] => {
    const reference = entry.connectionRef?.name;
    if (reference === undefined)
      return [{ object: `ElasticJob ${namespace}/${job.metadata.name}`, field: `spec.connections[${index}]`, spec: entry }];
    const spec = world.connections.get(`${namespace}/${reference}`);
    return spec === undefined
      ? []
      : [{ object: `ElasticConnection ${namespace}/${reference}`, field: 'spec', spec: { ...spec, usage: entry.usage } }];
  });
}

export type ConnectionRole = {
  readonly object: string;
  /** The authentication. */
  readonly field: string;
  readonly roleArn: string;
  readonly location: string | undefined;
  readonly externalId: boolean;
};

/** Roles of a job's connections, and where each is written. */
export function connectionRoles(job: ElasticJob, world: World): readonly ConnectionRole[] {
  return connectionsOf(job, world).flatMap(({ object, field, spec: { location, authentication } }): readonly ConnectionRole[] => {
    const { roleArn, externalIdSecretRef } = authentication ?? {};
    if (roleArn === undefined) return [];
    return [{ object, field: `${field}.authentication`, roleArn, location, externalId: externalIdSecretRef !== undefined }];
  });
}

/** `namespace/name` */
export function runtimeOf(job: ElasticJob): string {
  return `${namespaceOf(job.metadata)}/${job.spec.runtime}`;
}

export type RuntimeRole = { readonly runtime: string; readonly identity: string; readonly roleArn: string };

export function identitiesOf(runtime: ElasticRuntime): readonly RuntimeRole[] {
  const roles = { ...principalsOf(runtime).roles, node: nodeRoleArn(runtime) };
  return Object.entries(roles).map(([identity, roleArn]) => ({ runtime: keyOf(runtime), identity, roleArn }));
}

export function keyOf({ metadata }: ElasticRuntime): string {
  return `${namespaceOf(metadata)}/${metadata.name}`;
}

export function ofRuntime(runtime: ElasticRuntime, field: string, message: string, world: World): InputError {
  const object = `ElasticRuntime ${keyOf(runtime)}`;
  return { place: placeOf(object, world), object, field, message };
}
