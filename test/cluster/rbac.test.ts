import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ControlPlane, startControlPlane } from '../controlplane/start.ts';
import { waitFor } from '../controlplane/wait.ts';
import { installChart } from './stand/chart.ts';

/*
 * Who may do what, asked of the real API server by impersonation: the chart's ClusterRoles and admission policies against people of a namespace, people of
 * another one, and the attacks of a namespace's admin. Writes are dry runs, which pass through everything but the storage.
 */

const GROUP = '/apis/elasticruntime.dev/v1alpha1';
const KEY = 'arn:aws:kms:us-east-1:111122223333:key/0d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e01';
const apiVersion = 'elasticruntime.dev/v1alpha1';
type Json = Readonly<Record<string, unknown>>;

let cluster: ControlPlane;
let uid = '';

const role = (name: string) => ({ roleArn: `arn:aws:iam::111122223333:role/${name}` });
const identities = { agent: role('acme-agent'), operator: role('acme-operator'), master: role('acme-master'), worker: role('acme-worker') };

function runtime(spec: Json = {}, namespace = 'finance', name = 'other'): Json {
  return {
    apiVersion,
    kind: 'ElasticRuntime',
    metadata: { name, namespace },
    spec: {
      organization: 'acme',
      region: 'us-east-1',
      identities,
      staging: { uri: 's3://acme-staging/elastic', kmsKeyArn: KEY },
      logs: { uri: 's3://acme-logs/elastic', kmsKeyArn: KEY },
      network: { subnetIds: ['subnet-a'], securityGroupIds: ['sg-1'] },
      workers: { max: 4 },
      tags: { CostCenter: '1' },
      ...spec,
    },
  };
}

/** With what is said, and nothing else. */
const bare = (spec: Json): Json => ({ apiVersion, kind: 'ElasticRuntime', metadata: { name: 'other', namespace: 'finance' }, spec });

const container = { name: 'main', image: 'registry.example.com/x:1' };

function job(spec: Json = {}, pod: Json = {}): Json {
  return {
    apiVersion,
    kind: 'ElasticJob',
    metadata: { name: 'one', namespace: 'finance' },
    spec: { runtime: 'analytics', master: { template: { spec: { containers: [container], ...pod } } }, ...spec },
  };
}

function connection(authentication: Json, name = 'new'): Json {
  const spec = { connector: 'AmazonS3', location: 's3://acme-orders/', authentication };
  return { apiVersion, kind: 'ElasticConnection', metadata: { name, namespace: 'finance' }, spec };
}

const keys = (name: string) => ({ credentials: { secretRef: { name } } });
const source = (authentication: Json) => ({
  name: 'in',
  usage: 'Source',
  connector: 'AmazonS3',
  location: 's3://acme-orders/',
  authentication,
});
const place = (more: Json) => ({ ...source(role('data/reader')), location: 's3://acme-orders/raw/', kmsKeyArn: KEY, ...more });
const reference = (name: string) => ({ name: 'in', usage: 'Source', connectionRef: { name } });

function pod(spec: Json, namespace = 'research'): Json {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace }, spec: { containers: [container], ...spec } };
}

function workload(kind: 'Deployment' | 'DaemonSet', spec: Json, namespace = 'research'): Json {
  const labels = { app: 'x' };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'w', namespace },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [container], ...spec } } },
  };
}

