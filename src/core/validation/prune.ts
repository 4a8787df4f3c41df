import { schemas } from '../../api/generated/schemas.ts';
import type { ElasticKind, Schema } from '../../api/schema.ts';
import { define, fieldSchema } from './defaults.ts';

type Json = Readonly<Record<string, unknown>>;

/** The object without the fields that no schema declares, as the API server stores it. metadata stays whole: it is Kubernetes' own. */
export function prune<T extends object>(kind: ElasticKind, object: T): T {
  return pruned(schemas[kind], object, '', []) as T;
}

/** The paths of the fields that `prune` drops: kubectl refuses a manifest with any (field validation Strict). */
export function unknownFields(kind: ElasticKind, object: object): readonly string[] {
  const dropped: string[] = [];
  pruned(schemas[kind], object, '', dropped);
  return dropped;
}

function pruned(schema: Schema, value: unknown, path: string, dropped: string[]): unknown {
  if (Array.isArray(value)) return value.map((item, index) => pruned(schema.items ?? {}, item, `${path}[${index}]`, dropped));
  if (value === null || typeof value !== 'object') return value;
  const result: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(value as Json)) {
    const at = path === '' ? name : `${path}.${name}`;
    const field = fieldSchema(schema, name);
    if (at === 'metadata') define(result, name, child);
    else if (field !== undefined) define(result, name, isOpaque(field) ? child : pruned(field, child, at, dropped));
    else if (schema['x-kubernetes-preserve-unknown-fields']) define(result, name, child);
    else dropped.push(at);
  }
  return result;
}

function isOpaque(schema: Schema): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true && schema.properties === undefined;
}
