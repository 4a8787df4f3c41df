import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateId, simulatedCertificate, simulatedKey } from '../../src/sim/aws/certificates.ts';
import { differencesOf } from '../../src/sim/aws/index.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { START } from '../../src/sim/world.ts';
import { find, hour, job, minute, runtime, start, until } from './support/stage.ts';

/* The operator replaces a runtime's certificate. */

type Json = Readonly<Record<string, unknown>>;

const day = 24 * hour;
const privateKey = simulatedKey('canary-first');
const first = { 'tls.crt': simulatedCertificate({ privateKey }, 'first', { notBefore: START - day + 20 * minute }), 'tls.key': privateKey };
const firstId = certificateId(first['tls.crt']);

/** Its certificate is a day old, and due, twenty minutes after the start. */
function manifests(rotateAfter: string | null = '24h'): readonly SimulationManifest[] {
  const [namespace, ert] = runtime({});
  assert.ok(namespace && ert);
  const spec = ert['spec'] as { readonly identities: { readonly agent: object } };
  const x509 = {
    endpoint: 'c1a2b3.credentials.iot.us-east-1.amazonaws.com',
    roleAlias: 'hub-agent',
    thingName: 'hub-1',
    certificateSecretRef: { name: 'hub-cert' },
  };
  const annotations = rotateAfter === null ? {} : { 'elasticruntime.dev/rotate-after': rotateAfter };
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'hub-cert', namespace: 'finance', annotations } as SimulationManifest['metadata'],
    stringData: first,
  };
  return [namespace, secret, { ...ert, spec: { ...spec, identities: { ...spec.identities, agent: { ...spec.identities.agent, x509 } } } }];
}

function inSecret(simulation: Simulation): string {
  const secret = simulation.kubernetes.server.store.get(kindNamed('Secret'), 'finance/hub-cert') as unknown as {
    readonly data: Record<string, string>;
  };
  return certificateId(Buffer.from(secret.data['tls.crt'] ?? '', 'base64').toString());
}

/** The certificate in the Secret works: active, its thing and policy attached. */
function works(simulation: Simulation): boolean {
  const held = simulation.account.certificates().find(({ id }) => id === inSecret(simulation));
  return held?.status === 'ACTIVE' && held.things.has('hub-1') && held.policies.has('elastic-runtime-acme-hub-agent');
}

const iotCalls = (simulation: Simulation) => simulation.operator.audit.filter(({ action }) => /^iot:(?!AssumeRole)/.test(action));

void test('a certificate that is due is replaced as operator, verified, put into the Secret, and the old one ended; a job goes on', async () => {
  const simulation = start([...manifests(), job('long', { duration: '90m' })]);
  await simulation.settle(4 * hour);
  assert.equal(find(simulation, 'long').status?.phase, 'Succeeded');
  const certificates = simulation.account.certificates();
  assert.deepEqual([certificates.length, certificates[0]?.id === inSecret(simulation), firstId === inSecret(simulation)], [1, true, false]);
  assert.ok(works(simulation));
  assert.deepEqual(
    iotCalls(simulation).map(({ action, identity, outcome }) => `${identity} ${action} ${outcome}`),
    [
      'operator iot:CreateCertificateFromCsr ok',
      'operator iot:AttachThingPrincipal ok',
      'operator iot:AttachPolicy ok',
      'operator iot:UpdateCertificate ok',
      'operator iot:UpdateCertificate ok',
      'operator iot:DetachThingPrincipal ok',
      'operator iot:DeleteCertificate ok',
    ],
  );
  const runtimeStatus = simulation.runtimes()[0]?.status;
  assert.deepEqual(runtimeStatus?.internal?.['certificates'], []);
  assert.ok(simulation.operator.audit.every(({ outcome }) => outcome === 'ok' || outcome === 'DryRunOperation'));
  assert.deepEqual(differencesOf(simulation.account.calls, simulation.operator.audit), []);
  const events = simulation.kubernetes.server.store.list(kindNamed('Event')) as unknown as readonly {
    readonly reason?: string;
    readonly note?: string;
    readonly message?: string;
  }[];
  assert.ok(events.some(({ reason }) => reason === 'CertificateRotated'));
  const texts = JSON.stringify([simulation.runtimes(), simulation.jobs(), events, simulation.operator.audit, simulation.operator.logs]);
  const key = Buffer.from(
    (
      simulation.kubernetes.server.store.get(kindNamed('Secret'), 'finance/hub-cert') as unknown as {
        readonly data: Record<string, string>;
      }
    ).data['tls.key'] ?? '',
    'base64',
  ).toString();
  for (const secret of ['canary', 'simulated-private-key', key.split('\n')[1] ?? '']) assert.ok(!texts.includes(secret), secret);
});

