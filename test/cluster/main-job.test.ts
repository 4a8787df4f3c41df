import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DescribeTagsCommand } from '@aws-sdk/client-ec2';
import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../src/api/generated/types.ts';
import type { Node, Pod, Stored } from '../../src/api/kubernetes.ts';
import { labels, tags } from '../../src/api/labels.ts';
import { runCommand } from '../controlplane/process.ts';
import { differences } from '../gate/record.ts';
import { type ExplainedJob, type Places, unexplained, unused } from './stand/agreement.ts';
import { example, ofKind, paced } from './stand/manifests.ts';
import { allInstances, objectsIn } from './stand/outcome.ts';
import { clusterName, type Stand, startStand } from './stand/stand.ts';

/*
 * The main job on real parts: the example file is applied, its jobs of all three security types run on machines that come for them and go when they
 * are idle. Each test looks at one side of what happened.
 */

const ROOT = join(import.meta.dirname, '../..');
const GROUP = '/apis/elasticruntime.dev/v1alpha1';
const PREFIX = 'elastic/acme/finance/analytics';
const SECRETS = ['example-warehouse-secret', 'example-crm-password', '6f0c1c9a-ext'];

/** What was ever seen, in its last state: of ElasticNodes those with an instance, of pods those on a node. */
type Seen = {
  readonly pods: Map<string, Stored<Pod>>;
  readonly nodes: Map<string, Stored<Node>>;
  readonly elasticNodes: Map<string, Stored<ElasticNode>>;
};

let stand: Stand;
let file = '';
let runtime: Stored<ElasticRuntime>;
let jobs: readonly Stored<ElasticJob>[] = [];
const seen: Seen = { pods: new Map(), nodes: new Map(), elasticNodes: new Map() };

before(async () => {
  stand = await startStand({ nodeAgents: true });
  ({ file } = await stand.apply('finance', paced(example('finance.yaml'), { seconds: 20, idleTimeout: '15s' })));
  jobs = await stand.until(
    'the jobs end',
    async () => {
      await look();
      const found = await stand.list<Stored<ElasticJob>>(`${GROUP}/namespaces/finance/elasticjobs`);
      return found.length === 3 && found.every(({ status }) => ['Succeeded', 'Failed'].includes(status?.phase ?? '')) ? found : undefined;
    },
    300,
  );
  await stand.until(
    'the machines go',
    async () => {
      await look();
      return seen.elasticNodes.size > 0 && (await elasticNodes()).length === 0 && stand.gate.liveInstances().length === 0
        ? true
        : undefined;
    },
    300,
  );
  await stand.joiner.settle();
  runtime = (await stand.get<Stored<ElasticRuntime>>(`${GROUP}/namespaces/finance/elasticruntimes/analytics`)) as Stored<ElasticRuntime>;
});

after(() => stand?.stop());

function elasticNodes(): Promise<readonly Stored<ElasticNode>[]> {
  return stand.list<Stored<ElasticNode>>(`${GROUP}/elasticnodes`);
}

async function look(): Promise<void> {
  // One that nothing came of (planned for a pod that found its place, or ended before) is none that a test asks about.
  for (const node of await elasticNodes()) if (node.status?.instanceId !== undefined) seen.elasticNodes.set(node.metadata.name, node);
  for (const node of await stand.list<Stored<Node>>('/api/v1/nodes')) seen.nodes.set(node.metadata.name, node);
  for (const pod of await stand.list<Stored<Pod>>('/api/v1/namespaces/finance/pods'))
    if (pod.spec.nodeName !== undefined) seen.pods.set(pod.metadata.name, pod);
}

function uid8({ metadata }: Stored<ElasticJob>): string {
  return metadata.uid.slice(0, 8);
}

function conditionsOf({ status }: Stored<ElasticJob>): Readonly<Record<string, string>> {
  return Object.fromEntries((status?.conditions ?? []).map(({ type, status: value }) => [type, value]));
}

void test('one job of each security type has succeeded, in one attempt, and says what was proved on the way', () => {
  assert.deepEqual(
    jobs.map(({ metadata, status }) => [metadata.name, status?.phase, status?.securityType, status?.attempts, status?.failure]),
    [
      ['crm-sync', 'Succeeded', 'Indirect', 1, undefined],
      ['hourly-clicks', 'Succeeded', 'Role', 1, undefined],
      ['nightly-orders', 'Succeeded', 'Credential', 1, undefined],
    ],
  );
  for (const job of jobs) {
    const { Stalled, Reconciling, ...conditions } = conditionsOf(job);
    assert.deepEqual([Stalled ?? 'False', Reconciling ?? 'False'], ['False', 'False'], job.metadata.name);
    for (const type of ['Ready', 'AccessVerified', 'DependenciesStaged', 'CapacityReady', 'LogsUploaded', 'Complete']) {
      assert.equal(conditions[type], 'True', `${job.metadata.name} ${type}: ${JSON.stringify(job.status?.conditions)}`);
    }
  }
});

