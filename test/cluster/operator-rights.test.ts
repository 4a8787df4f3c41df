import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ElasticJob, ElasticNode } from '../../src/api/generated/types.ts';
import type { Pod, Stored } from '../../src/api/kubernetes.ts';
import { labels } from '../../src/api/labels.ts';
import { example, type Manifest, paced } from './stand/manifests.ts';
import { type Stand, startStand } from './stand/stand.ts';

/*
 * The operator with exactly its chart's rights, over the life of the example, its rarer moments and its end: the API server's own audit log says that no
 * call was refused for want of a right, and that no right was left unused.
 */

const GROUP = '/apis/elasticruntime.dev/v1alpha1';
const operator = 'system:serviceaccount:elastic-system:elastic-runtime-operator';

/** Rights that this life does not always use, and what does. */
const RARE: Readonly<Record<string, string>> = {
  'update elasticruntime.dev/elasticruntimes/finalizers':
    'no call: asked by the plugin OwnerReferencesPermissionEnforcement, which this API server runs',
  'update elasticruntime.dev/elasticjobs/finalizers':
    'no call: asked by the plugin OwnerReferencesPermissionEnforcement, which this API server runs',
  'create /serviceaccounts': 'no call: a server-side apply that makes the object is asked for it beside patch',
  'get elasticruntime.dev/elasticruntimes': 'after a conflict over finalizers: the object is read anew',
  'get elasticruntime.dev/elasticjobs': 'after a conflict over finalizers: the object is read anew',
  'get elasticruntime.dev/elasticnodes': 'after a conflict over finalizers: the object is read anew',
  'patch /events': 'an event that is said again, which is up to chance here: test/cluster/machinery.test.ts',
  'delete elasticruntime.dev/elasticaccessrequests': 'five minutes after a request: test/sim/requests.test.ts',
};

type AuditLine = {
  readonly verb: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
  };
  readonly responseStatus?: { readonly code?: number; readonly message?: string };
};

let stand: Stand;
const directory = mkdtempSync(join(tmpdir(), 'elastic-audit-'));
const log = join(directory, 'audit.log');

