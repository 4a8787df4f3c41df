import type { ElasticJob, ElasticRuntime } from '../api/generated/types.ts';
import { formatS3Uri, organizationPrefix, parseS3Uri, type S3Folder, within } from '../core/access/locations.ts';
import { ownFolder } from '../core/access/own-folders.ts';
import { placeOf, type World } from './explain.ts';
import { accountOf, connectionRoles, connectionsOf, identitiesOf, keyOf, ofRuntime, runtimeOf } from './iam-objects.ts';
import { sharedByOrganizations } from './iam-organizations.ts';
import type { InputError } from './manifests.ts';

/**
 * What is wrong only beside another runtime or another job: no plan of one job can see it, but one account holds the roles, aliases and folders of all.
 */
export function conflicts(world: World): readonly InputError[] {
  const runtimes = [...world.runtimes.values()];
  const pairs = runtimes.flatMap((one, index) => runtimes.slice(index + 1).map((other) => [one, other] as const));
  return [
    ...differentAccounts(runtimes, world),
    ...pairs.flatMap(([one, other]) => [...nestedFolders(one, other, world), ...nestedFolders(other, one, world)]),
    ...pairs.flatMap(([one, other]) => sameAlias(one, other, world)),
    ...sharedByOrganizations(world),
    ...world.jobs.flatMap((job) => rolesOfOthers(job, runtimes, world)),
    ...world.jobs.flatMap((job) => foldersOfOthers(job, runtimes, world)),
    ...runtimes.flatMap((runtime) => halfExternalIds(runtime, world)),
  ];
}

/** A template is one account's. */
function differentAccounts(runtimes: readonly ElasticRuntime[], world: World): readonly InputError[] {
  const [first, ...others] = runtimes;
  if (first === undefined) return [];
  const other = others.find((runtime) => accountOf(runtime) !== accountOf(first));
  if (other === undefined) return [];
  const message = `lies in account ${accountOf(other)}, that of ${keyOf(first)} in ${accountOf(first)}: generate each account's template from its own files`;
  return [ofRuntime(other, 'spec.identities.operator.roleArn', message, world)];
}

/** Whoever may read an organization's folder reads what lies in it, whosever it is. */
function nestedFolders(outer: ElasticRuntime, inner: ElasticRuntime, world: World): readonly InputError[] {
  if (outer.spec.organization === inner.spec.organization) return [];
  const fields = ['staging', 'logs'] as const;
  return fields.flatMap((field): readonly InputError[] => {
    const own = folderOf(inner, field);
    const around = fields.map((one) => folderOf(outer, one)).find((one) => own !== undefined && one !== undefined && within(one, own));
    if (own === undefined || around === undefined) return [];
    const message = `"${inner.spec[field].uri}": ${formatS3Uri(own)} of organization ${inner.spec.organization} lies in ${formatS3Uri(around)} of organization ${outer.spec.organization} (ElasticRuntime ${keyOf(outer)}), whose roles would reach it: name a folder outside`;
    return [ofRuntime(inner, `spec.${field}.uri`, message, world)];
  });
}

function folderOf({ spec }: ElasticRuntime, field: 'staging' | 'logs'): S3Folder | undefined {
  const folder = organizationPrefix(spec[field].uri, spec.organization);
  return folder.ok ? folder.value : undefined;
}

/** An alias names one role: one of the two agents would get the other's. */
function sameAlias(one: ElasticRuntime, other: ElasticRuntime, world: World): readonly InputError[] {
  const [first, second] = [one, other].map(({ spec: { region, identities } }) => {
    const { roleArn, x509 } = identities.agent;
    return { roleArn, alias: x509?.roleAlias, place: `${region} ${roleArn.split(':')[4] ?? ''}` };
  });
  if (first?.alias === undefined || first.alias !== second?.alias || first.place !== second.place || first.roleArn === second.roleArn)
    return [];
  const message = `"${second.alias}" stands for ${second.roleArn} here, and for ${first.roleArn} in ElasticRuntime ${keyOf(one)}: an alias names one role, give each agent role its own`;
  return [ofRuntime(other, 'spec.identities.agent.x509.roleAlias', message, world)];
}

/** As a connection's role an identity of another runtime would be assumed by this one's worker: its pods could do whatever that one may. */
function rolesOfOthers(job: ElasticJob, runtimes: readonly ElasticRuntime[], world: World): readonly InputError[] {
  const own = runtimeOf(job);
  const others = runtimes.filter((runtime) => keyOf(runtime) !== own).flatMap(identitiesOf);
  return connectionRoles(job, world).flatMap(({ object, field, roleArn }): readonly InputError[] => {
    const other = others.find((one) => one.roleArn === roleArn);
    if (other === undefined) return [];
    const message = `"${roleArn}" is the ${other.identity} role of ElasticRuntime ${other.runtime}, and ElasticRuntime ${own} would become it: name a role of the data, not one of a runtime`;
    return [{ place: placeOf(object, world), object, field: `${field}.roleArn`, message }];
  });
}

/** Of one organization: reading is its own affair, but logs and records of accesses are their runtime's to write. */
function foldersOfOthers(job: ElasticJob, runtimes: readonly ElasticRuntime[], world: World): readonly InputError[] {
  const own = runtimeOf(job);
  const organization = world.runtimes.get(own)?.spec.organization;
  const others = runtimes.filter((runtime) => keyOf(runtime) !== own && runtime.spec.organization === organization);
  return connectionsOf(job, world).flatMap(({ object, field, spec: { usage, location = '' } }): readonly InputError[] => {
    const place = parseS3Uri(location);
    if (!place.ok || usage === 'Source') return [];
    for (const other of others) {
      const theirs = ownFolder(other, place.value);
      if (theirs === undefined) continue;
      const message = `"${location}" lies in ${formatS3Uri(theirs.folder)}, the own folder of ElasticRuntime ${keyOf(other)} in its spec.${theirs.field}, and ElasticRuntime ${own} would write there: name a location outside of it, or only read there (usage: Source)`;
      return [{ place: placeOf(object, world), object, field: `${field}.location`, message }];
    }
    return [];
  });
}

/** A trust policy that asks for an external ID asks everybody who is trusted there, and a connection without one would be denied. */
function halfExternalIds(runtime: ElasticRuntime, world: World): readonly InputError[] {
  const roles = world.jobs.filter((job) => runtimeOf(job) === keyOf(runtime)).flatMap((job) => connectionRoles(job, world));
  return roles.flatMap(({ object, field, roleArn, externalId }): readonly InputError[] => {
    const other = roles.find((one) => one.roleArn === roleArn && one.externalId);
    if (externalId || other === undefined) return [];
    const message = `is missing: ${other.object}: ${other.field} gives one for "${roleArn}", and the role then asks everybody for it: give it here, too, or name another role`;
    return [{ place: placeOf(object, world), object, field: `${field}.externalIdSecretRef`, message }];
  });
}
