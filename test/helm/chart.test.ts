import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { apiVersion, labels, taints } from '../../src/api/labels.ts';
import { connectKubernetes, type KubernetesConnection } from '../../src/kube/connect.ts';
import { elasticNodes } from '../../src/ports/resources.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/start.ts';
import { waitFor } from '../controlplane/wait.ts';
import { chart, least, release } from './chart.ts';

/* The chart, installed by helm on the real API server: what each ServiceAccount may do there, no more and no less. */

let cluster: ControlPlane;

before(async () => {
  cluster = await startControlPlane();
  const { code, stderr } = await cluster.helm(['install', release, chart, '--namespace=elastic-system', '--create-namespace', ...least]);
  assert.equal(code, 0, stderr);
  await kubectl(['create', 'namespace', 'finance']);
});

after(() => cluster?.stop());

async function kubectl(args: readonly string[], stdin?: string): Promise<string> {
  const result = await cluster.kubectl(args, stdin === undefined ? {} : { stdin });
  assert.equal(result.code, 0, result.stderr);
  return result.stdout;
}

type Rule = {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
};

/** `<verb> <group>/<resource>[ <name>]`, everything that the ServiceAccount may do in the namespace. */
async function allowed(serviceAccount: string, namespace: string): Promise<ReadonlySet<string>> {
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } };
  const user = `system:serviceaccount:elastic-system:${serviceAccount}`;
  const answer = await kubectl(['create', '-f', '-', '-o', 'json', '--validate=false', `--as=${user}`], JSON.stringify(review));
  const { status } = JSON.parse(answer) as { readonly status: { readonly incomplete: boolean; readonly resourceRules: readonly Rule[] } };
  assert.equal(status.incomplete, false);
  return new Set(
    status.resourceRules.flatMap(({ verbs, apiGroups, resources, resourceNames }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.flatMap((verb) => (resourceNames ?? ['']).map((name) => `${verb} ${group}/${resource} ${name}`.trim())),
        ),
      ),
    ),
  );
}

/** Beyond what any ServiceAccount may do. */
async function granted(serviceAccount: string, namespace: string): Promise<readonly string[]> {
  const everyone = await allowed('default', namespace);
  return [...(await allowed(serviceAccount, namespace))].filter((right) => !everyone.has(right)).sort();
}

function rights(group: string, table: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(table).flatMap(([resource, verbs]) => verbs.split(' ').map((verb) => `${verb} ${group}/${resource}`));
}

// What the calls of controllers, machinery and broker need. A change here is a change of what customers trust the operator with.
const everywhere = [
  ...rights('elasticruntime.dev', {
    elasticruntimes: 'get list watch patch',
    'elasticruntimes/status': 'patch',
    'elasticruntimes/finalizers': 'update',
    elasticjobs: 'get list watch patch delete',
    'elasticjobs/status': 'patch',
    'elasticjobs/finalizers': 'update',
    elasticnodes: 'get list watch create patch delete',
    'elasticnodes/status': 'patch',
    elasticruntimeclasses: 'list watch',
    elasticconnections: 'list watch',
    elasticaccessrequests: 'list watch delete',
    'elasticaccessrequests/status': 'patch',
  }),
  ...rights('', {
    nodes: 'get list watch patch delete',
    pods: 'list watch delete',
    'pods/eviction': 'create',
    namespaces: 'list watch',
  }),
  ...rights('batch', { jobs: 'list watch' }),
  ...rights('apps', { daemonsets: 'list watch' }),
  ...rights('scheduling.k8s.io', { priorityclasses: 'list watch' }),
  ...rights('authentication.k8s.io', { tokenreviews: 'create' }),
];
const inTenants = [
  ...rights('', {
    secrets: 'get patch',
    configmaps: 'get',
    serviceaccounts: 'get create patch',
    services: 'create delete get',
    events: 'create patch',
  }),
  ...rights('batch', { jobs: 'get create patch delete' }),
];
const inAgents = rights('', { serviceaccounts: 'get create patch delete', 'serviceaccounts/token': 'create' });
const inSystem = [
  'create coordination.k8s.io/leases',
  'get coordination.k8s.io/leases elastic-runtime-operator',
  'update coordination.k8s.io/leases elastic-runtime-operator',
];

