import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { bundle } from '../../scripts/bundle.ts';
import { labels } from '../../src/api/labels.ts';
import { brokerAudience, brokerPath } from '../../src/ports/broker.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/start.ts';
import { waitFor } from '../controlplane/wait.ts';
import { chart, least, type Manifest, podOf, release } from './chart.ts';

/*
 * The operator as it is shipped (one bundled file) with the arguments, the certificate and the rights that the chart gives it, as processes of their
 * own against the real API server: two replicas start, one leads, both answer node agents, and leadership moves.
 */

type Line = Readonly<Record<string, unknown>> & { readonly level: string; readonly message: string };

type Replica = {
  readonly name: string;
  readonly process: ChildProcess;
  readonly lines: Line[];
  readonly healthPort: number;
  readonly brokerPort: number;
  /** Of the exit. */
  readonly ended: Promise<number | null>;
};

let cluster: ControlPlane;
let program: string;
let args: readonly string[];
let kubeconfig: string;
const replicas: Replica[] = [];

before(async () => {
  const [made] = await bundle(['operator']);
  assert.ok(made);
  program = made.file;
  cluster = await startControlPlane();
  const install = ['install', release, chart, '--namespace=elastic-system', '--create-namespace', ...least];
  const { code, stderr } = await cluster.helm(install);
  assert.equal(code, 0, stderr);
  const deployment = JSON.parse(await kubectl('get', 'deployment', release, '--namespace=elastic-system', '-o', 'json')) as Manifest;
  args = podOf([deployment], 'Deployment').containers[0].args;
  kubeconfig = await cluster.kubeconfigFor({ serviceAccount: { namespace: 'elastic-system', name: release } });
  const { data } = JSON.parse(await kubectl('get', 'secret', 'elastic-broker-tls', '--namespace=elastic-system', '-o', 'json')) as {
    readonly data: Readonly<Record<string, string>>;
  };
  for (const [file, content] of Object.entries(data))
    await writeFile(join(cluster.directory, `broker-${file}`), Buffer.from(content, 'base64'), { mode: 0o600 });
});

after(async () => {
  for (const replica of replicas) replica.process.kill('SIGKILL');
  await Promise.all(replicas.map(({ ended }) => ended));
  await cluster?.stop();
});

async function kubectl(...command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(command);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The chart's arguments, but for where things lie on this machine. */
function localArguments(): readonly string[] {
  return args
    .map((arg) => arg.replace('/etc/elastic/broker/', join(cluster.directory, 'broker-')))
    .map((arg) => arg.replace(/^--(broker|health)-address=.*/, '--$1-address=127.0.0.1:0'))
    .concat(`--kubeconfig=${kubeconfig}`);
}

async function startReplica(name: string): Promise<Replica> {
  const child = spawn(process.execPath, [program, ...localArguments()], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  });
  const lines: Line[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((part) => JSON.parse(part) as Line));
  });
  // Not at its exit: what it wrote last is still to be read then.
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const serving = await waitFor(`${name} to serve`, async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${JSON.stringify(lines)}`);
    return lines.find(({ message }) => message === 'serving');
  });
  const replica = {
    name,
    process: child,
    lines,
    healthPort: Number(serving['healthPort']),
    brokerPort: Number(serving['brokerPort']),
    ended,
  };
  replicas.push(replica);
  await waitFor(`${name} to be ready`, async () => ((await get(replica, '/readyz')).status === 200 ? true : undefined));
  return replica;
}

async function get(replica: Replica, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`http://127.0.0.1:${replica.healthPort}${path}`);
  return { status: response.status, text: await response.text() };
}

async function metric(replica: Replica, name: string): Promise<number | undefined> {
  const { text } = await get(replica, '/metrics');
  const value = new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}

function leads(replica: Replica): Promise<true> {
  return waitFor(`${replica.name} to lead`, async () => ((await metric(replica, 'elastic_runtime_leader')) === 1 ? true : undefined));
}

