import type { ElasticJob, ElasticRuntime } from '../api/generated/types.ts';
import type { AuditRecord } from '../ports/aws/index.ts';
import { runAgents, type SimulatedAgents } from './agents.ts';
import { type AwsAccount, accountFor, createAwsAccount } from './aws/index.ts';
import { profiles } from './faults.ts';
import { createInvariants, type Violation } from './invariants.ts';
import { createKubernetes, type SimulatedKubernetes } from './kubernetes/cluster.ts';
import { kindNamed, kinds } from './kubernetes/kinds.ts';
import { machineEvents } from './machines.ts';
import { runOperator, type SimulatedOperator } from './operator.ts';
import { begunRuntimes, fittingClasses, resolvedRuntimes } from './platform-team.ts';
import { simulatedCluster } from './settings.ts';
import { createWorld, START, type World } from './world.ts';

export type SimulationManifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
} & Readonly<Record<string, unknown>>;

export type SimulationOptions = {
  readonly manifests: readonly SimulationManifest[];
  readonly seed: number;
  readonly faults: 'none' | 'rough';
  /** Virtual time at most, milliseconds. */
  readonly limitMs: number;
  readonly nodeAgents?: boolean;
  readonly keepTrace?: boolean;
  readonly keepLogs?: boolean;
  /** Called now and then, for live progress. */
  readonly onProgress?: (simulation: Simulation) => void;
};

/** `reason` and `message`: why it failed, or what it waits for. */
export type SimulatedJob = {
  readonly name: string;
  readonly phase: string;
  readonly seconds: number;
  readonly reason?: string;
  readonly message?: string;
};

export type SimulationResult = {
  readonly seed: number;
  readonly virtualSeconds: number;
  readonly jobs: readonly SimulatedJob[];
  readonly audit: readonly AuditRecord[];
  readonly nodes: { readonly launched: number; readonly terminated: number; readonly orphans: number };
  readonly usd: number;
  readonly violations: readonly Violation[];
};

/** A running simulation, for tests that act on it: delete a runtime, change a role. */
export type Simulation = {
  readonly world: World;
  readonly kubernetes: SimulatedKubernetes;
  readonly account: AwsAccount;
  readonly operator: SimulatedOperator;
  /** Where node agents run. */
  readonly agents: SimulatedAgents | undefined;
  /** Audit of operator and node agents, in order of time. */
  readonly audit: () => readonly AuditRecord[];
  /** With what class and defaults make of them. */
  readonly runtimes: () => readonly ElasticRuntime[];
  readonly jobs: () => readonly ElasticJob[];
  /** Runs until nothing wants to change any more, or `limitMs` from now have passed. */
  settle(limitMs: number): Promise<'settled' | 'limit'>;
  apply(manifest: SimulationManifest): void;
  violations(): readonly Violation[];
  result(): SimulationResult;
};

const ended: ReadonlySet<string> = new Set(['Succeeded', 'Failed', 'Terminated']);

export type SimulationStart = { readonly ok: true; readonly value: Simulation } | { readonly ok: false; readonly reason: string };

