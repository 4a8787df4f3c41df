import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ElasticJob, ElasticNode } from '../../src/api/generated/types.ts';
import type { KubernetesObject, Node, Stored } from '../../src/api/kubernetes.ts';
import { labels, tags } from '../../src/api/labels.ts';
import type { Interposer, Moment } from './stand/interposer.ts';
import { example, inNamespace, paced } from './stand/manifests.ts';
import { allInstances, launchTemplateNames, objectsIn } from './stand/outcome.ts';
import { type Stand, startStand } from './stand/stand.ts';

/*
 * A runtime is taken away with its jobs running, in each of the ways that people do it, and again with the operator killed in the middle. Nothing stays
 * behind, and nothing hangs.
 */

const GROUP = '/apis/elasticruntime.dev/v1alpha1';
const ways = ['file', 'namespace', 'runtime'] as const;
type Way = (typeof ways)[number];

let stand: Stand;
let interposer: Interposer;

before(async () => {
  stand = await startStand({ interposed: true });
  interposer = stand.interposer as Interposer;
});

after(() => stand?.stop());

/** The whole example, its jobs running until somebody ends them. */
async function runningIn(namespace: string): Promise<string> {
  const { file } = await stand.apply(namespace, inNamespace(paced(example('finance.yaml'), { seconds: undefined }), namespace));
  await stand.until(
    `the jobs of ${namespace} run`,
    async () => {
      const jobs = await jobsIn(namespace);
      return jobs.length === 3 && jobs.every(({ status }) => status?.phase === 'Running') ? true : undefined;
    },
    300,
  );
  return file;
}

function jobsIn(namespace: string): Promise<readonly Stored<ElasticJob>[]> {
  return stand.list<Stored<ElasticJob>>(`${GROUP}/namespaces/${namespace}/elasticjobs`);
}

/** kubectl waits for the end of what it deletes; the time-out is what "does not hang" means. */
async function takeAway(way: Way, namespace: string, file: string): Promise<void> {
  const wait = '--timeout=300s';
  if (way === 'runtime') await stand.kubectl('delete', 'ert', 'analytics', '-n', namespace, wait);
  else if (way === 'file') await stand.kubectl('delete', '-f', file, wait);
  else await stand.kubectl('delete', 'namespace', namespace, wait);
}

/** What is left of a namespace's runtime, outside of its log location. */
async function leftOf(way: Way, namespace: string): Promise<readonly string[]> {
  const { gate } = stand;
  const own = (list: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] = []) =>
    list.some(({ Key, Value }) => Key === tags.namespace && Value === namespace);
  const instances = (await allInstances(gate)).filter(({ Tags, State }) => own(Tags) && State?.Name !== 'terminated');
  const intents = (await stand.list<Stored<ElasticNode>>(`${GROUP}/elasticnodes`)).filter(
    ({ spec }) => spec.runtimeRef.namespace === namespace,
  );
  const nodes = (await stand.list<Stored<Node>>('/api/v1/nodes')).filter(
    ({ metadata }) => metadata.labels?.[labels.namespace] === namespace,
  );
  const account = await stand.get(`/api/v1/namespaces/elastic-agents/serviceaccounts/${namespace}.analytics`);
  const staged = await objectsIn(gate, 'acme-staging', `elastic/acme/${namespace}/`);
  const named = (kind: string, objects: readonly { readonly metadata: { readonly name: string } }[]) =>
    objects.map(({ metadata }) => `${kind} ${metadata.name}`);
  return [
    ...instances.map(({ InstanceId }) => `instance ${InstanceId}`),
    ...named('ElasticNode', intents),
    ...named('Node', nodes),
    ...(account === undefined ? [] : ['the ServiceAccount of the agent']),
    ...staged.map(({ key }) => `staged ${key}`),
    ...(way === 'runtime' ? await leftInside(namespace) : await leftOfNamespace(namespace)),
  ];
}

