/**
 * Everything that is made from crds/ and from the rule table: run it after either changes. With --check it writes nothing
 * and exits 1 where something is stale.
 *
 * crds/*.yaml                  x-kubernetes-validations, from src/core/validation/rules/all.ts; the defaults of a class from the runtime's fields, an
 *                              ElasticConnection's spec from a job's inline connection; everything else stays as written
 * src/api/generated/types.ts   TypeScript types; an object with a title becomes a named type
 * src/api/generated/schemas.ts the schemas as data, for defaults, pruning and validation in code
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { type Document, isAlias, isMap, isNode, parseDocument, visit, type YAMLMap } from 'yaml';
import { builtinDefaults, classDefaultFields, requiredFields } from '../src/core/classes/builtin.ts';
import { rules } from '../src/core/validation/rules/all.ts';

const ROOT = join(import.meta.dirname, '..');
const CRDS = [
  'crds/elasticruntimes.yaml',
  'crds/elasticruntimeclasses.yaml',
  'crds/elasticjobs.yaml',
  'crds/elasticconnections.yaml',
  'crds/elasticnodes.yaml',
  'crds/elasticaccessrequests.yaml',
];
const HEADER = '// Made from crds/ by scripts/generate.ts: change those and run it again.\n';
const VALIDATIONS = 'x-kubernetes-validations';
/** Types that src/api/kubernetes.ts has already. */
const KUBERNETES_TYPES: ReadonlySet<string> = new Set(['Condition', 'PodTemplate']);
/** One choice each, never put together from a runtime's part and a class's. */
const WHOLE_TYPES: ReadonlySet<string> = new Set(['MachineImage', 'InitScript', 'X509', 'SecretKey']);
/** A class's defaults: the runtime's fields with nothing required, said in terms of the runtime's type. */
const DEFAULTS_TYPE = 'RuntimeDefaults';

type Json = { readonly [key: string]: unknown };
type Crd = { readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Json } }] } };

/** Every generated file with the text that it should have now. */
export async function generate(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const schemas = new Map<string, Json>();
  for (const file of CRDS) {
    const document = parseDocument(readFileSync(join(ROOT, file), 'utf8'));
    if (document.errors[0]) throw new Error(`${file}: ${document.errors[0].message}`);
    const kind = String(document.getIn(['spec', 'names', 'kind']));
    derive(document, kind, schemas);
    injectRules(document, kind);
    files.set(file, document.toString({ lineWidth: 0, flowCollectionPadding: true }));
    schemas.set(kind, (document.toJS() as Crd).spec.versions[0].schema.openAPIV3Schema);
  }
  files.set('src/api/generated/types.ts', await typesOf(schemas));
  files.set('src/api/generated/schemas.ts', schemasOf(schemas));
  return files;
}

/** Schemas that say again what another kind says: written from that one, so that the two cannot part. */
function derive(document: Document, kind: string, schemas: ReadonlyMap<string, Json>): void {
  if (kind === 'ElasticRuntimeClass') {
    const { properties } = specOf(schemas, 'ElasticRuntime');
    const fields = classDefaultFields.map((field) => [field, optional(properties[field] ?? {})] as const);
    const description = 'Fields of runtimes that leave them out. They are never written into a runtime; its status shows what holds.';
    put(document, 'spec.defaults', { type: 'object', title: DEFAULTS_TYPE, description, properties: Object.fromEntries(fields) });
  }
  if (kind === 'ElasticConnection') {
    const inline = (specOf(schemas, 'ElasticJob').properties['connections'] as { readonly items: Json }).items;
    const { name: _name, connectionRef: _reference, ...properties } = inline['properties'] as Readonly<Record<string, Json>>;
    const description = "The fields of a job's inline connection. Without usage, jobs may use it either way.";
    put(document, 'spec', { type: 'object', title: 'ElasticConnectionSpec', description, required: ['connector'], properties });
  }
}

function specOf(schemas: ReadonlyMap<string, Json>, kind: string): { readonly properties: Readonly<Record<string, Json>> } {
  const properties = schemas.get(kind)?.['properties'] as Readonly<Record<string, Json>>;
  return properties['spec'] as { readonly properties: Readonly<Record<string, Json>> };
}

function put(document: Document, path: string, schema: Json): void {
  const at = ['spec', 'versions', 0, 'schema', 'openAPIV3Schema', ...schemaSteps(path)];
  // By way of JSON: what two fields share is written out twice, since rules may differ.
  document.setIn(at, document.createNode(JSON.parse(JSON.stringify(schema))));
}

