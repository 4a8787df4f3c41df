import { requiredFields } from '../../../src/core/classes/builtin.ts';
import { createRandom } from '../../../src/sim/faults.ts';
import type { SimulationManifest } from '../../../src/sim/simulate.ts';

/** What a platform team does to the cluster, so long after the start. */
export type PlatformAction =
  | { readonly kind: 'apply'; readonly manifest: SimulationManifest; readonly atMs: number }
  | { readonly kind: 'remove'; readonly what: string; readonly key: string; readonly atMs: number }
  /** What a class gives is changed, once the runtime of that namespace was begun with what it gave before. */
  | { readonly kind: 'moveDefaults'; readonly className: string; readonly namespace: string; readonly atMs: number };

export type Platform = { readonly manifests: readonly SimulationManifest[]; readonly actions: readonly PlatformAction[] };

type Json = Readonly<Record<string, unknown>>;
type Draw = { readonly chance: (share: number) => boolean; readonly minutes: (low: number, high: number) => number };

const apiVersion = 'elasticruntime.dev/v1alpha1';
const givable = ['organization', 'region', 'identities', 'staging', 'logs', 'network', 'machineImage', 'masters', 'workers', 'idleTimeout'];

/**
 * The same organization with a platform team: connections that jobs name, and classes that give what runtimes leave out. What is taken away comes back
 * within minutes, so that every job ends as it would have. A function of the seed and the manifests.
 */
export function withPlatformTeam(seed: number, manifests: readonly SimulationManifest[]): Platform {
  const random = createRandom(seed, 'scenario/platform');
  const draw: Draw = {
    chance: (share) => random.next() < share,
    minutes: (low, high) => Math.round((low + random.next() * (high - low)) * 60_000),
  };
  const actions: PlatformAction[] = [];
  const named = manifests.flatMap((one) =>
    one.kind === 'ElasticJob' && draw.chance(0.3) ? throughConnections(one, draw, actions) : [one],
  );
  if (!draw.chance(0.4)) return { manifests: named, actions };
  const spaces = named.filter(({ kind }) => kind === 'Namespace').length;
  // Where one runtime has a class, each needs one.
  const className = (namespace: string): string => (spaces === 1 && random.next() < 0.5 ? 'default' : `${namespace}-class`);
  const classed = named.flatMap((one) =>
    one.kind === 'ElasticRuntime' ? ofClass(one, className(one.metadata.namespace ?? ''), draw, actions) : [one],
  );
  return { manifests: classed, actions };
}

function throughConnections(job: SimulationManifest, draw: Draw, actions: PlatformAction[]): readonly SimulationManifest[] {
  const { name: jobName, namespace = '' } = job.metadata;
  const spec = job['spec'] as Json;
  const connections = spec['connections'] as readonly (Json & { readonly name: string; readonly usage: string })[];
  const made = connections.map(({ name, usage: _usage, ...rest }): SimulationManifest => {
    return { apiVersion, kind: 'ElasticConnection', metadata: { name: `${jobName}-${name}`, namespace }, spec: rest };
  });
  const [first] = made;
  if (first !== undefined && draw.chance(0.3)) {
    const atMs = draw.minutes(0, 12);
    actions.push({ kind: 'remove', what: 'ElasticConnection', key: `${namespace}/${first.metadata.name}`, atMs });
    actions.push({ kind: 'apply', manifest: first, atMs: atMs + draw.minutes(1, 6) });
  }
  const references = connections.map(({ name, usage }) => ({ name, usage, connectionRef: { name: `${jobName}-${name}` } }));
  return [...made, { ...job, spec: { ...spec, connections: references } }];
}

function ofClass(runtime: SimulationManifest, name: string, draw: Draw, actions: PlatformAction[]): readonly SimulationManifest[] {
  const { namespace = '' } = runtime.metadata;
  const spec = runtime['spec'] as Json;
  const given = givable.filter((field) => spec[field] !== undefined && draw.chance(0.5));
  const written = Object.fromEntries(Object.entries(spec).filter(([field]) => !given.includes(field)));
  const made: SimulationManifest = {
    apiVersion,
    kind: 'ElasticRuntimeClass',
    metadata: { name },
    spec: {
      allowed: { defaultRoles: 'Allowed', x509: 'Allowed', ...(draw.chance(0.5) && lists(namespace)) },
      defaults: Object.fromEntries(given.map((field) => [field, spec[field]])),
      ...(draw.chance(0.3) && { limitsPerNamespace: { nodes: 6 } }),
    },
  };
  const atMs = draw.minutes(0, 18);
  const back = { kind: 'apply', manifest: made, atMs: atMs + draw.minutes(1, 8) } as const;
  if (draw.chance(0.25)) actions.push({ kind: 'remove', what: 'ElasticRuntimeClass', key: name, atMs }, back);
  else if (draw.chance(0.25)) {
    const strict = { ...made, spec: { ...(made['spec'] as Json), organization: 'somebody-else' } };
    actions.push({ kind: 'apply', manifest: strict, atMs }, back);
  } else if (draw.chance(0.5)) actions.push({ kind: 'moveDefaults', className: name, namespace, atMs });
  // Who leaves out what is required names the class.
  const named = name !== 'default' || given.some((field) => requiredFields.some((path) => path.split('.')[0] === field));
  return [made, { ...runtime, spec: { ...written, ...(named && { runtimeClassName: name }) } }];
}

function lists(namespace: string): Json {
  return {
    roleArns: [`arn:aws:iam::111122223333:role/${namespace}-*`],
    connectionRoleArns: [`arn:aws:iam::111122223333:role/${namespace}-clicks-reader`],
    uris: ['s3://acme-staging/*', 's3://acme-logs/*', `s3://${namespace}-lake/*`, `s3://${namespace}-clicks/in`],
    kmsKeyArns: ['arn:aws:kms:us-east-1:111122223333:key/*'],
  };
}
