import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { ElasticJob, ElasticRuntime } from '../../src/api/generated/types.ts';
import { parseManifests } from '../../src/cli/manifests.ts';
import { planAccess } from '../../src/core/access/plan.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import { type Simulation, type SimulationManifest, startSimulation } from '../../src/sim/simulate.ts';

const hour = 3_600_000;

function example(name: string): SimulationManifest[] {
  return parseManifests(name, readFileSync(`examples/${name}`, 'utf8')).manifests.map(({ object }) => object);
}

function start(manifests: readonly SimulationManifest[], nodeAgents = false): Simulation {
  const started = startSimulation({ manifests, seed: 7, faults: 'none', limitMs: hour, nodeAgents, keepLogs: true });
  assert.ok(started.ok, started.ok ? '' : started.reason);
  return started.value;
}

void test('the examples run whole: jobs succeed, nodes go, nothing is violated', async () => {
  for (const file of ['finance.yaml', 'default-roles.yaml']) {
    const simulation = start(example(file));
    assert.equal(await simulation.settle(4 * hour), 'settled', file);
    const { jobs, nodes, violations, audit } = simulation.result();
    assert.ok(jobs.length > 0 && jobs.every(({ phase }) => phase === 'Succeeded'), JSON.stringify(jobs));
    assert.deepEqual(violations, []);
    assert.equal(nodes.orphans, 0);
    assert.equal(nodes.launched, nodes.terminated);
    // A stack that is not there yet is a ValidationError in CloudFormation's words.
    const refused = audit.filter(
      ({ outcome, action }) => outcome !== 'ok' && outcome !== 'DryRunOperation' && action !== 'cloudformation:DescribeStacks',
    );
    assert.deepEqual(refused, []);
  }
});

void test('each machine has the instance profile that `iam` generates, without which it could not join', async () => {
  const simulation = start(example('finance.yaml'));
  await simulation.settle(4 * hour);
  const profiles = new Set(simulation.account.instances().map(({ instanceProfileArn }) => instanceProfileArn));
  assert.deepEqual([...profiles], ['arn:aws:iam::111122223333:instance-profile/elastic-runtime/finance/analytics/finance.analytics.node']);
});

void test('what was accessed agrees with what explain says, identity by identity', async () => {
  const simulation = start(example('finance.yaml'));
  await simulation.settle(4 * hour);
  const runtime = simulation.runtimes()[0] as ElasticRuntime;
  const stagers = new Set<string>(['worker']);
  for (const job of simulation.jobs()) {
    const planned = planAccess({ runtime, job: job });
    assert.ok(planned.ok);
    const own = simulation.operator.audit.filter((record) => record.job === `${job.metadata.namespace}/${job.metadata.name}`);
    const identities = new Set(own.filter(({ action }) => !action.startsWith('sts:')).map(({ identity }) => identity));
    // Every identity that acted for the job is one that its plan names.
    const named = new Set<string>(planned.plan.rows.map(({ identity }) => identity));
    for (const identity of identities) assert.ok(named.has(identity), `${job.metadata.name}: ${identity}`);
    // And what the plan says of each place holds: dependencies as operator, staging as one identity, the agent's log as agent.
    const writers = (part: string): readonly string[] => [
      ...new Set(
        own.filter(({ action, resource }) => action === 's3:PutObject' && resource.includes(part)).map(({ identity }) => identity),
      ),
    ];
    if ((job.spec.dependencies ?? []).length > 0) assert.deepEqual(writers('/deps/'), ['operator']);
    assert.deepEqual(writers('/agent/agent.log'), ['agent']);
    assert.deepEqual(writers('/access.json'), ['agent']);
    // What one proved serves the others; nobody proved it but the runtime's worker and whom a plan names.
    const proved = simulation.operator.audit.filter(
      ({ action, resource }) => action === 's3:PutObject' && resource.includes('acme-staging') && resource.includes('.elastic-probe'),
    );
    const provers = new Set(proved.map(({ identity }) => identity));
    assert.ok(provers.has(planned.plan.staging.identity), planned.plan.staging.identity);
    stagers.add(planned.plan.staging.identity);
    if (job === simulation.jobs().at(-1)) assert.deepEqual([...provers].sort(), [...stagers].sort());
  }
});

