import assert from 'node:assert/strict';
import type { ElasticJob, ElasticRuntime } from '../../../src/api/generated/types.ts';
import { kindNamed } from '../../../src/sim/kubernetes/kinds.ts';
import { type Simulation, type SimulationManifest, startSimulation } from '../../../src/sim/simulate.ts';

export const minute = 60_000;
export const hour = 60 * minute;
const kmsKeyArn = 'arn:aws:kms:us-east-1:111122223333:key/0d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e01';

export function runtime(
  workers: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
): readonly SimulationManifest[] {
  const role = (name: string) => ({ roleArn: `arn:aws:iam::111122223333:role/${name}` });
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'finance' } },
    {
      apiVersion: 'elasticruntime.dev/v1alpha1',
      kind: 'ElasticRuntime',
      metadata: { name: 'analytics', namespace: 'finance' },
      spec: {
        organization: 'acme',
        region: 'us-east-1',
        identities: { agent: role('agent'), operator: role('operator'), master: role('master'), worker: role('worker') },
        staging: { uri: 's3://acme-staging/elastic', kmsKeyArn },
        logs: { uri: 's3://acme-logs/elastic', kmsKeyArn },
        network: { subnetIds: ['subnet-0123456789abcdef0'], securityGroupIds: ['sg-0123456789abcdef0'] },
        machineImage: { family: 'AL2023', version: 'latest' },
        masters: { min: 0, max: 4 },
        workers: { min: 0, max: 40, requirements: [{ key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'] }], ...workers },
        idleTimeout: '5m',
        ...more,
      },
    },
  ];
}

type Sketch = {
  readonly duration?: string;
  readonly exitCode?: string;
  readonly worker?: {
    readonly min: number;
    readonly max: number;
    readonly cpu?: string;
    readonly duration?: string;
    readonly exitCode?: string;
  };
};

/** The stage's runtime without master and worker roles. */
export function defaultRoles(): readonly SimulationManifest[] {
  return runtime({}).map((manifest) => {
    if (manifest.kind !== 'ElasticRuntime') return manifest;
    const spec = manifest['spec'] as ElasticRuntime['spec'];
    const { agent, operator } = spec.identities;
    return { ...manifest, spec: { ...spec, identities: { agent, operator } } };
  });
}

export function job(
  name: string,
  { duration = '2m', exitCode = '0', worker }: Sketch,
  more: Readonly<Record<string, unknown>> = {},
): SimulationManifest {
  const template = (run: string, code: string, cpu: string) => ({
    metadata: { annotations: { 'simulation.elasticruntime.dev/duration': run, 'simulation.elasticruntime.dev/exit-code': code } },
    spec: { containers: [{ name: 'main', image: 'registry.example.com/etl:1', resources: { requests: { cpu, memory: '1Gi' } } }] },
  });
  return {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticJob',
    metadata: { name, namespace: 'finance' },
    spec: {
      runtime: 'analytics',
      master: { template: template(duration, exitCode, '500m') },
      ...(worker && {
        workers: {
          min: worker.min,
          max: worker.max,
          template: template(worker.duration ?? '10h', worker.exitCode ?? '0', worker.cpu ?? '1'),
        },
      }),
      ...more,
    },
  };
}

export function start(
  manifests: readonly SimulationManifest[],
  options: { readonly seed?: number; readonly nodeAgents?: boolean } = {},
): Simulation {
  const started = startSimulation({
    manifests,
    seed: options.seed ?? 3,
    faults: 'none',
    limitMs: hour,
    keepLogs: true,
    nodeAgents: options.nodeAgents ?? false,
  });
  assert.ok(started.ok, started.ok ? '' : started.reason);
  return started.value;
}

export function find(simulation: Simulation, name: string): ElasticJob {
  const found = simulation.jobs().find(({ metadata }) => metadata.name === name);
  assert.ok(found, name);
  return found;
}

export function change(simulation: Simulation, name: string, spec: Readonly<Record<string, unknown>>): void {
  const answer = simulation.kubernetes.server.patch(kindNamed('ElasticJob'), `finance/${name}`, undefined, 'kubectl', (current) => ({
    ...current,
    spec: { ...current.spec, ...spec },
  }));
  assert.ok(answer.ok, answer.ok ? '' : answer.error.message);
}

export const until = (simulation: Simulation, what: string, done: () => boolean): Promise<void> =>
  simulation.world.runUntil(done, hour).then((outcome) => assert.equal(outcome, 'done', what));
