import type { ElasticRuntimeSpec, Network, RuntimeDefaults } from '../../api/generated/types.ts';
import { builtinDefaults } from './builtin.ts';

/** A runtime's spec as its author wrote it: what a class or the API may fill in can be missing. */
export type WrittenSpec = Pick<ElasticRuntimeSpec, 'runtimeClassName'> & RuntimeDefaults;

type Json = Readonly<Record<string, unknown>>;

/** These are one choice each, and never put together from two. */
const WHOLE: ReadonlySet<string> = new Set(['machineImage', 'initScript', 'x509', 'externalIdSecretRef']);

/**
 * The author's fields, the class's where those are missing, the built-in ones where both are. Objects are merged field by field, tags by key; lists,
 * the machine image, the init script and what proves an identity are taken as they are. Neither input is changed. What neither gives is missing.
 */
export function fillIn(spec: WrittenSpec, defaults: RuntimeDefaults): Partial<ElasticRuntimeSpec> {
  const network = mergeNetwork(spec.network, defaults.network);
  const accessRevokedBefore = later(spec.accessRevokedBefore, defaults.accessRevokedBefore);
  const given = { ...defaults, identities: identitiesFor(spec, defaults), network: undefined };
  return {
    ...under(under(spec, given), builtinDefaults),
    ...(network !== undefined && { network }),
    ...(accessRevokedBefore !== undefined && { accessRevokedBefore }),
  };
}

/** An agent or operator role of the author's is not proved with what the class gives for its own: an external ID goes to nobody else's role. */
function identitiesFor(spec: WrittenSpec, { identities }: RuntimeDefaults): RuntimeDefaults['identities'] {
  if (identities === undefined) return undefined;
  const { agent, operator, ...others } = identities;
  return {
    ...(spec.identities?.agent?.roleArn === undefined && agent !== undefined && { agent }),
    ...(spec.identities?.operator?.roleArn === undefined && operator !== undefined && { operator }),
    ...others,
  };
}

/** A revocation is not undone by an older one, whoever gives it. */
export function later(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Date.parse(one) >= Date.parse(other) ? one : other;
}

/** Ids and a selector exclude each other: who gives one of the two has chosen. */
function mergeNetwork(given: Network | undefined, defaults: Network | undefined): Network | undefined {
  if (given === undefined || defaults === undefined) return given ?? defaults;
  const subnets = given.subnetIds === undefined && given.subnetSelector === undefined ? defaults : given;
  const groups = given.securityGroupIds === undefined && given.securityGroupSelector === undefined ? defaults : given;
  return {
    ...(subnets.subnetIds !== undefined && { subnetIds: subnets.subnetIds }),
    ...(subnets.subnetSelector !== undefined && { subnetSelector: subnets.subnetSelector }),
    ...(groups.securityGroupIds !== undefined && { securityGroupIds: groups.securityGroupIds }),
    ...(groups.securityGroupSelector !== undefined && { securityGroupSelector: groups.securityGroupSelector }),
  };
}

/** What is given, and of the defaults what is not. */
export function under(given: Json, defaults: Json): Json {
  const merged: Record<string, unknown> = { ...given };
  for (const [name, fallback] of Object.entries(defaults)) {
    const value = Object.hasOwn(merged, name) ? merged[name] : undefined;
    if (fallback === undefined) continue;
    if (value === undefined) merged[name] = fallback;
    else if (isObject(value) && isObject(fallback) && !WHOLE.has(name)) merged[name] = under(value, fallback);
  }
  return merged;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