void test('objects lie under the organization, encrypted with its key; staged data goes, logs and the record of accesses stay', async () => {
  const simulation = start(
    example('finance.yaml').map((manifest) =>
      manifest.kind === 'ElasticJob' ? { ...manifest, spec: { ...(manifest['spec'] as object), cleanupAfterSeconds: 60 } } : manifest,
    ),
  );
  await simulation.settle(4 * hour);
  await simulation.world.runUntil(() => false, hour);
  const key = (simulation.runtimes()[0] as ElasticRuntime).spec.staging.kmsKeyArn;
  const objects = ['acme-staging', 'acme-logs'].flatMap((bucket) =>
    simulation.account.objects(bucket).map((object) => ({ bucket, ...object })),
  );
  for (const object of objects) {
    assert.ok(object.key.startsWith('elastic/acme/finance/analytics/'), object.key);
    assert.equal(object.kmsKeyArn, key, object.key);
  }
  const keys = objects.map((object) => object.key);
  assert.ok(keys.some((name) => name.endsWith('/cluster.json')));
  assert.equal(keys.filter((name) => name.endsWith('/access.json')).length, 3);
  assert.equal(keys.filter((name) => name.endsWith('/1/agent/agent.log')).length, 3);
  assert.deepEqual(
    keys.filter((name) => name.includes('/deps/') || name.includes('.elastic-probe')),
    [],
  );
});

void test('a job whose credentials cannot reach staging fails before any node starts, and says which call failed as whom', async () => {
  const manifests = [
    ...example('finance.yaml').filter(({ kind, metadata }) => kind !== 'ElasticJob' || metadata.name === 'nightly-orders'),
    {
      apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
      kind: 'SimulatedAccount',
      metadata: { name: 'account' },
      spec: {
        users: [
          {
            arn: 'arn:aws:iam::111122223333:user/warehouse',
            accessKeyId: 'AKIAEXAMPLEWAREHOUSE',
            secretAccessKey: 'example-warehouse-secret',
            permissions: {
              Version: '2012-10-17',
              Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: ['arn:aws:s3:::acme-warehouse', 'arn:aws:s3:::acme-warehouse/*'] }],
            },
          },
        ],
      },
    },
  ];
  const simulation = start(manifests);
  await simulation.settle(hour);
  const job = simulation.jobs()[0] as ElasticJob;
  assert.equal(job.status?.phase, 'Failed');
  assert.equal(job.status.failure?.reason, 'AccessDenied');
  assert.equal(job.status.failure?.identity, 'connectionCredentials:warehouse');
  assert.match(
    job.status.failure?.message ?? '',
    /s3:PutObject on arn:aws:s3:::acme-staging\/.* failed as connectionCredentials:warehouse.*AccessDenied.*\[request /,
  );
  assert.equal(simulation.account.instances().length, 0);
});

void test("a runtime that names another namespace's roles is refused by their trust policy, and its job never starts", async () => {
  const manifests = example('finance.yaml').filter(({ kind, metadata }) => kind !== 'ElasticJob' || metadata.name === 'crm-sync');
  const intruder = manifests
    .filter(({ kind }) => kind !== 'Namespace')
    .map((manifest) => ({ ...manifest, metadata: { ...manifest.metadata, namespace: 'intruder' } }));
  const simulation = start(manifests);
  simulation.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'intruder' } });
  // The account was made for finance alone: what the intruder writes is the same, but for its namespace.
  for (const manifest of intruder) simulation.apply(manifest);
  await simulation.world.runUntil(
    () => simulation.jobs().some(({ metadata, status }) => metadata.namespace === 'finance' && status?.phase === 'Succeeded'),
    hour,
  );
  const runtime = simulation.runtimes().find(({ metadata }) => metadata.namespace === 'intruder');
  const verified = runtime?.status?.conditions?.find(({ type }) => type === 'AccessVerified');
  assert.equal(verified?.status, 'False');
  assert.match(verified.message, /sts:AssumeRoleWithWebIdentity on arn:aws:iam::111122223333:role\/acme-agent failed as agent/);
  const job = simulation.jobs().find(({ metadata }) => metadata.namespace === 'intruder');
  assert.equal(job?.status?.phase, 'Pending');
  assert.ok(simulation.account.instances().every(({ tags }) => tags['elasticruntime.dev/namespace'] === 'finance'));
  assert.ok(simulation.operator.audit.filter((record) => record.runtime.startsWith('intruder/')).every(({ outcome }) => outcome !== 'ok'));
});