const sorted = (...lists: readonly (readonly string[])[]) => [...new Set(lists.flat())].sort();

/** The authorizer hears of roles and bindings a moment later. */
async function comesToGrant(serviceAccount: string, namespace: string, expected: readonly string[]): Promise<void> {
  let found: readonly string[] = [];
  await waitFor(`the rights of ${serviceAccount} in ${namespace}`, async () => {
    found = await granted(serviceAccount, namespace);
    return isDeepStrictEqual(found, expected) ? true : undefined;
  }).catch(() => assert.deepEqual(found, expected));
}

test('the operator has the rights of its calls, exactly', async () => {
  await comesToGrant(release, 'finance', sorted(everywhere, inTenants));
  await comesToGrant(release, 'kube-system', sorted(everywhere, inTenants));
  await comesToGrant(release, 'elastic-agents', sorted(everywhere, inTenants, inAgents));
  await comesToGrant(release, 'elastic-system', sorted(everywhere, inTenants, inSystem));
});

test('as kubectl sees it: no list of Secrets, tokens for agents only', async () => {
  const canI = async (...args: readonly string[]) =>
    (await cluster.kubectl(['auth', 'can-i', `--as=system:serviceaccount:elastic-system:${release}`, ...args])).stdout.trim();
  assert.equal(await canI('list', 'secrets', '--all-namespaces'), 'no');
  assert.equal(await canI('watch', 'secrets', '--namespace=finance'), 'no');
  assert.equal(await canI('get', 'secrets', '--namespace=finance'), 'yes');
  assert.equal(await canI('create', 'serviceaccounts', '--subresource=token', '--namespace=finance'), 'no');
  assert.equal(await canI('create', 'serviceaccounts', '--subresource=token', '--namespace=elastic-agents'), 'yes');
  assert.equal(await canI('create', 'pods', '--namespace=finance'), 'no');
  assert.equal(await canI('create', 'clusterrolebindings'), 'no');
});

test('a node agent may read ElasticNodes and patch their status, nothing else', async () => {
  for (const namespace of ['elastic-system', 'elastic-agents', 'finance'])
    await comesToGrant('elastic-node-agent', namespace, [
      'get elasticruntime.dev/elasticnodes',
      'patch elasticruntime.dev/elasticnodes/status',
    ]);
});

test('cut to some namespaces, the operator has no right to a Secret elsewhere', async () => {
  await kubectl(['create', 'namespace', 'sales']);
  const upgrade = ['upgrade', release, chart, '--namespace=elastic-system', ...least];
  const cut = await cluster.helm([...upgrade, '--set=tenantNamespaces={finance}']);
  assert.equal(cut.code, 0, cut.stderr);
  const events = rights('', { events: 'create patch' });
  await comesToGrant(release, 'sales', sorted(everywhere));
  await comesToGrant(release, 'default', sorted(everywhere, events));
  await comesToGrant(release, 'finance', sorted(everywhere, inTenants));
  const whole = await cluster.helm(upgrade);
  assert.equal(whole.code, 0, whole.stderr);
});

test('upgrades keep the certificate of the broker', async () => {
  const secret = () => kubectl(['get', 'secret', 'elastic-broker-tls', '--namespace=elastic-system', '-o', 'jsonpath={.data}']);
  const ca = () => kubectl(['get', 'configmap', 'elastic-broker-ca', '--namespace=elastic-system', '-o', 'jsonpath={.data}']);
  const before = [await secret(), await ca()];
  const upgraded = await cluster.helm(['upgrade', release, chart, '--namespace=elastic-system', ...least]);
  assert.equal(upgraded.code, 0, upgraded.stderr);
  assert.deepEqual([await secret(), await ca()], before);
});

