import { schemas } from '../../api/generated/schemas.ts';
import type { ElasticKind, Schema } from '../../api/schema.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * The object with the defaults of its schema, as the API server stores it: nulls of fields that are not nullable are
 * dropped first (undefined ones too), defaults inside defaults are filled in. The input stays as it is.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
 */
export function applyDefaults<T extends object>(kind: ElasticKind, object: T): T {
  return defaulted(schemas[kind], object) as T;
}

function defaulted(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return schema.items === undefined ? value : value.map((item) => defaulted(schema.items ?? {}, item));
  if (value === null || typeof value !== 'object') return value;
  const result: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(value as Json)) {
    const field = fieldSchema(schema, name);
    if (child === undefined || (child === null && field !== undefined && field.nullable !== true)) continue;
    define(result, name, field === undefined ? child : defaulted(field, child));
  }
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (field.default !== undefined && !Object.hasOwn(result, name)) define(result, name, defaulted(field, structuredClone(field.default)));
  }
  return result;
}

/** The schema of a field that is declared, or of a value of a map; undefined for one that is kept or pruned unseen. */
export function fieldSchema(schema: Schema, name: string): Schema | undefined {
  return Object.hasOwn(schema.properties ?? {}, name) ? schema.properties?.[name] : schema.additionalProperties;
}

/** Sets an own property even where the name is `__proto__`: names come from manifests. */
export function define(target: Record<string, unknown>, name: string, value: unknown): void {
  // defineProperty is right for every name, and ten times as slow.
  if (name === '__proto__') Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  else target[name] = value;
}
