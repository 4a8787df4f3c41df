import type { ElasticRuntime, ElasticRuntimeSpec } from '../api/generated/types.ts';
import type { Stored } from '../api/kubernetes.ts';
import { classDefaultFields, type requiredFields } from '../core/classes/builtin.ts';

/**
 * A runtime of the cluster with what its class gives, as the operator wrote it into the status. Undefined where something that is needed is missing: the
 * operator has not looked at it yet, or its condition Stalled says what.
 */
export function heldRuntime(
  runtime: Stored<ElasticRuntime>,
  needed: readonly (typeof requiredFields)[number][],
): Stored<ElasticRuntime> | undefined {
  const resolved = (runtime.status?.resolved ?? {}) as Partial<ElasticRuntimeSpec>;
  const fields = classDefaultFields.flatMap((field) => (resolved[field] === undefined ? [] : [[field, resolved[field]] as const]));
  const spec = { ...runtime.spec, ...Object.fromEntries(fields) };
  const missing = needed.some((path) => valueAt(spec, path) === undefined);
  return missing ? undefined : { ...runtime, spec };
}

function valueAt(spec: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (value as Readonly<Record<string, unknown>> | undefined)?.[name], spec);
}
