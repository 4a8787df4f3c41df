import type { ElasticJob, ElasticRuntime } from '../api/generated/types.ts';
import { nodeRoleArn, principalsOf } from '../core/access/roles.ts';
import { placeOf, type World } from './explain.ts';
import { type InputError, namespaceOf } from './manifests.ts';

/**
 * What is wrong only beside another runtime or another job: no plan of one job can see it, but one account holds the roles, aliases and folders of all.
 */
export function conflicts(world: World): readonly InputError[] {
  const runtimes = [...world.runtimes.values()];
  return [...differentAccounts(runtimes, world), ...world.jobs.flatMap((job) => rolesOfOthers(job, runtimes, world))];
}

export function accountOf({ spec }: ElasticRuntime): string {
  return spec.identities.operator.roleArn.split(':')[4] ?? '';
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

/** As a connection's role an identity of another runtime would be assumed by this one's worker: its pods could do whatever that one may. */
function rolesOfOthers(job: ElasticJob, runtimes: readonly ElasticRuntime[], world: World): readonly InputError[] {
  const namespace = namespaceOf(job.metadata);
  const own = `${namespace}/${job.spec.runtime}`;
  const others = runtimes.filter((runtime) => keyOf(runtime) !== own).flatMap((runtime) => identitiesOf(runtime));
  return (job.spec.connections ?? []).flatMap((entry, index): readonly InputError[] => {
    const reference = entry.connectionRef?.name;
    const spec = reference === undefined ? entry : world.connections.get(`${namespace}/${reference}`);
    const roleArn = spec?.authentication?.roleArn;
    const other = others.find((one) => one.roleArn === roleArn);
    if (roleArn === undefined || other === undefined) return [];
    const [object, at] =
      reference === undefined
        ? [`ElasticJob ${namespace}/${job.metadata.name}`, `spec.connections[${index}]`]
        : [`ElasticConnection ${namespace}/${reference}`, 'spec'];
    const message = `"${roleArn}" is the ${other.identity} role of ElasticRuntime ${other.runtime}, and ElasticRuntime ${own} would become it: name a role of the data, not one of a runtime`;
    return [{ place: placeOf(object, world), object, field: `${at}.authentication.roleArn`, message }];
  });
}

type RuntimeRole = { readonly runtime: string; readonly identity: string; readonly roleArn: string };

function identitiesOf(runtime: ElasticRuntime): readonly RuntimeRole[] {
  const roles = { ...principalsOf(runtime).roles, node: nodeRoleArn(runtime) };
  return Object.entries(roles).map(([identity, roleArn]) => ({ runtime: keyOf(runtime), identity, roleArn }));
}

function keyOf({ metadata }: ElasticRuntime): string {
  return `${namespaceOf(metadata)}/${metadata.name}`;
}

function ofRuntime(runtime: ElasticRuntime, field: string, message: string, world: World): InputError {
  const object = `ElasticRuntime ${keyOf(runtime)}`;
  return { place: placeOf(object, world), object, field, message };
}