/** A cluster, an account that fits the manifests, and the operator; then the manifests are applied as kubectl would. */
export function startSimulation(options: SimulationOptions): SimulationStart {
  const { manifests, seed } = options;
  const world = createWorld({
    seed,
    faults: profiles[options.faults],
    ...(options.keepTrace !== undefined && { keepTrace: options.keepTrace }),
  });
  const kubernetes = createKubernetes(world);
  const of = <T>(kind: string): readonly T[] => manifests.filter((manifest) => manifest.kind === kind) as unknown as readonly T[];
  const accounts = of('SimulatedAccount');
  if (accounts.length > 1) return { ok: false, reason: `${accounts.length} documents of kind SimulatedAccount: write one` };
  const classes = fittingClasses(manifests);
  const fitting = accountFor(
    {
      runtimes: begunRuntimes(manifests, classes),
      jobs: of('ElasticJob'),
      secrets: of('Secret'),
      connections: of('ElasticConnection'),
    },
    { clusterName: simulatedCluster, issuer: kubernetes.tokens.issuer },
    accounts[0],
  );
  if (!fitting.ok) return fitting;
  let agents: SimulatedAgents | undefined;
  const account = createAwsAccount(fitting.value, {
    world,
    verifyToken: kubernetes.tokens.verify,
    events: machineEvents(
      () => kubernetes,
      (instance, endsAt) => agents?.notice(instance, endsAt),
    ),
  });
  for (const name of ['elastic-system', 'elastic-agents', ...namespacesOf(manifests)])
    kubernetes.server.create(kindNamed('Namespace'), { metadata: { name } }, 'setup');
  const operator = runOperator(world, kubernetes, account, {
    nodeAgents: options.nodeAgents ?? false,
    ...(options.keepLogs !== undefined && { keepLogs: options.keepLogs }),
  });
  if (options.nodeAgents === true) agents = runAgents({ world, kubernetes, account, operator });
  const invariants = createInvariants({ world, kubernetes, account });
  const everything = [...(classes as unknown as readonly SimulationManifest[]), ...manifests];
  const problems = everything.filter(({ kind }) => kind !== 'SimulatedAccount').flatMap((manifest) => applied(kubernetes, manifest));
  if (problems.length > 0) return { ok: false, reason: problems.join('; ') };

  const list = <T>(kind: string): readonly T[] => kubernetes.server.store.list(kindNamed(kind)) as unknown as readonly T[];
  const simulation: Simulation = {
    world,
    kubernetes,
    account,
    operator,
    agents,
    audit: () => [...operator.audit, ...(agents?.audit ?? [])].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)),
    runtimes: () => resolvedRuntimes(storedOf(kubernetes, 'Namespace', 'ElasticRuntimeClass', 'ElasticRuntime'), []),
    jobs: () => list<ElasticJob>('ElasticJob'),
    settle: (limitMs) => settle(simulation, limitMs),
    apply: (manifest) => {
      const problem = applied(kubernetes, manifest)[0];
      if (problem !== undefined) throw new Error(problem);
    },
    violations: invariants.found,
    result: () => resultOf(simulation, invariants.found()),
  };
  if (options.onProgress !== undefined) {
    let next = START;
    world.afterStep(() => {
      if (world.now() < next) return;
      next = world.now() + 5_000;
      options.onProgress?.(simulation);
    });
  }
  return { ok: true, value: simulation };
}

/** Runs a whole simulation: until all jobs have ended and the nodes are back at their minimum, or the time is up. */
export async function simulate(
  options: SimulationOptions,
): Promise<
  { readonly ok: true; readonly value: SimulationResult; readonly digest: string } | { readonly ok: false; readonly reason: string }
> {
  const started = startSimulation(options);
  if (!started.ok) return started;
  const simulation = started.value;
  await simulation.settle(options.limitMs);
  return { ok: true, value: simulation.result(), digest: simulation.world.trace.digest() };
}

/** Nothing more to happen: faults are over, every job has ended, idle nodes are gone. */
async function settle(simulation: Simulation, limitMs: number): Promise<'settled' | 'limit'> {
  const { world, account } = simulation;
  const outcome = await world.runUntil(() => {
    if (world.faults.active()) return false;
    if (!simulation.jobs().every(isAtRest)) return false;
    const nodes = simulation.kubernetes.server.store.list(kindNamed('ElasticNode')).length;
    const minimum = minimumNodes(simulation);
    return nodes === minimum && account.liveInstances().length === minimum;
  }, limitMs);
  return outcome === 'limit' ? 'limit' : 'settled';
}

function isAtRest({ spec, status }: ElasticJob): boolean {
  return ended.has(status?.phase ?? '') || (spec.suspend === true && status?.phase === 'Suspended');
}

