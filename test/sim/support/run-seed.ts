import { pinsOf } from '../../../src/core/classes/pins.ts';
import { certificateId } from '../../../src/sim/aws/certificates.ts';
import { differencesOf } from '../../../src/sim/aws/index.ts';
import { kindNamed } from '../../../src/sim/kubernetes/kinds.ts';
import { type Simulation, type SimulationManifest, startSimulation } from '../../../src/sim/simulate.ts';
import { type Action, certificateOf, certificateSecret, scenarioOf } from './scenario.ts';

export type SeedResult = {
  readonly digest: string;
  readonly problems: readonly string[];
  readonly virtualSeconds: number;
  readonly steps: number;
};

const limitMs = 4 * 3_600_000;
const quietMs = 5 * 60_000;
const restWindows = 8;

/** One history: rough weather for half an hour, then calm; whatever happened, the world must come to rest in the right state. */
export async function runSeed(seed: number, faults: 'none' | 'rough' = 'rough'): Promise<SeedResult> {
  const { manifests, actions, willSucceed } = scenarioOf(seed);
  const started = startSimulation({ manifests, seed, faults, limitMs, nodeAgents: seed % 2 === 0 });
  if (!started.ok) return { digest: '', problems: [started.reason], virtualSeconds: 0, steps: 0 };
  const simulation = started.value;
  for (const action of actions) simulation.world.schedule(action.atMs, `somebody: ${action.kind}`, () => perform(simulation, action));
  const outcome = await simulation.settle(limitMs);
  const problems: string[] = [];
  if (outcome !== 'settled') problems.push(`it did not settle in ${limitMs / 3_600_000} h: ${describeRest(simulation)}`);
  // Whatever calls are still under way get their answers before the two records are compared, and nothing more is written.
  problems.push(...(await comesToRest(simulation)));
  const { operator, account } = simulation;
  const answered = account.calls.filter(({ time }) => time < simulation.world.now() - 1000);
  const ids = new Set(answered.map(({ requestId }) => requestId));
  const differences = differencesOf(
    answered,
    simulation.audit().filter(({ requestId }) => requestId === undefined || ids.has(requestId)),
    (process) => operator.died.has(process) || process.startsWith('agent '),
  );
  problems.push(...differences.slice(0, 3).map((difference) => `audit: ${JSON.stringify(difference)}`));
  problems.push(...simulation.violations().map(({ invariant, detail }) => `${invariant}: ${detail}`));
  for (const job of simulation.jobs()) {
    const key = `${job.metadata.namespace}/${job.metadata.name}`;
    if (willSucceed.has(key) && job.status?.phase !== 'Succeeded')
      problems.push(`${key} is ${job.status?.phase}: ${job.status?.failure?.message ?? ''}`);
  }
  problems.push(...leftovers(simulation), ...outOfStep(simulation), ...certificateProblems(simulation));
  const { virtualSeconds } = simulation.result();
  return { digest: simulation.world.trace.digest(), problems, virtualSeconds, steps: simulation.world.steps() };
}

function perform(simulation: Simulation, action: Action): void {
  const {
    account,
    kubernetes: { server },
  } = simulation;
  const jobs = kindNamed('ElasticJob');
  if (action.kind === 'deleteRuntime') server.delete(kindNamed('ElasticRuntime'), `${action.namespace}/${action.name}`);
  else if (action.kind === 'deleteNamespace') server.delete(kindNamed('Namespace'), action.namespace);
  else if (action.kind === 'renewCertificate') renewCertificate(simulation, action.namespace);
  else if (action.kind === 'widenAgent') {
    const agent = account.roles().find(({ arn }) => arn.endsWith(`/${action.namespace}-agent`));
    if (agent !== undefined) account.putRole({ ...agent, policies: [...agent.policies, extraPolicy] });
  } else if (action.kind === 'apply') applyUnlessGone(simulation, action.manifest);
  else if (action.kind === 'remove') server.delete(kindNamed(action.what), action.key);
  else if (action.kind === 'moveDefaults') moveDefaults(simulation, action.className, action.namespace);
  else if (action.kind === 'shutDown') return;
  else {
    const key = `${action.namespace}/${action.job}`;
    if (action.kind === 'delete') server.delete(jobs, key);
    const change = { terminate: { terminate: true }, suspend: { suspend: true }, resume: { suspend: false }, delete: undefined }[
      action.kind
    ];
    if (change !== undefined)
      server.patch(jobs, key, undefined, 'kubectl', (current) => ({ ...current, spec: { ...current.spec, ...change } }));
  }
}