const ofRuntime = (value: string) => ({
  tolerations: [{ key: 'elasticruntime.dev/runtime', operator: 'Equal', value, effect: 'NoSchedule' }],
});
/** What Pod Security asks for in the agents' namespace: so that it is not what refuses. */
const restricted = {
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [{ ...container, securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
};
const ofAll = { tolerations: [{ operator: 'Exists' }] };
const ofAllRuntimes = { tolerations: [{ key: 'elasticruntime.dev/runtime', operator: 'Exists' }] };
const node = (spec: Json = {}) => ({
  apiVersion,
  kind: 'ElasticNode',
  metadata: { name: 'fake' },
  spec: {
    runtimeRef: { namespace: 'finance', name: 'analytics', uid: '00000000-0000-4000-8000-000000000001' },
    role: 'worker',
    pool: 'workers',
    attempt: 1,
    offerings: [{ instanceType: 'm7i.large', zone: 'us-east-1a', subnetId: 'subnet-a', capacityType: 'on-demand' }],
    ...spec,
  },
});

/** Users and the ClusterRoles that they are bound to, in a namespace or (without one) in the cluster. */
const people: readonly (readonly [user: string, clusterRole: string, namespace?: string])[] = [
  ['vera', 'view', 'finance'],
  ['sam', 'elastic-job-submitter', 'finance'],
  ['uma', 'elastic-job-submitter', 'finance'],
  ['rita', 'elastic-job-submitter', 'finance'],
  ['ed', 'edit', 'finance'],
  ['ron', 'elastic-runtime-admin', 'finance'],
  ['ada', 'admin', 'finance'],
  ['eve', 'admin', 'research'],
  // Every right that there is in a namespace.
  ['mallory', 'cluster-admin', 'research'],
  ['moe', 'cluster-admin', 'finance'],
  ['pat', 'cluster-admin'],
  ['clara', 'class-writer'],
  ['nina', 'namespace-maker'],
];

const operator = 'system:serviceaccount:elastic-system:elastic-runtime-operator';
/** The role of the cluster's own machines. */
const ownNodes = role('eks-nodes').roleArn;

before(async () => {
  cluster = await startControlPlane();
  await installChart(cluster, { clusterName: 'stand', nodeAgents: true, trustedNodeRoles: [ownNodes] });
  const make = async (path: string, body: Json) => {
    const { status, body: answer } = await cluster.call('POST', path, body);
    assert.ok(status === 201, `${path}: ${JSON.stringify(answer)}`);
    return answer as { readonly metadata: { readonly uid: string } };
  };
  const labels = { team: 'finance', 'elasticruntime.dev/organization': 'acme' };
  await make('/api/v1/namespaces', { metadata: { name: 'finance', labels } });
  await make('/api/v1/namespaces', { metadata: { name: 'research' } });
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await make(`${rbac}/clusterroles`, {
    metadata: { name: 'class-writer' },
    rules: [
      { apiGroups: ['elasticruntime.dev'], resources: ['elasticruntimeclasses'], verbs: ['create', 'update', 'patch'] },
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['create'] },
    ],
  });
  await make(`${rbac}/clusterroles`, {
    metadata: { name: 'namespace-maker' },
    rules: [{ apiGroups: [''], resources: ['namespaces'], verbs: ['create'] }],
  });
  for (const [name, spec] of [
    ['standing', {}],
    ['placed', { nodeName: 'ip-10-0-0-9' }],
  ] as const)
    await make('/apis/apps/v1/namespaces/research/deployments', {
      ...workload('Deployment', spec),
      metadata: { name, namespace: 'research' },
    });
  for (const [user, name, namespace] of people) {
    const binding = {
      metadata: { name: user },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
    };
    await make(namespace === undefined ? `${rbac}/clusterrolebindings` : `${rbac}/namespaces/${namespace}/rolebindings`, binding);
  }
  const grants = [
    ['uma', { apiGroups: ['elasticruntime.dev'], resources: ['elasticconnections'], resourceNames: ['orders'], verbs: ['use'] }],
    ['rita', { apiGroups: [''], resources: ['secrets'], resourceNames: ['warehouse-keys', 'external'], verbs: ['get'] }],
  ] as const;
  for (const [user, rule] of grants) {
    await make(`${rbac}/namespaces/finance/roles`, { metadata: { name: user }, rules: [rule] });
    await make(`${rbac}/namespaces/finance/rolebindings`, {
      metadata: { name: `${user}-own` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: user },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
    });
  }
  uid = (await make(`${GROUP}/namespaces/finance/elasticruntimes`, runtime({ tags: {} }, 'finance', 'analytics'))).metadata.uid;
  await make(`${GROUP}/namespaces/finance/elasticruntimes`, runtime({ tags: {} }, 'finance', 'strict'));
  // As the operator writes it for a class that allows no more.
  const ofStrict = {
    runtimeClassName: 'strict',
    allowed: { uris: ['s3://acme-orders/raw', 's3://acme-artifacts/*'], connectionRoleArns: [role('data/*').roleArn], kmsKeyArns: [KEY] },
  };
  const written = await cluster.call('PATCH', `${GROUP}/namespaces/finance/elasticruntimes/strict/status`, {
    status: { resolved: ofStrict },
  });
  assert.equal(written.status, 200, JSON.stringify(written.body));
  await make(`${GROUP}/namespaces/finance/elasticjobs`, { ...job(), metadata: { name: 'there', namespace: 'finance' } });
  await make(`${GROUP}/namespaces/finance/elasticconnections`, connection(role('orders-reader'), 'orders'));
  await make(`${GROUP}/namespaces/finance/elasticconnections`, connection(keys('payroll'), 'keyed'));
  const known = {
    ...identities,
    operator: { ...identities.operator, externalIdSecretRef: { name: 'acme-external-id', key: 'externalId' } },
  };
  const listed = runtime({ identities: known, allowedSecrets: ['payroll'] }, 'finance', 'listed');
  await make(`${GROUP}/namespaces/finance/elasticruntimes`, listed);
  await make(`${GROUP}/elasticnodes`, { ...node(), metadata: { name: 'there' } });
  await make('/api/v1/namespaces/elastic-agents/serviceaccounts', {
    metadata: {
      name: 'finance.analytics',
      labels: { 'app.kubernetes.io/managed-by': 'elastic-runtime-operator', 'elasticruntime.dev/namespace': 'finance' },
      annotations: { 'elasticruntime.dev/runtime-uid': uid },
    },
  });
  const arns = {
    roleArns: ['arn:aws:iam::111122223333:role/acme-*'],
    uris: ['s3://acme-staging/*', 's3://acme-logs/*'],
    kmsKeyArns: ['arn:aws:kms:us-east-1:111122223333:key/*'],
  };
  const allowed = { ...arns, subnetIds: ['subnet-a'], securityGroupIds: ['sg-1'], imageFamilies: ['AL2023'] };
  await make(`${GROUP}/elasticruntimeclasses`, {
    apiVersion,
    kind: 'ElasticRuntimeClass',
    metadata: { name: 'default' },
    spec: {
      organization: 'acme',
      allowed,
      requiredTags: ['CostCenter'],
      namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['finance'] }] },
    },
  });
  await make(`${GROUP}/elasticruntimeclasses`, {
    apiVersion,
    kind: 'ElasticRuntimeClass',
    metadata: { name: 'open' },
    spec: { allowed: { defaultRoles: 'Allowed', x509: 'Allowed' } },
  });
  await make(`${GROUP}/elasticruntimeclasses`, {
    apiVersion,
    kind: 'ElasticRuntimeClass',
    metadata: { name: 'full' },
    spec: {
      organization: 'acme',
      allowed,
      namespaceSelector: { matchLabels: { team: 'finance' } },
      requiredTags: ['CostCenter'],
      defaults: (runtime() as { readonly spec: Json }).spec,
    },
  });
  // Aggregation (of each role on its own) and policies are known a moment later.
  for (const [who, method, path, body] of [
    ['vera', 'GET', jobs, undefined],
    ['ed', 'POST', jobs, job()],
    ['ada', 'POST', runtimes(), runtime()],
  ] as const)
    await waitFor(`the role of ${who} is aggregated`, async () => ((await ask(who, method, path, body)) === '' ? true : undefined));
  await mistaken('nodewriter');
  await mistaken('agentsadmin');
  const request = { apiVersion, kind: 'ElasticAccessRequest', metadata: { name: 'there', namespace: 'finance' } };
  const asked = { kind: 'Logs', job: 'there', log: 'agent', publicKey: `${'A'.repeat(87)}=`, requestedBy: 'moe' };
  const path = `${GROUP}/namespaces/finance/elasticaccessrequests`;
  const made = await cluster.call('POST', path, { ...request, spec: asked }, { user: 'moe', groups: ['system:authenticated'] });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  // One row of each policy: it holds from then on.
  const slow = rows.filter(([, does, expected]) => FIRST.has(does) && expected !== 'yes');
  for (const [who, does, , method, path, body] of slow)
    await waitFor(`a policy holds: ${who} ${does}`, async () => ((await ask(who, method, path, body?.())) === '' ? undefined : true));
});