void test('every instance, its volumes and interfaces carry the tags of their runtime and of their ElasticNode', async () => {
  const instances = await allInstances(stand.gate);
  assert.equal(instances.length, seen.elasticNodes.size);
  assert.equal(instances.length, stand.joiner.started());
  const described = await stand.gate.backend.ec2.send(new DescribeTagsCommand({}));
  const tagsOf = (id: string | undefined) =>
    Object.fromEntries(
      (described.Tags ?? []).filter(({ ResourceId }) => ResourceId === id).map(({ Key = '', Value = '' }) => [Key, Value]),
    );
  for (const { metadata, status } of seen.elasticNodes.values()) {
    const instance = instances.find(({ InstanceId }) => InstanceId === status?.instanceId);
    const stable = {
      [tags.cluster]: clusterName,
      [tags.organization]: 'acme',
      [tags.namespace]: 'finance',
      [tags.runtime]: 'analytics',
      [tags.runtimeUid]: runtime.metadata.uid,
    };
    const own = tagsOf(instance?.InstanceId);
    assert.deepEqual({ ...own, Name: undefined }, { ...own, ...stable, [tags.nodeUid]: metadata.uid, Name: undefined });
    assert.equal(instance?.State?.Name, 'terminated');
  }
  const volumes = (described.Tags ?? []).filter(({ ResourceType, Key }) => ResourceType === 'volume' && Key === tags.runtimeUid);
  for (const { Value } of volumes) assert.equal(Value, runtime.metadata.uid);
});

void test('pods ran on the nodes of their runtime and of their role, and nowhere else', () => {
  const pods = [...seen.pods.values()];
  const count = (role: string) => pods.filter(({ metadata }) => metadata.labels?.[labels.role] === role).length;
  assert.equal(count('master'), 3);
  assert.ok(count('worker') >= 2 + 4 + 1, `${count('worker')} workers`);
  for (const { metadata, spec } of pods) {
    const node = seen.nodes.get(spec.nodeName ?? '');
    assert.equal(node?.metadata.labels?.[labels.runtimeUid], runtime.metadata.uid, metadata.name);
    assert.equal(node?.metadata.labels?.[labels.nodeRole], metadata.labels?.[labels.role], metadata.name);
  }
});

void test('dependencies and logs lie below the organization, the namespace and the runtime, under the key of their location', async () => {
  const staged = await objectsIn(stand.gate, 'acme-staging');
  const logged = await objectsIn(stand.gate, 'acme-logs');
  const { staging, logs } = runtime.spec;
  for (const { key, kmsKeyArn } of staged) assert.deepEqual([key.startsWith(`${PREFIX}/`), kmsKeyArn], [true, staging.kmsKeyArn], key);
  for (const { key, kmsKeyArn } of logged) assert.deepEqual([key.startsWith(`${PREFIX}/`), kmsKeyArn], [true, logs.kmsKeyArn], key);
  const nightly = jobs.find(({ metadata }) => metadata.name === 'nightly-orders') as Stored<ElasticJob>;
  assert.deepEqual(
    staged.map(({ key, body }) => [key, key.endsWith('cluster.json') ? '' : body]),
    [
      [`${PREFIX}/cluster.json`, ''],
      [`${PREFIX}/jobs/nightly-orders-${uid8(nightly)}/deps/app/etl.py`, "print('orders')\n"],
    ],
  );
  for (const job of jobs) {
    const folder = `${PREFIX}/jobs/${job.metadata.name}-${uid8(job)}`;
    const agentLog = logged.find(({ key }) => key === `${folder}/1/agent/agent.log`);
    assert.match(agentLog?.body ?? '', /attempt ended \S+: Succeeded, /, job.metadata.name);
    const accesses = logged.find(({ key }) => key === `${folder}/access.json`);
    const { accesses: records } = JSON.parse(accesses?.body ?? '{}') as { readonly accesses: readonly { readonly action: string }[] };
    assert.ok(
      records.some(({ action }) => action.startsWith('s3:')),
      job.metadata.name,
    );
  }
});

