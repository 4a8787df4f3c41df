import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Job } from '../../src/api/kubernetes.ts';
import { headlessService, masterJob, workerJob } from '../../src/core/jobs/children.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/start.ts';
import { waitFor } from '../controlplane/wait.ts';
import { installChart } from './stand/chart.ts';

/*
 * Somebody has the token of the operator's ServiceAccount: what it lets them do at the real API server, beside what the operator itself does. Writes are dry
 * runs, which pass through everything but the storage; what must stand before is written by an administrator.
 */

type Json = object;

const operator = 'system:serviceaccount:elastic-system:elastic-runtime-operator';
const GROUP = '/apis/elasticruntime.dev/v1alpha1';
const KEY = 'arn:aws:kms:us-east-1:111122223333:key/0d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e01';
const uid = '00000000-0000-4000-8000-000000000001';
const inUse = 'elasticruntime.dev/in-use';

let cluster: ControlPlane;

const input = {
  job: { name: 'nightly', namespace: 'finance', uid },
  runtime: { name: 'analytics', uid },
  attempt: 1,
};
const container = { name: 'main', image: 'registry.example.com/etl:1', resources: { requests: { cpu: '1' } } };
const token = {
  name: 'elastic-token',
  projected: { sources: [{ serviceAccountToken: { audience: 'sts.amazonaws.com', expirationSeconds: 3600, path: 'token' } }] },
};
const wiring = { initContainer: { ...container, name: 'elastic-credentials' }, volumes: [token], mounts: [], env: [] };
const master = masterJob(input, { spec: { containers: [container] } }, wiring);

function job(pod: Json = {}, metadata: Json = {}): Json {
  const { template } = master.spec;
  return {
    ...master,
    metadata: { ...master.metadata, ...metadata },
    spec: { ...master.spec, template: { ...template, spec: { ...template.spec, ...pod } } },
  };
}

const jobs = (namespace = 'finance') => `/apis/batch/v1/namespaces/${namespace}/jobs`;
const core = (plural: string, namespace = 'finance') => `/api/v1/namespaces/${namespace}/${plural}`;
const accounts = (namespace = 'finance') => core('serviceaccounts', namespace);

const runtimeOwner = {
  apiVersion: 'elasticruntime.dev/v1alpha1',
  kind: 'ElasticRuntime',
  name: 'analytics',
  uid,
  controller: true,
  blockOwnerDeletion: true,
};
const account = (name: string, metadata: Json = { ownerReferences: [runtimeOwner] }) => ({ metadata: { name, ...metadata } });
const agentOf = (namespace: string) => ({
  labels: { 'app.kubernetes.io/managed-by': 'elastic-runtime-operator', 'elasticruntime.dev/namespace': namespace },
});
const privileged = { containers: [{ ...container, securityContext: { privileged: true } }] };

type Row = readonly [does: string, expected: RegExp | 'yes', method: string, path: string, body?: () => Json];