for (const what of ['runtime', 'namespace', 'manifests'] as const) {
  void test(`deleting the ${what} while jobs run leaves nothing behind`, async () => {
    const manifests = example('finance.yaml');
    const simulation = start(manifests);
    const { server } = simulation.kubernetes;
    await simulation.world.runUntil(() => simulation.jobs().every(({ status }) => status?.phase === 'Running'), hour);
    assert.ok(simulation.account.liveInstances().length > 0);
    if (what === 'runtime') server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
    if (what === 'namespace') server.delete(kindNamed('Namespace'), 'finance');
    if (what === 'manifests') {
      for (const { kind, metadata } of [...manifests].reverse())
        server.delete(kindNamed(kind), metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`);
    }
    await simulation.world.runUntil(() => simulation.runtimes().length === 0 && simulation.account.liveInstances().length === 0, hour);
    await simulation.world.runUntil(() => false, 10 * 60_000);
    assert.deepEqual(simulation.runtimes(), []);
    assert.deepEqual(simulation.account.liveInstances(), []);
    assert.deepEqual(simulation.account.templates(), []);
    assert.deepEqual(server.store.list(kindNamed('ElasticNode')), []);
    assert.deepEqual(
      simulation.account.objects('acme-staging').map(({ key }) => key),
      [],
    );
    const accounts = server.store.list(kindNamed('ServiceAccount')).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    assert.deepEqual(
      accounts.filter((name) => name.includes('analytics')),
      [],
    );
    for (const secret of server.store.list(kindNamed('Secret'))) assert.deepEqual(secret.metadata.finalizers ?? [], []);
    if (what !== 'runtime') assert.deepEqual(simulation.jobs(), []);
    if (what === 'namespace') assert.equal(server.store.get(kindNamed('Namespace'), 'finance'), undefined);
  });
}

void test('no secret reaches an object, an event, a log line, the audit or the store of objects', async () => {
  const canaries = ['6f0c1c9a-ext', 'example-warehouse-secret', 'example-crm-password', 'simulated-secret-token'];
  const simulation = start(example('finance.yaml'), false);
  await simulation.settle(4 * hour);
  const { store } = simulation.kubernetes.server;
  const kindsToSearch = [
    'ElasticRuntime',
    'ElasticJob',
    'ElasticNode',
    'Pod',
    'Job',
    'ConfigMap',
    'Event',
    'Service',
    'ServiceAccount',
    'Node',
  ];
  const texts: string[] = [
    ...kindsToSearch.flatMap((kind) => store.list(kindNamed(kind)).map((object) => JSON.stringify(object))),
    ...simulation.operator.logs,
    JSON.stringify(simulation.operator.audit),
    ...['acme-logs', 'acme-staging'].flatMap((bucket) =>
      simulation.account.objects(bucket).map(({ body }) => new TextDecoder().decode(body)),
    ),
  ];
  assert.ok(texts.length > 50);
  for (const canary of canaries) {
    const encoded = Buffer.from(canary).toString('base64').replace(/=+$/, '').slice(0, -1);
    for (const text of texts) assert.ok(!text.includes(canary) && !text.includes(encoded), `${canary} in ${text.slice(0, 200)}`);
  }
});