/** Nothing is required and nothing filled in, down to the first list: what stands in a list is whole. */
function optional(schema: Json): Json {
  const { title: _title, required: _required, default: _default, ...rest } = schema;
  const properties = schema['properties'] as Readonly<Record<string, Json>> | undefined;
  if (properties === undefined || WHOLE_TYPES.has(String(_title))) return untitled(schema);
  return { ...rest, properties: Object.fromEntries(Object.entries(properties).map(([name, child]) => [name, optional(child)])) };
}

function untitled(value: unknown): Json {
  return JSON.parse(
    JSON.stringify(value, (key, child: unknown) => (key === 'title' && typeof child === 'string' ? undefined : child)),
  ) as Json;
}

/** The runtime as controllers see it: resolved, so that what has a built-in default is always there. */
function resolved(schema: Json, defaults: Json): Json {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Json>>;
  const filled = Object.entries(defaults).map(([name, value]) => {
    const child = properties[name] ?? {};
    const deeper = typeof value === 'object' && !Array.isArray(value) && name !== 'machineImage';
    return [name, { ...(deeper ? resolved(child, value as Json) : child), default: value }] as const;
  });
  return { ...schema, properties: { ...properties, ...Object.fromEntries(filled) } };
}

function resolvedRuntime(schema: Json): Json {
  const properties = schema['properties'] as Readonly<Record<string, Json>>;
  const spec = requiredFields.reduce((made, path) => requiring(made, path.split('.')), resolved(properties['spec'] ?? {}, builtinDefaults));
  return { ...schema, properties: { ...properties, spec } };
}

/** The schema with one field required, and all that it lies in. */
function requiring(schema: Json, [name = '', ...below]: readonly string[]): Json {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Json>>;
  const required = [...new Set([...((schema['required'] ?? []) as readonly string[]), name])];
  if (below.length === 0) return { ...schema, required };
  return { ...schema, required, properties: { ...properties, [name]: requiring(properties[name] ?? {}, below) } };
}

function injectRules(document: Document, kind: string): void {
  visit(document, { Pair: (_, pair) => (isNode(pair.key) && String(pair.key) === VALIDATIONS ? visit.REMOVE : undefined) });
  for (const row of rules.filter((candidate) => candidate.kind === kind)) {
    // Schemas that several fields share (YAML anchors) get the rule once.
    for (const target of new Set(row.paths.map((path) => schemaAt(document, path)))) {
      target.flow = false;
      const { cel, message, fieldPath, reason } = row;
      const written = { rule: cel, message, ...(reason !== undefined && { reason }), ...(fieldPath !== undefined && { fieldPath }) };
      if (!target.has(VALIDATIONS)) target.set(VALIDATIONS, document.createNode([]));
      target.addIn([VALIDATIONS], document.createNode(written));
    }
  }
}

function schemaAt(document: Document, path: string): YAMLMap {
  let node = document.getIn(['spec', 'versions', 0, 'schema', 'openAPIV3Schema']);
  for (const step of schemaSteps(path)) {
    const resolved = isAlias(node) ? node.resolve(document) : node;
    node = isMap(resolved) ? resolved.get(step, true) : undefined;
  }
  const found = isAlias(node) ? node.resolve(document) : node;
  if (!isMap(found)) throw new Error(`the rule table names ${path}, which no schema has`);
  return found;
}

/** `spec.connections[].name` -> properties spec properties connections items properties name */
function schemaSteps(path: string): readonly string[] {
  return path.split(/\.|(?=\[\])|(?=\{\})/).flatMap((part) => {
    if (part === '') return [];
    if (part === '[]') return ['items'];
    return part === '{}' ? ['additionalProperties'] : ['properties', part];
  });
}

async function typesOf(schemas: ReadonlyMap<string, Json>): Promise<string> {
  const named = new Map<string, Json>();
  for (const [kind, schema] of schemas) typed(kind === 'ElasticRuntime' ? resolvedRuntime(schema) : schema, named);
  const definitions = Object.fromEntries(named) as Record<string, JSONSchema>;
  const options = {
    additionalProperties: false,
    bannerComment: '',
    ignoreMinAndMaxItems: true,
    unreachableDefinitions: true,
    style: { printWidth: 140, singleQuote: true },
  };
  const compiled = await compile({ type: 'object', definitions, additionalProperties: false }, 'Unused', options);
  const body = compiled
    .replace(/export interface Unused \{\s*\}\n*/, '')
    .replace(/(\n \*)?\n \* This interface was referenced by .*\n \* via the .*$/gm, '')
    .replace(/^\/\*\*\n \*\/\n/gm, '')
    .replace(/^export interface (\w+) \{$([\s\S]*?)^\}$/gm, readonlyType);
  const objects = [...schemas].map(([kind, schema]) => objectType(kind, schema)).join('') + defaultsType();
  return `${HEADER}import type { Condition, ObjectMeta, PodTemplate } from '../kubernetes.ts';\n${objects}\n${body.trim()}\n`;
}