const notElsewhere = /namespaces of the cluster and its own/;
const rows: readonly Row[] = [
  // What it does.
  ['makes the master of a job', 'yes', 'POST', jobs(), () => job()],
  ['makes the workers of a job', 'yes', 'POST', jobs(), () => workerJob(input, { spec: { containers: [container] } }, wiring, 3)],
  ['makes the Service of a job', 'yes', 'POST', core('services'), () => headlessService(input)],
  ['releases a job of its own', 'yes', 'PATCH', `${jobs()}/nightly-0-master`, () => ({ spec: { suspend: false } })],
  ['deletes a job of its own', 'yes', 'DELETE', `${jobs()}/nightly-0-master`],
  ['makes the ServiceAccount of workers', 'yes', 'POST', accounts(), () => account('analytics-worker')],
  ["makes an agent's ServiceAccount", 'yes', 'POST', accounts('elastic-agents'), () => account('finance.analytics', agentOf('finance'))],
  ['holds a Secret', 'yes', 'PATCH', `${core('secrets')}/external`, () => ({ metadata: { finalizers: ['example.com/kept', inUse] } })],
  ['lets go of a Secret', 'yes', 'PATCH', `${core('secrets')}/certificate`, () => ({ metadata: { finalizers: null } })],
  ['rotates a certificate that it holds', 'yes', 'PATCH', `${core('secrets')}/certificate`, () => ({ data: { 'tls.crt': 'Qg==' } })],
  [
    'takes a finalizer',
    'yes',
    'PATCH',
    `${GROUP}/namespaces/finance/elasticjobs/nightly`,
    () => ({ metadata: { finalizers: ['elasticruntime.dev/job'] } }),
  ],
  // Pods of its own choice.
  ['runs a Job among the cluster’s own pods', notElsewhere, 'POST', jobs('kube-system'), () => job({}, { namespace: 'kube-system' })],
  ['runs a Job beside itself', notElsewhere, 'POST', jobs('elastic-system'), () => job({}, { namespace: 'elastic-system' })],
  [
    'runs a Job as an agent',
    notElsewhere,
    'POST',
    jobs('elastic-agents'),
    () => job({ serviceAccountName: 'finance.analytics' }, { namespace: 'elastic-agents' }),
  ],
  ['runs a Job of nobody', /Jobs of ElasticJobs only/, 'POST', jobs(), () => job({}, { ownerReferences: [] })],
  [
    'runs a Job of something else',
    /Jobs of ElasticJobs only/,
    'POST',
    jobs(),
    () => job({}, { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid, controller: true }] }),
  ],
  ['releases a Job of somebody', /Jobs of ElasticJobs only/, 'PATCH', `${jobs()}/theirs`, () => ({ spec: { suspend: false } })],
  [
    'makes a Job of somebody its own',
    /Jobs of ElasticJobs only/,
    'PATCH',
    `${jobs()}/theirs`,
    () => ({ metadata: { ownerReferences: [...(master.metadata.ownerReferences ?? [])] } }),
  ],
  ['deletes a Job of somebody', /Jobs of ElasticJobs only/, 'DELETE', `${jobs()}/theirs`],
  [
    'runs as another ServiceAccount',
    /run as the ServiceAccounts of a runtime/,
    'POST',
    jobs(),
    () => job({ serviceAccountName: 'default' }),
  ],
  [
    'says that another ServiceAccount is a runtime’s',
    /run as the ServiceAccounts of a runtime/,
    'POST',
    jobs(),
    () => job({ serviceAccountName: 'deployer' }, { labels: { ...master.metadata.labels, 'elasticruntime.dev/runtime': 'deployer' } }),
  ],
  [
    'mounts a token for the API server',
    /run as the ServiceAccounts of a runtime/,
    'POST',
    jobs(),
    () => job({ automountServiceAccountToken: true }),
  ],
  [
    'projects a token for the API server',
    /tokens are for AWS only/,
    'POST',
    jobs(),
    () => job({ volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }] }),
  ],
  ['runs anywhere', /machines of a runtime only/, 'POST', jobs(), () => job({ affinity: {} })],
  [
    'runs anywhere, by a second term',
    /machines of a runtime only/,
    'POST',
    jobs(),
    () =>
      job({
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: 'runtime.node-restriction.kubernetes.io/uid', operator: 'In', values: [uid] }] },
                { matchExpressions: [{ key: 'kubernetes.io/os', operator: 'Exists' }] },
              ],
            },
          },
        },
      }),
  ],
  ['takes the network of a machine', /no privilege and no namespace/, 'POST', jobs(), () => job({ hostNetwork: true })],
  [
    'takes the disk of a machine',
    /no privilege and no namespace/,
    'POST',
    jobs(),
    () => job({ volumes: [{ name: 'h', hostPath: { path: '/' } }] }),
  ],
  ['takes a privilege', /no privilege and no namespace/, 'POST', jobs(), () => job(privileged)],
  [
    'takes a privilege in an init container',
    /no privilege and no namespace/,
    'POST',
    jobs(),
    () => job({ initContainers: privileged.containers.map((one) => ({ ...one, name: 'first' })) }),
  ],
  [
    'takes a capability',
    /no privilege and no namespace/,
    'POST',
    jobs(),
    () => job({ containers: [{ ...container, securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }] }),
  ],
  // Services.
  [
    'takes the place of a Service',
    /headless Services of ElasticJobs only/,
    'POST',
    core('services'),
    () => ({ metadata: { name: 'payments' }, spec: { ports: [{ port: 443 }] } }),
  ],
  ['deletes a Service of somebody', /headless Services of ElasticJobs only/, 'DELETE', `${core('services')}/payments`],
  ['deletes the cluster’s DNS', notElsewhere, 'DELETE', `${core('services', 'kube-system')}/dns`],
  // ServiceAccounts.
  ['makes a ServiceAccount of the cluster', notElsewhere, 'POST', accounts('kube-system'), () => account('analytics-worker')],
  ['makes a ServiceAccount of nobody', /of ElasticRuntimes only/, 'POST', accounts(), () => account('analytics-worker', {})],
  [
    'gives somebody’s ServiceAccount a role',
    /of ElasticRuntimes only/,
    'PATCH',
    `${accounts()}/deployer`,
    () => ({
      metadata: { annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/admin' } },
    }),
  ],
  [
    'takes somebody’s ServiceAccount over',
    /of ElasticRuntimes only/,
    'PATCH',
    `${accounts()}/deployer`,
    () => ({ metadata: { ownerReferences: [runtimeOwner] } }),
  ],
  ['makes a ServiceAccount that is no agent’s', /named <namespace>\.<runtime>/, 'POST', accounts('elastic-agents'), () => account('x', {})],
  [
    'says that an agent is another namespace’s',
    /named <namespace>\.<runtime>/,
    'POST',
    accounts('elastic-agents'),
    () => account('finance.analytics', agentOf('research')),
  ],
  // Secrets.
  ['changes a key', /tls\.crt and tls\.key only/, 'PATCH', `${core('secrets')}/external`, () => ({ data: { externalId: 'Qg==' } })],
  ['adds a key', /tls\.crt and tls\.key only/, 'PATCH', `${core('secrets')}/certificate`, () => ({ data: { more: 'Qg==' } })],
  ['takes a key away', /tls\.crt and tls\.key only/, 'PATCH', `${core('secrets')}/external`, () => ({ data: null })],
  [
    'changes a certificate that it does not hold',
    /one that a runtime holds/,
    'PATCH',
    `${core('secrets')}/website`,
    () => ({ data: { 'tls.crt': 'Qg==' } }),
  ],
  ['takes the finalizer of somebody', /in-use only/, 'PATCH', `${core('secrets')}/external`, () => ({ metadata: { finalizers: null } })],
  ['labels a Secret', /in-use only/, 'PATCH', `${core('secrets')}/external`, () => ({ metadata: { labels: { a: 'b' } } })],
  [
    'changes its own certificate',
    /none of the cluster's and its own/,
    'PATCH',
    `${core('secrets', 'elastic-system')}/broker`,
    () => ({ metadata: { finalizers: [inUse] } }),
  ],
  // What authors asked for.
  [
    'ends a job',
    /finalizers and status only/,
    'PATCH',
    `${GROUP}/namespaces/finance/elasticjobs/nightly`,
    () => ({ spec: { terminate: true } }),
  ],
  [
    'gives a runtime another role',
    /finalizers and status only/,
    'PATCH',
    `${GROUP}/namespaces/finance/elasticruntimes/analytics`,
    () => ({ spec: { identities: { worker: { roleArn: 'arn:aws:iam::111122223333:role/evil' } } } }),
  ],
  // What RBAC refuses.
  ['runs a pod', /^403 .* cannot create/, 'POST', core('pods'), () => ({ metadata: { name: 'p' }, spec: { containers: [container] } })],
  ['lists Secrets', /^403 .* cannot list/, 'GET', core('secrets')],
  ['mints a token of a worker', /^403 .* cannot create/, 'POST', `${accounts()}/deployer/token`, () => ({ spec: {} })],
  [
    'takes the policies away',
    /^403 .* cannot delete/,
    'DELETE',
    '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/elastic-operator-jobs',
  ],
];