async function leftOfNamespace(namespace: string): Promise<readonly string[]> {
  return (await stand.get(`/api/v1/namespaces/${namespace}`)) === undefined ? [] : [`namespace ${namespace}`];
}

/** The tenant's own objects stay, and nothing holds them. */
async function leftInside(namespace: string): Promise<readonly string[]> {
  const left: string[] = [];
  for (const kind of ['secrets', 'configmaps', 'serviceaccounts', 'services', 'pods']) {
    for (const { metadata } of await stand.list<Stored<KubernetesObject>>(`/api/v1/namespaces/${namespace}/${kind}`)) {
      const { finalizers = [] } = metadata as { readonly finalizers?: readonly string[] };
      if (finalizers.length > 0) left.push(`finalizers of ${kind} ${metadata.name}: ${finalizers.join(', ')}`);
      if (kind === 'pods' || kind === 'services' || metadata.name.startsWith('analytics-')) left.push(`${kind} ${metadata.name}`);
    }
  }
  for (const job of await jobsIn(namespace)) {
    const { phase, failure } = job.status ?? {};
    if (phase !== 'Failed' || failure?.reason !== 'RuntimeDeleted') left.push(`job ${job.metadata.name} ${phase} ${failure?.reason}`);
  }
  const children = await stand.list<Stored<KubernetesObject>>(`/apis/batch/v1/namespaces/${namespace}/jobs`);
  return [...left, ...children.map(({ metadata }) => `Job ${metadata.name}`)];
}

async function goesCleanly(way: Way, namespace: string): Promise<void> {
  const file = await runningIn(namespace);
  await takeAway(way, namespace, file);
  let left: readonly string[] = ['not looked yet'];
  // The garbage collector of Kubernetes works in its own time.
  await stand
    .until(`nothing is left of ${namespace}`, async () => ((left = await leftOf(way, namespace)).length === 0 ? true : undefined), 300)
    .catch((error: unknown) => {
      throw new Error(`left of ${namespace}: ${left.join('; ')}`, { cause: error });
    });
  if (way !== 'runtime') return;
  // The jobs are records now: they can be deleted, and the namespace with them, without the runtime.
  await stand.kubectl('delete', 'namespace', namespace, '--timeout=300s');
}

for (const way of ways) {
  void test(`deletion of the ${way} with jobs running leaves nothing behind`, async () => {
    interposer.disarm();
    await goesCleanly(way, `gone-${way}`);
  });

  void test(`deletion of the ${way}, the operator killed in between, leaves nothing behind`, async (t) => {
    const namespace = `killed-${way}`;
    const file = await runningIn(namespace);
    // Every few effects: in the ending of jobs, of nodes, in the sweep of AWS, in letting go.
    const chosen = new Map<number, Moment>([
      [3, 'unanswered'],
      [14, 'before'],
      [33, 'unanswered'],
      [60, 'answered'],
    ]);
    const victims: string[] = [];
    let dying = Promise.resolve();
    interposer.arm(
      (number) => chosen.get(number),
      () => {
        victims.push(`${interposer.effects().length} ${interposer.effects().at(-1)}`);
        dying = dying.then(async () => {
          await stand.operator.kill();
          await stand.operator.start();
        });
        return dying;
      },
    );
    await takeAway(way, namespace, file);
    let left: readonly string[] = [];
    await stand
      .until(`nothing is left of ${namespace}`, async () => ((left = await leftOf(way, namespace)).length === 0 ? true : undefined), 300)
      .catch((error: unknown) => {
        throw new Error(`left of ${namespace}, killed at ${victims.join(', ')}: ${left.join('; ')}`, { cause: error });
      });
    await dying;
    t.diagnostic(`killed at ${victims.join(', ')}`);
    assert.ok(victims.length >= 3, `${victims.length} kills`);
  });
}

void test('no launch template and no machine is left of all that', async () => {
  await stand.joiner.settle();
  assert.deepEqual(await launchTemplateNames(stand.gate), []);
  assert.deepEqual(stand.gate.liveInstances(), []);
  assert.deepEqual(stand.joiner.machines(), []);
});
