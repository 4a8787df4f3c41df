import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateId, simulatedCertificate, simulatedKey } from '../../src/sim/aws/certificates.ts';
import { differencesOf } from '../../src/sim/aws/index.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { START } from '../../src/sim/world.ts';
import { find, hour, job, minute, runtime, start, until } from './support/stage.ts';

/* A runtime whose agent is an X.509 certificate. */

const x509 = {
  endpoint: 'c1a2b3.credentials.iot.us-east-1.amazonaws.com',
  roleAlias: 'hub-agent',
  thingName: 'hub-1',
  certificateSecretRef: { name: 'hub-cert' },
};
const policy = 'elastic-runtime-acme-hub-agent';

type Material = { readonly 'tls.crt': string; readonly 'tls.key': string };

function material(name: string, times: { readonly notBefore?: number; readonly notAfter?: number } = {}): Material {
  const privateKey = simulatedKey(`canary-${name}`);
  return { 'tls.crt': simulatedCertificate({ privateKey }, name, times), 'tls.key': privateKey };
}

function secret(stringData: Readonly<Record<string, string>>): SimulationManifest {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hub-cert', namespace: 'finance' }, stringData };
}

function manifests(stringData: Readonly<Record<string, string>> = material('first')): readonly SimulationManifest[] {
  const [namespace, ert] = runtime({});
  assert.ok(namespace && ert);
  const spec = ert['spec'] as { readonly identities: { readonly agent: object } };
  const identities = { ...spec.identities, agent: { ...spec.identities.agent, x509 } };
  return [namespace, secret(stringData), { ...ert, spec: { ...spec, identities } }];
}

const calls = (simulation: Simulation) => simulation.operator.audit.filter(({ action }) => action === 'iot:AssumeRoleWithCertificate');

function said(simulation: Simulation): string {
  return simulation.runtimes()[0]?.status?.conditions?.find(({ type }) => type === 'AccessVerified' || type === 'Ready')?.message ?? '';
}