after(() => cluster?.stop());

/** '' where it is allowed, else what is said. */
async function ask(user: string, method: string, path: string, body?: Json, groups?: readonly string[]): Promise<string> {
  const dry = method === 'GET' || method === 'TOKEN' ? '' : '?dryRun=All';
  const { status, body: answer } = await cluster.call(method === 'TOKEN' ? 'POST' : method, path + dry, body, {
    user,
    groups: ['system:authenticated', ...(groups ?? [])],
  });
  return status < 300 ? '' : `${status} ${(answer as { readonly message?: string }).message ?? ''}`;
}

type Row = readonly [who: string, does: string, expected: RegExp | 'yes', method: string, path: string, body?: () => Json];

const runtimes = (namespace = 'finance') => `${GROUP}/namespaces/${namespace}/elasticruntimes`;
const jobs = `${GROUP}/namespaces/finance/elasticjobs`;
const connections = `${GROUP}/namespaces/finance/elasticconnections`;
const nodes = `${GROUP}/elasticnodes`;
const agents = '/api/v1/namespaces/elastic-agents';
const pods = '/api/v1/namespaces/research/pods';
const RBAC = /^403 .* cannot /;

const rows: readonly Row[] = [
  // Reading.
  ['vera', 'lists jobs', 'yes', 'GET', jobs],
  ['vera', 'lists runtimes', 'yes', 'GET', runtimes()],
  ['vera', 'lists connections', 'yes', 'GET', connections],
  ['vera', 'lists runtimes of another namespace', RBAC, 'GET', runtimes('research')],
  ['eve', 'lists jobs of another namespace', RBAC, 'GET', jobs],
  ['nobody', 'lists jobs', RBAC, 'GET', jobs],
  ['sam', 'reads Secrets through nothing of ours', RBAC, 'GET', '/api/v1/namespaces/finance/secrets'],
  ['ron', 'reads Secrets through nothing of ours', RBAC, 'GET', '/api/v1/namespaces/finance/secrets'],
  // Writing what is one's own.
  ['vera', 'makes a job', RBAC, 'POST', jobs, () => job()],
  ['sam', 'makes a job', 'yes', 'POST', jobs, () => job()],
  ['ed', 'makes a job', 'yes', 'POST', jobs, () => job()],
  ['ada', 'makes a job', 'yes', 'POST', jobs, () => job()],
  ['sam', 'suspends a job', 'yes', 'PATCH', `${jobs}/there`, () => ({ spec: { suspend: true } })],
  ['sam', 'deletes a job', 'yes', 'DELETE', `${jobs}/there`],
  ['sam', 'makes a runtime', RBAC, 'POST', runtimes(), () => runtime()],
  ['ed', 'makes a runtime', RBAC, 'POST', runtimes(), () => runtime()],
  ['ron', 'makes a runtime', 'yes', 'POST', runtimes(), () => runtime()],
  ['ada', 'makes a runtime', 'yes', 'POST', runtimes(), () => runtime()],
  ['eve', "makes a runtime in somebody else's namespace", RBAC, 'POST', runtimes(), () => runtime()],
  ['sam', 'makes a connection', RBAC, 'POST', connections, () => connection(role('orders-reader'))],
  ['ron', 'makes a connection', 'yes', 'POST', connections, () => connection(role('orders-reader'))],
  ['ada', 'writes the status of a job', RBAC, 'PATCH', `${jobs}/there/status`, () => ({ status: { phase: 'Succeeded' } })],
  [
    'ada',
    'writes the status of a runtime',
    RBAC,
    'PATCH',
    `${runtimes()}/analytics/status`,
    () => ({ status: { idleSince: '2026-01-01T00:00:00Z' } }),
  ],
  // Classes.
  [
    'ada',
    'makes a class',
    RBAC,
    'POST',
    `${GROUP}/elasticruntimeclasses`,
    () => ({ apiVersion, kind: 'ElasticRuntimeClass', metadata: { name: 'mine' }, spec: {} }),
  ],
  ['ada', 'widens a class', RBAC, 'PATCH', `${GROUP}/elasticruntimeclasses/default`, () => ({ spec: { organization: null } })],
  [
    'pat',
    'makes a class',
    'yes',
    'POST',
    `${GROUP}/elasticruntimeclasses`,
    () => ({ apiVersion, kind: 'ElasticRuntimeClass', metadata: { name: 'mine' }, spec: {} }),
  ],
  [
    'ada',
    "names another account's role",
    /ElasticRuntimeClass default: spec\.identities: arn:aws:iam::999988887777:role\/acme-agent not among.*allowed\.roleArns/,
    'POST',
    runtimes(),
    () => runtime({ identities: { ...identities, agent: { roleArn: 'arn:aws:iam::999988887777:role/acme-agent' } } }),
  ],
  [
    'ada',
    'names a role that only ends like an allowed one',
    /allowed\.roleArns/,
    'POST',
    runtimes(),
    () => runtime({ identities: { ...identities, worker: role('x/acme-worker') } }),
  ],
  [
    'ada',
    "names an administrator's instance profile",
    /instance-profile\/admin not among/,
    'POST',
    runtimes(),
    () => runtime({ identities: { ...identities, node: { instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/admin' } } }),
  ],
  [
    'ada',
    'names an instance profile like an allowed role',
    'yes',
    'POST',
    runtimes(),
    () => runtime({ identities: { ...identities, node: { instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/acme-node' } } }),
  ],
  [
    'ada',
    'stages in a bucket that looks like an allowed one',
    /s3:\/\/acme-staging2\/elastic not among.*allowed\.uris/,
    'POST',
    runtimes(),
    () => runtime({ staging: { uri: 's3://acme-staging2/elastic', kmsKeyArn: KEY } }),
  ],
  [
    'ada',
    "reads an init script of somebody else's",
    /allowed\.uris/,
    'POST',
    runtimes(),
    () => runtime({ initScript: { uri: 's3://evil/init.sh' } }),
  ],
  [
    'ada',
    'encrypts with a key of another account',
    /allowed\.kmsKeyArns/,
    'POST',
    runtimes(),
    () => runtime({ logs: { uri: 's3://acme-logs/elastic', kmsKeyArn: KEY.replace('111122223333', '999988887777') } }),
  ],
  [
    'ada',
    'takes another subnet',
    /allowed\.subnetIds/,
    'POST',
    runtimes(),
    () => runtime({ network: { subnetIds: ['subnet-b'], securityGroupIds: ['sg-1'] } }),
  ],
  [
    'ada',
    'takes another security group',
    /allowed\.securityGroupIds/,
    'POST',
    runtimes(),
    () => runtime({ network: { subnetIds: ['subnet-a'], securityGroupIds: ['sg-1', 'sg-2'] } }),
  ],
  [
    'ada',
    'takes an image of its own',
    /allowed\.imageFamilies/,
    'POST',
    runtimes(),
    () => runtime({ machineImage: { family: 'Custom', amiId: 'ami-1' } }),
  ],
  [
    'ada',
    'hides the image in a pool',
    /allowed\.imageFamilies/,
    'POST',
    runtimes(),
    () => runtime({ workers: { max: 1, pools: [{ name: 'x', machineImage: { family: 'Custom', amiId: 'ami-1' } }] } }),
  ],
  [
    'ada',
    'asks for default roles',
    /allows no default roles/,
    'POST',
    runtimes(),
    () => runtime({ identities: { agent: identities.agent, operator: identities.operator } }),
  ],
  [
    'ada',
    'asks for X.509',
    /allows no X\.509/,
    'POST',
    runtimes(),
    () =>
      runtime({
        identities: {
          ...identities,
          agent: {
            ...identities.agent,
            x509: {
              endpoint: 'c1.credentials.iot.us-east-1.amazonaws.com',
              roleAlias: 'a',
              thingName: 't',
              certificateSecretRef: { name: 'c' },
            },
          },
        },
      }),
  ],
  ['ada', 'leaves out a required tag', /requires the tags CostCenter/, 'POST', runtimes(), () => runtime({ tags: {} })],
  [
    'ada',
    'works for another organization',
    /labelled elasticruntime\.dev\/organization=acme|organization acme only/,
    'POST',
    runtimes(),
    () => runtime({ organization: 'globex' }),
  ],
  ['ada', 'takes the class of others in its place', 'yes', 'POST', runtimes(), () => runtime({ runtimeClassName: 'open', tags: {} })],
  [
    'eve',
    'uses a class that is not for the namespace',
    /is not for namespace research: its namespaceSelector/,
    'POST',
    runtimes('research'),
    () => runtime({}, 'research'),
  ],
  [
    'ada',
    'changes an allowed runtime to a refused role',
    /allowed\.roleArns/,
    'PATCH',
    `${runtimes()}/analytics`,
    () => ({ spec: { identities: { worker: role('evil') } } }),
  ],
  [
    'ada',
    'suspends a runtime that its class no longer allows',
    'yes',
    'PATCH',
    `${runtimes()}/analytics`,
    () => ({ spec: { suspend: true } }),
  ],
  [
    'ada',
    'labels the namespace for another organization',
    RBAC,
    'PATCH',
    '/api/v1/namespaces/finance',
    () => ({ metadata: { labels: { 'elasticruntime.dev/organization': 'globex' } } }),
  ],
  [
    'clara',
    'makes a class with the right to classes only',
    'yes',
    'POST',
    `${GROUP}/elasticruntimeclasses`,
    () => ({ apiVersion, kind: 'ElasticRuntimeClass', metadata: { name: 'mine' }, spec: {} }),
  ],
  [
    'clara',
    'makes something else of the cluster, which is none of our business',
    'yes',
    'POST',
    '/apis/rbac.authorization.k8s.io/v1/clusterroles',
    () => ({ metadata: { name: 'theirs' }, rules: [] }),
  ],
  ['ada', 'leaves everything to a class that gives it', 'yes', 'POST', runtimes(), () => bare({ runtimeClassName: 'full' })],
  [
    'ada',
    'leaves all but a place that the class does not allow',
    /ElasticRuntimeClass full: spec\.staging, spec\.logs, spec\.initScript: s3:\/\/evil\/x not among.*allowed\.uris/,
    'POST',
    runtimes(),
    () => bare({ runtimeClassName: 'full', staging: { uri: 's3://evil/x' } }),
  ],
  [
    'ada',
    'leaves all but an organization of her own to the class',
    /labelled elasticruntime\.dev\/organization=acme|organization acme only/,
    'POST',
    runtimes(),
    () => bare({ runtimeClassName: 'full', organization: 'globex' }),
  ],
  [
    'ada',
    'takes out what the class could give in its place',
    /staging is immutable: it cannot be taken out again/,
    'PATCH',
    `${runtimes()}/analytics`,
    () => ({ spec: { staging: null } }),
  ],
  // What jobs name themselves, by the class of their runtime.
  ['ron', 'reads where the class allows it', 'yes', 'POST', jobs, () => job({ runtime: 'strict', connections: [place({})] })],
  [
    'ron',
    'reads where the class does not allow it',
    /ElasticRuntimeClass strict of runtime strict: .*s3:\/\/acme-orders\/raw2\/ not among.*allowed\.uris: s3:\/\/acme-orders\/raw, /,
    'POST',
    jobs,
    () => job({ runtime: 'strict', connections: [place({ location: 's3://acme-orders/raw2/' })] }),
  ],
  [
    'ron',
    'reads a table that the class does not allow',
    /arn:aws:dynamodb:us-east-1:111122223333:table\/others not among.*allowed\.uris/,
    'POST',
    jobs,
    () =>
      job({
        runtime: 'strict',
        connections: [place({ connector: 'DynamoDB', location: 'arn:aws:dynamodb:us-east-1:111122223333:table/others' })],
      }),
  ],
  [
    'ron',
    'stages from where the class does not allow it',
    /s3:\/\/evil\/lib\.jar not among.*allowed\.uris/,
    'POST',
    jobs,
    () => job({ runtime: 'strict', dependencies: [{ path: 'lib.jar', uri: 's3://evil/lib.jar' }] }),
  ],
  [
    'ron',
    'acts as a role that the class does not allow',
    /ElasticRuntimeClass strict of runtime strict: spec\.connections: .*role\/admin not among.*allowed\.connectionRoleArns/,
    'POST',
    jobs,
    () => job({ runtime: 'strict', connections: [place({ authentication: role('admin') })] }),
  ],
  [
    'ron',
    'encrypts with a key that the class does not allow',
    /allowed\.kmsKeyArns/,
    'POST',
    jobs,
    () => job({ runtime: 'strict', connections: [place({ kmsKeyArn: KEY.replace('1111', '2222') })] }),
  ],
  [
    'ron',
    "reads elsewhere on a runtime whose class restricts nothing of jobs'",
    'yes',
    'POST',
    jobs,
    () => job({ connections: [place({ location: 's3://acme-orders/raw2/' })] }),
  ],
  // Connections: the verb use, judged of the author.
  [
    'sam',
    'names a connection without the verb use',
    /need the verb use on each ElasticConnection.*orders/,
    'POST',
    jobs,
    () => job({ connections: [reference('orders')] }),
  ],
  ['uma', 'names the connection that she may use', 'yes', 'POST', jobs, () => job({ connections: [reference('orders')] })],
  ['uma', 'names another one', /need the verb use/, 'POST', jobs, () => job({ connections: [reference('ledger')] })],
  [
    'uma',
    'names another one beside',
    /need the verb use/,
    'POST',
    jobs,
    () => job({ connections: [reference('orders'), { ...reference('ledger'), name: 'out' }] }),
  ],
  ['ron', 'names any connection', 'yes', 'POST', jobs, () => job({ connections: [reference('ledger')] })],
  ['ed', 'names a connection without the verb use', /need the verb use/, 'POST', jobs, () => job({ connections: [reference('orders')] })],
  [
    'ada',
    'gives the verb use away',
    'yes',
    'POST',
    '/apis/rbac.authorization.k8s.io/v1/namespaces/finance/roles',
    () => ({ metadata: { name: 'u' }, rules: [{ apiGroups: ['elasticruntime.dev'], resources: ['elasticconnections'], verbs: ['use'] }] }),
  ],
  // Secrets: the author's get.
  [
    'sam',
    'puts a Secret into a connection',
    /need the verb get on each Secret.*warehouse-keys/,
    'POST',
    jobs,
    () => job({ connections: [source(keys('warehouse-keys'))] }),
  ],
  [
    'rita',
    'puts a Secret that she may read into a connection',
    'yes',
    'POST',
    jobs,
    () => job({ connections: [source(keys('warehouse-keys'))] }),
  ],
  ['rita', 'puts another one into a connection', /need the verb get/, 'POST', jobs, () => job({ connections: [source(keys('payroll'))] })],
  [
    'rita',
    'names an external ID that she may read',
    'yes',
    'POST',
    jobs,
    () => job({ connections: [source({ ...role('r'), externalIdSecretRef: { name: 'external' } })] }),
  ],
  [
    'rita',
    'names an external ID that she may not',
    /need the verb get/,
    'POST',
    jobs,
    () => job({ connections: [source({ ...role('r'), externalIdSecretRef: { name: 'acme-external-id' } })] }),
  ],
  ['ed', 'puts any Secret into a connection', 'yes', 'POST', jobs, () => job({ connections: [source(keys('payroll'))] })],
  [
    'sam',
    'mounts a Secret',
    /need the verb get/,
    'POST',
    jobs,
    () => job({}, { volumes: [{ name: 's', secret: { secretName: 'payroll' } }] }),
  ],
  [
    'rita',
    'mounts a Secret that she may read',
    'yes',
    'POST',
    jobs,
    () => job({}, { volumes: [{ name: 's', secret: { secretName: 'warehouse-keys' } }] }),
  ],
  [
    'sam',
    'hides a Secret in an environment variable',
    /env, envFrom, a projected volume/,
    'POST',
    jobs,
    () => job({}, { containers: [{ ...container, env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'payroll', key: 'k' } } }] }] }),
  ],
  [
    'sam',
    'hides a Secret in envFrom',
    /env, envFrom, a projected volume/,
    'POST',
    jobs,
    () => job({}, { containers: [{ ...container, envFrom: [{ secretRef: { name: 'payroll' } }] }] }),
  ],
  [
    'sam',
    'hides a Secret in a projected volume',
    /env, envFrom, a projected volume/,
    'POST',
    jobs,
    () => job({}, { volumes: [{ name: 's', projected: { sources: [{ secret: { name: 'payroll' } }] } }] }),
  ],
  [
    'sam',
    'hides a Secret in what a driver is told of a volume',
    /env, envFrom, a projected volume/,
    'POST',
    jobs,
    () => job({}, { volumes: [{ name: 's', csi: { driver: 'x', nodePublishSecretRef: { name: 'payroll' } } }] }),
  ],
  [
    'sam',
    'hides a Secret in an Azure volume',
    /env, envFrom, a projected volume/,
    'POST',
    jobs,
    () => job({}, { volumes: [{ name: 's', azureFile: { shareName: 'x', secretName: 'payroll' } }] }),
  ],
  [
    'rita',
    'mounts what a driver is told, of a Secret that she may read and names',
    'yes',
    'POST',
    jobs,
    () =>
      job(
        { connections: [source(keys('warehouse-keys'))] },
        { volumes: [{ name: 's', csi: { driver: 'x', nodePublishSecretRef: { name: 'warehouse-keys' } } }] },
      ),
  ],
  [
    'sam',
    "hides a Secret in the workers' template",
    /need the verb get/,
    'POST',
    jobs,
    () =>
      job({
        workers: {
          min: 0,
          max: 1,
          template: { spec: { containers: [container], volumes: [{ name: 's', secret: { secretName: 'payroll' } }] } },
        },
      }),
  ],
  [
    'ron',
    'makes a connection of a Secret that he may not read',
    /need the verb get/,
    'POST',
    connections,
    () => connection(keys('payroll')),
  ],
  [
    'ron',
    'turns a connection to a Secret that he may not read',
    /need the verb get/,
    'PATCH',
    `${connections}/orders`,
    () => ({ spec: { authentication: { roleArn: null, credentials: { secretRef: { name: 'payroll' } } } } }),
  ],
  [
    'ron',
    'sends the keys of a connection elsewhere that he may not read',
    /need the verb get/,
    'PATCH',
    `${connections}/keyed`,
    () => ({ spec: { location: 's3://evil/' } }),
  ],
  [
    'ron',
    'tells the keys of a connection to a role of his own, as an external ID',
    /need the verb get/,
    'PATCH',
    `${connections}/keyed`,
    () => ({ spec: { authentication: { credentials: null, ...role('evil'), externalIdSecretRef: { name: 'payroll', key: 'key' } } } }),
  ],
  [
    'ron',
    'labels a connection whose keys he may not read',
    'yes',
    'PATCH',
    `${connections}/keyed`,
    () => ({ metadata: { labels: { floor: '3' } } }),
  ],
  [
    'ada',
    'moves a connection whose keys she may read',
    'yes',
    'PATCH',
    `${connections}/keyed`,
    () => ({ spec: { location: 's3://acme-ledger/' } }),
  ],
  [
    'ron',
    "tells a Secret for templates to a role of his own, as the operator's external ID",
    /need the verb get/,
    'PATCH',
    `${runtimes()}/listed`,
    () => ({ spec: { identities: { operator: { ...role('acme-evil'), externalIdSecretRef: { name: 'payroll', key: 'key' } } } } }),
  ],
  [
    'ron',
    'tells an external ID that he may not read to another role',
    /need the verb get/,
    'PATCH',
    `${runtimes()}/listed`,
    () => ({ spec: { identities: { operator: role('acme-other') } } }),
  ],
  ['ron', 'suspends a runtime whose Secrets he may not read', 'yes', 'PATCH', `${runtimes()}/listed`, () => ({ spec: { suspend: true } })],
  [
    'ron',
    'lists one Secret more for templates that he may not read',
    /need the verb get/,
    'PATCH',
    `${runtimes()}/listed`,
    () => ({ spec: { allowedSecrets: ['payroll', 'other'] } }),
  ],
  ['ron', 'lists one Secret less', 'yes', 'PATCH', `${runtimes()}/listed`, () => ({ spec: { allowedSecrets: [] } })],
  [
    'ron',
    'lists a Secret for templates that he may not read',
    /need the verb get/,
    'POST',
    runtimes(),
    () => runtime({ allowedSecrets: ['payroll'] }),
  ],
  [
    'ron',
    'names an external ID that he may not read',
    /need the verb get/,
    'POST',
    runtimes(),
    () => runtime({ identities: { ...identities, operator: { ...identities.operator, externalIdSecretRef: { name: 'payroll' } } } }),
  ],
  [
    'ada',
    'names an external ID',
    'yes',
    'POST',
    runtimes(),
    () => runtime({ identities: { ...identities, operator: { ...identities.operator, externalIdSecretRef: { name: 'payroll' } } } }),
  ],
  // ElasticNodes are the operator's.
  ['ada', 'makes an ElasticNode', RBAC, 'POST', nodes, () => node()],
  ['ada', 'reads ElasticNodes', RBAC, 'GET', nodes],
  ['nodewriter', 'makes an ElasticNode with a right given by mistake', /written by the operator only/, 'POST', nodes, () => node()],
  [
    'nodewriter',
    'changes one with a right given by mistake',
    /written by the operator only/,
    'PATCH',
    `${nodes}/there`,
    () => ({ spec: { reservedFor: [] } }),
  ],
  [
    'nodewriter',
    'changes a status with a right given by mistake',
    /written by the operator only/,
    'PATCH',
    `${nodes}/there/status`,
    () => ({ status: { phase: 'Ready' } }),
  ],
  ['nodewriter', 'deletes one with a right given by mistake', /written by the operator only/, 'DELETE', `${nodes}/there`],
  [operator, 'makes an ElasticNode', 'yes', 'POST', nodes, () => node()],
  ['pat', 'repairs an ElasticNode', 'yes', 'DELETE', `${nodes}/there`],
  // So is every status, also against who has every right in the namespace.
  ['moe', 'deletes a job', 'yes', 'DELETE', `${jobs}/there`],
  ...(['elasticjobs/there', 'elasticruntimes/analytics', 'elasticaccessrequests/there'] as const).flatMap((object): readonly Row[] => {
    const path = `${GROUP}/namespaces/finance/${object}/status`;
    const body = () => ({ status: { internal: { connections: {} } } });
    const refused = /the status of elastic[a-z]+ is written by the operator only/;
    return [
      ['moe', `writes the status of ${object}`, refused, 'PATCH', path, body],
      [operator, `writes the status of ${object}`, 'yes', 'PATCH', path, body],
      ['pat', `repairs the status of ${object}`, 'yes', 'PATCH', path, body],
    ];
  }),
  // The agents' namespace.
  ['ada', 'reads its ServiceAccounts', RBAC, 'GET', `${agents}/serviceaccounts`],
  ['ada', 'mints a token', RBAC, 'POST', `${agents}/serviceaccounts/finance.analytics/token`, () => ({ spec: {} })],
  [
    'agentsadmin',
    'mints a token as an admin of the namespace by mistake',
    /operator's alone/,
    'POST',
    `${agents}/serviceaccounts/finance.analytics/token`,
    () => ({ spec: {} }),
  ],
  [
    'agentsadmin',
    'runs a pod there',
    /operator's alone/,
    'POST',
    `${agents}/pods`,
    () => pod({ serviceAccountName: 'finance.analytics', ...restricted }, 'elastic-agents'),
  ],
  [
    'agentsadmin',
    "makes a token's Secret there",
    /operator's alone/,
    'POST',
    `${agents}/secrets`,
    () => ({
      metadata: { name: 't', annotations: { 'kubernetes.io/service-account.name': 'finance.analytics' } },
      type: 'kubernetes.io/service-account-token',
    }),
  ],
  [
    'agentsadmin',
    'says that a runtime is of another namespace',
    /operator's alone/,
    'PATCH',
    `${agents}/serviceaccounts/finance.analytics`,
    () => ({ metadata: { labels: { 'elasticruntime.dev/namespace': 'research' } } }),
  ],
  [
    'agentsadmin',
    'runs a Deployment there',
    /operator's alone/,
    'POST',
    '/apis/apps/v1/namespaces/elastic-agents/deployments',
    () => workload('Deployment', {}, 'elastic-agents'),
  ],
  [
    'agentsadmin',
    'gives somebody rights there',
    /operator's alone/,
    'POST',
    '/apis/rbac.authorization.k8s.io/v1/namespaces/elastic-agents/rolebindings',
    () => ({ metadata: { name: 'x' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' } }),
  ],
  [
    operator,
    'mints a token',
    'yes',
    'TOKEN',
    `${agents}/serviceaccounts/finance.analytics/token`,
    () => ({ spec: { audiences: ['sts.amazonaws.com'], expirationSeconds: 600 } }),
  ],
  [operator, 'mints a token elsewhere', RBAC, 'POST', '/api/v1/namespaces/finance/serviceaccounts/default/token', () => ({ spec: {} })],
  [operator, 'lists Secrets', RBAC, 'GET', '/api/v1/secrets'],
  [
    operator,
    'changes a Role',
    RBAC,
    'POST',
    '/apis/rbac.authorization.k8s.io/v1/namespaces/finance/roles',
    () => ({ metadata: { name: 'x' }, rules: [] }),
  ],
  // Machines of a runtime.
  ['eve', "tolerates another namespace's runtime", /for the runtime of another namespace/, 'POST', pods, () => pod(ofRuntime(uid))],
  ['ada', "tolerates her own namespace's runtime", 'yes', 'POST', '/api/v1/namespaces/finance/pods', () => pod(ofRuntime(uid), 'finance')],
  ['eve', 'tolerates all runtimes', /toleration of every taint/, 'POST', pods, () => pod(ofAllRuntimes)],
  ['eve', 'tolerates everything', /toleration of every taint/, 'POST', pods, () => pod(ofAll)],
  [
    'eve',
    'tolerates everything in a DaemonSet',
    /toleration of every taint/,
    'POST',
    '/apis/apps/v1/namespaces/research/daemonsets',
    () => workload('DaemonSet', ofAll),
  ],
  [
    'eve',
    'tolerates everything in a Deployment',
    /toleration of every taint/,
    'POST',
    '/apis/apps/v1/namespaces/research/deployments',
    () => workload('Deployment', ofAll),
  ],
  [
    'eve',
    'tolerates everything in a CronJob',
    /toleration of every taint/,
    'POST',
    '/apis/batch/v1/namespaces/research/cronjobs',
    () => ({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'c', namespace: 'research' },
      spec: {
        schedule: '@daily',
        jobTemplate: { spec: { template: { spec: { containers: [container], restartPolicy: 'Never', ...ofAll } } } },
      },
    }),
  ],
  [
    'eve',
    'names the machine of a Deployment that stands already',
    /passes the scheduler/,
    'PATCH',
    '/apis/apps/v1/namespaces/research/deployments/standing',
    () => ({ spec: { template: { spec: { nodeName: 'ip-10-0-0-1' } } } }),
  ],
  [
    'eve',
    'changes something else of a Deployment that names its machine already',
    'yes',
    'PATCH',
    '/apis/apps/v1/namespaces/research/deployments/placed',
    () => ({ spec: { template: { metadata: { labels: { version: '2' } } } } }),
  ],
  [
    'mallory',
    'writes a revision from which the StatefulSet controller would make pods',
    /revisions are written by the controllers/,
    'POST',
    '/apis/apps/v1/namespaces/research/controllerrevisions',
    () => ({
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'forged', namespace: 'research' },
      revision: 1,
      data: { spec: { template: { spec: { nodeName: 'ip-10-0-0-1' } } } },
    }),
  ],
  [
    'mallory',
    'labels her namespace for another organization',
    /labels of a namespace decide/,
    'PATCH',
    '/api/v1/namespaces/research',
    () => ({ metadata: { labels: { 'elasticruntime.dev/organization': 'acme' } } }),
  ],
  [
    'mallory',
    'labels her namespace so that a class of others selects it',
    /labels of a namespace decide/,
    'PATCH',
    '/api/v1/namespaces/research',
    () => ({ metadata: { labels: { team: 'finance' } } }),
  ],
  [
    'mallory',
    'labels her namespace for another organization by its status',
    /labels of a namespace decide/,
    'PATCH',
    '/api/v1/namespaces/research/status',
    () => ({ metadata: { labels: { 'elasticruntime.dev/organization': 'acme' } } }),
  ],
  [
    'mallory',
    'labels her namespace so that a class of others selects it, by its status',
    /labels of a namespace decide/,
    'PATCH',
    '/api/v1/namespaces/research/status',
    () => ({ metadata: { labels: { team: 'finance' } } }),
  ],
  [
    'mallory',
    'labels her namespace as it is finalized',
    /labels of a namespace decide/,
    'PUT',
    '/api/v1/namespaces/research/finalize',
    () => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'research', labels: { 'kubernetes.io/metadata.name': 'research', team: 'finance' } },
      spec: { finalizers: ['kubernetes'] },
    }),
  ],
  [
    'mallory',
    'labels her namespace with what nothing of ours reads, by its status',
    'yes',
    'PATCH',
    '/api/v1/namespaces/research/status',
    () => ({ metadata: { labels: { floor: '3' } } }),
  ],
  [
    'mallory',
    'labels her namespace with what nothing of ours reads',
    'yes',
    'PATCH',
    '/api/v1/namespaces/research',
    () => ({ metadata: { labels: { floor: '3' } } }),
  ],
  [
    'nina',
    'makes a namespace of an organization with the right to make namespaces only',
    /labels of a namespace decide/,
    'POST',
    '/api/v1/namespaces',
    () => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'new', labels: { 'elasticruntime.dev/organization': 'acme' } } }),
  ],
  [
    'nina',
    'makes a namespace',
    'yes',
    'POST',
    '/api/v1/namespaces',
    () => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'new' } }),
  ],
  [
    'pat',
    'labels a namespace for an organization',
    'yes',
    'PATCH',
    '/api/v1/namespaces/research',
    () => ({ metadata: { labels: { 'elasticruntime.dev/organization': 'globex', team: 'finance' } } }),
  ],
  ['mallory', 'names the machine of her pod', /passes the scheduler/, 'POST', pods, () => pod({ nodeName: 'ip-10-0-0-1' })],
  [
    'mallory',
    'binds her pod as the scheduler does',
    /a binding passes the scheduler/,
    'POST',
    `${pods}/p/binding`,
    () => ({
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p', namespace: 'research' },
      target: { apiVersion: 'v1', kind: 'Node', name: 'ip-10-0-0-1' },
    }),
  ],
  ['eve', 'binds a pod to a machine by name', /passes the scheduler/, 'POST', pods, () => pod({ nodeName: 'ip-10-0-0-1' })],
  [
    'eve',
    'tolerates a taint of her own',
    'yes',
    'POST',
    pods,
    () => pod({ tolerations: [{ key: 'example.com/gpu', operator: 'Exists' }] }),
  ],
  ['eve', 'runs a Deployment', 'yes', 'POST', '/apis/apps/v1/namespaces/research/deployments', () => workload('Deployment', {})],
  ['pat', 'runs a DaemonSet everywhere', 'yes', 'POST', '/apis/apps/v1/namespaces/research/daemonsets', () => workload('DaemonSet', ofAll)],
  [
    'eve',
    'labels a machine as her own',
    RBAC,
    'PATCH',
    '/api/v1/nodes/x',
    () => ({ metadata: { labels: { 'runtime.node-restriction.kubernetes.io/uid': 'x' } } }),
  ],
];

