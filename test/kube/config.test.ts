import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadCluster } from '../../src/kube/config.ts';

async function directoryFor(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kube-config-'));
  context.after(() => rm(directory, { recursive: true }));
  return directory;
}

/** Contexts `certificate` (files) and `other` (basic authentication, a proxy). */
async function write(directory: string): Promise<string> {
  const kubeconfig = join(directory, 'kubeconfig');
  const files = { certificate: 'tls.crt', key: 'tls.key', authority: 'ca.crt' };
  for (const file of Object.values(files)) await writeFile(join(directory, file), `first ${file}`);
  await writeFile(
    kubeconfig,
    JSON.stringify({
      'current-context': 'certificate',
      clusters: [
        {
          name: 'one',
          cluster: { server: 'https://one.example:6443/', 'certificate-authority': files.authority, 'tls-server-name': 'kubernetes' },
        },
        { name: 'two', cluster: { server: 'https://two.example', 'proxy-url': 'http://proxy.example:3128' } },
      ],
      users: [
        { name: 'one', user: { 'client-certificate': files.certificate, 'client-key': files.key } },
        { name: 'two', user: { username: 'me', password: 'secret' } },
      ],
      contexts: [
        { name: 'certificate', context: { cluster: 'one', user: 'one', namespace: 'team' } },
        { name: 'other', context: { cluster: 'two', user: 'two' } },
      ],
    }),
  );
  return kubeconfig;
}

test('certificates are read for each look: the same make the same transport, replaced ones another', async (context) => {
  const directory = await directoryFor(context);
  const cluster = loadCluster({ kubeconfig: await write(directory) });
  assert.equal(cluster.server, 'https://one.example:6443');
  assert.equal(cluster.namespace, 'team');
  const first = await cluster.access();
  assert.ok(first.transport.type === 'agent');
  const { ca, cert, key, servername } = first.transport.connect as Readonly<Record<string, unknown>>;
  assert.deepEqual([ca, cert, key].map(String), ['first ca.crt', 'first tls.crt', 'first tls.key']);
  assert.equal(servername, 'kubernetes');
  assert.deepEqual(await cluster.access(), first);
  await writeFile(join(directory, 'tls.crt'), 'renewed');
  assert.notDeepEqual((await cluster.access()).transport, first.transport);
});

test('another context, with basic authentication and a proxy', async (context) => {
  const cluster = loadCluster({ kubeconfig: await write(await directoryFor(context)), context: 'other' });
  const { headers, transport } = await cluster.access();
  assert.equal(headers['authorization'], `Basic ${Buffer.from('me:secret').toString('base64')}`);
  assert.ok(transport.type === 'proxy' && transport.uri === 'http://proxy.example:3128');
  assert.equal(cluster.namespace, undefined);
});

test('what cannot be read is said', async (context) => {
  const kubeconfig = await write(await directoryFor(context));
  assert.throws(() => loadCluster({ kubeconfig, context: 'missing' }), /no such context in the kubeconfig: missing/);
  assert.throws(() => loadCluster({ kubeconfig: `${kubeconfig}-missing` }), /ENOENT/);
});

test('a kubeconfig that is no YAML: where, and nothing of what stands there', async (context) => {
  const directory = await directoryFor(context);
  const texts = [
    'users:\n- name: a\n  user: { token: CANARY CANARY: x: [ }\n',
    'users:\n- user:\n    token: "CANARY\n',
    '{"users":[{"user":{"token":"CANARY}',
  ];
  for (const text of texts) {
    const kubeconfig = join(directory, 'kubeconfig');
    await writeFile(kubeconfig, text);
    assert.throws(
      () => loadCluster({ kubeconfig }),
      (error: Error) =>
        /^the kubeconfig is no valid YAML: line \d+, column \d+$/.test(error.message) &&
        !`${error.stack}`.includes('CANARY') &&
        error.cause === undefined,
    );
  }
});

test('a kubeconfig that is empty, or holds nothing, is said to be so', async (context) => {
  const kubeconfig = join(await directoryFor(context), 'kubeconfig');
  for (const text of ['', '# nothing yet\n', 'null\n']) {
    await writeFile(kubeconfig, text);
    assert.throws(() => loadCluster({ kubeconfig }), /^Error: the kubeconfig is empty, or not of the form that kubectl writes$/, text);
  }
});