/** What a person would be worried by. */
function troubles(replica: Replica): readonly Line[] {
  return replica.lines.filter(
    (line) => line.level !== 'info' && line.level !== 'debug' && line.message !== 'broker refused' && !isTriedAgain(line),
  );
}

/** On a machine that stands still for seconds, watches break and calls for the lease get no answer; a right that is missing is something else. */
function isTriedAgain({ level, message, ...more }: Line): boolean {
  return level === 'warn' && /^(reflector|could not \w+ the lease)$/.test(message) && !JSON.stringify(more).includes('Forbidden');
}

const kinds = [
  'ElasticRuntime',
  'ElasticRuntimeClass',
  'ElasticConnection',
  'ElasticJob',
  'ElasticNode',
  'Namespace',
  'Node',
  'Pod',
  'Job',
  'DaemonSet',
  'PriorityClass',
];
let one: Replica;
let two: Replica;

test('the first replica starts with the rights of the chart, leads, and fills every cache', async (t) => {
  one = await startReplica('one');
  await leads(one);
  for (const kind of kinds)
    await waitFor(
      `${kind} to be listed`,
      async () => ((await metric(one, `elastic_runtime_reflector_lists_total{kind="${kind}"}`)) ?? 0) > 0 || undefined,
    );
  assert.deepEqual(troubles(one), []);
  t.diagnostic(`resident memory ${Math.round(((await metric(one, 'process_resident_memory_bytes')) ?? 0) / 1_048_576)} MiB`);
});

test('the second waits', async () => {
  two = await startReplica('two');
  await waitFor('two to know the leader', async () => two.lines.find(({ message }) => message === 'leader') && true);
  assert.equal(await metric(two, 'elastic_runtime_leader'), 0);
  assert.equal((await get(two, '/healthz')).status, 200);
});