const ready = (simulation: Simulation): Promise<void> =>
  until(simulation, 'ready', () => simulation.runtimes()[0]?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True');

void test('a runtime lives by its certificate: no token is asked for, one session serves all, refreshed each half hour', async () => {
  const first = material('first');
  const simulation = start([...manifests(first), job('long', { duration: '100m' })]);
  await simulation.settle(4 * hour);
  assert.equal(find(simulation, 'long').status?.phase, 'Succeeded');
  assert.deepEqual(simulation.violations(), []);
  const { audit } = simulation.operator;
  assert.ok(!audit.some(({ action }) => action === 'sts:AssumeRoleWithWebIdentity'));
  const id = certificateId(first['tls.crt']);
  const asAgent = audit.filter(({ identity }) => identity === 'agent');
  assert.deepEqual([...new Set(asAgent.map(({ sessionName }) => sessionName))], [id]);
  const resource = 'arn:aws:iot:us-east-1:111122223333:rolealias/hub-agent';
  assert.ok(calls(simulation).every((record) => record.resource === resource && record.outcome === 'ok'));
  // Ready, then a job of 100 minutes and its end: about one call each half hour, for all that was done as agent.
  const times = calls(simulation).map(({ time }) => Date.parse(time));
  assert.ok(times.length >= 3 && times.length <= 6, `${times.length} calls`);
  for (const [index, time] of times.slice(1).entries()) assert.ok(time - (times[index] ?? 0) >= 30 * minute);
  assert.deepEqual(differencesOf(simulation.account.calls, audit), []);
});

void test('a new certificate in the Secret is used without a restart, and the session of the old one no more', async () => {
  const [first, second] = [material('first'), material('second')];
  const simulation = start(manifests(first));
  await ready(simulation);
  const old = certificateId(first['tls.crt']);
  simulation.account.putCertificate({ pem: second['tls.crt'], things: ['hub-1'], policies: [policy] });
  simulation.account.setCertificateStatus(old, 'REVOKED');
  simulation.apply(secret(second));
  await simulation.world.runUntil(() => false, 6_000);
  const changedAt = simulation.world.now();
  simulation.apply(job('after', {}));
  await until(simulation, 'done', () => find(simulation, 'after').status?.phase === 'Succeeded');
  const later = simulation.operator.audit.filter(({ identity, time }) => identity === 'agent' && Date.parse(time) > changedAt);
  assert.ok(later.length > 3);
  assert.deepEqual([...new Set(later.map(({ sessionName }) => sessionName))], [certificateId(second['tls.crt'])]);
  assert.equal(simulation.operator.died.size, 0);
});

for (const [what, spoil, expected] of [
  [
    'revoked',
    (simulation: Simulation, id: string) => simulation.account.setCertificateStatus(id, 'REVOKED'),
    /Certificate is invalid on this endpoint/,
  ],
  [
    'taken from its thing',
    (simulation: Simulation, id: string) => certificate(simulation, id)?.things.clear(),
    /Invalid thing name passed.*attach/,
  ],
  [
    'left without a policy',
    (simulation: Simulation, id: string) => certificate(simulation, id)?.policies.clear(),
    /Access Denied.*IoT policy/,
  ],
] as const) {
  void test(`a certificate that was ${what}: a condition that says who, which thing, which call, what AWS said and what to do; then a slow probe`, async () => {
    const first = material('first');
    const simulation = start(manifests(first));
    await ready(simulation);
    spoil(simulation, certificateId(first['tls.crt']));
    const before = calls(simulation).length;
    const conditionOf = (type: string) => simulation.runtimes()[0]?.status?.conditions?.find((one) => one.type === type);
    await simulation.world.runUntil(() => conditionOf('AccessVerified')?.status === 'False', 2 * hour);
    assert.equal(conditionOf('Ready')?.status, 'False');
    const message = conditionOf('AccessVerified')?.message ?? '';
    assert.match(message, /^iot:AssumeRoleWithCertificate on arn:aws:iot:us-east-1:111122223333:rolealias\/hub-agent failed as agent/);
    assert.match(message, expected);
    assert.match(message, new RegExp(`thing hub-1, certificate ${certificateId(first['tls.crt'])} of Secret finance/hub-cert`));
    assert.match(message, /AccessDeniedException.*\[request [0-9a-f-]+\]$/);
    simulation.apply(job('refused', {}));
    await until(simulation, 'its jobs are told', () => find(simulation, 'refused').status?.waiting?.message?.includes(message) === true);
    // Whoever asks in the meantime: one call each ten minutes at most.
    for (let count = 0; count < 5; count += 1) simulation.apply(job(`again-${count}`, {}));
    await simulation.world.runUntil(() => false, hour);
    const probes = calls(simulation)
      .slice(before)
      .map(({ time }) => Date.parse(time));
    assert.ok(probes.length >= 1 && probes.length <= 8, `${probes.length} calls`);
    for (const [index, time] of probes.slice(1).entries()) assert.ok(time - (probes[index] ?? 0) >= 10 * minute - 1000);
    assert.ok(simulation.jobs().every(({ status }) => status?.phase === 'Pending'));
    assert.equal(simulation.account.instances().length, 0);
  });
}

function certificate(simulation: Simulation, id: string) {
  return simulation.account.certificates().find((one) => one.id === id);
}

void test('a refusal is over as soon as the Secret holds a better certificate', async () => {
  const simulation = start(manifests(material('unknown')));
  simulation.account.setCertificateStatus(certificateId(material('unknown')['tls.crt']), 'INACTIVE');
  await until(simulation, 'refused', () => said(simulation).includes('Certificate is invalid'));
  const better = material('better');
  simulation.account.putCertificate({ pem: better['tls.crt'], things: ['hub-1'], policies: [policy] });
  simulation.apply(secret(better));
  const at = simulation.world.now();
  await ready(simulation);
  assert.ok(simulation.world.now() - at < 2 * minute);
});

void test('an expired certificate, one without its key, a key of another and an alias of another role are said, the first three without a call', async () => {
  const good = material('good');
  const rows = [
    [
      material('old', { notBefore: START - 2 * hour, notAfter: START - hour }),
      /CertificateExpired.*expired at 2026-11-02T07:00:00.000Z.*AWS was not asked/,
    ],
    [material('early', { notBefore: START + 5 * hour }), /CertificateNotYetValid.*AWS was not asked/],
    [{ 'tls.crt': good['tls.crt'] }, /CertificateMissing: Secret finance\/hub-cert has no key tls.key/],
    [{ ...good, 'tls.key': material('other')['tls.key'] }, /KeyMismatch: Secret finance\/hub-cert: the private key is not the one/],
  ] as const;
  for (const [data, expected] of rows) {
    const simulation = start(manifests(data));
    await until(simulation, 'it says so', () => expected.test(said(simulation)));
    assert.equal(calls(simulation).length, 0);
    assert.ok(!JSON.stringify([simulation.runtimes(), simulation.operator.logs]).includes('canary'));
  }
});

void test('an alias that gives another role than the runtime names is refused, and its session dropped', async () => {
  const account = {
    apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
    kind: 'SimulatedAccount',
    metadata: { name: 'account' },
    spec: {},
  };
  const simulation = start([...manifests(), account]);
  simulation.account.pointRoleAlias('arn:aws:iot:us-east-1:111122223333:rolealias/hub-agent', 'arn:aws:iam::111122223333:role/operator');
  const role = simulation.account.spec.roles.find(({ arn }) => arn.endsWith('role/operator'));
  const trust = simulation.account.spec.roles.find(({ arn }) => arn.endsWith('role/agent'))?.trust;
  assert.ok(role && trust);
  simulation.account.putRole({ ...role, trust });
  await until(simulation, 'it says so', () => said(simulation).includes('RoleAliasMismatch'));
  assert.match(
    said(simulation),
    /the alias gave arn:aws:sts::111122223333:assumed-role\/operator\/[0-9a-f]{64}, not a session of .*role\/agent/,
  );
  const acted = simulation.operator.audit.filter(({ action }) => !/^(iot|sts):/.test(action));
  assert.deepEqual(acted, []);
});

void test('a namespace that is deleted keeps the certificate until everything of the runtime is gone', async () => {
  const simulation = start([...manifests(), job('running', { duration: '5h' })]);
  await until(simulation, 'running', () => find(simulation, 'running').status?.phase === 'Running');
  simulation.kubernetes.server.delete(kindNamed('Namespace'), 'finance');
  await until(simulation, 'gone', () => simulation.runtimes().length === 0);
  assert.deepEqual(simulation.account.liveInstances(), []);
  assert.deepEqual(simulation.account.templates(), []);
  await simulation.world.runUntil(() => false, 10 * minute);
  assert.equal(simulation.kubernetes.server.store.get(kindNamed('Secret'), 'finance/hub-cert'), undefined);
});
