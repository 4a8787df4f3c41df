import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { agentEnvironment } from '../../src/agent/environment.ts';
import { agentNamespace, labels, operatorNamespace } from '../../src/api/labels.ts';
import { readConfig } from '../../src/config/config.ts';
import { brokerAudience, nodeAgentServiceAccount } from '../../src/ports/broker.ts';
import { chart, find, helm, least, type Manifest, podOf, render, template } from './chart.ts';

test('helm lint has nothing to say but that an icon is missing', async () => {
  const { code, stdout } = await helm('lint', chart, '--strict', '--namespace', operatorNamespace, ...least);
  assert.equal(code, 0, stdout);
  assert.deepEqual(stdout.match(/\[(INFO|WARNING|ERROR)\].*/g), ['[INFO] Chart.yaml: icon is recommended']);
});

test('the CRDs are those of crds/, kept on uninstall', async () => {
  const rendered = (await render()).filter(({ kind }) => kind === 'CustomResourceDefinition');
  const sources = globSync(join(import.meta.dirname, '../../crds/*.yaml')).map(
    (file) => parse(readFileSync(file, 'utf8'), { maxAliasCount: -1 }) as Manifest,
  );
  assert.ok(sources.length >= 3);
  assert.deepEqual(rendered.map(({ metadata }) => metadata.name).sort(), sources.map(({ metadata }) => metadata.name).sort());
  for (const source of sources) {
    const { metadata, ...rest } = find(rendered, 'CustomResourceDefinition', source.metadata.name);
    const { metadata: _metadata, ...expected } = source;
    assert.deepEqual(rest, expected, `${source.metadata.name} differs from crds/`);
    assert.equal((metadata as { annotations?: Record<string, string> }).annotations?.['helm.sh/resource-policy'], 'keep');
  }
  assert.deepEqual(
    (await render('--set', 'crds.install=false')).filter(({ kind }) => kind === 'CustomResourceDefinition'),
    [],
  );
});

test("the operator understands its arguments, and they say what the chart's values say", async () => {
  const manifests = await render(
    '--set=join.endpoint=https://abc.eks.amazonaws.com',
    '--set=join.serviceCidr=10.100.0.0/16',
    `--set=join.certificateAuthority=${Buffer.from('-----BEGIN CERTIFICATE-----').toString('base64')}`,
    '--set=operator.logLevel=debug',
    '--set=operator.registrationTimeout=20m',
    '--set=operator.oidcIssuer=https://oidc.example.com',
  );
  const { containers, volumes } = podOf(manifests, 'Deployment');
  const [{ args, image, volumeMounts }] = containers;
  const [command, ...flags] = args;
  assert.equal(command, 'operator');
  const outcome = readConfig(flags, {});
  assert.equal(outcome.kind, 'config', outcome.kind === 'wrong' ? outcome.line : '');
  const { config } = outcome;
  assert.deepEqual(
    [config.clusterName, config.operatorImage, config.logLevel, config.registrationTimeoutMs],
    ['test', image, 'debug', 1_200_000],
  );
  assert.match(config.kubernetesVersion, /^1\.\d\d$/);
  assert.equal(config.join.serviceCidr, '10.100.0.0/16');
  assert.equal(config.leaderElection.namespace, operatorNamespace);
  const [mount] = volumeMounts;
  assert.deepEqual([config.broker?.certFile, config.broker?.keyFile], [`${mount?.mountPath}/tls.crt`, `${mount?.mountPath}/tls.key`]);
  assert.deepEqual(volumes, [{ name: 'broker-tls', secret: { secretName: 'elastic-broker-tls' } }]);
});