async function made(path: string, body: Json): Promise<{ readonly uid: string }> {
  const { status, body: answer } = await cluster.call('POST', path, body);
  assert.equal(status, 201, `${path}: ${JSON.stringify(answer)}`);
  return (answer as { readonly metadata: { readonly uid: string } }).metadata;
}

/** '' where it is allowed, else what is said. */
async function ask(method: string, path: string, body?: Json): Promise<string> {
  const dry = method === 'GET' ? '' : '?dryRun=All';
  const { status, body: answer } = await cluster.call(method, path + dry, body, { user: operator, groups: ['system:authenticated'] });
  return status < 300 ? '' : `${status} ${(answer as { readonly message?: string }).message ?? ''}`;
}

before(async () => {
  cluster = await startControlPlane();
  await installChart(cluster, { clusterName: 'stand', nodeAgents: true });
  await made('/api/v1/namespaces', { metadata: { name: 'finance' } });
  const role = (name: string) => ({ roleArn: `arn:aws:iam::111122223333:role/${name}` });
  await made(`${GROUP}/namespaces/finance/elasticruntimes`, {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticRuntime',
    metadata: { name: 'analytics' },
    spec: {
      organization: 'acme',
      region: 'us-east-1',
      identities: { agent: role('agent'), operator: role('operator'), master: role('master'), worker: role('worker') },
      staging: { uri: 's3://acme-staging/elastic', kmsKeyArn: KEY },
      logs: { uri: 's3://acme-logs/elastic', kmsKeyArn: KEY },
      network: { subnetIds: ['subnet-a'], securityGroupIds: ['sg-1'] },
      workers: { max: 4 },
    },
  });
  const nightly = await made(`${GROUP}/namespaces/finance/elasticjobs`, {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticJob',
    metadata: { name: 'nightly' },
    spec: { runtime: 'analytics', master: { template: { spec: { containers: [container] } } } },
  });
  const theirs: Job = { ...master, metadata: { name: 'theirs' }, spec: { ...master.spec } };
  await made(jobs(), theirs);
  // Of an owner that exists: the garbage collector takes what has another.
  const ownerReferences = master.metadata.ownerReferences?.map((owner) => ({ ...owner, uid: nightly.uid }));
  await made(jobs(), job({}, { name: 'nightly-0-master', ownerReferences }));
  await made(core('services'), { metadata: { name: 'payments' }, spec: { ports: [{ port: 443 }] } });
  await made(core('services', 'kube-system'), { metadata: { name: 'dns' }, spec: { ports: [{ port: 53 }] } });
  await made(accounts(), { metadata: { name: 'deployer' } });
  await made(core('secrets'), { metadata: { name: 'external', finalizers: ['example.com/kept'] }, data: { externalId: 'QQ==' } });
  const pair = { 'tls.crt': 'QQ==', 'tls.key': 'QQ==' };
  await made(core('secrets'), { metadata: { name: 'certificate', finalizers: [inUse] }, data: pair });
  await made(core('secrets'), { metadata: { name: 'website' }, data: pair });
  await made(core('secrets', 'elastic-system'), { metadata: { name: 'broker' }, data: pair });
  // One row of each policy: it holds from then on.
  const first = [/Jobs of ElasticJobs/, /headless Services/, /ElasticRuntimes only/, /tls\.key only/, /finalizers and status/];
  for (const text of first) {
    const row = rows.find(([, expected]) => expected !== 'yes' && expected.source.includes(text.source));
    assert.ok(row, text.source);
    const [does, , method, path, body] = row;
    await waitFor(`a policy holds: ${does}`, async () => ((await ask(method, path, body?.())) === '' ? undefined : true));
  }
});

after(() => cluster?.stop());

for (const [does, expected, method, path, body] of rows) {
  test(`the operator's token ${does}: ${expected === 'yes' ? 'allowed' : 'refused'}`, async () => {
    const said = await ask(method, path, body?.());
    if (expected === 'yes') assert.equal(said, '');
    else assert.match(said, expected);
  });
}
