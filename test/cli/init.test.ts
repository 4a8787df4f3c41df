import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type InitArguments, runInit } from '../../src/cli/init.ts';
import { certificateId } from '../../src/sim/aws/certificates.ts';
import { kubernetesFor } from '../../src/sim/kubernetes/cluster.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import { type Simulation, type SimulationManifest, startSimulation } from '../../src/sim/simulate.ts';
import { hour, job, minute, runtime } from '../sim/support/stage.ts';

/* `init --x509` against a simulated cluster and account, as a person with AWS credentials; the operator then works with what it made. */

const person = { accessKeyId: 'AKIAPERSON', secretAccessKey: 'canary-person' };

function manifests(statement: object = { Effect: 'Allow', Action: 'iot:*', Resource: '*' }): readonly SimulationManifest[] {
  const [namespace, ert] = runtime({});
  assert.ok(namespace && ert);
  const spec = ert['spec'] as { readonly identities: { readonly agent: object } };
  const x509 = {
    endpoint: 'c1a2b3.credentials.iot.us-east-1.amazonaws.com',
    roleAlias: 'hub-agent',
    thingName: 'hub-1',
    certificateSecretRef: { name: 'hub-cert' },
  };
  const user = { arn: 'arn:aws:iam::111122223333:user/pat', ...person, permissions: { Version: '2012-10-17', Statement: [statement] } };
  return [
    namespace,
    { ...ert, spec: { ...spec, identities: { ...spec.identities, agent: { ...spec.identities.agent, x509 } } } },
    {
      apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
      kind: 'SimulatedAccount',
      metadata: { name: 'account' },
      spec: { users: [user] },
    },
  ];
}

function start(statement?: object): Simulation {
  const started = startSimulation({ manifests: manifests(statement), seed: 5, faults: 'none', limitMs: hour, keepLogs: true });
  assert.ok(started.ok, started.ok ? '' : started.reason);
  return started.value;
}

type Run = { readonly code: number; readonly out: string; readonly err: string };

async function init(simulation: Simulation, more: Partial<InitArguments> = {}, files: Readonly<Record<string, string>> = {}): Promise<Run> {
  const { world, kubernetes, account } = simulation;
  const process = world.startProcess('terminal');
  const [out, err]: [string[], string[]] = [[], []];
  let code: number | undefined;
  const running = runInit(
    { x509: true, revoke: false, rotateAfter: '2160h', files: [], ...(more.files === undefined && { runtime: 'analytics' }), ...more },
    {
      now: () => process.clock.now(),
      stdout: (text) => void out.push(text),
      stderr: (text) => void err.push(text),
      readFile: async (path) => files[path] ?? '',
      readDir: async () => undefined,
      stdin: async () => '',
      wait: (ms) => new Promise((resolve) => void process.clock.after(ms, resolve)),
      connect: async () => ({
        kubernetes: kubernetesFor(kubernetes, process),
        namespace: 'finance',
        server: '',
        getText: async () => ({ ok: true, value: '' }),
        close: async () => undefined,
      }),
      asPerson: async () => {
        const aws = account.awsFor(process, { record: () => undefined });
        const grant = aws.sts.staticGrant('person', person);
        return { aws, caller: (name) => ({ grant, subject: { runtime: name } }), close: () => undefined };
      },
    },
  ).then((value) => {
    code = value;
  });
  await world.runUntil(() => code !== undefined, 10 * minute);
  await running;
  return { code: code ?? -1, out: out.join('\n'), err: err.join('\n') };
}

function secretOf({
  kubernetes,
}: Simulation):
  | { readonly data: Record<string, string>; readonly metadata: { readonly annotations?: Record<string, string> } }
  | undefined {
  return kubernetes.server.store.get(kindNamed('Secret'), 'finance/hub-cert') as never;
}

const text = (value: string | undefined): string => Buffer.from(value ?? '', 'base64').toString();

