import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Finding } from '../../src/cli/doctor/facts.ts';
import { runtime } from '../api/manifests.ts';
import { makeDirectory } from '../controlplane/directory.ts';
import { type ControlPlane, type Identity, startControlPlane } from '../controlplane/start.ts';
import { installChart } from './stand/chart.ts';

/* The commands that talk to a cluster, as programs, against a real API server. */

const main = join(import.meta.dirname, '../../src/cli/main.ts');
const run = promisify(execFile);
let cluster: ControlPlane;

before(async () => {
  const directory = await makeDirectory();
  const configuration = join(directory, 'encryption.yaml');
  const provider = { aescbc: { keys: [{ name: 'one', secret: Buffer.alloc(32, 7).toString('base64') }] } };
  await writeFile(
    configuration,
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [{ resources: ['secrets'], providers: [provider, { identity: {} }] }],
    }),
  );
  cluster = await startControlPlane({ apiServerFlags: [`--encryption-provider-config=${configuration}`] });
});

after(() => cluster?.stop());

async function cli(
  args: readonly string[],
  as?: Identity,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const kubeconfig = as === undefined ? cluster.kubeconfigPath : await cluster.kubeconfigFor(as);
  try {
    return { code: 0, ...(await run(process.execPath, [main, ...args, '--kubeconfig', kubeconfig])) };
  } catch (error) {
    const { code, stdout, stderr } = error as { readonly code: number; readonly stdout: string; readonly stderr: string };
    return { code, stdout, stderr };
  }
}

async function findings(as?: Identity): Promise<{ readonly code: number; readonly of: ReadonlyMap<string, Finding> }> {
  const { code, stdout } = await cli(['doctor', '-o', 'json'], as);
  const found = JSON.parse(stdout) as readonly Finding[];
  return { code, of: new Map(found.map((finding) => [finding.check, finding])) };
}

const statuses = (of: ReadonlyMap<string, Finding>, ...checks: readonly string[]) => checks.map((check) => of.get(check)?.status);

void test('doctor says what is missing, what it may not see, and what is well', async () => {
  const bare = await findings();
  assert.equal(bare.code, 1);
  assert.deepEqual(statuses(bare.of, 'API server', 'custom resources', 'operator', 'admission policies', 'token issuer'), [
    'ok',
    'failed',
    'failed',
    'failed',
    'failed',
  ]);

  await installChart(cluster, { clusterName: 'test', nodeAgents: true });
  await cluster.kubectl(['create', 'namespace', 'finance']);
  await cluster.kubectl(['-n', 'finance', 'create', 'secret', 'generic', 'one', '--from-literal=a=b']);
  const made = await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(runtime) });
  assert.equal(made.code, 0, made.stderr);
  const installed = await findings();
  assert.deepEqual(statuses(installed.of, 'custom resources', 'admission policies', 'operator'), ['ok', 'ok', 'failed']);
  assert.deepEqual([bare.of.get('reach of the operator')?.status, installed.of.get('reach of the operator')?.status], ['ok', 'warning']);
  assert.match(installed.of.get('reach of the operator')?.remedy ?? '', /tenantNamespaces/);
  assert.match(installed.of.get('encryption of Secrets')?.message ?? '', /k8s:enc:aescbc:v1:.* under a key that lies on the API server/);
  assert.match(installed.of.get('encryption of custom resources')?.message ?? '', /encrypted none/);
  assert.equal(installed.of.get('runtime finance/analytics')?.message, 'the operator has not looked at it yet');

  const stranger = await findings({ user: 'stranger' });
  assert.deepEqual(statuses(stranger.of, 'API server', 'operator', 'encryption of Secrets', 'runtimes'), [
    'ok',
    'unknown',
    'unknown',
    'unknown',
  ]);
  assert.equal(stranger.code, 0);
});

void test('no cluster is wrong usage; one that does not answer has failed', async () => {
  const none = await run(process.execPath, [main, 'doctor', '--kubeconfig', '/none'], {}).catch(
    (error: unknown) => error as { code: number; stderr: string },
  );
  assert.deepEqual([(none as { code: number }).code, /no cluster/.test(none.stderr)], [2, true]);
  const elsewhere = join(await makeDirectory(), 'kubeconfig');
  await writeFile(
    elsewhere,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'x', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'x', user: {} }],
      contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
      'current-context': 'x',
    }),
  );
  const silent = await run(process.execPath, [main, 'doctor', '--kubeconfig', elsewhere]).catch(
    (error: unknown) => error as { code: number; stdout: string },
  );
  assert.deepEqual([(silent as { code: number }).code, /failed .*ECONNREFUSED/.test(silent.stdout)], [1, true]);
});

void test('revoke sets the moment and prints what ends the sessions that are out', async () => {
  const at = '2026-12-01T10:00:00Z';
  const revoked = await cli(['revoke', 'analytics', '-n', 'finance', '--before', at, '-o', 'json']);
  assert.equal(revoked.code, 0, revoked.stderr);
  const answer = JSON.parse(revoked.stdout) as {
    readonly lastSessionEnds: string;
    readonly deny: readonly { readonly identity: string; readonly document: unknown }[];
  };
  assert.equal(answer.lastSessionEnds, '2026-12-01T11:00:00Z');
  assert.deepEqual(
    answer.deny.map(({ identity }) => identity),
    ['agent', 'operator', 'master', 'worker'],
  );
  const stored = await cluster.kubectl(['-n', 'finance', 'get', 'ert', 'analytics', '-o', 'jsonpath={.spec.accessRevokedBefore}']);
  assert.equal(stored.stdout, at);

  assert.match(
    (await cli(['revoke', 'analytics', '-n', 'finance', '--before', at])).stdout,
    /aws iam put-role-policy --role-name acme-worker/,
  );
  const connection = {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticConnection',
    metadata: { name: 'lake', namespace: 'finance' },
  };
  const spec = {
    connector: 'AmazonS3',
    location: 's3://acme-lake/raw/',
    authentication: { roleArn: 'arn:aws:iam::111122223333:role/reader' },
  };
  const made = await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify({ ...connection, spec }) });
  assert.equal(made.code, 0, made.stderr);
  assert.match(
    (await cli(['revoke', '--connection', 'lake', '-n', 'finance', '--before', at])).stdout,
    /--role-name reader --policy-name elastic-revoked-/,
  );
  assert.equal((await cli(['revoke', '-n', 'finance'])).code, 2);
  const [missing, wrong, refused] = [
    await cli(['revoke', 'none', '-n', 'finance']),
    await cli(['revoke', 'analytics', '-n', 'finance', '--before', 'yesterday']),
    await cli(['revoke', 'analytics', '-n', 'finance'], { user: 'stranger' }),
  ];
  assert.deepEqual([missing.code, wrong.code, refused.code], [1, 2, 1]);
  assert.match(missing.stderr, /ElasticRuntime finance\/none: spec.accessRevokedBefore: NotFound/);
  assert.match(wrong.stderr, /--before "yesterday" is no moment/);
  assert.match(refused.stderr, /Forbidden/);
});
