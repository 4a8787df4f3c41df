import { simulatedCertificate, simulatedKey } from '../../../src/sim/aws/certificates.ts';
import { createRandom } from '../../../src/sim/faults.ts';
import type { SimulationManifest } from '../../../src/sim/simulate.ts';
import { START } from '../../../src/sim/world.ts';
import { type PlatformAction, withPlatformTeam } from './platform.ts';

/** Something that somebody does to the cluster, so long after the start. */
export type Action =
  | {
      readonly kind: 'terminate' | 'delete' | 'suspend' | 'resume';
      readonly job: string;
      readonly namespace: string;
      readonly atMs: number;
    }
  | { readonly kind: 'deleteRuntime'; readonly name: string; readonly namespace: string; readonly atMs: number }
  | { readonly kind: 'deleteNamespace'; readonly namespace: string; readonly atMs: number }
  /** A certificate of the runtime's is replaced, and the old one revoked. */
  | { readonly kind: 'renewCertificate'; readonly namespace: string; readonly atMs: number }
  /** A policy is attached to the agent role: default roles follow. */
  | { readonly kind: 'widenAgent'; readonly namespace: string; readonly atMs: number }
  | { readonly kind: 'shutDown'; readonly atMs: number }
  | PlatformAction;

export type Scenario = {
  readonly manifests: readonly SimulationManifest[];
  readonly actions: readonly Action[];
  readonly willSucceed: ReadonlySet<string>;
};

/** A random little organization: one or two runtimes, some jobs of each security type, and people who change their minds. A function of the seed. */
export function scenarioOf(seed: number): Scenario {
  const random = createRandom(seed, 'scenario');
  const pick = <T>(...choices: readonly [T, ...T[]]): T => choices[Math.floor(random.next() * choices.length)] ?? choices[0];
  const chance = (share: number): boolean => random.next() < share;
  const minutes = (low: number, high: number): number => Math.round((low + random.next() * (high - low)) * 60_000);

  // A stream of its own: the other draws stay what they were.
  const certificates = createRandom(seed, 'scenario/certificates');

  // A stream of its own: what seeds without default roles do stays what it was.
  const roles = createRandom(seed, 'default roles');
  const spaces = chance(0.4) ? ['finance', 'research'] : ['finance'];
  const manifests: SimulationManifest[] = [];
  const actions: Action[] = [];
  const willSucceed = new Set<string>();
  for (const namespace of spaces) {
    const x509 = certificates.next() < 0.25;
    if (x509 && certificates.next() < 0.6)
      actions.push({ kind: 'renewCertificate', namespace, atMs: Math.round(certificates.next() * 25 * 60_000) });
    const dueAfterMs = x509 && certificates.next() < 0.6 ? Math.round(certificates.next() * 30 * 60_000) : undefined;
    manifests.push(
      ...base(namespace, {
        spotPercent: pick(0, 50, 80, 100),
        workerMax: pick(4, 12, 40),
        idleTimeout: pick('2m', '10m'),
        min: chance(0.15) ? 1 : 0,
        x509,
        defaultRoles: roles.next() < 0.3,
        dueAfterMs,
      }),
    );
    if (roles.next() < 0.3) actions.push({ kind: 'widenAgent', namespace, atMs: Math.round(roles.next() * 20 * 60_000) });
    const jobs = Array.from({ length: 1 + Math.floor(random.next() * 4) }, (_, index) => `job-${index}`);
    const doomed = chance(0.2);
    for (const job of jobs) {
      const fails = chance(0.15);
      const [min, max] = pick<readonly [number, number]>([0, 0], [1, 1], [2, 4], [3, 8]);
      manifests.push(
        jobManifest({
          name: job,
          namespace,
          type: pick('Credential', 'Role', 'Indirect'),
          duration: pick('20s', '2m', '8m', '20m'),
          exitCode: fails ? '3' : '0',
          min,
          max,
          cpu: pick('500m', '1', '2'),
        }),
      );
      if (chance(0.12)) actions.push({ kind: 'terminate', job, namespace, atMs: minutes(0, 15) });
      else if (chance(0.12)) actions.push({ kind: 'delete', job, namespace, atMs: minutes(0, 15) });
      else if (chance(0.12)) {
        const atMs = minutes(0, 10);
        actions.push({ kind: 'suspend', job, namespace, atMs }, { kind: 'resume', job, namespace, atMs: atMs + minutes(1, 10) });
        if (!fails && !doomed) willSucceed.add(`${namespace}/${job}`);
      } else if (!fails && !doomed) willSucceed.add(`${namespace}/${job}`);
    }
    if (doomed)
      actions.push(
        chance(0.5)
          ? { kind: 'deleteRuntime', name: 'analytics', namespace, atMs: minutes(0, 20) }
          : { kind: 'deleteNamespace', namespace, atMs: minutes(0, 20) },
      );
  }
  if (chance(0.3)) actions.push({ kind: 'shutDown', atMs: minutes(2, 12) });
  const platform = withPlatformTeam(seed, manifests);
  return { manifests: platform.manifests, actions: [...actions, ...platform.actions], willSucceed };
}

type Base = {
  readonly spotPercent: number;
  readonly workerMax: number;
  readonly idleTimeout: string;
  readonly min: number;
  readonly x509: boolean;
  readonly defaultRoles: boolean;
  /** From when the operator is to replace the certificate. */
  readonly dueAfterMs: number | undefined;
};