const FIRST: ReadonlySet<string> = new Set([
  'works for another organization',
  'takes another subnet',
  'names a connection without the verb use',
  'puts a Secret into a connection',
  'makes a connection of a Secret that he may not read',
  'lists a Secret for templates that he may not read',
  'makes an ElasticNode with a right given by mistake',
  'mints a token as an admin of the namespace by mistake',
  "tolerates another namespace's runtime",
  'tolerates everything',
  'reads where the class does not allow it',
  'writes the status of elasticjobs/there',
  'writes a revision from which the StatefulSet controller would make pods',
  'labels her namespace for another organization',
  'labels her namespace so that a class of others selects it',
]);

test('there are at least sixty rows, each once', () => {
  assert.ok(rows.length >= 60, `${rows.length}`);
  assert.equal(new Set(rows.map(([who, does]) => `${who} ${does}`)).size, rows.length);
});

for (const [who, does, expected, method, path, body] of rows) {
  test(`${who.replace(/.*:/, '')} ${does}: ${expected === 'yes' ? 'allowed' : 'refused'}`, async () => {
    const said = await ask(who, method, path, body?.());
    if (expected === 'yes') assert.equal(said, '');
    else assert.match(said, expected);
  });
}

/** Rights that nobody should have been given: the policies stand behind RBAC. */
async function mistaken(who: 'nodewriter' | 'agentsadmin'): Promise<void> {
  const namespaced = who === 'agentsadmin';
  const path = `/apis/rbac.authorization.k8s.io/v1/${namespaced ? 'namespaces/elastic-agents/rolebindings' : 'clusterrolebindings'}`;
  if (!namespaced) {
    const rules = [{ apiGroups: ['elasticruntime.dev'], resources: ['elasticnodes', 'elasticnodes/status'], verbs: ['*'] }];
    await cluster.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata: { name: who }, rules });
  }
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: namespaced ? 'admin' : who };
  await cluster.call('POST', path, {
    metadata: { name: who },
    roleRef,
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: who }],
  });
  await waitFor('the right given by mistake', async () => {
    const probe = namespaced ? `${agents}/serviceaccounts` : nodes;
    return (await ask(who, 'GET', probe)) === '' ? true : undefined;
  });
}