/** As a person does it: a new certificate, into the Secret, and the end of the one that was there. */
function renewCertificate({ account, kubernetes: { server } }: Simulation, namespace: string): void {
  const renewed = certificateOf(namespace, 'renewed');
  const held = certificateInSecret(server, namespace);
  const old = account.certificates().find(({ id }) => id === held);
  if (old === undefined) return;
  account.putCertificate({ pem: renewed['tls.crt'], things: [...old.things], policies: [...old.policies] });
  const data = Object.fromEntries(Object.entries(renewed).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
  server.patch(kindNamed('Secret'), `${namespace}/${certificateSecret}`, undefined, 'kubectl', (current) => ({ ...current, data }));
  account.setCertificateStatus(old.id, 'REVOKED');
}

function applyUnlessGone(simulation: Simulation, manifest: SimulationManifest): void {
  const { namespace } = manifest.metadata;
  const space = namespace === undefined ? undefined : simulation.kubernetes.server.store.get(kindNamed('Namespace'), namespace);
  const gone = namespace !== undefined && (space === undefined || space.metadata.deletionTimestamp !== undefined);
  if (!gone) simulation.apply(manifest);
}

/** Somewhere else in AWS, for runtimes that are still to come: those that were begun stay where they are. */
function moveDefaults({ kubernetes: { server } }: Simulation, className: string, namespace: string): void {
  const begun = server.store
    .list(kindNamed('ElasticRuntime'))
    .filter(({ metadata, status }) => metadata.namespace === namespace && pinsOf({ status }).region !== undefined);
  if (begun.length === 0) return;
  const moved = {
    organization: 'globex',
    region: 'eu-west-1',
    staging: { uri: 's3://acme-staging/moved' },
    logs: { uri: 's3://acme-logs/moved' },
  };
  server.patch(kindNamed('ElasticRuntimeClass'), className, undefined, 'kubectl', (current) => {
    const defaults = (current.spec?.['defaults'] ?? {}) as Readonly<Record<string, unknown>>;
    const changed = Object.entries(moved).flatMap(([field, value]) => {
      const was = defaults[field];
      if (was === undefined) return [];
      return [[field, typeof value === 'string' ? value : { ...(was as object), ...value }] as const];
    });
    return { ...current, spec: { ...current.spec, defaults: { ...defaults, ...Object.fromEntries(changed) } } };
  });
}

const extraPolicy = {
  name: 'extra',
  document: {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::acme-extra/*' }],
  },
} as const;

/** A default worker has what its agent has. */
function outOfStep({ account, runtimes }: Simulation): readonly string[] {
  return runtimes().flatMap(({ spec, metadata, status }) => {
    if (spec.identities.worker !== undefined) return [];
    const own = account
      .roles()
      .find(({ arn }) => arn === status?.identities?.worker?.roleArn)
      ?.policies.map(({ document }) => JSON.stringify(document));
    const agent = account.roles().find(({ arn }) => arn === spec.identities.agent.roleArn)?.policies ?? [];
    const missing = agent.filter(({ document }) => own?.includes(JSON.stringify(document)) !== true).map(({ name }) => name);
    return missing.length === 0 ? [] : [`worker of ${metadata.namespace}/${metadata.name} lacks ${missing.join(', ')} of the agent`];
  });
}

function certificateInSecret(server: Simulation['kubernetes']['server'], namespace: string): string | undefined {
  const found = server.store.get(kindNamed('Secret'), `${namespace}/${certificateSecret}`);
  const { data } = (found ?? {}) as { readonly data?: Readonly<Record<string, string>> };
  const text = data?.['tls.crt'];
  return text === undefined ? undefined : certificateId(Buffer.from(text, 'base64').toString());
}

/** Of a thing no certificate may act but the one in the Secret; while the Secret is there, that one can. */
function certificateProblems({ account, kubernetes: { server } }: Simulation): readonly string[] {
  return ['finance', 'research'].flatMap((namespace) => {
    const held = certificateInSecret(server, namespace);
    if (held === undefined) return [];
    const of = account.certificates().filter(({ things }) => things.has(`${namespace}-hub`));
    const others = of.filter(({ id, status }) => id !== held && status === 'ACTIVE');
    return [
      ...others.map(({ id }) => `certificate ${id.slice(0, 8)} of ${namespace} is active and in no Secret`),
      ...(of.some(({ id, status }) => id === held && status === 'ACTIVE')
        ? []
        : [`the Secret of ${namespace} holds no certificate that works`]),
    ];
  });
}

/** A system at rest writes nothing. What was set in motion before the weather calmed (an interruption notice) may still play out. */
async function comesToRest(simulation: Simulation): Promise<readonly string[]> {
  const { kubernetes, world, account } = simulation;
  const writes = (): string =>
    `${kubernetes.server.store.version()} ${account.calls.filter(({ method }) => /put|create|delete|terminate|modify/i.test(method)).length}`;
  let before = writes();
  for (let window = 0; window < restWindows; window += 1) {
    await world.runUntil(() => false, quietMs);
    const now = writes();
    if (now === before) return [];
    before = now;
  }
  return [`it still writes ${(restWindows * quietMs) / 60_000} minutes after everything has ended: ${before}`];
}

/** What is deleted leaves nothing behind. */
function leftovers(simulation: Simulation): readonly string[] {
  const { kubernetes, account } = simulation;
  const problems: string[] = [];
  const runtimes = new Set(simulation.runtimes().map(({ metadata }) => (metadata as { readonly uid?: string }).uid));
  const ownedByNone = (tags: Readonly<Record<string, string>>): boolean => !runtimes.has(tags['elasticruntime.dev/runtime-uid']);
  for (const instance of account.liveInstances())
    if (ownedByNone(instance.tags)) problems.push(`instance ${instance.instanceId} of a runtime that is gone`);
  for (const template of account.templates())
    if (ownedByNone(template.tags)) problems.push(`launch template ${template.name} of a runtime that is gone`);
  for (const { name, tags, status } of account.stacks())
    if (ownedByNone(tags)) problems.push(`stack ${name} (${status}) of a runtime that is gone`);
  for (const { arn, tags } of account.roles())
    if (tags?.['elasticruntime.dev/runtime-uid'] !== undefined && ownedByNone(tags)) problems.push(`role ${arn} of a runtime that is gone`);
  for (const kind of ['Namespace', 'ElasticRuntime', 'ElasticJob', 'ElasticNode', 'Secret', 'Pod'] as const) {
    for (const object of kubernetes.server.store.list(kindNamed(kind))) {
      if (object.metadata.deletionTimestamp !== undefined)
        problems.push(
          `${kind} ${object.metadata.namespace ?? ''}/${object.metadata.name} hangs in deletion (${object.metadata.finalizers?.join(', ')})`,
        );
    }
  }
  return problems;
}

function describeRest(simulation: Simulation): string {
  const jobs = simulation
    .jobs()
    .map((job) => `${job.metadata.namespace}/${job.metadata.name} ${job.status?.phase} ${job.status?.waiting?.message ?? ''}`);
  const runtimes = simulation
    .runtimes()
    .map((runtime) => `${runtime.metadata.name} ${runtime.status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? ''}`);
  return [...jobs, ...runtimes, `${simulation.account.liveInstances().length} live instances`].join('; ').slice(0, 1500);
}
