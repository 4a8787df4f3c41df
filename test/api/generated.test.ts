import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { stale } from '../../scripts/generate.ts';
import { schemas } from '../../src/api/generated/schemas.ts';
import type { ElasticKind, Schema } from '../../src/api/schema.ts';

const ROOT = join(import.meta.dirname, '../..');
const FILES: Readonly<Record<ElasticKind, string>> = {
  ElasticRuntime: 'elasticruntimes',
  ElasticRuntimeClass: 'elasticruntimeclasses',
  ElasticConnection: 'elasticconnections',
  ElasticJob: 'elasticjobs',
  ElasticNode: 'elasticnodes',
  ElasticAccessRequest: 'elasticaccessrequests',
};

type Crd = {
  readonly spec: {
    readonly scope: string;
    readonly names: { readonly kind: string; readonly shortNames: readonly string[]; readonly categories: readonly string[] };
    readonly versions: readonly {
      readonly subresources?: object;
      readonly additionalPrinterColumns: readonly { readonly name: string }[];
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
};

function crdOf(kind: ElasticKind): Crd {
  return parse(readFileSync(join(ROOT, 'crds', `${FILES[kind]}.yaml`), 'utf8')) as Crd;
}

/** Every schema below a schema, with its path. */
function* within(schema: Schema, path: string): Generator<readonly [path: string, schema: Schema]> {
  yield [path, schema];
  for (const [name, child] of Object.entries(schema.properties ?? {})) yield* within(child, `${path}.${name}`);
  if (schema.items) yield* within(schema.items, `${path}[]`);
  if (schema.additionalProperties) yield* within(schema.additionalProperties, `${path}{}`);
}

test('what is generated is what crds/ and the rules make now', async () => {
  assert.deepEqual(await stale(), [], 'npm run generate');
});

const kinds = Object.keys(FILES) as readonly ElasticKind[];

for (const kind of kinds) {
  test(`${kind}: every list, map and string has a bound, so that rules have a cost that the API server takes`, () => {
    const unbounded = [...within(schemas[kind], kind)]
      .filter(([path]) => !/^\w+\.(apiVersion|kind)$/.test(path))
      .filter(
        ([, schema]) =>
          (schema.type === 'array' && schema.maxItems === undefined) ||
          (schema.type === 'string' && schema.maxLength === undefined && schema.enum === undefined) ||
          (schema.additionalProperties !== undefined && schema.maxProperties === undefined),
      );
    assert.deepEqual(
      unbounded.map(([path]) => path),
      [],
    );
  });

  test(`${kind}: a schema says nothing that the API does not know, such as the second half of an unquoted text`, () => {
    const known = new Set(
      `type title description format nullable default required properties additionalProperties minProperties maxProperties items minItems maxItems
      enum pattern minLength maxLength minimum maximum anyOf x-kubernetes-int-or-string x-kubernetes-preserve-unknown-fields x-kubernetes-list-type
      x-kubernetes-list-map-keys x-kubernetes-validations`.split(/\s+/),
    );
    const root = crdOf(kind).spec.versions[0]?.schema.openAPIV3Schema ?? {};
    const strays = [...within(root, kind)].flatMap(([path, schema]) =>
      Object.keys(schema)
        .filter((key) => !known.has(key))
        .map((key) => `${path}: ${key}`),
    );
    assert.deepEqual(strays, []);
  });
}

const table = [
  { kind: 'ElasticRuntime', scope: 'Namespaced', short: 'ert', columns: ['Ready', 'Nodes', 'Cost', 'Idle', 'Age'] },
  { kind: 'ElasticRuntimeClass', scope: 'Cluster', short: 'ertc', columns: ['Organization', 'DefaultRoles', 'X509', 'Nodes', 'Age'] },
  { kind: 'ElasticConnection', scope: 'Namespaced', short: 'econn', columns: ['Connector', 'Usage', 'Location', 'Role', 'Age'] },
  { kind: 'ElasticJob', scope: 'Namespaced', short: 'ejob', columns: ['Phase', 'Security', 'Runtime', 'Workers', 'Waiting', 'Age'] },
  { kind: 'ElasticNode', scope: 'Cluster', short: 'enode', columns: ['Type', 'Zone', 'Capacity', 'Instance', 'Phase', 'Age'] },
  { kind: 'ElasticAccessRequest', scope: 'Namespaced', short: 'ear', columns: ['Kind', 'Job', 'Phase', 'Identity', 'Age'] },
] as const;

for (const { kind, scope, short, columns } of table) {
  test(`${kind}: names, columns and subresources are those of the contract`, () => {
    const { spec } = crdOf(kind);
    assert.equal(spec.scope, scope);
    assert.deepEqual(spec.names.shortNames, [short]);
    assert.deepEqual(spec.names.categories, ['elastic']);
    assert.deepEqual(
      spec.versions[0]?.additionalPrinterColumns.map(({ name }) => name),
      columns,
    );
    // What people write has no status: nothing happens to it.
    const written = kind === 'ElasticRuntimeClass' || kind === 'ElasticConnection';
    assert.deepEqual(spec.versions[0]?.subresources, written ? undefined : { status: {} });
  });
}
