import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../src/api/generated/types.ts';
import type { Job, Pod, Stored } from '../../src/api/kubernetes.ts';
import { tags } from '../../src/api/labels.ts';
import type { Interposer, Moment } from './stand/interposer.ts';
import { example, inNamespace, type Manifest, paced } from './stand/manifests.ts';
import { allInstances, launchTemplateNames, objectsIn } from './stand/outcome.ts';
import { type Stand, startStand } from './stand/stand.ts';

/*
 * The operator is killed (SIGKILL) in the middle of its effects: before a call leaves, after it was carried out and before the answer, after the answer.
 * What comes out, and how often anything was created on the way, is what an undisturbed run makes.
 */

const GROUP = '/apis/elasticruntime.dev/v1alpha1';
const SEED = 20_261_122;
const ROUNDS = 5;
const KILLS = 4;
const moments: readonly Moment[] = ['before', 'unanswered', 'answered'];

let stand: Stand;
let interposer: Interposer;

before(async () => {
  stand = await startStand({ interposed: true });
  interposer = stand.interposer as Interposer;
});

after(() => stand?.stop());

/** The runtime and its job with keys, a role, a login and a dependency; as many workers as it starts with. It runs longer than the operator is ever away. */
function manifestsFor(namespace: string): readonly Manifest[] {
  const kept = paced(example('finance.yaml'), { seconds: 20, idleTimeout: '1s' }).filter(
    ({ kind, metadata }) => kind !== 'ElasticJob' || metadata.name === 'nightly-orders',
  );
  const fixed = kept.map((manifest) => {
    const spec = manifest['spec'] as { readonly workers: object };
    return manifest.kind === 'ElasticJob' ? { ...manifest, spec: { ...spec, workers: { ...spec.workers, min: 2, max: 2 } } } : manifest;
  });
  return inNamespace(fixed, namespace);
}

type Created = {
  readonly pods: Set<string>;
  readonly jobs: Set<string>;
  readonly elasticNodes: Set<string>;
};

type Outcome = {
  readonly created: Readonly<Record<'instances' | 'launchTemplates' | 'elasticNodes' | 'childJobs' | 'pods', number>>;
  readonly job: object;
  readonly runtime: object;
  readonly objects: readonly string[];
  readonly left: readonly string[];
};

async function look(namespace: string, created: Created): Promise<boolean> {
  const uidsOf = async (path: string) => (await stand.list<Stored<Pod | Job>>(path)).map(({ metadata }) => metadata.uid);
  for (const uid of await uidsOf(`/api/v1/namespaces/${namespace}/pods`)) created.pods.add(uid);
  for (const uid of await uidsOf(`/apis/batch/v1/namespaces/${namespace}/jobs`)) created.jobs.add(uid);
  const nodes = (await stand.list<Stored<ElasticNode>>(`${GROUP}/elasticnodes`)).filter(
    ({ spec }) => spec.runtimeRef.namespace === namespace,
  );
  for (const { metadata } of nodes) created.elasticNodes.add(metadata.uid);
  const job = await stand.get<Stored<ElasticJob>>(`${GROUP}/namespaces/${namespace}/elasticjobs/nightly-orders`);
  const runtime = await stand.get<Stored<ElasticRuntime>>(`${GROUP}/namespaces/${namespace}/elasticruntimes/analytics`);
  const ended = ['Succeeded', 'Failed'].includes(job?.status?.phase ?? '');
  // The runtime says so a moment after its last node is gone.
  return ended && nodes.length === 0 && runtime?.status?.nodes?.total === 0;
}

/** What one round leaves would keep the operator of the next one busy. */
async function clear(namespace: string): Promise<void> {
  interposer.disarm();
  await stand.kubectl('delete', 'namespace', namespace, '--timeout=300s');
}