void test('the first certificate: made here, signed by AWS IoT as the person, verified, into the Secret; the runtime comes up and runs a job', async () => {
  const simulation = start();
  const run = await init(simulation);
  assert.equal(run.code, 0, run.err);
  const secret = secretOf(simulation);
  const id = certificateId(text(secret?.data['tls.crt']));
  assert.match(run.err, /AWS IoT is called as arn:aws:iam::111122223333:user\/pat/);
  assert.match(run.out, new RegExp(`Secret finance/hub-cert holds certificate ${id}`));
  assert.deepEqual(secret?.metadata.annotations, { 'elasticruntime.dev/rotate-after': '2160h' });
  const key = text(secret?.data['tls.key']);
  for (const marker of ['canary', key.split('\n')[1] ?? '', 'PRIVATE KEY']) assert.ok(!`${run.out}${run.err}`.includes(marker), marker);
  const [certificate, ...others] = simulation.account.certificates();
  assert.deepEqual([certificate?.id, certificate?.status, [...(certificate?.things ?? [])], others.length], [id, 'ACTIVE', ['hub-1'], 0]);
  simulation.apply(job('first', {}));
  await simulation.settle(2 * hour);
  assert.equal(simulation.jobs()[0]?.status?.phase, 'Succeeded');
});

void test('again while it works is refused and makes nothing; --revoke ends it; then a new one is issued into the same Secret', async () => {
  const simulation = start();
  assert.equal((await init(simulation)).code, 0);
  const first = certificateId(text(secretOf(simulation)?.data['tls.crt']));
  const again = await init(simulation);
  assert.equal(again.code, 1);
  assert.match(again.err, new RegExp(`holds certificate ${first}, which is ACTIVE`));
  assert.equal(simulation.account.certificates().length, 1);
  const revoked = await init(simulation, { revoke: true });
  assert.equal(revoked.code, 0, revoked.err);
  assert.match(revoked.out, /is revoked: no new session; those that it gave end by 2026-11-02T09:/);
  assert.deepEqual(simulation.account.certificates(), []);
  assert.equal((await init(simulation, { revoke: true })).code, 1);
  const renewed = await init(simulation);
  assert.equal(renewed.code, 0, renewed.err);
  assert.notEqual(certificateId(text(secretOf(simulation)?.data['tls.crt'])), first);
});

void test('what goes wrong is said with its remedy, and leaves neither a Secret nor a certificate that acts', async () => {
  const allowed = { Effect: 'Allow', NotAction: 'iot:AttachPolicy', Resource: '*' };
  const denied = start(allowed);
  const run = await init(denied);
  assert.equal(run.code, 1);
  assert.match(run.err, /iot:AttachPolicy on arn:aws:iot:.*: AccessDeniedException: .*\[request /);
  assert.match(run.err, /certificate [0-9a-f]{64} was ended again/);
  assert.deepEqual([denied.account.certificates(), secretOf(denied)], [[], undefined]);

  const astray = start();
  astray.account.pointRoleAlias('arn:aws:iot:us-east-1:111122223333:rolealias/hub-agent', 'arn:aws:iam::111122223333:role/gone');
  const unverified = await init(astray);
  assert.equal(unverified.code, 1);
  assert.match(unverified.err, /iot:AssumeRoleWithCertificate on role alias hub-agent: .*Unable to assume the role/);
  assert.deepEqual([astray.account.certificates(), secretOf(astray)], [[], undefined]);
});

void test('wrong usage is 2: no runtime, two, no X.509, a wrong duration, no --x509, a file that is none', async () => {
  const simulation = start();
  const plain = JSON.stringify(runtime({})[1]);
  const rows: readonly (readonly [Partial<InitArguments>, RegExp])[] = [
    [{ x509: false }, /--x509/],
    [{ rotateAfter: '5m' }, /at least a day/],
    [{ files: [] }, /name a runtime/],
    [{ files: ['plain.yaml'] }, /agent\.x509 is missing/],
    [{ runtime: 'analytics', files: ['plain.yaml'] }, /not both/],
    [{ files: ['two.yaml'] }, /2 ElasticRuntimes/],
    [{ files: ['elsewhere.yaml'] }, /x509\.endpoint/],
  ];
  const elsewhere = JSON.stringify(manifests()[1]).replace('amazonaws.com', 'example.org');
  for (const [more, said] of rows) {
    const run = await init(simulation, more, {
      'elsewhere.yaml': elsewhere,
      'plain.yaml': plain,
      'two.yaml': `${plain}\n---\n${plain.replace('analytics', 'other')}`,
    });
    assert.deepEqual([run.code, said.test(run.err)], [2, true], run.err);
  }
  assert.match((await init(simulation, { runtime: 'none' })).err, /ElasticRuntime finance\/none: NotFound/);
  const fromFile = await init(simulation, { files: ['x509.yaml'] }, { 'x509.yaml': JSON.stringify(manifests()[1]) });
  assert.equal(fromFile.code, 0, fromFile.err);
});