before(async () => {
  const policy = join(directory, 'policy.yaml');
  const rules = [{ level: 'Metadata', users: [operator] }, { level: 'None' }];
  writeFileSync(policy, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules }));
  stand = await startStand({
    nodeAgents: true,
    leaderElection: true,
    apiServerFlags: [
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${log}`,
      '--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement',
    ],
  });
});

after(async () => {
  await stand?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function lines(): readonly AuditLine[] {
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditLine);
}

function jobs(): Promise<readonly Stored<ElasticJob>[]> {
  return stand.list<Stored<ElasticJob>>(`${GROUP}/namespaces/finance/elasticjobs`);
}

/** The example, with a drain that is soon forced, one job that deletes itself, one that runs until it is ended. */
function manifests(): readonly Manifest[] {
  const fast = paced(example('finance.yaml'), { seconds: 5, idleTimeout: '5s' });
  const endless = paced(example('finance.yaml'), { seconds: undefined });
  return fast.map((manifest) => {
    const spec = manifest['spec'] as object;
    if (manifest.kind === 'ElasticRuntime') return { ...manifest, spec: { ...spec, disruption: { terminationGracePeriod: '2s' } } };
    if (manifest.kind !== 'ElasticJob') return manifest;
    if (manifest.metadata.name === 'crm-sync')
      return { ...manifest, spec: { ...spec, ttlSecondsAfterFinished: 0, cleanupAfterSeconds: 0 } };
    return manifest.metadata.name === 'hourly-clicks'
      ? (endless.find(({ metadata }) => metadata.name === 'hourly-clicks') as Manifest)
      : manifest;
  });
}

void test('a life: jobs end and delete themselves, names are taken, a machine is drained against a budget, the namespace goes', async () => {
  // Somebody else's Job stands in the way of the first attempt.
  await stand.kubectl('create', 'namespace', 'finance');
  await stand.kubectl('create', 'job', 'nightly-orders-1-master', '--image=x', '--namespace=finance');
  await stand.apply('finance', manifests());
  await stand.until('a name is taken', async () => (await jobs()).find(({ status }) => status?.waiting?.reason === 'NameTaken'), 300);
  await stand.kubectl('delete', 'job', 'nightly-orders-1-master', '--namespace=finance');
  await stand.until(
    'two end, one of them is gone, one runs',
    async () => {
      const phases = Object.fromEntries((await jobs()).map(({ metadata, status }) => [metadata.name, status?.phase]));
      return phases['nightly-orders'] === 'Succeeded' && phases['crm-sync'] === undefined && phases['hourly-clicks'] === 'Running'
        ? true
        : undefined;
    },
    300,
  );
  await stand.kubectl(
    'create',
    'poddisruptionbudget',
    'none',
    '--namespace=finance',
    '--selector=elasticruntime.dev/role=worker',
    '--max-unavailable=0',
  );
  // Workers of the jobs that have ended are still there for a while, and nothing on them could be evicted.
  const worker = await stand.until('a worker of the job that runs', async () => {
    const selector = encodeURIComponent(`${labels.job}=hourly-clicks`);
    const pods = await stand.list<Stored<Pod>>(`/api/v1/namespaces/finance/pods?labelSelector=${selector}`);
    const running = new Set(pods.filter(({ status }) => status?.phase === 'Running').map(({ spec }) => spec.nodeName));
    const nodes = await stand.list<Stored<ElasticNode>>(`${GROUP}/elasticnodes`);
    return nodes.find(
      ({ spec, status }) =>
        spec.role === 'worker' &&
        status?.phase === 'Ready' &&
        spec.reservedFor?.some(({ jobName }) => jobName === 'hourly-clicks') &&
        running.has(status.nodeName),
    );
  });
  await stand.kubectl('delete', 'elasticnode', worker.metadata.name, '--timeout=300s');
  await stand.kubectl(
    'create',
    '-f',
    await stand.file('request', [
      {
        apiVersion: 'elasticruntime.dev/v1alpha1',
        kind: 'ElasticAccessRequest',
        metadata: { name: 'logs', namespace: 'finance' },
        spec: { kind: 'Logs', job: 'nightly-orders', log: 'master', publicKey: `${'A'.repeat(87)}=`, requestedBy: 'admin' },
      },
    ]),
  );
  await stand.until('the request is answered', async () => {
    const found = await stand.get<{ readonly status?: { readonly phase?: string } }>(
      `${GROUP}/namespaces/finance/elasticaccessrequests/logs`,
    );
    return found?.status?.phase;
  });
  await stand.kubectl('delete', 'namespace', 'finance', '--timeout=300s');
});

void test('no call was refused for want of a right', () => {
  const refused = lines().filter(({ responseStatus }) => responseStatus?.code === 403);
  // A namespace that is terminating takes nothing new: no question of rights.
  const wanting = refused.filter(({ responseStatus }) => !/being terminated/.test(responseStatus?.message ?? ''));
  assert.deepEqual(wanting, []);
});

void test('no right was left unused', async () => {
  const used = new Set(
    lines().map(({ verb, objectRef }) => {
      const { apiGroup = '', resource = '', subresource } = objectRef ?? {};
      return `${verb} ${apiGroup}/${resource}${subresource === undefined ? '' : `/${subresource}`}`;
    }),
  );
  const unused: string[] = [];
  for (const [kind, scope] of [
    ['clusterroles', ''],
    ['roles', 'elastic-agents'],
    ['roles', 'elastic-system'],
  ] as const) {
    const path = `/apis/rbac.authorization.k8s.io/v1/${scope === '' ? '' : `namespaces/${scope}/`}${kind}`;
    type Found = {
      readonly metadata: { readonly name: string };
      readonly rules: readonly {
        readonly apiGroups: readonly string[];
        readonly resources: readonly string[];
        readonly verbs: readonly string[];
      }[];
    };
    const found = (await stand.list<Found>(path)).filter(({ metadata }) => metadata.name.startsWith('elastic-runtime-operator'));
    assert.ok(found.length > 0, path);
    for (const { rules } of found)
      for (const { apiGroups, resources, verbs } of rules)
        for (const group of apiGroups)
          for (const resource of resources) for (const verb of verbs) unused.push(`${verb} ${group}/${resource}`);
  }
  const left = [...new Set(unused)].filter((right) => !used.has(right));
  assert.deepEqual(left.filter((right) => RARE[right] === undefined).sort(), []);
});
