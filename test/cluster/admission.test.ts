import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import type { ElasticKind } from '../../src/api/schema.ts';
import { applyDefaults } from '../../src/core/validation/defaults.ts';
import { prune, unknownFields } from '../../src/core/validation/prune.ts';
import { validateObject } from '../../src/core/validation/validate.ts';
import { connection, job, type Manifest, node, runtime, runtimeClass } from '../api/manifests.ts';
import { rightUpdates, wrongManifests } from '../api/wrong-manifests.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/start.ts';
import { waitFor } from '../controlplane/wait.ts';

/*
 * The real API server and our code judge the same manifests, and must agree: on what is refused, where, with which message,
 * and on what is stored of what is taken.
 */

const ROOT = join(import.meta.dirname, '../..');
const GROUP = '/apis/elasticruntime.dev/v1alpha1';
const PLURALS: Readonly<Record<ElasticKind, string>> = {
  ElasticRuntime: 'elasticruntimes',
  ElasticRuntimeClass: 'elasticruntimeclasses',
  ElasticConnection: 'elasticconnections',
  ElasticJob: 'elasticjobs',
  ElasticNode: 'elasticnodes',
  ElasticAccessRequest: 'elasticaccessrequests',
};

let cluster: ControlPlane;

before(async () => {
  cluster = await startControlPlane();
  await kubectl('apply', '-f', join(ROOT, 'crds'));
  await kubectl(
    'wait',
    '--for=condition=Established',
    '--timeout=120s',
    ...Object.values(PLURALS).map((plural) => `crd/${plural}.elasticruntime.dev`),
  );
  // Established is said a moment before the API server serves it.
  for (const plural of Object.values(PLURALS))
    await waitFor(plural, async () => ((await cluster.call('GET', `${GROUP}/${plural}`)).status === 200 ? true : undefined));
  await kubectl('create', 'namespace', 'finance');
});

after(() => cluster?.stop());

async function kubectl(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(args);
  assert.equal(code, 0, stderr);
  return stdout;
}

function collection({ kind, metadata }: Manifest): string {
  return metadata.namespace === undefined ? `${GROUP}/${PLURALS[kind]}` : `${GROUP}/namespaces/${metadata.namespace}/${PLURALS[kind]}`;
}

type Status = {
  readonly message: string;
  readonly details?: { readonly causes?: readonly { readonly field: string; readonly message: string }[] };
};

/** As kubectl sends it: unknown fields are an error. */
function send(manifest: Manifest, dryRun: boolean) {
  return cluster.call('POST', `${collection(manifest)}?fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`, manifest);
}

/** Replaces the spec of an object that is there, without keeping the change. */
async function replace({ name, ...manifest }: Manifest & { readonly name: string }) {
  const path = `${collection(manifest)}/${name}`;
  const { body } = await cluster.call('GET', path);
  return cluster.call('PUT', `${path}?fieldValidation=Strict&dryRun=All`, { ...(body as object), spec: manifest.spec });
}

let stored = 0;

/** Stores a manifest under a name of its own. */
async function store(manifest: Manifest): Promise<string> {
  stored += 1;
  const name = `old-${stored}`;
  const { status, body } = await send({ ...manifest, metadata: { ...manifest.metadata, name } }, false);
  assert.equal(status, 201, JSON.stringify(body));
  return name;
}

/** Refused by both, where and why the row says; and neither finds more than the other. */
for (const row of wrongManifests) {
  test(`refused: ${row.name}`, async () => {
    const { status, body } =
      row.old === undefined ? await send(row.manifest, true) : await replace({ ...row.manifest, name: await store(row.old) });
    assert.ok(status === 422 || status === 400, `${status} ${JSON.stringify(body)}`);
    const { message, details } = body as Status;
    assert.ok(message.includes(row.message), message);

    const ours = validateObject(row.manifest.kind, row.manifest, row.old).map(({ field }) => field);
    const theirs = (details?.causes ?? [])
      .map(({ field }) => (field === '<nil>' ? '' : field))
      .filter((field) => field !== '' || row.field === '');
    const unknown = unknownFields(row.manifest.kind, row.manifest);
    if (unknown.length > 0) assert.match(message, new RegExp(`unknown field "${unknown[0]}"`));
    else assert.deepEqual([...new Set(theirs)].sort(), [...new Set(ours)].sort(), message);
  });
}

for (const { name, old, manifest } of rightUpdates) {
  test(`allowed: ${name}`, async () => {
    const { status, body } = await replace({ ...manifest, name: await store(old) });
    assert.equal(status, 200, JSON.stringify(body));
  });
}

for (const manifest of [runtime, runtimeClass, connection, job, node]) {
  test(`${manifest.kind}: what is stored is what our defaults and pruning make of it`, async () => {
    const { apiVersion, kind, metadata, spec } = manifest;
    const stray = { ...spec, stray: { field: 1 } };
    const { status, body } = await cluster.call('POST', `${collection(manifest)}?dryRun=All`, { apiVersion, kind, metadata, spec: stray });
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual((body as Manifest).spec, applyDefaults(kind, prune(kind, { ...manifest, spec: stray })).spec);
  });
}