void test('what the containers wrote is in the log location, byte for byte, shipped from each node as its role', async () => {
  const logged = await objectsIn(stand.gate, 'acme-logs');
  const written = stand.agents?.written() ?? [];
  assert.ok(written.length >= 10, `${written.length} pods wrote`);
  for (const { pod, text } of written) {
    const { name } = pod.metadata;
    const job = jobs.find(({ metadata }) => metadata.uid === pod.metadata.labels?.[labels.jobUid]) as Stored<ElasticJob>;
    const node = [...seen.elasticNodes.values()].find(({ status }) => status?.nodeName === pod.spec.nodeName);
    const role = pod.metadata.labels?.[labels.role] ?? '';
    const folder = `${PREFIX}/jobs/${job.metadata.name}-${uid8(job)}/1/${role}/${node?.metadata.name}/${name}/main/`;
    const parts = logged.filter(({ key }) => key.startsWith(folder)).sort((one, other) => (one.key < other.key ? -1 : 1));
    assert.equal(parts.map(({ body }) => body).join(''), text, name);
  }
});

void test("the record of each job has what the node agents' own streams say of it", async () => {
  const logged = await objectsIn(stand.gate, 'acme-logs');
  const said = (await stand.agents?.audit()) ?? [];
  for (const job of jobs) {
    const { name, namespace } = job.metadata;
    const object = logged.find(({ key }) => key === `${PREFIX}/jobs/${name}-${uid8(job)}/access.json`);
    const { accesses, missing } = JSON.parse(object?.body ?? '{}') as {
      readonly accesses: readonly { readonly requestId?: string }[];
      readonly missing?: unknown;
    };
    const own = said.filter((record) => record.job === `${namespace}/${name}`);
    assert.ok(own.length >= 2, `${name}: ${own.length}`);
    const stored = new Set(accesses.map(({ requestId }) => requestId));
    assert.deepEqual(
      own.filter(({ requestId }) => !stored.has(requestId)).map(({ action, resource }) => `${action} ${resource}`),
      [],
      name,
    );
    assert.equal(missing, undefined);
  }
});

void test('the gate saw what operator and node agents say they did, line for line, and nothing else', async () => {
  let left: readonly string[] = [];
  // The operator goes on looking for garbage: a call may come between the looks at the two accounts.
  const audit = await stand
    .until('the accounts agree', async () => {
      const said = [...stand.operator.audit(), ...((await stand.agents?.audit()) ?? [])];
      left = differences(stand.gate.record(), said);
      return left.length === 0 ? said : undefined;
    })
    .catch((error: unknown) => {
      throw new Error(`the accounts differ: ${left.join('; ')}`, { cause: error });
    });
  assert.ok(audit.length > 80, `${audit.length} records`);
});

void test('the gate saw what `explain` says: every call has its row, every row of ours its call', async () => {
  const { code, stdout, stderr } = await runCommand(
    process.execPath,
    [join(ROOT, 'src/cli/main.ts'), 'explain', '-f', file, '-o', 'json'],
    {},
  );
  assert.equal(code, 0, stderr);
  const plans = JSON.parse(stdout) as readonly ExplainedJob[];
  const places: Places = {
    staging: `acme-staging/${PREFIX}`,
    logs: `acme-logs/${PREFIX}`,
    connections: Object.fromEntries(
      jobs.map(({ metadata, spec }) => [
        metadata.name,
        Object.fromEntries(
          (spec.connections ?? []).flatMap(({ name, location }) =>
            name !== undefined && location?.startsWith('s3://') === true ? [[name, location.slice(5).replace(/\/$/, '')]] : [],
          ),
        ),
      ]),
    ),
    uid8: Object.fromEntries(jobs.map((job) => [job.metadata.name, uid8(job)])),
    keys: { OUSE: 'connectionCredentials:warehouse' },
  };
  const calls = stand.gate.record();
  assert.deepEqual(
    calls.filter(({ outcome }) => outcome !== 'ok' && outcome !== 'DryRunOperation'),
    [],
  );
  assert.deepEqual(unexplained(calls, plans, places), []);
  assert.deepEqual(unused(calls, plans, places), []);
});

void test('the status of a job holds the rows of `explain`', async () => {
  const { stdout } = await runCommand(process.execPath, [join(ROOT, 'src/cli/main.ts'), 'explain', '-f', file, '-o', 'json'], {});
  const plans = JSON.parse(stdout) as readonly ExplainedJob[];
  for (const { metadata, status } of jobs) {
    assert.deepEqual(status?.accessPlan, plans.find(({ job }) => job === metadata.name)?.access, metadata.name);
  }
});