void test('a certificate without the annotation is its owner’s: never replaced', async () => {
  const simulation = start(manifests(null));
  await simulation.world.runUntil(() => false, 3 * hour);
  assert.deepEqual([iotCalls(simulation).length, inSecret(simulation)], [0, firstId]);
});

void test('what the operator may not do is said, and the certificate stays', async () => {
  const simulation = start(manifests());
  const role = simulation.account.spec.roles.find(({ arn }) => arn.endsWith('role/operator'));
  assert.ok(role);
  const deny = { Version: '2012-10-17' as const, Statement: [{ Effect: 'Deny' as const, Action: 'iot:AttachPolicy', Resource: '*' }] };
  // From the start it would be found when the runtime is verified.
  await simulation.world.runUntil(() => false, 10 * minute);
  simulation.account.putRole({ ...role, policies: [...role.policies, { name: 'deny', document: deny }] });
  await simulation.world.runUntil(() => false, 2 * hour);
  const events = JSON.stringify(simulation.kubernetes.server.store.list(kindNamed('Event')));
  assert.match(
    events,
    /iot:AttachPolicy on arn:aws:iot:us-east-1:111122223333:cert\/[0-9a-f]{64} failed as operator: AccessDeniedException/,
  );
  assert.ok(works(simulation) && inSecret(simulation) === firstId);
  // Each look ends what the one before left over.
  assert.ok(simulation.account.certificates().length <= 2);
  assert.ok(simulation.account.certificates().every(({ id, status }) => id === firstId || status === 'INACTIVE'));
});

const moments = /aws iot|aws sts\.assumeRole|patch Secret|patch ElasticRuntime|Secret finance\/hub-cert|ElasticRuntime finance\/analytics/;

/** Runs a rotation and kills the operator right after the `fatal`th of its moments. */
async function rotate(
  fatal: number,
): Promise<{ readonly simulation: Simulation; readonly seen: number; readonly everWorked: boolean; readonly label: string }> {
  const simulation = start(manifests());
  let [seen, everWorked, label] = [0, true, ''];
  simulation.world.afterStep((step) => {
    everWorked &&= works(simulation);
    const at = simulation.world.now() - START;
    if (at < 20 * minute || at > 32 * minute || !moments.test(step)) return;
    seen += 1;
    if (seen !== fatal) return;
    label = step;
    simulation.operator.current().process.crash();
  });
  await simulation.world.runUntil(() => false, 55 * minute);
  return { simulation, seen, everWorked, label };
}

void test('killed after any of its calls: the Secret always holds a certificate that works, and one look later no other one is active', async () => {
  const { seen } = await rotate(0);
  assert.ok(seen >= 20, `${seen} moments`);
  for (let fatal = 1; fatal <= seen; fatal += 1) {
    const { simulation, everWorked, label } = await rotate(fatal);
    const others = simulation.account.certificates().filter(({ id }) => id !== inSecret(simulation));
    assert.ok(everWorked, `moment ${fatal}: ${label}`);
    assert.notEqual(inSecret(simulation), firstId, `moment ${fatal}: ${label}`);
    assert.deepEqual(
      others.filter(({ status, things }) => status === 'ACTIVE' || things.size > 0),
      [],
      `moment ${fatal}: ${label}`,
    );
    assert.deepEqual(simulation.runtimes()[0]?.status?.internal?.['certificates'], [], `moment ${fatal}: ${label}`);
    // A request whose answer never came leaves one that has no power and no name here.
    assert.ok(others.length <= 1, `moment ${fatal}: ${label}`);
  }
});

void test('somebody writes the Secret meanwhile: the new certificate is ended and another one takes its place within two minutes', async () => {
  const simulation = start(manifests());
  const { server } = simulation.kubernetes;
  const active = () => simulation.account.certificates().filter(({ status }) => status === 'ACTIVE');
  await until(simulation, 'two that work', () => active().length === 2);
  const annotate = (current: Json): Json => ({ ...current, metadata: { ...(current['metadata'] as Json), labels: { touched: 'yes' } } });
  server.patch(kindNamed('Secret'), 'finance/hub-cert', undefined, 'kubectl', annotate);
  await simulation.world.runUntil(() => false, minute / 2);
  assert.deepEqual([inSecret(simulation), active().length], [firstId, 2]);
  await simulation.world.runUntil(() => false, 2 * minute);
  assert.deepEqual(
    active().map(({ id }) => id),
    [inSecret(simulation)],
  );
  assert.notEqual(inSecret(simulation), firstId);
});

void test('a runtime that is deleted in the middle of it leaves the certificate of its Secret and no other that is active', async () => {
  const simulation = start(manifests());
  await until(simulation, 'issued', () => simulation.account.certificates().length === 2);
  simulation.kubernetes.server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
  await until(simulation, 'gone', () => simulation.runtimes().length === 0);
  assert.deepEqual(
    simulation.account.certificates().map(({ id, status }) => [id === inSecret(simulation), status]),
    [[true, 'ACTIVE']],
  );
});
