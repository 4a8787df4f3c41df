import type { DocumentsInput, PolicyJob, PolicyRuntime } from '../../../src/core/policy/runtime-input.ts';
import { kindNamed } from '../../../src/sim/kubernetes/kinds.ts';
import { type Simulation, type SimulationManifest, startSimulation } from '../../../src/sim/simulate.ts';

const hour = 3_600_000;
const account = '111122223333';
const roleArn = (name: string): string => `arn:aws:iam::${account}:role/${name}`;
const kmsKeyArn = `arn:aws:kms:us-east-1:${account}:key/0d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e01`;

const storedLogin = JSON.stringify({ username: 'reader', password: 'example-password' });
const ledgerArn = `arn:aws:secretsmanager:us-east-1:${account}:secret:acme/finance/ledger-AbCdEf`;

/** A runtime that uses everything that the generator knows how to allow, and jobs of each security type. */
export function manifestsOf(options: { readonly spotPercent: number } = { spotPercent: 100 }): readonly SimulationManifest[] {
  const namespace = 'finance';
  const secret = (name: string, stringData: Readonly<Record<string, string>>) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData,
  });
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    secret('external-id', { externalId: 'external-finance' }),
    secret('keys', { aws_access_key_id: 'AKIAEXAMPLEFINANCE', aws_secret_access_key: 'secret-of-finance' }),
    secret('orders-id', { externalId: 'external-orders' }),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'etl', namespace }, data: { 'etl.py': "print('hello')\n" } },
    {
      apiVersion: 'elasticruntime.dev/v1alpha1',
      kind: 'ElasticRuntime',
      metadata: { name: 'analytics', namespace },
      spec: {
        organization: 'acme',
        region: 'us-east-1',
        identities: {
          agent: { roleArn: roleArn('agent') },
          operator: { roleArn: roleArn('operator'), externalIdSecretRef: { name: 'external-id', key: 'externalId' } },
          master: { roleArn: roleArn('master') },
          worker: { roleArn: roleArn('worker') },
        },
        staging: { uri: 's3://acme-staging/elastic', kmsKeyArn },
        logs: { uri: 's3://acme-logs/elastic', kmsKeyArn },
        network: { subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'], securityGroupIds: ['sg-0123456789abcdef0'] },
        machineImage: { family: 'AL2023', version: 'latest' },
        initScript: { uri: 's3://acme-platform/init.sh' },
        masters: { min: 0, max: 4 },
        workers: {
          min: 0,
          max: 12,
          spotPercent: options.spotPercent,
          requirements: [{ key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'] }],
          volumes: { type: 'gp3', initialGiB: 50, maxGiB: 1000, growAtPercent: 80 },
        },
        idleTimeout: '5m',
        tags: { CostCenter: '4711' },
      },
    },
    ...jobs(namespace),
  ];
}

function jobs(namespace: string): readonly SimulationManifest[] {
  const lake = {
    name: 'lake',
    usage: 'SourceAndTarget',
    connector: 'AmazonS3',
    location: 's3://acme-lake/out/',
    kmsKeyArn: `arn:aws:kms:us-east-1:${account}:key/lake`,
  };
  const orders = {
    name: 'orders',
    usage: 'SourceAndTarget',
    connector: 'AmazonS3',
    location: 's3://acme-orders/raw/',
    kmsKeyArn: `arn:aws:kms:us-east-1:${account}:key/orders`,
    authentication: { roleArn: roleArn('orders'), externalIdSecretRef: { name: 'orders-id', key: 'externalId' } },
  };
  const events = {
    name: 'events',
    usage: 'SourceAndTarget',
    connector: 'DynamoDB',
    location: `arn:aws:dynamodb:us-east-1:${account}:table/events`,
  };
  const catalog = {
    name: 'catalog',
    usage: 'Source',
    connector: 'Glue',
    location: `arn:aws:glue:us-east-1:${account}:table/sales/orders`,
  };
  const keys = {
    name: 'warehouse',
    usage: 'Target',
    connector: 'AmazonS3',
    location: 's3://acme-warehouse/',
    authentication: { credentials: { secretRef: { name: 'keys' } } },
  };
  const login = {
    name: 'crm',
    usage: 'Source',
    connector: 'JDBC',
    authentication: { properties: { parameterStore: { name: `/acme/${namespace}/crm` } } },
  };
  const ledger = {
    name: 'ledger',
    usage: 'Target',
    connector: 'JDBC',
    authentication: {
      properties: { secretsManager: { arn: `arn:aws:secretsmanager:us-east-1:${account}:secret:acme/${namespace}/ledger-AbCdEf` } },
    },
  };
  const template = (annotations: Readonly<Record<string, string>>, cpu: string) => ({
    metadata: { annotations },
    spec: { containers: [{ name: 'main', image: 'registry.example.com/etl:1', resources: { requests: { cpu, memory: '2Gi' } } }] },
  });
  const job = (name: string, connections: readonly object[], more: object = {}): SimulationManifest => ({
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticJob',
    metadata: { name, namespace },
    spec: {
      runtime: 'analytics',
      connections,
      dependencies: [
        { path: 'app/etl.py', configMapKeyRef: { name: 'etl', key: 'etl.py' } },
        { path: 'app/lib.jar', uri: 's3://acme-artifacts/lib.jar' },
      ],
      master: { template: template({ 'simulation.elasticruntime.dev/duration': '40m' }, '500m') },
      workers: {
        min: 1,
        max: 3,
        template: template(
          { 'simulation.elasticruntime.dev/duration': '10h', 'simulation.elasticruntime.dev/writes-gib-per-hour': '120' },
          '1',
        ),
      },
      backoffLimit: 1,
      cleanupAfterSeconds: 60,
      ...more,
    },
  });
  return [
    job('by-role', [lake, orders, events, catalog]),
    job('by-worker', [lake], { staging: { identity: 'Worker' } }),
    job('by-keys', [keys, login, ledger]),
    job('indirect', [login, ledger]),
  ];
}

export type Life = { readonly simulation: Simulation; readonly problems: readonly string[] };

type Ways = {
  /** The text of what is stored in the account, as of another region or partition. */
  readonly elsewhere?: (text: string) => string;
  /** Arranges what somebody does in between. */
  readonly meanwhile?: (simulation: Simulation) => void;
  /** What happens once the jobs are done, before the end. */
  readonly ending?: (simulation: Simulation) => Promise<void> | void;
};

/** Create, run, scale, grow, lose spot instances, go idle, delete. */
export async function live(
  seed: number,
  faults: 'none' | 'rough',
  manifests: readonly SimulationManifest[],
  { elsewhere = (text) => text, meanwhile, ending }: Ways = {},
): Promise<Life> {
  const account = {
    apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
    kind: 'SimulatedAccount',
    metadata: { name: 'account' },
    spec: {
      interruptions: [{ at: '15m', count: 1 }],
      // Under the organization's key, as a security team would have it.
      parameters: [{ name: '/acme/finance/crm', value: storedLogin, kmsKeyArn }],
      secrets: [{ arn: ledgerArn, name: 'acme/finance/ledger', value: storedLogin, kmsKeyArn }],
    },
  };
  const disruption = JSON.parse(elsewhere(JSON.stringify(account))) as SimulationManifest;
  const started = startSimulation({ manifests: [...manifests, disruption], seed, faults, limitMs: 6 * hour, nodeAgents: true });
  if (!started.ok) return { simulation: undefined as never, problems: [started.reason] };
  const simulation = started.value;
  meanwhile?.(simulation);
  const outcome = await simulation.settle(6 * hour);
  const problems = outcome === 'settled' ? [] : ['it did not settle'];
  for (const job of simulation.jobs())
    if (faults === 'none' && job.status?.phase !== 'Succeeded')
      problems.push(`${job.metadata.name} is ${job.status?.phase}: ${job.status?.failure?.message}`);
  await ending?.(simulation);
  const { server } = simulation.kubernetes;
  for (const job of simulation.jobs()) server.delete(kindNamed('ElasticJob'), `${job.metadata.namespace}/${job.metadata.name}`);
  for (const runtime of simulation.runtimes())
    server.delete(kindNamed('ElasticRuntime'), `${runtime.metadata.namespace}/${runtime.metadata.name}`);
  await simulation.world.runUntil(() => simulation.runtimes().length === 0 && simulation.account.liveInstances().length === 0, 2 * hour);
  if (simulation.runtimes().length > 0) problems.push('the runtime was not torn down');
  return { simulation, problems };
}

/** What the generator is given for these manifests, as the simulator gives it. */
export function inputOf(runtime: PolicyRuntime, policyJobs: readonly PolicyJob[]): DocumentsInput {
  const issuer = 'oidc.simulation.elasticruntime.dev';
  return {
    runtime,
    jobs: policyJobs,
    clusterName: 'simulation',
    accountId: account,
    oidcProviderArn: `arn:aws:iam::${account}:oidc-provider/${issuer}`,
    issuer,
    externalIds: { 'external-id/externalId': 'external-finance', 'orders-id/externalId': 'external-orders' },
  };
}
