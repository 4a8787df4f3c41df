import type { Schema } from '../../api/schema.ts';
import { fieldSchema } from './defaults.ts';
import { equal } from './rule.ts';

/** One thing that is wrong with an object, as the API server would say it. */
export type Fault = {
  /** JSON path, such as `spec.connections[0].name`. */
  readonly field: string;
  readonly value: unknown;
  /** What is wrong, or what to do about it. */
  readonly message: string;
};

type Json = Readonly<Record<string, unknown>>;

/**
 * What the types and bounds of a schema say about a value. Messages are worded as those of the API server.
 * A value of the wrong type is not looked into.
 */
export function structuralFaults(schema: Schema, value: unknown, field: string): readonly Fault[] {
  if (value === null) return schema.nullable || isAny(schema) ? [] : [typeFault(schema, value, field)];
  if (!hasType(schema, value)) return [typeFault(schema, value, field)];
  const own = boundFaults(schema, value, field);
  if (Array.isArray(value)) return [...own, ...listFaults(schema, value, field)];
  return typeof value === 'object' ? [...own, ...objectFaults(schema, value as Json, field)] : own;
}

function isAny(schema: Schema): boolean {
  return schema.type === undefined && !schema['x-kubernetes-int-or-string'];
}

function hasType(schema: Schema, value: unknown): boolean {
  if (schema['x-kubernetes-int-or-string']) return typeof value === 'string' || Number.isSafeInteger(value);
  if (schema.type === undefined) return true;
  if (schema.type === 'array') return Array.isArray(value);
  if (schema.type === 'object') return typeof value === 'object' && !Array.isArray(value);
  if (schema.type === 'integer') return Number.isInteger(value);
  return typeof value === schema.type;
}

function typeFault(schema: Schema, value: unknown, field: string): Fault {
  const expected = schema['x-kubernetes-int-or-string'] ? 'integer,string' : schema.type;
  return { field, value, message: `${field} in body must be of type ${expected}: ${JSON.stringify(typeName(value))}` };
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

/** Most values break no bound: messages are made only for those that do. */
type Bound = readonly [broken: boolean, message: () => string];

function boundFaults(schema: Schema, value: unknown, field: string): readonly Fault[] {
  if (schema.enum !== undefined && !schema.enum.some((choice) => choice === value)) {
    return [{ field, value, message: `supported values: ${schema.enum.map((choice) => JSON.stringify(choice)).join(', ')}` }];
  }
  return boundsOf(schema, value, field)
    .filter(([broken]) => broken)
    .map(([, message]) => ({ field, value, message: message() }));
}

const UNBOUND: readonly Bound[] = [];

function boundsOf(schema: Schema, value: unknown, field: string): readonly Bound[] {
  if (typeof value === 'string') return textBounds(schema, value, field);
  if (typeof value === 'number') return numberBounds(schema, value, field);
  return typeof value === 'object' && value !== null ? sizeBounds(schema, value, field) : UNBOUND;
}

function textBounds(schema: Schema, value: string, field: string): readonly Bound[] {
  const { maxLength = Infinity, minLength = 0, pattern, format } = schema;
  return [
    // UTF-16 units are at least as many as code points, which are what is counted.
    [value.length > maxLength && Array.from(value).length > maxLength, () => `may not be more than ${maxLength} bytes`],
    [Array.from(value.slice(0, 2 * minLength)).length < minLength, () => `${field} in body should be at least ${minLength} chars long`],
    [pattern !== undefined && !expression(pattern).test(value), () => `${field} in body should match '${pattern}'`],
    [format === 'date-time' && !isDateTime(value), () => `${field} in body must be of type date-time: ${JSON.stringify(value)}`],
  ];
}

const expressions = new Map<string, RegExp>();

/** Compiled once: the schemas are few and the objects many. */
function expression(pattern: string): RegExp {
  const known = expressions.get(pattern) ?? new RegExp(pattern, 'u');
  expressions.set(pattern, known);
  return known;
}

/** RFC 3339, a moment that exists. */
function isDateTime(value: string): boolean {
  const parts = /^(\d{4})-(\d\d)-(\d\d)[Tt]\d\d:\d\d:\d\d([.,]\d+)?([Zz]|[+-]\d\d:\d\d)$/.exec(value);
  if (parts === null || Number.isNaN(Date.parse(value.toUpperCase().replace(',', '.')))) return false;
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function numberBounds({ minimum = -Infinity, maximum = Infinity }: Schema, value: number, field: string): readonly Bound[] {
  return [
    [value < minimum, () => `${field} in body should be greater than or equal to ${minimum}`],
    [value > maximum, () => `${field} in body should be less than or equal to ${maximum}`],
  ];
}

function sizeBounds(schema: Schema, value: object, field: string): readonly Bound[] {
  if (Array.isArray(value)) {
    const { minItems = 0, maxItems = Infinity } = schema;
    return [
      [value.length > maxItems, () => `must have at most ${maxItems} items`],
      [value.length < minItems, () => `${field} in body should have at least ${minItems} items`],
    ];
  }
  const { minProperties = 0, maxProperties = Infinity } = schema;
  if (minProperties === 0 && maxProperties === Infinity) return UNBOUND;
  const size = Object.keys(value).length;
  return [
    [size > maxProperties, () => `must have at most ${maxProperties} items`],
    [size < minProperties, () => `${field} in body should have at least ${minProperties} properties`],
  ];
}

function listFaults(schema: Schema, items: readonly unknown[], field: string): readonly Fault[] {
  return items.flatMap((item, index) => {
    const at = `${field}[${index}]`;
    const key = identity(schema, item);
    const again = key !== undefined && items.slice(0, index).some((earlier) => equal(identity(schema, earlier), key));
    return [...(again ? [{ field: at, value: key, message: 'Duplicate value' }] : []), ...structuralFaults(schema.items ?? {}, item, at)];
  });
}

/** What makes an item of a set or a keyed list the same as another. */
export function identity(schema: Schema, item: unknown): unknown {
  if (schema['x-kubernetes-list-type'] === 'set') return item;
  const keys = schema['x-kubernetes-list-type'] === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : undefined;
  if (keys === undefined || item === null || typeof item !== 'object') return undefined;
  return Object.fromEntries(keys.map((key) => [key, (item as Json)[key]]));
}

function objectFaults(schema: Schema, value: Json, field: string): readonly Fault[] {
  const missing = (schema.required ?? []).filter((name) => !Object.hasOwn(value, name));
  return [
    ...missing.map((name) => ({ field: below(field, name), value: undefined, message: 'Required value' })),
    ...Object.entries(value).flatMap(([name, child]) => {
      const declared = fieldSchema(schema, name);
      return declared === undefined ? [] : structuralFaults(declared, child, below(field, name));
    }),
  ];
}

export function below(field: string, name: string): string {
  return field === '' ? name : `${field}.${name}`;
}