/** The schema for the type compiler: named objects become references, fields with a default are always there. */
function typed(schema: Json, named: Map<string, Json>): Json {
  const title = typeof schema.title === 'string' ? schema.title : undefined;
  if (title !== undefined && (KUBERNETES_TYPES.has(title) || title === DEFAULTS_TYPE)) return { tsType: title };
  const properties = (schema.properties ?? {}) as Record<string, Json>;
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const known = Object.entries(properties).map(([name, property]) => [name, typed(property, named)] as const);
  const always = Object.keys(properties).filter((name) => properties[name]?.default !== undefined);
  const {
    title: _title,
    default: _default,
    pattern: _pattern,
    format: _format,
    'x-kubernetes-preserve-unknown-fields': _open,
    ...rest
  } = schema;
  const result: Json = {
    ...rest,
    ...(schema.type === 'object' ? { additionalProperties: open } : {}),
    ...(known.length > 0
      ? { properties: Object.fromEntries(known), required: [...new Set([...((schema.required ?? []) as string[]), ...always])] }
      : {}),
    ...(schema.items === undefined ? {} : { items: typed(schema.items as Json, named) }),
    ...(schema.additionalProperties === undefined ? {} : { additionalProperties: typed(schema.additionalProperties as Json, named) }),
    ...(schema.nullable === true ? { type: [schema.type, 'null'] } : {}),
  };
  if (title === undefined) return result;
  const earlier = named.get(title);
  const { description: _described, ...shape } = earlier ?? {};
  const { description: _description, ...same } = result;
  if (earlier !== undefined && !isDeepStrictEqual(shape, same)) throw new Error(`two different objects have the title ${title}`);
  if (earlier === undefined) named.set(title, result);
  return { $ref: `#/definitions/${title}` };
}

function readonlyType(_: string, name: string, body: string): string {
  const fields = body
    .replace(/^(\s+)((?:"[^"]+"|\w+)\??|\[k: string\]): /gm, '$1readonly $2: ')
    .replace(/: ([^;{\n]+)\[\];$/gm, ': readonly $1[];');
  return `export type ${name} = {${fields}};`;
}

function objectType(kind: string, schema: Json): string {
  const status = 'status' in (schema.properties as object) ? `\n  readonly status?: ${kind}Status;` : '';
  return `
export type ${kind} = {
  readonly apiVersion: 'elasticruntime.dev/v1alpha1';
  readonly kind: '${kind}';
  readonly metadata: ObjectMeta;
  readonly spec: ${kind}Spec;${status}
};
`;
}

function defaultsType(): string {
  return `
/** Objects with nothing required; lists, and what is in them, whole. */
export type Given<T> = T extends readonly unknown[] | Readonly<Record<string, string>> ? T : T extends object ? { readonly [K in keyof T]?: Given<T[K]> } : T;

export type ${DEFAULTS_TYPE} = Given<Pick<ElasticRuntimeSpec, ${classDefaultFields.map((field) => `'${field}'`).join(' | ')}>>;
`;
}

function schemasOf(schemas: ReadonlyMap<string, Json>): string {
  const rows = [...schemas].map(([kind, schema]) => `  ${kind}: ${JSON.stringify(bare(schema))},\n`).join('');
  return `${HEADER}import type { ElasticKind, Schema } from '../schema.ts';\n\nexport const schemas: Readonly<Record<ElasticKind, Schema>> = {\n${rows}};\n`;
}

/** Without what only readers of the CRD need, and without the rules: code has them from their table. */
function bare(schema: Json): Json {
  const { title: _title, description: _description, [VALIDATIONS]: _validations, anyOf: _anyOf, ...rest } = schema;
  const each = (children: unknown) =>
    Object.fromEntries(Object.entries(children as Record<string, Json>).map(([name, child]) => [name, bare(child)]));
  return {
    ...rest,
    ...(schema.properties === undefined ? {} : { properties: each(schema.properties) }),
    ...(schema.items === undefined ? {} : { items: bare(schema.items as Json) }),
    ...(schema.additionalProperties === undefined ? {} : { additionalProperties: bare(schema.additionalProperties as Json) }),
  };
}

function current(file: string): string | undefined {
  try {
    return readFileSync(join(ROOT, file), 'utf8');
  } catch {
    return undefined;
  }
}

/** The files that are not what they should be. */
export async function stale(): Promise<readonly string[]> {
  return [...(await generate())].filter(([file, text]) => current(file) !== text).map(([file]) => file);
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const files = await stale();
    for (const file of files) console.error(`${file} is stale: npm run generate`);
    process.exitCode = files.length > 0 ? 1 : 0;
  } else {
    for (const [file, text] of await generate()) if (current(file) !== text) writeFileSync(join(ROOT, file), text);
  }
}
