import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { isAlive } from './alive.ts';
import { type ControlPlane, startControlPlane } from './start.ts';
import { waitFor } from './wait.ts';

let cluster: ControlPlane;

before(async () => {
  cluster = await startControlPlane({ issuer: 'https://oidc.example.com/id/TEST' });
});

after(() => cluster.stop());

async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await cluster.kubectl(args);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function apply(...objects: readonly object[]): Promise<void> {
  const { stderr, code } = await cluster.kubectl(['apply', '-f', '-'], {
    stdin: objects.map((object) => JSON.stringify(object)).join('\n'),
  });
  assert.equal(code, 0, stderr);
}

/** The value at a JSON path, once it is there and not empty; or once it is `wanted`. */
function field(object: string, path: string, wanted?: string): Promise<string> {
  return waitFor(`${object} ${path} ${wanted ?? ''}`, async () => {
    const { stdout } = await cluster.kubectl(['get', object, '-o', `jsonpath=${path}`]);
    return stdout !== '' && (wanted === undefined || stdout === wanted) ? stdout : undefined;
  });
}

function job(name: string, annotations: Readonly<Record<string, string>>): object {
  const containers = [{ name: 'main', image: 'registry.example.com/job:1' }];
  const template = { metadata: { annotations }, spec: { restartPolicy: 'Never', containers } };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, spec: { backoffLimit: 0, template } };
}

test('the API server is ready and knows its version', async () => {
  assert.equal(await kubectl('get', '--raw', '/readyz'), 'ok');
  assert.match(await kubectl('version', '-o', 'json'), /"gitVersion": "v1\.35\.4"/);
});

test('controllers run: a new namespace gets its ServiceAccount and the CA', async () => {
  await kubectl('create', 'namespace', 'finance');
  await waitFor('the ServiceAccount of finance', async () => {
    const { status } = await cluster.call('GET', '/api/v1/namespaces/finance/serviceaccounts/default');
    return status === 200 ? true : undefined;
  });
  const published = await waitFor('the CA in finance', async () => {
    const { status, body } = await cluster.call('GET', '/api/v1/namespaces/finance/configmaps/kube-root-ca.crt');
    return status === 200 ? (body as { data: Record<string, string> }).data['ca.crt'] : undefined;
  });
  assert.equal(published, cluster.caPem);
});

test('RBAC judges users and ServiceAccounts', async () => {
  await kubectl('create', 'rolebinding', 'team', '--clusterrole=view', '--group=team', '--namespace=default');
  const asUser = await cluster.kubectl(['auth', 'whoami', '-o', 'json'], { as: { user: 'ada', groups: ['team'] } });
  const { username, groups } = JSON.parse(asUser.stdout).status.userInfo;
  assert.deepEqual([username, groups], ['ada', ['team', 'system:authenticated']]);
  const list = ['get', 'pods', '--namespace=default'];
  assert.equal((await cluster.kubectl(list, { as: { user: 'ada', groups: ['team'] } })).code, 0);
  assert.match((await cluster.kubectl(list, { as: { user: 'eve' } })).stderr, /Forbidden/);
  const serviceAccount = { namespace: 'default', name: 'default' };
  const asServiceAccount = await cluster.kubectl(['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'], {
    as: { serviceAccount },
  });
  assert.equal(asServiceAccount.stdout, 'system:serviceaccount:default:default');
});

test('a token for AWS is signed by a published key', async () => {
  const token = await cluster.tokenFor(
    { namespace: 'default', name: 'default' },
    { audiences: ['sts.amazonaws.com'], expirationSeconds: 600 },
  );
  const [header = '', claims = '', signature = ''] = token.split('.');
  const decode = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString());
  const { keys } = await cluster.jwks();
  const key = keys.find(({ kid }) => kid === decode(header)['kid']);
  assert.ok(key);
  const publicKey = createPublicKey({ key, format: 'jwk' });
  assert.ok(verify('sha256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, 'base64url')));
  const { iss, aud, sub, exp, iat } = decode(claims);
  assert.deepEqual([iss, aud, sub], [cluster.issuer, ['sts.amazonaws.com'], 'system:serviceaccount:default:default']);
  assert.equal(Number(exp) - Number(iat), 600);
});

test('a node joins, runs what is scheduled to it, and its pods end as they are told', async () => {
  const taints = [{ key: 'elasticruntime.dev/runtime', value: 'r1', effect: 'NoSchedule' }];
  await cluster.joinNode({ name: 'tainted', taints });
  await cluster.joinNode({
    name: 'worker-1',
    labels: { 'topology.kubernetes.io/zone': 'us-east-1a' },
    capacity: { cpu: '2' },
    providerID: 'aws:///us-east-1a/i-1',
  });
  await field('node/worker-1', '{.status.conditions[?(@.type=="Ready")].status}', 'True');
  await waitFor('the Lease of worker-1', async () => {
    const { status } = await cluster.call('GET', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/worker-1');
    return status === 200 ? true : undefined;
  });
  assert.equal(await field('node/worker-1', '{.status.allocatable.cpu} {.spec.providerID}'), '2 aws:///us-east-1a/i-1');

  await apply(
    job('good', { 'test.elasticruntime.dev/seconds': '1' }),
    job('bad', { 'simulation.elasticruntime.dev/duration': '1s', 'simulation.elasticruntime.dev/exit-code': '3' }),
    job('long', { 'simulation.elasticruntime.dev/duration': '2h30m' }),
    job('endless', {}),
  );
  await field('job/good', '{.status.succeeded}', '1');
  await field('job/good', '{.status.conditions[?(@.type=="Complete")].status}', 'True');
  await field('job/bad', '{.status.conditions[?(@.type=="Failed")].reason}', 'BackoffLimitExceeded');
  const bad = JSON.parse(await kubectl('get', 'pods', '-l', 'job-name=bad', '-o', 'json')).items[0];
  assert.equal(bad.spec.nodeName, 'worker-1');
  assert.equal(bad.status.phase, 'Failed');
  assert.equal(bad.status.containerStatuses[0].state.terminated.exitCode, 3);
  await field('job/endless', '{.status.ready}', '1');
  await field('job/long', '{.status.ready}', '1');
});

test('a pod that is evicted fails first and then goes, so that its Job counts it', async () => {
  await apply(job('evicted', {}));
  await field('job/evicted', '{.status.ready}', '1');
  const name = await kubectl('get', 'pods', '-l', 'job-name=evicted', '-o', 'jsonpath={.items[0].metadata.name}');
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: 'default' } };
  assert.equal((await cluster.call('POST', `/api/v1/namespaces/default/pods/${name}/eviction`, eviction)).status, 201);
  await field('job/evicted', '{.status.failed}', '1');
  await waitFor('the end of the evicted pod', async () => {
    return (await cluster.call('GET', `/api/v1/namespaces/default/pods/${name}`)).status === 404 ? true : undefined;
  });
});