test('view, edit and admin of a namespace include what their people need', async () => {
  for (const role of ['view', 'edit', 'admin'])
    await kubectl(['create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${role}`, '--namespace=finance']);
  const verdict = async (user: string, verb: string, resource: string, namespace = 'finance') =>
    (
      await cluster.kubectl(['auth', 'can-i', verb, `${resource}.elasticruntime.dev`, `--as=${user}`, `--namespace=${namespace}`])
    ).stdout.trim();
  // The aggregation is a controller's work, for each role on its own.
  for (const [user, verb, resource] of [
    ['view', 'list', 'elasticjobs'],
    ['edit', 'create', 'elasticjobs'],
    ['admin', 'create', 'elasticruntimes'],
  ] as const)
    await waitFor(`the aggregated role ${user}`, async () => ((await verdict(user, verb, resource)) === 'yes' ? true : undefined));
  const rows: readonly (readonly [string, string, string, string])[] = [
    ['view', 'list', 'elasticjobs', 'yes'],
    ['view', 'create', 'elasticjobs', 'no'],
    ['edit', 'create', 'elasticjobs', 'yes'],
    ['edit', 'get', 'elasticruntimes', 'yes'],
    ['edit', 'patch', 'elasticruntimes', 'no'],
    ['admin', 'patch', 'elasticruntimes', 'yes'],
    ['admin', 'delete', 'elasticjobs', 'yes'],
    ['admin', 'patch', 'elasticnodes', 'no'],
  ];
  for (const [user, verb, resource, expected] of rows)
    assert.equal(await verdict(user, verb, resource), expected, `${user} ${verb} ${resource}`);
  assert.equal(await verdict('admin', 'get', 'elasticjobs', 'default'), 'no');
});

type Attempt = { readonly status: number; readonly message: string };

/** Nodes of runtimes with the agents that the DaemonSet puts there, and one ElasticNode each. */
async function registered(name: string): Promise<{ readonly pod: { readonly name: string; readonly uid: string } }> {
  await cluster.joinNode({
    name,
    labels: { [labels.runtimeUid]: 'r1' },
    taints: [{ key: taints.runtime, value: 'r1', effect: 'NoSchedule' }],
    providerID: `aws:///us-east-1a/${name}`,
  });
  const pod = await waitFor(`the agent of ${name}`, async () => {
    const list = await kubectl(['get', 'pods', '--namespace=elastic-system', `--field-selector=spec.nodeName=${name}`, '-o', 'json']);
    const [found] = (JSON.parse(list) as { items: { metadata: { name: string; uid: string }; spec: { nodeName?: string } }[] }).items;
    return found?.metadata;
  });
  const elasticNode = {
    apiVersion,
    kind: 'ElasticNode',
    metadata: { name },
    spec: {
      runtimeRef: { namespace: 'finance', name: 'analytics', uid: '00000000-0000-4000-8000-000000000001' },
      role: 'worker',
      pool: 'default',
      attempt: 1,
      offerings: [{ instanceType: 'm7i.large', zone: 'us-east-1a', subnetId: 'subnet-a', capacityType: 'on-demand' }],
    },
  };
  await kubectl(['create', '-f', '-'], JSON.stringify(elasticNode));
  const status = { nodeName: name, providerID: `aws:///us-east-1a/${name}`, phase: 'Ready' };
  await kubectl(['patch', 'elasticnode', name, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]);
  return { pod };
}

async function connectAs(name: string, token: string): Promise<KubernetesConnection> {
  const kubeconfig = join(cluster.directory, `${name}.agent.kubeconfig`);
  const certificate = Buffer.from(cluster.caPem).toString('base64');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: cluster.endpoint, 'certificate-authority-data': certificate } }],
      users: [{ name: 'u', user: { token } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
    { mode: 0o600 },
  );
  return connectKubernetes({ kubeconfig });
}