/** As a list of manifests: what people see in the cluster. */
function storedOf(kubernetes: SimulatedKubernetes, ...names: readonly string[]): readonly SimulationManifest[] {
  return names.flatMap((name) => kubernetes.server.store.list(kindNamed(name)) as unknown as readonly SimulationManifest[]);
}

function minimumNodes(simulation: Simulation): number {
  return simulation.runtimes().reduce((sum, { spec }) => sum + spec.masters.min + spec.workers.min, 0);
}

/** Those that the manifests name and do not bring: a cluster has them, as it has `default`. */
function namespacesOf(manifests: readonly SimulationManifest[]): ReadonlySet<string> {
  const brought = new Set(manifests.flatMap(({ kind, metadata }) => (kind === 'Namespace' ? [metadata.name] : [])));
  const named = manifests.flatMap(({ kind, metadata }) => {
    const namespaced = kinds.find((candidate) => candidate.kind === kind)?.namespaced === true;
    return namespaced ? [metadata.namespace ?? 'default'] : [];
  });
  return new Set(named.filter((name) => !brought.has(name)));
}

function applied(kubernetes: SimulatedKubernetes, manifest: SimulationManifest): readonly string[] {
  const kind = kinds.find(
    (candidate) =>
      candidate.kind === manifest.kind &&
      manifest.apiVersion.split('/')[0] === (candidate.group === '' ? candidate.version : candidate.group),
  );
  const name = `${manifest.kind} ${manifest.metadata.namespace ?? ''}/${manifest.metadata.name}`;
  if (kind === undefined) return [`${name}: the simulated cluster has no kind ${manifest.apiVersion} ${manifest.kind}`];
  const object = kind.namespaced
    ? { ...manifest, metadata: { ...manifest.metadata, namespace: manifest.metadata.namespace ?? 'default' } }
    : manifest;
  const answer = kubernetes.server.apply(kind, withData(object), { fieldManager: 'kubectl' });
  return answer.ok ? [] : [`${name}: ${answer.error.message}`];
}

/** The API server turns a Secret's stringData into data. */
function withData(manifest: SimulationManifest): SimulationManifest {
  const { stringData, ...rest } = manifest as SimulationManifest & {
    readonly stringData?: Readonly<Record<string, string>>;
    readonly data?: Readonly<Record<string, string>>;
  };
  if (manifest.kind !== 'Secret' || stringData === undefined) return manifest;
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return { ...rest, data: { ...rest.data, ...Object.fromEntries(encoded) } };
}

function resultOf(simulation: Simulation, violations: readonly Violation[]): SimulationResult {
  const { world, account } = simulation;
  const seconds = (from: string | undefined, to: string | undefined): number =>
    from === undefined ? 0 : ((to === undefined ? world.now() : Date.parse(to)) - Date.parse(from)) / 1000;
  const instances = account.instances();
  const live = account.liveInstances();
  const known = new Set(
    (simulation.kubernetes.server.store.list(kindNamed('ElasticNode')) as readonly { readonly metadata: { readonly uid: string } }[]).map(
      ({ metadata }) => metadata.uid,
    ),
  );
  return {
    seed: world.seed,
    virtualSeconds: Math.round((world.now() - START) / 1000),
    jobs: simulation.jobs().map((job) => ({
      name: `${job.metadata.namespace}/${job.metadata.name}`,
      phase: job.status?.phase ?? 'Pending',
      seconds: seconds(job.metadata.creationTimestamp, job.status?.completionTime),
      ...why(job),
    })),
    audit: simulation.audit(),
    nodes: {
      launched: instances.length,
      terminated: instances.length - live.length,
      orphans: live.filter(({ tags }) => !known.has(tags['elasticruntime.dev/node-uid'] ?? '')).length,
    },
    usd: Math.round(account.usd() * 10_000) / 10_000,
    violations,
  };
}

function why({ status }: ElasticJob): Pick<SimulatedJob, 'reason' | 'message'> {
  const { reason, message } = status?.failure ?? status?.waiting ?? {};
  return { ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) };
}
