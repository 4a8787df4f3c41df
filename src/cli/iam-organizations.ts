import type { ElasticJob, ElasticRuntime } from '../api/generated/types.ts';
import { atOrBelow, formatS3Uri, organizationPrefix, parseS3Uri, type S3Folder, within } from '../core/access/locations.ts';
import { stagingRole } from '../core/policy/staging-role.ts';
import { placeOf, type World } from './explain.ts';
import {
  type ConnectionRole,
  connectionRoles,
  connectionsOf,
  identitiesOf,
  inlinedJob,
  keyOf,
  ofRuntime,
  runtimeOf,
} from './iam-objects.ts';
import { type InputError, namespaceOf } from './manifests.ts';

/**
 * What two organizations name that would give a session of one the folders or the key of the other: AWS knows no organization, so that a role or a key which
 * serves two of them is both of theirs. Agent and operator roles may be shared: the operator's tags and sessions keep their runtimes apart.
 */
export function sharedByOrganizations(world: World): readonly InputError[] {
  const runtimes = [...world.runtimes.values()];
  return [
    ...runtimes.flatMap((runtime, index) => {
      const others = runtimes.slice(0, index).filter(({ spec }) => spec.organization !== runtime.spec.organization);
      return [...sharedRoles(runtime, others, world), ...sharedKeys(runtime, others, world)];
    }),
    ...sharedConnectionRoles(world),
    ...world.jobs.flatMap((job) => foldersOfOthers(job, runtimes, world)),
  ];
}

const KEPT_APART: readonly string[] = ['agent', 'operator'];

function mayShare(one: string, other: string): boolean {
  return (KEPT_APART.includes(one) && KEPT_APART.includes(other)) || (one === 'node' && other === 'node');
}

function sharedRoles(runtime: ElasticRuntime, others: readonly ElasticRuntime[], world: World): readonly InputError[] {
  return identitiesOf(runtime).flatMap(({ identity, roleArn }): readonly InputError[] => {
    for (const other of others) {
      const theirs = identitiesOf(other).find((one) => one.roleArn === roleArn && !mayShare(one.identity, identity));
      if (theirs === undefined) continue;
      const field = identity === 'node' ? 'spec.identities.node.instanceProfileArn' : `spec.identities.${identity}.roleArn`;
      const message = `"${roleArn}" is the ${theirs.identity} role of ElasticRuntime ${keyOf(other)}, too: ${both(runtime, other)}: give each organization a role of its own`;
      return [ofRuntime(runtime, field, message, world)];
    }
    return [];
  });
}

function both({ spec: one }: ElasticRuntime, { spec: other }: ElasticRuntime): string {
  return `a session of organization ${one.organization} would reach what is of organization ${other.organization}, and the other way round`;
}

/** Whoever may use an organization's key reads what the other has encrypted with it. */
function sharedKeys(runtime: ElasticRuntime, others: readonly ElasticRuntime[], world: World): readonly InputError[] {
  return (['staging', 'logs'] as const).flatMap((field): readonly InputError[] => {
    const { kmsKeyArn } = runtime.spec[field];
    // What nobody gives is said already.
    if (kmsKeyArn === '') return [];
    for (const other of others) {
      const theirs = (['staging', 'logs'] as const).find((one) => other.spec[one].kmsKeyArn === kmsKeyArn);
      if (theirs === undefined) continue;
      const message = `"${kmsKeyArn}" is spec.${theirs}.kmsKeyArn of ElasticRuntime ${keyOf(other)}, too: ${both(runtime, other)}: give each organization a key of its own`;
      return [ofRuntime(runtime, `spec.${field}.kmsKeyArn`, message, world)];
    }
    return [];
  });
}

type Use = ConnectionRole & {
  readonly job: string;
  readonly organization: string;
  /** What of its organization the role reaches for this job; undefined: data of somebody else's alone. */
  readonly reaches: string | undefined;
};

/** A role that only reads or writes data elsewhere is the data's, and may serve anybody. */
function sharedConnectionRoles(world: World): readonly InputError[] {
  const uses = world.jobs.flatMap((job) => usesOf(job, world));
  return uses.flatMap((use, index): readonly InputError[] => {
    for (const other of uses.slice(0, index)) {
      if (other.roleArn !== use.roleArn || other.organization === use.organization) continue;
      const [holder, guest] = other.reaches === undefined ? [use, other] : [other, use];
      if (holder.reaches === undefined) continue;
      const message = `"${use.roleArn}" is the role of ${other.object}: ${other.field}, too: for ElasticJob ${holder.job} it reaches ${holder.reaches} of organization ${holder.organization}, and ElasticJob ${guest.job} of organization ${guest.organization} would have it: give each organization a role of its own`;
      return [{ place: placeOf(use.object, world), object: use.object, field: `${use.field}.roleArn`, message }];
    }
    return [];
  });
}

function usesOf(job: ElasticJob, world: World): readonly Use[] {
  const runtime = world.runtimes.get(runtimeOf(job));
  if (runtime === undefined) return [];
  const { organization } = runtime.spec;
  const ofStaging = stagingRole(inlinedJob(job, world));
  return connectionRoles(job, world).map((role): Use => {
    const place = parseS3Uri(role.location ?? '');
    const own = place.ok && foldersOf(runtime).some((folder) => atOrBelow(folder, place.value));
    const reaches = role.roleArn === ofStaging ? `staging in ${runtime.spec.staging.uri}/${organization}` : own ? role.location : undefined;
    return { ...role, job: `${namespaceOf(job.metadata)}/${job.metadata.name}`, organization, reaches };
  });
}

/** A location or a source in, or around, the folder of another organization: the worker or the connection's role would be given it. */
function foldersOfOthers(job: ElasticJob, runtimes: readonly ElasticRuntime[], world: World): readonly InputError[] {
  const own = world.runtimes.get(runtimeOf(job));
  if (own === undefined) return [];
  const others = runtimes.filter(({ spec }) => spec.organization !== own.spec.organization);
  const object = `ElasticJob ${namespaceOf(job.metadata)}/${job.metadata.name}`;
  const places = [
    ...connectionsOf(job, world).map((one) => ({ object: one.object, field: `${one.field}.location`, uri: one.spec.location })),
    ...(job.spec.dependencies ?? []).map(({ uri }, index) => ({ object, field: `spec.dependencies[${index}].uri`, uri })),
  ];
  return places.flatMap((at): readonly InputError[] => {
    const place = parseS3Uri(at.uri ?? '');
    if (!place.ok) return [];
    for (const other of others) {
      const folder = foldersOf(other).find((one) => atOrBelow(one, place.value) || within(place.value, one));
      if (folder === undefined) continue;
      const message = `"${at.uri}" meets ${formatS3Uri(folder)} of organization ${other.spec.organization} (ElasticRuntime ${keyOf(other)}), and ElasticRuntime ${keyOf(own)} is of organization ${own.spec.organization}: name a place outside`;
      return [{ place: placeOf(at.object, world), object: at.object, field: at.field, message }];
    }
    return [];
  });
}

/** `<uri>/<organization>` of staging and logs. */
function foldersOf({ spec }: ElasticRuntime): readonly S3Folder[] {
  return (['staging', 'logs'] as const).flatMap((field) => {
    const folder = organizationPrefix(spec[field].uri, spec.organization);
    return folder.ok ? [folder.value] : [];
  });
}