test('the node agent finds what it reads where it is mounted, and proves itself to the broker only', async () => {
  const manifests = await render();
  const spec = podOf(manifests, 'DaemonSet');
  const [container] = spec.containers;
  const environment = agentEnvironment(Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value])));
  const mountOf = (path: string) => container.volumeMounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`) || path === mountPath);
  const volumeOf = (path: string) => spec.volumes.find(({ name }) => name === mountOf(path)?.name);
  assert.deepEqual(container.args, ['node-agent']);
  assert.equal(environment.brokerUrl, 'https://elastic-broker.elastic-system.svc:8443');
  assert.deepEqual(volumeOf(environment.logDirectory)?.['hostPath'], { path: '/var/log/pods', type: 'DirectoryOrCreate' });
  assert.equal(mountOf(environment.logDirectory)?.readOnly, true);
  assert.ok(volumeOf(environment.stateFile)?.['hostPath']);
  // A Secret that its pod mounts could be read with the credentials of a stolen node.
  assert.deepEqual(volumeOf(environment.brokerCaFile)?.['configMap'], { name: 'elastic-broker-ca' });
  assert.deepEqual(
    spec.volumes.filter((volume) => 'secret' in volume),
    [],
  );
  assert.deepEqual(volumeOf(environment.brokerTokenFile)?.['projected'], {
    sources: [
      { serviceAccountToken: { audience: brokerAudience, expirationSeconds: 3600, path: environment.brokerTokenFile.split('/').at(-1) } },
    ],
  });
  assert.equal(spec.serviceAccountName, nodeAgentServiceAccount);
});

test('the node agent runs on machines of runtimes only, whatever their taints, on the host network', async () => {
  const spec = podOf(await render(), 'DaemonSet');
  assert.deepEqual(spec.affinity, {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: labels.runtimeUid, operator: 'Exists' }] }],
      },
    },
  });
  assert.deepEqual(spec.tolerations, [{ operator: 'Exists' }]);
  assert.equal(spec.hostNetwork, true);
});

test('without privileges, the node agent has none', async () => {
  const spec = podOf(await render('--set=nodeAgent.privileged=false'), 'DaemonSet');
  const [container] = spec.containers;
  assert.equal(spec.hostPID, false);
  assert.deepEqual(container.securityContext, {
    runAsUser: 0,
    runAsGroup: 0,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
  });
  assert.equal(
    container.env?.some(({ name }) => name === 'ELASTIC_HOST_COMMAND'),
    false,
  );
});

test('the operator is locked down', async () => {
  const spec = podOf(await render(), 'Deployment');
  assert.equal(spec.securityContext['runAsNonRoot'], true);
  assert.deepEqual(spec.securityContext['seccompProfile'], { type: 'RuntimeDefault' });
  assert.deepEqual(spec.containers[0].securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
});

test('everything is in the namespaces that the code names', async () => {
  const spaces = new Set((await render('--set=networkPolicy.enabled=true')).flatMap(({ metadata }) => metadata.namespace ?? []));
  assert.deepEqual([...spaces].sort(), [agentNamespace, operatorNamespace]);
});

test('without node agents there is no broker', async () => {
  const manifests = await render('--set=nodeAgent.enabled=false');
  assert.deepEqual(
    manifests
      .filter(({ kind }) => ['DaemonSet', 'Service', 'Secret', 'ConfigMap', 'ValidatingAdmissionPolicy'].includes(kind))
      .filter(({ kind, metadata }) => kind !== 'ValidatingAdmissionPolicy' || metadata.name === 'elastic-node-agent'),
    [],
  );
  const { args } = podOf(manifests, 'Deployment').containers[0];
  assert.ok(args.includes('--node-agents=false'));
  assert.equal(readConfig(args.slice(1), {}).kind, 'config');
});

test('a certificate of one’s own: no Secret is made, the authority reaches the agents', async () => {
  const manifests = await render('--set=broker.tls.secretName=mine', '--set=broker.tls.caBundle=PEM');
  assert.deepEqual(
    manifests.filter(({ kind }) => kind === 'Secret'),
    [],
  );
  assert.deepEqual(find(manifests, 'ConfigMap', 'elastic-broker-ca')['data'], { 'ca.crt': 'PEM\n' });
  assert.deepEqual(podOf(manifests, 'Deployment').volumes[0]?.['secret'], { secretName: 'mine' });
});

test('an image by digest is the same everywhere', async () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const manifests = await render(`--set=image.digest=${digest}`);
  const image = `registry.example.com/elastic-runtime-operator@${digest}`;
  for (const kind of ['Deployment', 'DaemonSet'] as const) assert.equal(podOf(manifests, kind).containers[0].image, image);
});

const refused: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [['--namespace=default'], /install into the namespace elastic-system .* not default/],
  [['--set=clusterName='], /clusterName/],
  [['--set=image.repository='], /repository/],
  [['--set=clustername=x'], /clustername/],
  [['--set=broker.tls.secretName=mine'], /broker\.tls\.caBundle is needed/],
  [['--set=join.endpoint=https://a'], /join\.serviceCidr is needed/],
  [['--set=join.endpoint=http://a'], /endpoint/],
  [['--set=operator.garbagePeriod=300'], /garbagePeriod/],
  [['--set=operator.logLevel=loud'], /logLevel/],
  [['--set=operator.replicas=0'], /replicas/],
  [['--set=tenantNamespaces={Finance}'], /tenantNamespaces/],
];

for (const [args, message] of refused) {
  test(`refused: ${args.join(' ')}`, async () => {
    const { code, stderr } = await template(...args);
    assert.notEqual(code, 0);
    assert.match(stderr, message);
  });
}

test('an audit file has its volume at its directory; without one the audit goes to stdout', async () => {
  const [plain] = podOf(await render(), 'Deployment').containers;
  assert.ok(!plain?.args?.some((arg) => arg.startsWith('--audit-file')));
  const pod = podOf(
    await render(
      '--set=operator.audit.file=/var/log/elastic/audit.jsonl',
      '--set-json=operator.audit.volume={"hostPath":{"path":"/var/log/elastic"}}',
    ),
    'Deployment',
  );
  const [{ args, volumeMounts }] = pod.containers;
  assert.ok(args.includes('--audit-file=/var/log/elastic/audit.jsonl'));
  assert.deepEqual(
    volumeMounts.filter(({ name }) => name === 'audit'),
    [{ name: 'audit', mountPath: '/var/log/elastic' }],
  );
  assert.deepEqual(
    (pod.volumes as readonly { readonly name: string }[]).filter(({ name }) => name === 'audit'),
    [{ name: 'audit', hostPath: { path: '/var/log/elastic' } }],
  );
});