test('rules in a CRD are enforced', async () => {
  const rule = { rule: 'self.min <= self.max', message: 'min is above max' };
  const integer = { type: 'integer' };
  const spec = { type: 'object', properties: { min: integer, max: integer }, 'x-kubernetes-validations': [rule] };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } };
  const names = { kind: 'Range', plural: 'ranges', singular: 'range' };
  await apply({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'ranges.test.elasticruntime.dev' },
    spec: { group: 'test.elasticruntime.dev', scope: 'Namespaced', names, versions: [{ name: 'v1', served: true, storage: true, schema }] },
  });
  await kubectl('wait', '--for=condition=Established', 'crd/ranges.test.elasticruntime.dev', '--timeout=120s');
  const range = (min: number) => ({
    apiVersion: 'test.elasticruntime.dev/v1',
    kind: 'Range',
    metadata: { name: 'a' },
    spec: { min, max: 2 },
  });
  const ranges = '/apis/test.elasticruntime.dev/v1/namespaces/default/ranges';
  // Established is said a moment before the API server serves it.
  await waitFor('ranges', async () => ((await cluster.call('GET', ranges)).status === 200 ? true : undefined));
  const create = (min: number) => cluster.call('POST', ranges, range(min));
  const refused = await create(3);
  assert.equal(refused.status, 422);
  assert.match((refused.body as { message: string }).message, /min is above max/);
  assert.equal((await create(1)).status, 201);
});

test('a component that was killed comes back and goes on', async () => {
  const before = cluster.pids();
  for (const component of ['kube-apiserver', 'kube-scheduler', 'kwok'] as const) await cluster.restart(component);
  assert.notEqual(cluster.pids()['kube-apiserver'], before['kube-apiserver']);
  await apply(job('later', { 'test.elasticruntime.dev/seconds': '1' }));
  await field('job/later', '{.status.succeeded}', '1');
});

test('helm speaks to it', async () => {
  assert.equal((await cluster.helm(['list', '--all-namespaces', '-o', 'json'])).stdout.trim(), '[]');
});

test('stop leaves no process and no file', async () => {
  const other = await startControlPlane();
  const pids = Object.values(other.pids());
  assert.equal(pids.length, 5);
  assert.deepEqual(pids.filter(runs), pids);
  await other.stop();
  assert.deepEqual(pids.filter(runs), []);
  assert.equal(existsSync(other.directory), false);
});

test('no process outlives a parent that is killed', { skip: process.platform !== 'linux' && 'only Linux can' }, async () => {
  const program = `
    import { startControlPlane } from ${JSON.stringify(import.meta.resolve('./start.ts'))};
    const { pids, directory } = await startControlPlane();
    console.log(JSON.stringify({ pids: Object.values(pids()), directory }));`;
  const parent = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of parent.stdout) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  const { pids, directory }: { pids: number[]; directory: string } = JSON.parse(text);
  assert.deepEqual(pids.filter(runs), pids);
  parent.kill('SIGKILL');
  try {
    await waitFor('the end of every process', async () => (pids.some(runs) ? undefined : true), 30);
  } finally {
    for (const pid of pids.filter(runs)) process.kill(pid, 'SIGKILL');
    rmSync(directory, { recursive: true });
  }
});

/** Whether a process is there and is more than a zombie that nobody has reaped yet. */
function runs(pid: number): boolean {
  if (process.platform !== 'linux') return isAlive(pid);
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