/** Fields that take many texts in one call, and what texts are made of there: near the border between right and wrong. */
const borders = [
  {
    name: 'locations',
    head: 's3://acme',
    pieces: [
      's3://',
      's3a://',
      'acme',
      'a',
      '/',
      '//',
      '.',
      '..',
      '...',
      '*',
      '$',
      '?',
      '=',
      '%2e',
      ' ',
      'é',
      '\n',
      '\u2028',
      '\u0000',
      '-',
      'A',
      'jdbc:',
    ],
    many: 32,
    spec: (texts: readonly string[]) => ({
      connections: texts.map((location, index) => ({ name: `c${index}`, usage: 'Source', connector: 'X', location })),
    }),
  },
  {
    name: 'paths',
    head: 'app',
    pieces: ['app', 'a', '/', '//', '.', '..', '...', '*', '$', '\\', ' ', 'é', '\n', '-', '_', '%2e'],
    many: 100,
    spec: (texts: readonly string[]) => ({
      connections: undefined,
      dependencies: texts.map((path) => ({ path, uri: 's3://acme/x' })),
    }),
  },
  {
    name: 'objects',
    head: 's3://acme/x',
    pieces: ['s3://acme/', 's3://acme', 'abc/', '/', '.', '..', '/x', '*', 'é', '\n', ' ', '~', 'S3://', '_', '!'],
    many: 100,
    spec: (texts: readonly string[]) => ({ connections: undefined, dependencies: texts.map((uri, index) => ({ path: `p${index}`, uri })) }),
  },
  {
    name: 'roles',
    head: 'arn:aws:iam::111122223333:role/x',
    pieces: [
      'arn:aws:iam::111122223333:role/',
      'arn:aws-cn:iam::111122223333:role/',
      'role',
      '/',
      '*',
      ':',
      'x',
      '@',
      '\n',
      'é',
      'a'.repeat(40),
    ],
    many: 32,
    spec: (texts: readonly string[]) => ({
      connections: texts.map((roleArn, index) => ({ name: `c${index}`, usage: 'Source', connector: 'X', authentication: { roleArn } })),
    }),
  },
  {
    name: 'parameters and secrets',
    head: '/acme/finance/crm',
    pieces: [
      '/acme',
      '/finance',
      '/crm',
      '/',
      '.',
      '..',
      'arn:aws:secretsmanager:us-east-1:111122223333:secret:',
      '*',
      'é',
      '\n',
      '-AbCdEf',
      '@',
      '!',
    ],
    many: 32,
    spec: (texts: readonly string[]) => ({
      connections: texts.map((text, index) => ({
        name: `c${index}`,
        usage: 'Source',
        connector: 'X',
        authentication: { properties: index % 2 === 0 ? { parameterStore: { name: text } } : { secretsManager: { arn: text } } },
      })),
    }),
  },
] as const;

for (const { name, head, pieces, many, spec } of borders) {
  test(`both judge the same texts the same: ${name}`, async () => {
    const tail = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
    const text = fc.tuple(fc.constantFrom(head, head, ''), tail).map((parts) => parts.join(''));
    const texts = fc.sample(fc.uniqueArray(text, { minLength: many, maxLength: many }), { seed: 7, numRuns: 10 });
    let wrong = 0;
    for (const each of texts) {
      const manifest = { ...job, spec: { runtime: 'analytics', master: job.spec.master, ...spec(each) } };
      const { body } = await send(manifest, true);
      const theirs = new Set(((body as Status).details?.causes ?? []).map(({ field }) => field));
      const ours = new Set(validateObject('ElasticJob', manifest).map(({ field }) => field));
      assert.deepEqual([...ours].sort(), [...theirs].sort());
      wrong += ours.size;
    }
    assert.ok(wrong > 20 && wrong < many * 10 - 10, `some texts are right and some are wrong: ${wrong} of ${many * 10}`);
  });
}

const examples = [join(ROOT, 'examples'), join(ROOT, '../shared/examples')]
  .filter((folder) => existsSync(folder))
  .flatMap((folder) => globSync('*.yaml', { cwd: folder }).map((file) => join(folder, file)));

for (const file of examples) {
  test(`taken: ${file.includes('shared') ? 'shared ' : ''}${basename(file)}`, async () => {
    await kubectl('apply', '-f', file);
    const objects = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Manifest);
    for (const object of objects.filter(({ kind }) => Object.hasOwn(PLURALS, kind))) {
      const { body } = await cluster.call('GET', `${collection(object)}/${object.metadata.name}`);
      assert.deepEqual((body as Manifest).spec, applyDefaults(object.kind, object).spec);
      assert.deepEqual(validateObject(object.kind, object), []);
    }
    await kubectl('apply', '-f', file);
    // The next file may have other jobs of the same names, and jobs are immutable.
    await kubectl('delete', 'ejob,ert', '--all', '--all-namespaces');
  });
}

test('columns, short names and the category are there', async () => {
  await kubectl('apply', '-f', join(ROOT, 'examples/finance.yaml'));
  const head = async (name: string) => (await kubectl('get', name, '-A')).split('\n')[0]?.split(/\s+/);
  await send(node, false);
  assert.deepEqual(await head('ert'), ['NAMESPACE', 'NAME', 'READY', 'NODES', 'COST', 'IDLE', 'AGE']);
  assert.deepEqual(await head('ejob'), ['NAMESPACE', 'NAME', 'PHASE', 'SECURITY', 'RUNTIME', 'WORKERS', 'WAITING', 'AGE']);
  assert.deepEqual(await head('enode'), ['NAME', 'TYPE', 'ZONE', 'CAPACITY', 'INSTANCE', 'PHASE', 'AGE']);
  assert.match(await kubectl('get', 'elastic', '-A', '-o', 'name'), /elasticjob.*\n(.*\n)*.*elasticruntime/);
});

test('status is a subresource: a change of the spec through it has no effect', async () => {
  const name = await store(job);
  const path = `${collection(job)}/${name}`;
  const { status, body } = await cluster.call('PATCH', `${path}/status`, { spec: { suspend: true }, status: { phase: 'Pending' } });
  assert.equal(status, 200, JSON.stringify(body));
  const after = body as { spec: { suspend?: boolean }; status: { phase: string } };
  assert.deepEqual([after.spec.suspend, after.status.phase], [undefined, 'Pending']);
});
