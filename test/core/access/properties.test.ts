import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Authentication, Dependency, JobConnection } from '../../../src/core/access/input.ts';
import { planAccess } from '../../../src/core/access/plan.ts';
import { phases } from '../../../src/core/access/vocabulary.ts';
import { accessOf, inputOf, jdbc, keyOf, keys, login, planOf, role, type Sketch } from './sketch.ts';

const SEED = { seed: 37, numRuns: 1500 } as const;

const origins = fc.constantFrom<NonNullable<Authentication['credentials']>>(
  { secretRef: { name: 'keys' } },
  { parameterStore: { name: '/acme/finance/keys' } },
  { secretsManager: { arn: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:/acme/finance/keys-AbCdEf' } },
);
const awsAuthentication = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom('reader', 'writer').map((name): Authentication => role(name)),
  origins.map((credentials): Authentication => ({ credentials })),
);
const direct = fc.record({
  connector: fc.constantFrom('AmazonS3', 'Iceberg', 'Kinesis', 'AmazonRedshift'),
  authentication: awsAuthentication,
});
const indirect = fc.record({
  connector: fc.constantFrom('JDBC', 'Snowflake', 'AmazonRedshift', 'Http'),
  authentication: origins.map((properties): Authentication => ({ properties })),
});
const usages = fc.constantFrom('Source', 'Target', 'SourceAndTarget');
const unnamed = fc.record({ usage: usages, spec: fc.oneof(direct, indirect) });

/** Any job that is well formed, with each staging that it may ask for. */
const sketches: fc.Arbitrary<Sketch> = fc
  .record({
    connections: fc.array(unnamed, { maxLength: 6 }),
    defaultRoles: fc.boolean(),
    x509: fc.boolean(),
    initScript: fc.boolean(),
    sources: fc.array(fc.option(fc.nat(), { nil: undefined }), { maxLength: 3 }),
    staging: fc.nat(),
  })
  .map(({ connections: drawn, sources, staging, ...rest }) => {
    const connections = drawn.map(({ usage, spec }, index): JobConnection => ({ name: `c${index}`, usage, ...spec }));
    const readable = connections.filter(isDirect);
    const dependencies = sources.map((source, index): Dependency => {
      const named = source === undefined ? undefined : readable[source % Math.max(readable.length, 1)];
      return { path: `lib/${index}.jar`, uri: 's3://artifacts/lib.jar', ...(named === undefined ? {} : { connection: named.name }) };
    });
    const choices = stagingChoices(connections);
    return { ...rest, connections, dependencies, staging: choices[staging % choices.length] ?? {} };
  });

function isDirect({ authentication, connector }: JobConnection): boolean {
  return authentication?.properties === undefined && connector !== 'JDBC' && connector !== 'Snowflake' && connector !== 'Http';
}

function stagingChoices(connections: readonly JobConnection[]): readonly NonNullable<Sketch['staging']>[] {
  const credentials = connections.filter(({ authentication }) => authentication?.credentials !== undefined);
  if (credentials.length > 0) return [{}, ...credentials.map(({ name }) => ({ connection: name }))];
  const roles = connections.filter(({ authentication }) => authentication?.roleArn !== undefined);
  return [{}, { identity: 'Worker' }, ...roles.map(({ name }) => ({ connection: name }))];
}

function holds(name: string, property: (sketch: Sketch) => void): void {
  test(name, () => fc.assert(fc.property(sketches, property), SEED));
}

holds('one row per (phase, resource, action), in the order of the phases', (sketch) => {
  const { rows } = planOf(sketch);
  const seen = rows.map(keyOf);
  assert.equal(new Set(seen).size, seen.length);
  const order = rows.map(({ phase }) => phases.indexOf(phase));
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
});

holds('every access has exactly one identity, and its chain ends in it', (sketch) => {
  const plan = planOf(sketch);
  const roleOf = new Map<string, string>(Object.entries(plan.principals.roles));
  for (const { authentication } of plan.connections)
    if (authentication.kind === 'role') roleOf.set(authentication.identity, authentication.roleArn);
  for (const row of plan.rows) {
    assert.match(row.identity, /^(agent|operator|master|worker|connection(Role|Credentials|Properties):c\d)$/);
    assert.equal(row.chain.length === 0, row.via === 'Secret');
    assert.equal(row.via === 'Secret', /^connection(Credentials|Properties):/.test(row.identity));
    assert.equal(row.chain.at(-1), roleOf.get(row.identity));
    assert.equal(new Set(row.chain).size, row.chain.length);
    assert.match(row.rule, /^[a-z0-9-]+: \S/);
  }
});

holds('chains start where a token or a certificate is: with the agent, or in a pod with its own role', ({ x509, ...sketch }) => {
  for (const row of planOf({ ...sketch, x509: x509 ?? false }).rows) {
    const [first, second] = accessOf(row).split(' ')[2]?.split('>') ?? [];
    if (row.via === 'IRSA') assert.equal(row.chain.length, 1);
    if (row.via === 'X509') assert.deepEqual([row.chain.length, row.identity, x509], [1, 'agent', true]);
    if (row.via === 'AssumeRole') assert.ok(row.chain.length > 1);
    if (row.via === 'Broker') assert.deepEqual([first, second, row.chain.length], ['agent', 'operator', 3]);
    if (row.chain.length > 0) assert.ok(first === 'agent' || (row.phase === 'Run' && first?.endsWith('worker')));
  }
});

holds('staging under any credential connection is never the worker role', (sketch) => {
  const carried = (sketch.connections ?? [])
    .filter(({ authentication }) => authentication?.credentials !== undefined)
    .map(({ name }) => name);
  for (const row of planOf(sketch).rows) {
    if (row.phase !== 'Run' || row.resource !== 'staging' || carried.length === 0) continue;
    assert.ok(
      carried.some((name) => row.identity === `connectionCredentials:${name}`),
      row.identity,
    );
  }
});

holds('logs from nodes are never a connection’s identity, and always through the broker', (sketch) => {
  for (const row of planOf(sketch).rows) {
    if (row.resource === 'log:worker') assert.deepEqual([row.identity, row.via], ['worker', 'Broker']);
    if (row.resource === 'log:master') assert.deepEqual([row.identity, row.via], ['master', 'Broker']);
    if (row.resource === 'log:agent') assert.equal(row.identity, 'agent');
    assert.equal(row.via === 'Broker', row.resource === 'log:worker' || row.resource === 'log:master');
  }
});

holds(
  'a connection’s identity is used for that connection, staging, a dependency that names it, and polling: for nothing else',
  (sketch) => {
    for (const { identity, resource, phase } of planOf(sketch).rows) {
      const [kind, name] = identity.split(':');
      if (name === undefined) continue;
      if (resource === `connection:${name}`) continue;
      assert.notEqual(kind, 'connectionProperties');
      if (phase === 'Poll') assert.deepEqual([kind, resource], ['connectionCredentials', 'log']);
      else if (phase === 'Run' && resource !== 'staging') {
        assert.ok(
          sketch.dependencies?.some(({ path, connection }) => resource === `dependency:${path}` && connection === name),
          resource,
        );
      } else assert.deepEqual([phase, resource], ['Run', 'staging']);
    }
  },
);

holds('only the operator pod is master for nodes and worker for volumes; no pod of a job is ever agent, operator or master', (sketch) => {
  for (const row of planOf(sketch).rows) {
    if (row.resource === 'nodes' || row.resource === 'volumes') assert.deepEqual([row.via, row.chain.length], ['AssumeRole', 3]);
    if (row.via === 'IRSA' && row.phase === 'Run') assert.equal(row.identity, 'worker');
    if (row.phase === 'Design' && !row.resource.startsWith('connection-secret:'))
      assert.ok(!['worker', 'master', 'operator'].includes(row.identity));
  }
});

holds('secrets of Parameter Store and Secrets Manager are read as worker; others make no access in AWS', (sketch) => {
  const stored = (sketch.connections ?? []).filter(({ authentication }) => {
    const source = authentication?.credentials ?? authentication?.properties;
    return source !== undefined && source.secretRef === undefined;
  });
  const rows = planOf(sketch).rows.filter(({ resource }) => resource.startsWith('connection-secret:'));
  assert.ok(rows.every(({ identity, action }) => identity === 'worker' && action === 'read'));
  const read = new Set(rows.filter(({ phase }) => phase === 'Run').map(({ resource }) => resource));
  assert.deepEqual([...read].toSorted(), stored.map(({ name }) => `connection-secret:${name}`).toSorted());
});

holds('with default roles nothing is verified as worker; else staging and log are, each action once', (sketch) => {
  const verified = planOf(sketch).rows.filter(({ phase, identity }) => phase === 'Create' && identity === 'worker');
  assert.equal(verified.length, sketch.defaultRoles ? 0 : 8);
});

holds('the security type is that of the table', (sketch) => {
  const plan = planOf(sketch);
  const connections = sketch.connections ?? [];
  const credential = connections.some(({ authentication }) => authentication?.credentials !== undefined);
  const expected = credential ? 'Credential' : connections.some(isDirect) ? 'Role' : 'Indirect';
  assert.equal(plan.securityType, expected);
  const polling = plan.rows.find(({ phase, resource }) => phase === 'Poll' && resource === 'log');
  assert.equal(polling?.identity === 'agent', !credential);
});

test('the plan does not depend on the order of fields, nor on fields that it does not read', () => {
  fc.assert(
    fc.property(sketches, fc.array(fc.nat(), { minLength: 4, maxLength: 12 }), (sketch, order) => {
      const input = inputOf(sketch);
      const noisy = { ...input, job: { ...input.job, spec: { ...input.job.spec, backoffLimit: 3, priorityClassName: 'nightly' } } };
      assert.deepEqual(planAccess(shuffled(noisy, order)), planAccess(input));
    }),
    SEED,
  );
});

test('adding an indirect connection changes no other access', () => {
  fc.assert(
    fc.property(sketches, indirect, usages, fc.nat(), (sketch, spec, usage, at) => {
      const connections = sketch.connections ?? [];
      const added = { name: 'added', usage, ...spec };
      const position = at % (connections.length + 1);
      const before = planOf(sketch);
      const after = planOf({ ...sketch, connections: connections.toSpliced(position, 0, added) });
      const others = after.rows.filter(({ resource }) => resource !== 'connection:added' && resource !== 'connection-secret:added');
      assert.deepEqual(others, before.rows);
      assert.equal(after.securityType, before.securityType);
      assert.deepEqual(after.staging, before.staging);
    }),
    SEED,
  );
});

test('adding credentials takes staging and polling from any role, and changes no other connection', () => {
  fc.assert(
    fc.property(sketches, usages, (sketch, usage) => {
      const without = {
        ...sketch,
        staging: {},
        connections: (sketch.connections ?? []).filter(({ authentication }) => authentication?.credentials === undefined),
        dependencies: [],
      };
      const after = planOf({
        ...without,
        connections: [...without.connections, { name: 'added', usage, connector: 'AmazonS3', authentication: keys() }],
      });
      const changed = new Set(['staging', 'log', 'connection:added']);
      const untouched = (rows: typeof after.rows) => rows.filter(({ phase, resource }) => phase === 'Create' || !changed.has(resource));
      assert.deepEqual(untouched(after.rows), untouched(planOf(without).rows));
      assert.equal(after.staging.identity, 'connectionCredentials:added');
    }),
    SEED,
  );
});

test('a reference and the same connection written inline make the same plan', () => {
  fc.assert(
    fc.property(sketches, (sketch) => {
      const connections = sketch.connections ?? [];
      const references = Object.fromEntries(connections.map(({ name, ...spec }) => [`shared-${name}`, spec]));
      const named = connections.map(({ name, usage }): JobConnection => ({ name, usage, connectionRef: { name: `shared-${name}` } }));
      assert.deepEqual(planOf({ ...sketch, connections: named, references }).rows, planOf(sketch).rows);
    }),
    SEED,
  );
});

test('no input is changed, and the same input makes the same plan', () => {
  const input = inputOf({
    connections: [jdbc('crm'), { name: 'a', usage: 'Target', connector: 'AmazonRedshift', authentication: login() }],
  });
  const copy = structuredClone(input);
  assert.deepEqual(planAccess(input), planAccess(input));
  assert.deepEqual(input, copy);
});

/** The same value with the fields of every object in another order; lists keep theirs, since it has a meaning. */
function shuffled<T>(value: T, order: readonly number[]): T {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, order)) as T;
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, shuffled(item, order)])) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(
    ([key, item], index) => [order[index % order.length] ?? 0, key, shuffled(item, order)] as const,
  );
  return Object.fromEntries(entries.toSorted((a, b) => a[0] - b[0]).map(([, key, item]) => [key, item])) as T;
}