const startup = { key: 'elasticruntime.dev/unregistered', effect: 'NoExecute' };
const JOINING: readonly (readonly [
  does: string,
  roleArn: string | undefined,
  taints: readonly Json[] | undefined,
  expected: RegExp | 'yes',
])[] = [
  ['with the startup taint', role('acme-node').roleArn, [startup], 'yes'],
  ['without taints', role('acme-node').roleArn, undefined, /joins with the taint elasticruntime\.dev\/unregistered:NoExecute/],
  ['with another taint', role('acme-node').roleArn, [{ key: 'other', effect: 'NoExecute' }], /joins with the taint/],
  [
    'with the startup taint, but for pods that are there',
    role('acme-node').roleArn,
    [{ ...startup, effect: 'PreferNoSchedule' }],
    /joins with the taint/,
  ],
  ['as nobody knows whose', undefined, undefined, /joins with the taint/],
  ['with a role that begins like a trusted one', `${ownNodes}-2`, undefined, /joins with the taint/],
  ['as one of the cluster’s own', ownNodes, undefined, 'yes'],
];

test('a machine of a runtime joins with its startup taint, or not at all', async () => {
  for (const [does, roleArn, taints, expected] of JOINING) {
    const body = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'ip-10-0-0-7' }, spec: { ...(taints && { taints }) } };
    const { status, body: answer } = await cluster.call('POST', '/api/v1/nodes?dryRun=All', body, {
      user: 'system:node:ip-10-0-0-7',
      groups: ['system:nodes', 'system:authenticated'],
      ...(roleArn !== undefined && { extra: { canonicalArn: roleArn, sessionName: 'i-0123456789abcdef0' } }),
    });
    const said = status < 300 ? '' : `${(answer as { readonly message?: string }).message}`;
    if (expected === 'yes') assert.equal(said, '', does);
    else assert.match(said, expected, does);
  }
});

test('the policies themselves are well typed', async () => {
  const { body } = await cluster.call('GET', '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies');
  const found = (
    body as {
      readonly items: readonly { readonly metadata: { readonly name: string }; readonly status?: { readonly typeChecking?: object } }[];
    }
  ).items;
  const warned = found.filter(({ status }) => Object.keys(status?.typeChecking ?? {}).length > 0);
  assert.deepEqual(
    warned.map(({ metadata, status }) => [metadata.name, status?.typeChecking]),
    [],
  );
});