async function run(namespace: string): Promise<Outcome> {
  const created: Created = { pods: new Set(), jobs: new Set(), elasticNodes: new Set() };
  await stand.apply(namespace, manifestsFor(namespace));
  await stand.until(`the run in ${namespace}`, async () => ((await look(namespace, created)) ? true : undefined), 300);
  await stand.joiner.settle();
  const instances = (await allInstances(stand.gate)).filter(({ Tags = [] }) =>
    Tags.some(({ Key, Value }) => Key === tags.namespace && Value === namespace),
  );
  const job = (await stand.get<Stored<ElasticJob>>(`${GROUP}/namespaces/${namespace}/elasticjobs/nightly-orders`)) as Stored<ElasticJob>;
  const runtime = await stand.get<Stored<ElasticRuntime>>(`${GROUP}/namespaces/${namespace}/elasticruntimes/analytics`);
  const conditions = (status: ElasticJob['status'] | ElasticRuntime['status']) =>
    (status?.conditions ?? []).map(({ type, status: value, reason }) => `${type}=${value} ${reason}`).sort();
  const objects = [
    ...(await objectsIn(stand.gate, 'acme-staging', `elastic/acme/${namespace}/`)),
    ...(await objectsIn(stand.gate, 'acme-logs', `elastic/acme/${namespace}/`)),
  ];
  return {
    created: {
      instances: instances.length,
      launchTemplates: (await launchTemplateNames(stand.gate, { [tags.namespace]: namespace })).length,
      elasticNodes: created.elasticNodes.size,
      childJobs: created.jobs.size,
      pods: created.pods.size,
    },
    job: {
      phase: job.status?.phase,
      attempts: job.status?.attempts,
      history: job.status?.attemptHistory?.map(({ number, reason }) => `${number} ${reason}`),
      accessPlan: job.status?.accessPlan?.length,
      conditions: conditions(job.status),
    },
    runtime: { conditions: conditions(runtime?.status), nodes: runtime?.status?.nodes },
    // How many parts the record of accesses came in depends on when a process died; access.json has them all.
    objects: objects
      .filter(({ key }) => !key.includes('/access/'))
      .map(({ key }) => key.replaceAll(namespace, 'NAMESPACE').replaceAll(job.metadata.uid.slice(0, 8), 'UID')),
    left: instances.filter(({ State }) => State?.Name !== 'terminated').map(({ InstanceId = '' }) => InstanceId),
  };
}

/** mulberry32: the moments of a failed run are those of the next one. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Chosen = Parameters<Interposer['arm']>[0];

/** A run in which the operator dies and comes back as chosen; what it was doing then. */
async function disturbed(namespace: string, chosen: Chosen): Promise<{ readonly outcome: Outcome; readonly victims: readonly string[] }> {
  const victims: string[] = [];
  let dying = Promise.resolve();
  interposer.arm(chosen, () => {
    victims.push(`${interposer.effects().length} ${interposer.effects().at(-1)}`);
    dying = dying.then(async () => {
      await stand.operator.kill();
      await stand.operator.start();
    });
    return dying;
  });
  const outcome = await run(namespace);
  await dying;
  await clear(namespace);
  return { outcome, victims };
}

let undisturbed: Outcome;
let length = 0;

void test('undisturbed, the job succeeds and leaves no machine', async (t) => {
  interposer.disarm();
  undisturbed = await run('undisturbed');
  length = interposer.effects().length;
  t.diagnostic(`${length} effects, created ${JSON.stringify(undisturbed.created)}`);
  assert.deepEqual(undisturbed.left, []);
  assert.equal((undisturbed.job as { readonly phase: string }).phase, 'Succeeded');
  await clear('undisturbed');
});

void test(`${ROUNDS * KILLS} kills at seeded moments change neither what comes out nor how often anything is created`, async (t) => {
  const random = randomFrom(SEED);
  let kills = 0;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const chosen = new Map<number, Moment>();
    // The last effects are left out: the run may be over before the operator comes to its own last ones.
    while (chosen.size < KILLS) chosen.set(1 + Math.floor(random() * length * 0.9), moments[Math.floor(random() * 3)] ?? 'before');
    const { outcome, victims } = await disturbed(`killed-${round}`, (number) => chosen.get(number));
    kills += victims.length;
    const said = `round ${round}, killed at ${victims.join(', ')}`;
    t.diagnostic(said);
    assert.deepEqual(outcome, undisturbed, said);
  }
  assert.equal(kills, ROUNDS * KILLS);
});

/** Moments that have once made a difference. */
const found = [
  // The attempt runs, and nobody wrote down that it does: the next process has to, or its deadline never begins.
  { name: 'master-released', moment: 'answered', what: /^PATCH .*\/jobs\/nightly-orders-1-master$/ },
  { name: 'worker-released', moment: 'unanswered', what: /^PATCH .*\/jobs\/nightly-orders-1-worker$/ },
] as const;

for (const { name, moment, what } of found) {
  void test(`a kill at a moment that once made a difference: ${name}`, async () => {
    let done = false;
    const { outcome, victims } = await disturbed(name, (_, effect) => {
      if (done || !what.test(effect)) return undefined;
      done = true;
      return moment;
    });
    assert.equal(victims.length, 1);
    assert.deepEqual(outcome, undisturbed, victims.join(', '));
  });
}
