import type { ElasticRuntimeSpec, Network, RuntimeDefaults } from '../../api/generated/types.ts';
import { builtinDefaults, type ClassDefaultField } from './builtin.ts';

/** A runtime's spec as its author wrote it: what a class or the API may fill in can be missing. */
export type WrittenSpec = Omit<ElasticRuntimeSpec, ClassDefaultField> & RuntimeDefaults;

type Json = Readonly<Record<string, unknown>>;

/** These are one choice each, and never put together from two. */
const WHOLE: ReadonlySet<string> = new Set(['machineImage', 'initScript']);

/**
 * The author's fields, the class's where those are missing, the built-in ones where both are. Objects are merged field by field, tags by key; lists,
 * the machine image and the init script are taken as they are. Neither input is changed.
 */
export function fillIn(spec: WrittenSpec, defaults: RuntimeDefaults): ElasticRuntimeSpec {
  const network = mergeNetwork(spec.network, defaults.network);
  const merged = under(under(spec, { ...defaults, network: undefined }), builtinDefaults);
  return { ...merged, ...(network !== undefined && { network }) } as unknown as ElasticRuntimeSpec;
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

function under(given: Json, defaults: Json): Json {
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