test('a node agent writes the report of its own machine, and nothing else of any', async (t) => {
  const account = { namespace: 'elastic-system', name: 'elastic-node-agent' };
  const { pod } = await registered('machine-1');
  await registered('machine-2');
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', ...pod };
  const bound = await connectAs('bound', await cluster.tokenFor(account, { boundObjectRef }));
  const loose = await connectAs('loose', await cluster.tokenFor(account));
  t.after(() => Promise.all([bound.close(), loose.close()]));
  const report = (percent: number) => ({ time: '2026-12-01T10:00:00Z', fileSystems: [{ device: '/dev/nvme1n1', usedPercent: percent }] });
  async function patch(by: KubernetesConnection, name: string, status: object, where: 'status' | 'object' = 'status'): Promise<Attempt> {
    const answer = await by.port.mergePatch(elasticNodes, { name }, { status }, where === 'status' ? where : undefined);
    return answer.ok ? { status: 200, message: '' } : { status: 403, message: answer.error.message };
  }

  // Policies reach the API server's admission with a delay.
  const other = await waitFor('the policy', async () => {
    const attempt = await patch(bound, 'machine-2', { report: report(1) });
    return attempt.status === 200 ? undefined : attempt;
  });
  assert.match(other.message, /writes about the node that its token is bound to/);
  assert.deepEqual(await patch(bound, 'machine-1', { report: report(10) }), { status: 200, message: '' });
  const applied = await bound.port.apply(
    elasticNodes,
    { apiVersion, kind: 'ElasticNode', metadata: { name: 'machine-1' }, status: { report: report(20) } } as never,
    { fieldManager: 'elastic-node-agent', force: true, subresource: 'status' },
  );
  assert.ok(applied.ok, applied.ok ? '' : applied.error.message);
  assert.equal(applied.value.status?.report?.fileSystems?.[0]?.usedPercent, 20);

  const onlyReport = /of the status, a node agent writes the report only/;
  assert.match((await patch(bound, 'machine-1', { report: report(30), phase: 'Terminated' })).message, onlyReport);
  assert.match((await patch(bound, 'machine-1', { providerID: null })).message, onlyReport);
  assert.match((await patch(bound, 'machine-1', { instanceId: 'i-1' })).message, onlyReport);
  assert.match((await patch(bound, 'machine-1', { nodeName: 'machine-2' })).message, onlyReport);
  assert.match((await patch(loose, 'machine-1', { report: report(30) })).message, /writes about the node that its token is bound to/);
  assert.match((await patch(bound, 'machine-1', { report: report(30) }, 'object')).message, /forbidden/);
  const read = await bound.port.get(elasticNodes, { name: 'machine-1' });
  assert.equal(read.ok && read.value.status?.report?.fileSystems?.[0]?.usedPercent, 20);
  assert.equal(read.ok && read.value.status?.phase, 'Ready');
});

test('others are not touched by the policy: the operator writes the whole status', async (t) => {
  const operator = await connectAs('operator', await cluster.tokenFor({ namespace: 'elastic-system', name: release }));
  t.after(() => operator.close());
  const answer = await operator.port.mergePatch(elasticNodes, { name: 'machine-2' }, { status: { phase: 'Draining' } }, 'status');
  assert.ok(answer.ok, answer.ok ? '' : answer.error.message);
});

test('the policy has no complaint of the type checker', async () => {
  const status = await waitFor('the type check', async () => {
    const text = await kubectl(['get', 'validatingadmissionpolicy', 'elastic-node-agent', '-o', 'jsonpath={.status}']);
    return text.includes('observedGeneration') ? text : undefined;
  });
  assert.equal(
    (JSON.parse(status) as { typeChecking?: { expressionWarnings?: unknown } }).typeChecking?.expressionWarnings,
    undefined,
    status,
  );
});