void test('no secret is in a log, a status, an event or any object but its own Secret', async () => {
  const kinds = 'ejob,ert,enode,events,pods,jobs,services,serviceaccounts,configmaps,leases,nodes';
  const texts = [
    readFileSync(stand.operator.logFile, 'utf8'),
    await stand.kubectl('get', kinds, '-A', '-o', 'yaml', '--show-managed-fields'),
  ];
  for (const { body } of await objectsIn(stand.gate, 'acme-logs')) texts.push(body);
  for (const secret of [...SECRETS, ...[...stand.gate.account.credentials.values()].map(({ secretAccessKey }) => secretAccessKey)]) {
    assert.ok(!texts.some((text) => text.includes(secret)));
  }
  assert.equal(ofKind(example('finance.yaml'), 'Secret').length, 3);
});

void test('a person reads logs and looks at a connection without any AWS session of their own, and only where they may', async () => {
  const ada = { user: 'ada' };
  const rules = (verbs: readonly string[]) => [
    { apiGroups: ['elasticruntime.dev'], resources: ['elasticaccessrequests'], verbs: ['create', 'get', 'delete'] },
    { apiGroups: ['elasticruntime.dev'], resources: ['elasticjobs'], verbs: ['get', ...verbs] },
  ];
  const grant = async (verbs: readonly string[]): Promise<void> => {
    const metadata = { name: 'ada', namespace: 'finance' };
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules: rules(verbs) };
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'ada' },
      subjects: [{ kind: 'User', name: 'ada', apiGroup: 'rbac.authorization.k8s.io' }],
    };
    await stand.kubectl('apply', '-f', await stand.file('ada', [role, binding]));
  };
  const cli = async (...args: readonly string[]) =>
    await runCommand(
      process.execPath,
      [join(ROOT, 'src/cli/main.ts'), ...args, '-n', 'finance', '--kubeconfig', await stand.controlPlane.kubeconfigFor(ada)],
      {},
    );
  const [job] = jobs.filter(({ status }) => status?.phase === 'Succeeded');
  assert.ok(job);
  const name = job.metadata.name;

  await grant([]);
  const refused = await cli('logs', name, '--log', 'agent');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, new RegExp(`you need the verb poll on elasticjobs/${name} in namespace finance`));

  await grant(['poll', 'preview']);
  const calls = stand.gate.record().length;
  const agent = await cli('logs', name, '--log', 'agent');
  assert.equal(agent.code, 0, agent.stderr);
  assert.match(agent.stdout, new RegExp(name));
  const polled = stand.gate.record().slice(calls);
  const reader = job.status?.accessPlan?.find(({ phase, resource }) => phase === 'Poll' && resource === 'log')?.identity ?? '';
  const expected = reader === 'agent' ? /acme-agent/ : /user/;
  for (const { action, principal, outcome } of polled.filter((record) => record.action.startsWith('s3:'))) {
    assert.match(principal, expected, action);
    assert.equal(outcome, 'ok');
  }
  assert.deepEqual(
    polled.filter(({ action }) => action.startsWith('s3:')).map(({ action }) => action),
    ['s3:ListBucket', 's3:GetObject'],
  );

  const source = (job.spec.connections ?? []).find(({ location }) => location?.startsWith('s3://') === true);
  if (source !== undefined) {
    const looked = await cli('preview', name, source.name, '-o', 'json');
    assert.equal(looked.code, 0, looked.stderr);
    const shown = JSON.parse(looked.stdout) as { readonly identity: string };
    const design = job.status?.accessPlan?.find(({ phase, resource }) => phase === 'Design' && resource === `connection:${source.name}`);
    assert.equal(shown.identity, design?.identity);
  }
  assert.deepEqual(await stand.list(`${GROUP}/namespaces/finance/elasticaccessrequests`), []);
  const asked = stand.operator.log().filter((line) => line['audit'] === true && line['person'] === 'ada');
  assert.ok(asked.length >= 2);

  const forged = {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticAccessRequest',
    metadata: { name: 'forged', namespace: 'finance' },
  };
  const spec = { kind: 'Logs', job: name, log: 'agent', requestedBy: 'grace', publicKey: `${'A'.repeat(87)}=` };
  const made = await stand.controlPlane.kubectl(['create', '-f', '-'], { stdin: JSON.stringify({ ...forged, spec }), as: ada });
  assert.match(made.stderr, /spec.requestedBy must be your own user name, ada/);
});