async function askBroker(replica: Replica, token: string): Promise<number> {
  const ca = await kubectl('get', 'configmap', 'elastic-broker-ca', '--namespace=elastic-system', '-o', 'jsonpath={.data.ca\\.crt}');
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const options = {
      host: '127.0.0.1',
      port: replica.brokerPort,
      path: brokerPath,
      method: 'POST',
      headers,
      ca,
      servername: 'elastic-broker.elastic-system.svc',
    };
    request(options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

test('both replicas prove themselves to node agents and judge their tokens', async () => {
  await cluster.joinNode({ name: 'machine-1', labels: { [labels.runtimeUid]: 'r1' }, providerID: 'aws:///us-east-1a/i-1' });
  const pod = await waitFor('the node agent', async () => {
    const list = await kubectl('get', 'pods', '--namespace=elastic-system', '--field-selector=spec.nodeName=machine-1', '-o', 'json');
    return (JSON.parse(list) as { readonly items: readonly { readonly metadata: { readonly name: string; readonly uid: string } }[] })
      .items[0]?.metadata;
  });
  const agent = { namespace: 'elastic-system', name: 'elastic-node-agent' };
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid };
  const bound = await cluster.tokenFor(agent, { audiences: [brokerAudience], boundObjectRef });
  const loose = await cluster.tokenFor(agent, { audiences: [brokerAudience] });
  const other = await cluster.tokenFor(agent, { boundObjectRef });
  const reasonOf = (replica: Replica) => replica.lines.findLast(({ message }) => message === 'broker refused')?.['reason'];
  for (const replica of [one, two]) {
    await waitFor('the Node to be in the cache', async () => {
      assert.equal(await askBroker(replica, bound), 403);
      return reasonOf(replica) === 'no ElasticNode has provider id aws:///us-east-1a/i-1' || undefined;
    });
    assert.equal(await askBroker(replica, loose), 403);
    await waitFor('the reason in the log', async () => reasonOf(replica) === 'the token is not bound to a pod and a node' || undefined);
    assert.equal(await askBroker(replica, other), 401);
  }
});

test('a replica that is told to stop releases the lease, and the other leads at once', async () => {
  one.process.kill('SIGTERM');
  assert.equal(await one.ended, 0);
  const stopped = performance.now();
  assert.deepEqual(
    one.lines.slice(-2).map(({ message, ok }) => [message, ok]),
    [
      ['released the lease', true],
      ['stopped', undefined],
    ],
  );
  await leads(two);
  // A lease that was kept would have had to run out: 15 s after it was last renewed, which is every 2 s.
  assert.ok(performance.now() - stopped < 12_000);
  assert.deepEqual([...troubles(one), ...troubles(two)], []);
});

test('a leader whose lease was taken ends with 1', async () => {
  const now = new Date().toISOString().replace('Z', '000Z');
  const spec = { holderIdentity: 'somebody else', renewTime: now, acquireTime: now, leaseDurationSeconds: 15 };
  await kubectl('patch', 'lease', 'elastic-runtime-operator', '--namespace=elastic-system', '--type=merge', '-p', JSON.stringify({ spec }));
  assert.equal(await two.ended, 1);
  assert.deepEqual(
    troubles(two).map(({ message }) => message),
    ['lost the lease'],
  );
});

test('nothing that was logged holds a token', async () => {
  const token = (
    JSON.parse(await readFile(kubeconfig, 'utf8')) as { readonly users: readonly [{ readonly user: { readonly token: string } }] }
  ).users[0].user.token;
  const text = JSON.stringify([...one.lines, ...two.lines]);
  assert.ok(text.length > 1_000);
  assert.ok(!text.includes(token));
  assert.ok(!/eyJ[\w-]+\.[\w-]+\./.test(text));
});

/** The chart's arguments, with some of them replaced. */
function withFlags(...flags: readonly string[]): readonly string[] {
  const nameOf = (arg: string) => arg.split('=')[0];
  return [...localArguments().filter((arg) => !flags.map(nameOf).includes(nameOf(arg))), ...flags];
}

async function exitOf(...flags: readonly string[]): Promise<{ readonly code: number | null; readonly error: string }> {
  const child = spawn(process.execPath, [program, ...withFlags(...flags)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let error = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, error };
}

test('what cannot be used is one line and exit 2: flags, files, commands', async () => {
  const broken = join(cluster.directory, 'broken.json');
  await writeFile(broken, '{"region":"us-east-1","types":[{"name":"m7i.large"}]}');
  assert.deepEqual(await exitOf(`--catalog=${broken}`), {
    code: 2,
    error: `elastic-runtime-operator: --catalog="${broken}": types[0] (m7i.large): vcpu must be a number above 0, not undefined; mend the file or give another one\n`,
  });
  assert.deepEqual(await exitOf('--catalog=/does/not/exist'), {
    code: 2,
    error: 'elastic-runtime-operator: --catalog="/does/not/exist": cannot be read (ENOENT); give the path of another file\n',
  });
  const unreadable = await exitOf('--kubeconfig=/does/not/exist');
  assert.equal(unreadable.code, 2);
  assert.match(
    unreadable.error,
    /^elastic-runtime-operator: --kubeconfig="\/does\/not\/exist": ENOENT.*; give the path of another file\n$/,
  );
  assert.deepEqual(await exitOf('--log-level=loud'), {
    code: 2,
    error: 'elastic-runtime-operator: --log-level="loud": give one of debug, info, warn, error\n',
  });
});

test('an address that is taken ends the process with 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const address = taken.address();
  assert.ok(typeof address === 'object' && address !== null);
  const child = spawn(process.execPath, [program, ...withFlags(`--health-address=127.0.0.1:${address.port}`)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  assert.deepEqual((await once(child, 'close'))[0], 1);
  assert.match(text, /"message":"cannot go on"/);
  assert.match(text, /EADDRINUSE/);
});