export const certificateSecret = 'hub-cert';

/** What a certificate Secret holds: the first, or the one that replaces it. */
export function certificateOf(
  namespace: string,
  serial: string,
  dueAfterMs?: number,
): { readonly 'tls.crt': string; readonly 'tls.key': string } {
  const privateKey = simulatedKey(`${namespace}-${serial}`);
  return {
    'tls.crt': simulatedCertificate(
      { privateKey },
      serial,
      dueAfterMs === undefined ? {} : { notBefore: START - 24 * 3_600_000 + dueAfterMs },
    ),
    'tls.key': privateKey,
  };
}

function base(
  namespace: string,
  { spotPercent, workerMax, idleTimeout, min, x509, dueAfterMs, defaultRoles }: Base,
): readonly SimulationManifest[] {
  const role = (name: string) => ({ roleArn: `arn:aws:iam::111122223333:role/${namespace}-${name}` });
  const kmsKeyArn = 'arn:aws:kms:us-east-1:111122223333:key/0d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e01';
  const rotated = { 'elasticruntime.dev/rotate-after': '24h' };
  const secret = (name: string, stringData: Readonly<Record<string, string>>, annotations: Readonly<Record<string, string>> = {}) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, annotations },
    stringData,
  });
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    secret('external-id', { externalId: `external-${namespace}` }),
    secret('keys', { aws_access_key_id: `AKIAEXAMPLE${namespace.toUpperCase()}`, aws_secret_access_key: `secret-of-${namespace}` }),
    ...(x509 ? [secret(certificateSecret, certificateOf(namespace, 'first', dueAfterMs), dueAfterMs === undefined ? {} : rotated)] : []),
    secret('login', { username: 'reader', password: 'example-password' }),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'etl', namespace }, data: { 'etl.py': "print('hello')\n" } },
    {
      apiVersion: 'elasticruntime.dev/v1alpha1',
      kind: 'ElasticRuntime',
      metadata: { name: 'analytics', namespace },
      spec: {
        organization: namespace === 'finance' ? 'acme' : 'acme2',
        region: 'us-east-1',
        identities: {
          agent: { ...role('agent'), ...(x509 && { x509: certificateIdentity(namespace) }) },
          operator: { ...role('operator'), externalIdSecretRef: { name: 'external-id', key: 'externalId' } },
          ...(!defaultRoles && { master: role('master'), worker: role('worker') }),
        },
        staging: { uri: 's3://acme-staging/elastic', kmsKeyArn },
        logs: { uri: 's3://acme-logs/elastic', kmsKeyArn },
        network: { subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'], securityGroupIds: ['sg-0123456789abcdef0'] },
        machineImage: { family: 'AL2023', version: 'latest' },
        masters: { min: 0, max: 4 },
        workers: {
          min,
          max: workerMax,
          spotPercent,
          requirements: [{ key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'] }],
          volumes: { type: 'gp3', initialGiB: 50, maxGiB: 1000, growAtPercent: 80 },
        },
        idleTimeout,
      },
    },
  ];
}

export function certificateIdentity(namespace: string) {
  return {
    endpoint: 'c1a2b3.credentials.iot.us-east-1.amazonaws.com',
    roleAlias: `${namespace}-agent`,
    thingName: `${namespace}-hub`,
    certificateSecretRef: { name: certificateSecret },
  };
}

type JobSketch = {
  readonly name: string;
  readonly namespace: string;
  readonly type: 'Credential' | 'Role' | 'Indirect';
  readonly duration: string;
  readonly exitCode: string;
  readonly min: number;
  readonly max: number;
  readonly cpu: string;
};

function jobManifest(sketch: JobSketch): SimulationManifest {
  const { name, namespace, type, duration, exitCode, min, max, cpu } = sketch;
  const lake = { name: 'lake', usage: 'Target', connector: 'AmazonS3', location: `s3://${namespace}-lake/out/` };
  const crm = { name: 'crm', usage: 'Source', connector: 'JDBC', authentication: { properties: { secretRef: { name: 'login' } } } };
  const connections = {
    Credential: [{ ...lake, authentication: { credentials: { secretRef: { name: 'keys' } } } }, crm],
    Role: [
      lake,
      {
        name: 'clicks',
        usage: 'Source',
        connector: 'AmazonS3',
        location: `s3://${namespace}-clicks/in/`,
        authentication: { roleArn: `arn:aws:iam::111122223333:role/${namespace}-clicks-reader` },
      },
    ],
    Indirect: [crm],
  }[type];
  const template = (annotations: Readonly<Record<string, string>>, cpuRequest: string) => ({
    metadata: { annotations },
    spec: {
      containers: [{ name: 'main', image: 'registry.example.com/etl:1', resources: { requests: { cpu: cpuRequest, memory: '2Gi' } } }],
    },
  });
  const master = { 'simulation.elasticruntime.dev/duration': duration, 'simulation.elasticruntime.dev/exit-code': exitCode };
  return {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticJob',
    metadata: { name, namespace },
    spec: {
      runtime: 'analytics',
      connections,
      dependencies: [{ path: 'app/etl.py', configMapKeyRef: { name: 'etl', key: 'etl.py' } }],
      master: { template: template(master, '500m') },
      ...(max > 0 && { workers: { min, max, template: template({ 'simulation.elasticruntime.dev/duration': '10h' }, cpu) } }),
      backoffLimit: 1,
    },
  };
}
