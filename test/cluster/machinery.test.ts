import assert from 'node:assert/strict';
import { subscribe } from 'node:diagnostics_channel';
import { after, before, type TestContext, test } from 'node:test';
import type { ConfigMap, Event, Job, Pod, Stored } from '../../src/api/kubernetes.ts';
import { connectKubernetes, type KubernetesConnection } from '../../src/kube/connect.ts';
import { createApplier } from '../../src/machinery/applier.ts';
import { createEventRecorder } from '../../src/machinery/event-recorder.ts';
import { ensureFinalizer, removeFinalizer } from '../../src/machinery/finalizers.ts';
import { createInformer, type Informer } from '../../src/machinery/informer.ts';
import { createLeaderElector, processIdentity } from '../../src/machinery/leader-elector.ts';
import type { KubernetesError, KubernetesPort, KubernetesResult } from '../../src/ports/kubernetes.ts';
import { configMaps, events, jobs, leases, namespaces, pods, secrets, serviceAccounts } from '../../src/ports/resources.ts';
import { systemClock, systemRandom } from '../../src/telemetry/system.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/start.ts';
import { waitFor } from '../controlplane/wait.ts';
import { recordedTelemetry } from '../machinery/support/fakes.ts';

/* The machinery on the real API server, through the real adapter: what the fakes of test/machinery only claim to be. */

const namespace = 'machinery';
const clock = systemClock();
const random = systemRandom();

let cluster: ControlPlane;
let connection: KubernetesConnection;
let port: KubernetesPort;
let connectionsOpened = 0;

before(async () => {
  // Old versions are gone after seconds rather than minutes: how a long list or a watch meets a compaction.
  cluster = await startControlPlane({ apiServerFlags: ['--etcd-compaction-interval=2s'] });
  subscribe('undici:client:connected', (message) => {
    const { connectParams } = message as { readonly connectParams: { readonly port: string } };
    if (connectParams.port === new URL(cluster.endpoint).port) connectionsOpened += 1;
  });
  connection = connectKubernetes({ kubeconfig: cluster.kubeconfigPath });
  port = connection.port;
  value(await port.create(namespaces, { metadata: { name: namespace } }));
});

after(async () => {
  await connection?.close();
  await cluster?.stop();
});

function value<T>(result: KubernetesResult<T>): T {
  assert.ok(result.ok, result.ok ? '' : `${result.error.kind}: ${result.error.message}`);
  return result.value;
}

function errorOf(result: KubernetesResult<unknown>): KubernetesError {
  assert.ok(!result.ok);
  return result.error;
}

function map(name: string, data: Readonly<Record<string, string>> = {}, labels: Readonly<Record<string, string>> = {}): ConfigMap {
  return { metadata: { namespace, name, ...(Object.keys(labels).length === 0 ? {} : { labels }) }, data };
}

async function createMany(prefix: string, count: number, labels: Readonly<Record<string, string>>): Promise<void> {
  for (let at = 0; at < count; at += 100) {
    await Promise.all(
      Array.from({ length: Math.min(100, count - at) }, async (_, index) =>
        value(await port.create(configMaps, map(`${prefix}-${at + index}`, {}, labels))),
      ),
    );
  }
}

type Informed = { readonly informer: Informer<ConfigMap, 'value'>; readonly telemetry: ReturnType<typeof recordedTelemetry> };

/** Runs until the test is over. */
function inform(context: TestContext, through: KubernetesPort, labelSelector: string, pageSize: number, watchSeconds = 290): Informed {
  const telemetry = recordedTelemetry();
  const informer = createInformer<ConfigMap, 'value'>({
    port: through,
    clock,
    random,
    telemetry,
    type: configMaps,
    labelSelector,
    pageSize,
    watchSeconds,
    backoff: { baseMs: 50, maxMs: 500 },
    indexes: { value: (object) => [object.data?.['value'] ?? ''] },
  });
  const abort = new AbortController();
  const running = informer.run(abort.signal);
  context.after(async () => {
    abort.abort();
    await running;
  });
  return { informer, telemetry };
}

function changesOf(informer: Informed['informer']): readonly string[] {
  const changes: string[] = [];
  informer.store.onChange(({ previous, current, initial }) => {
    const verb = previous === undefined ? 'added' : current === undefined ? 'deleted' : 'modified';
    if (!initial) changes.push(`${verb} ${(current ?? previous)?.metadata.name}`);
  });
  return changes;
}

/** One object goes, one comes, one is replaced by another of its name. */
async function changeBehindItsBack(set: string): Promise<void> {
  value(await port.delete(configMaps, { namespace, name: `${set}-2` }));
  value(await port.create(configMaps, map(`${set}-new`, {}, { set })));
  value(await port.delete(configMaps, { namespace, name: `${set}-3` }));
  value(await port.create(configMaps, map(`${set}-3`, { value: 'again' }, { set })));
}

function whatChanged(set: string): readonly string[] {
  return [`added ${set}-3`, `added ${set}-new`, `deleted ${set}-2`, `deleted ${set}-3`];
}

/** What a watch from there says within a second; whether it refuses at the door or in the stream is the server's choice. */
async function watchBriefly(resourceVersion: string): Promise<readonly string[]> {
  const kinds: string[] = [];
  const result = await port.watch(
    configMaps,
    { namespace, resourceVersion, timeoutSeconds: 1 },
    (event) => kinds.push(event.type === 'Error' ? event.error.kind : event.type),
    new AbortController().signal,
  );
  if (!result.ok) kinds.push(result.error.kind);
  return kinds;
}

/** The store and the server agree, object by object. */
async function converged({ informer }: Informed, labelSelector: string): Promise<number> {
  return waitFor('the store to equal the server', async () => {
    const listed = await port.list(configMaps, { namespace, labelSelector });
    if (!listed.ok) return undefined;
    const versions = (objects: readonly Stored<ConfigMap>[]) =>
      objects
        .map((object) => `${object.metadata.name} ${object.metadata.uid} ${object.metadata.resourceVersion}`)
        .sort()
        .join('\n');
    return versions(listed.value.items) === versions(informer.store.list()) ? listed.value.items.length : undefined;
  });
}

test('reflector: pages, events, an API server that is killed', async (context) => {
  const labelSelector = 'set=reflected';
  await createMany('reflected', 250, { set: 'reflected' });
  const informed = inform(context, port, labelSelector, 100);
  const { informer, telemetry } = informed;
  await informer.store.synced();
  assert.equal(informer.store.size(), 250);
  const changes = changesOf(informer);

  value(await port.mergePatch(configMaps, { namespace, name: 'reflected-0' }, { data: { value: 'x' } }));
  value(await port.delete(configMaps, { namespace, name: 'reflected-1' }));
  await waitFor('the events', async () => (changes.length === 2 ? true : undefined));
  assert.deepEqual(changes, ['modified reflected-0', 'deleted reflected-1']);
  assert.deepEqual(
    informer.store.byIndex('value', 'x').map((object) => object.metadata.name),
    ['reflected-0'],
  );

  await cluster.kill('kube-apiserver');
  await waitFor('the watch to break', async () => (telemetry.counter('reflector_troubles_total') > 0 ? true : undefined));
  assert.equal(informer.store.size(), 249);
  await cluster.start('kube-apiserver');
  await changeBehindItsBack('reflected');
  assert.equal(await converged(informed, labelSelector), 249);
  await waitFor('every change', async () => (changes.length >= 6 ? true : undefined));
  assert.deepEqual(changes.slice(2).sort(), whatChanged('reflected'));
  assert.equal(telemetry.counter('store_handler_errors_total'), 0);
});

test('reflector: away for so long that its version was compacted, it gets the differences all the same', async (context) => {
  const labelSelector = 'set=away';
  await createMany('away', 10, { set: 'away' });
  let away = false;
  let cut: () => void = () => {};
  const interrupted: KubernetesPort = {
    ...port,
    async watch(type, options, onEvent, signal) {
      if (away) return { ok: false, error: { kind: 'Network', message: 'away' } };
      const ours = new AbortController();
      cut = () => ours.abort();
      return port.watch(type, options, onEvent, AbortSignal.any([signal, ours.signal]));
    },
  };
  const informed = inform(context, interrupted, labelSelector, 100);
  await informed.informer.store.synced();
  const changes = changesOf(informed.informer);
  const left = informed.informer.store.resourceVersion() ?? '';
  away = true;
  cut();
  await changeBehindItsBack('away');
  // The cache of a running API server would still know; that of a new one starts with what is there.
  await cluster.restart('kube-apiserver');
  await waitFor('the version to be gone', async () => {
    value(await port.mergePatch(configMaps, { namespace, name: 'away-0' }, { data: { value: random.uuid() } }));
    const kinds = await watchBriefly(left);
    return kinds.includes('Gone') ? true : undefined;
  });
  assert.equal(informed.informer.store.size(), 10);
  assert.equal(informed.telemetry.counter('reflector_lists_total'), 1);
  away = false;
  assert.equal(await converged(informed, labelSelector), 10);
  assert.equal(informed.telemetry.counter('reflector_lists_total'), 2);
  assert.deepEqual([...changes].sort(), [...whatChanged('away'), 'modified away-0'].sort());
});

test('reflector: a list whose second page is compacted away meanwhile', async (context) => {
  const labelSelector = 'set=compacted';
  await createMany('compacted', 30, { set: 'compacted' });
  const listed: string[] = [];
  let compactedOnce = false;
  const slow: KubernetesPort = {
    ...port,
    async list(type, options) {
      const pageAfter = options?.continue;
      const result = await (pageAfter === undefined || compactedOnce
        ? port.list(type, options)
        : // Asks until the token has expired, as a reader would find that is slower than the compaction.
          waitFor('the compaction', async () => {
            value(await port.mergePatch(configMaps, { namespace, name: 'compacted-0' }, { data: { value: String(listed.length) } }));
            const answer = await port.list(type, options);
            return answer.ok ? undefined : answer;
          }));
      if (!result.ok) compactedOnce = true;
      listed.push(`${options?.limit ?? 'all'} ${pageAfter === undefined ? 'first' : 'next'} ${result.ok ? 'ok' : result.error.kind}`);
      return result;
    },
  };
  const informed = inform(context, slow, labelSelector, 10);
  await informed.informer.store.synced();
  assert.deepEqual(listed, ['10 first ok', '10 next Gone', 'all first ok']);
  assert.equal(await converged(informed, labelSelector), 30);
});

test('watch: bookmarks move an idle store on', async (context) => {
  // One comes every minute, and one two seconds before a watch is over.
  const informed = inform(context, port, 'set=nothing', 100, 4);
  await informed.informer.store.synced();
  const other = value(await port.create(configMaps, map('elsewhere')));
  // Its selector never sees `elsewhere`; a bookmark says that there was nothing to see.
  await waitFor(
    'a bookmark',
    async () => (informed.informer.store.caughtUpWith(other.metadata.resourceVersion) === true ? true : undefined),
    180,
  );
});

test('server-side apply: a manager each, forced or refused; the applier writes only what changes something', async () => {
  const telemetry = recordedTelemetry();
  const applier = createApplier({ port, telemetry, fieldManager: 'one' });
  const created = value(await applier.apply({ type: configMaps, desired: map('applied', { a: '1', b: '2' }), current: undefined })).object;
  const writes = () => telemetry.counter('applies_total');
  const again = value(await applier.apply({ type: configMaps, desired: map('applied', { a: '1', b: '2' }), current: created }));
  assert.deepEqual([again.changed, writes()], [false, 2]);
  assert.equal(again.object, created);

  const conflict = errorOf(await port.apply(configMaps, map('applied', { a: '9' }), { fieldManager: 'two' }));
  assert.equal(conflict.kind, 'Conflict');
  assert.equal(conflict.causes?.[0]?.reason, 'FieldManagerConflict');
  const taken = value(await port.apply(configMaps, map('applied', { a: '9', c: '3' }), { fieldManager: 'two', force: true }));
  assert.deepEqual(taken.data, { a: '9', b: '2', c: '3' });
  const lessAgain = value(await applier.apply({ type: configMaps, desired: map('applied', { a: '1' }), current: taken })).object;
  assert.deepEqual(lessAgain.data, { a: '1', c: '3' });

  // What the server spells differently and fills with defaults is not applied for ever.
  const job: Job = {
    metadata: { namespace, name: 'applied' },
    spec: {
      suspend: true,
      template: {
        spec: {
          restartPolicy: 'Never',
          containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1000m', memory: '1024Mi' } } }],
        },
      },
    },
  };
  const jobApplier = createApplier({ port, telemetry: recordedTelemetry(), fieldManager: 'one' });
  const first = value(await jobApplier.apply({ type: jobs, desired: job, current: undefined })).object;
  const settled = await waitFor('the controller to have seen the Job', async () => {
    const read = value(await port.get(jobs, { namespace, name: 'applied' }));
    return read.status?.conditions === undefined ? undefined : read;
  });
  assert.equal(first.spec.template.spec.containers[0]?.resources?.requests?.['cpu'], '1');
  const one = value(await jobApplier.apply({ type: jobs, desired: job, current: settled }));
  assert.equal(one.changed, false);
  const calls = recordedTelemetry();
  const counting = createApplier({
    port: { ...port, apply: () => assert.fail('a needless write') },
    telemetry: calls,
    fieldManager: 'one',
  });
  value(await counting.apply({ type: configMaps, desired: map('applied', { a: '1' }), current: lessAgain }));
});

test('finalizers, and deletion with preconditions', async () => {
  const created = value(await port.create(configMaps, map('finalized')));
  const held = value(await ensureFinalizer(port, configMaps, created, 'elasticruntime.dev/in-use'));
  // The stale copy again, after somebody else's write.
  value(await port.mergePatch(configMaps, { namespace, name: 'finalized' }, { data: { a: '1' } }));
  assert.deepEqual(value(await ensureFinalizer(port, configMaps, created, 'elasticruntime.dev/job')).metadata.finalizers, [
    'elasticruntime.dev/in-use',
    'elasticruntime.dev/job',
  ]);
  const key = { namespace, name: 'finalized' };
  assert.equal(errorOf(await port.delete(configMaps, key, { uid: '00000000-0000-4000-8000-000000000000' })).kind, 'Conflict');
  value(await port.delete(configMaps, key, { uid: created.metadata.uid }));
  const ending = value(await port.get(configMaps, key));
  assert.notEqual(ending.metadata.deletionTimestamp, undefined);
  assert.equal(errorOf(await ensureFinalizer(port, configMaps, ending, 'elasticruntime.dev/third')).reason, 'Deleting');
  value(await removeFinalizer(port, configMaps, held, 'elasticruntime.dev/in-use'));
  value(await removeFinalizer(port, configMaps, ending, 'elasticruntime.dev/job'));
  assert.equal(errorOf(await port.get(configMaps, key)).kind, 'NotFound');
  assert.equal(value(await removeFinalizer(port, configMaps, ending, 'elasticruntime.dev/job')), undefined);
});

test('refusals carry their kind, reason and causes', async () => {
  value(await port.create(configMaps, map('twice')));
  assert.equal(errorOf(await port.create(configMaps, map('twice'))).kind, 'AlreadyExists');
  const stale = value(await port.get(configMaps, { namespace, name: 'twice' }));
  value(await port.mergePatch(configMaps, { namespace, name: 'twice' }, { data: { a: '1' } }));
  assert.equal(errorOf(await port.replace(configMaps, stale)).kind, 'Conflict');
  const invalid = errorOf(await port.create(configMaps, map('Not A Name')));
  assert.equal(invalid.kind, 'Invalid');
  assert.equal(invalid.causes?.[0]?.field, 'metadata.name');

  value(await port.create(namespaces, { metadata: { name: 'ending' } }));
  value(await port.create(configMaps, { metadata: { namespace: 'ending', name: 'held', finalizers: ['elasticruntime.dev/job'] } }));
  value(await port.delete(namespaces, { name: 'ending' }));
  const refused = await waitFor('the namespace to refuse', async () => {
    const result = await port.create(configMaps, { metadata: { namespace: 'ending', name: `late-${random.uuid()}` } });
    return result.ok ? undefined : result.error;
  });
  assert.equal(refused.kind, 'Forbidden');
  assert.equal(refused.causes?.[0]?.reason, 'NamespaceTerminating');
  value(await port.mergePatch(configMaps, { namespace: 'ending', name: 'held' }, { metadata: { finalizers: [] } }));

  value(await port.create(serviceAccounts, { metadata: { namespace, name: 'nobody' } }));
  const nobody = connectKubernetes({ kubeconfig: await cluster.kubeconfigFor({ serviceAccount: { namespace, name: 'nobody' } }) });
  assert.equal(errorOf(await nobody.port.list(secrets, { namespace })).kind, 'Forbidden');
  await nobody.close();
});

test('eviction obeys a disruption budget and its preconditions', async () => {
  await cluster.joinNode({ name: 'machinery-node' });
  const pod: Pod = {
    metadata: { namespace, name: 'guarded', labels: { app: 'guarded' } },
    spec: { nodeName: 'machinery-node', containers: [{ name: 'c', image: 'i' }], terminationGracePeriodSeconds: 0 },
  };
  const created = value(await port.create(pods, pod));
  const budgets = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
  const budget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'guard' },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'guarded' } } },
  };
  assert.equal((await cluster.call('POST', budgets, budget)).status, 201);
  const key = { namespace, name: 'guarded' };
  await waitFor('the pod to be ready', async () => {
    const read = await port.get(pods, key);
    return read.ok && read.value.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ? true : undefined;
  });
  const refused = await waitFor('the budget to be observed', async () => {
    const error = errorOf(await port.evict(key));
    return error.causes?.some((cause) => cause.reason === 'DisruptionBudget' && cause.message?.includes('needs 1 healthy pods')) === true
      ? error
      : undefined;
  });
  assert.equal(refused.kind, 'TooManyRequests');

  assert.equal((await cluster.call('DELETE', `${budgets}/guard`)).status, 200);
  await waitFor('the budget to be gone', async () => ((await cluster.call('GET', `${budgets}/guard`)).status === 404 ? true : undefined));
  assert.equal(errorOf(await port.evict(key, { uid: '00000000-0000-4000-8000-000000000000' })).kind, 'Conflict');
  await waitFor('the eviction', async () => ((await port.evict(key, { uid: created.metadata.uid })).ok ? true : undefined));
  await waitFor('the pod to be gone', async () => {
    const read = await port.get(pods, key);
    return !read.ok && read.error.kind === 'NotFound' ? true : undefined;
  });
  assert.equal(errorOf(await port.evict(key)).kind, 'NotFound');
});

test('tokens: requested for an audience, accepted for that one alone', async () => {
  value(await port.create(serviceAccounts, { metadata: { namespace, name: 'agent' } }));
  const { token, expiresAt } = value(
    await port.requestToken({ namespace, name: 'agent' }, { audiences: ['sts.amazonaws.com'], expirationSeconds: 600 }),
  );
  assert.ok(Math.abs(expiresAt - Date.now() - 600_000) < 60_000);
  const good = value(await port.reviewToken(token, ['sts.amazonaws.com']));
  assert.ok(good.authenticated);
  assert.equal(good.username, `system:serviceaccount:${namespace}:agent`);
  assert.deepEqual(good.audiences, ['sts.amazonaws.com']);
  assert.equal(value(await port.reviewToken(token, ['elastic-broker'])).authenticated, false);
  assert.equal(value(await port.reviewToken('nonsense', ['sts.amazonaws.com'])).authenticated, false);
  const forbidden = errorOf(await port.requestToken({ namespace, name: 'missing' }, { audiences: ['a'], expirationSeconds: 600 }));
  assert.equal(forbidden.kind, 'NotFound');
  assert.equal(errorOf(await port.requestToken({ namespace, name: 'agent' }, { audiences: ['a'], expirationSeconds: 5 })).kind, 'Invalid');

  const holder = value(
    await port.create(pods, {
      metadata: { namespace, name: 'holder' },
      spec: { serviceAccountName: 'agent', containers: [{ name: 'c', image: 'i' }] },
    }),
  );
  const bound = await cluster.tokenFor(
    { namespace, name: 'agent' },
    { audiences: ['elastic-broker'], boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'holder', uid: holder.metadata.uid } },
  );
  const review = value(await port.reviewToken(bound, ['elastic-broker']));
  assert.ok(review.authenticated);
  assert.deepEqual(review.extra['authentication.kubernetes.io/pod-name'], ['holder']);
  assert.deepEqual(review.extra['authentication.kubernetes.io/pod-uid'], [holder.metadata.uid]);
});

test('events are what kubectl shows, counted', async () => {
  const object = value(await port.create(configMaps, map('spoken-of')));
  const recorder = createEventRecorder({
    port,
    clock,
    random,
    telemetry: recordedTelemetry(),
    component: 'machinery-test',
    instance: 'here',
  });
  recorder.record(configMaps, object, 'Normal', 'Waiting', 'for a node');
  await recorder.flush();
  recorder.record(configMaps, object, 'Normal', 'Waiting', 'for a node');
  await recorder.flush();
  const written = value(await port.list<Event>(events, { namespace, fieldSelector: `involvedObject.uid=${object.metadata.uid}` })).items;
  assert.deepEqual(
    written.map(({ reason, message, count }) => ({ reason, message, count })),
    [{ reason: 'Waiting', message: 'for a node', count: 2 }],
  );
  const shown = await cluster.kubectl(['describe', 'configmap', 'spoken-of', '-n', namespace]);
  assert.match(shown.stdout, /Normal\s+Waiting\s+.*x2.*machinery-test\s+for a node/);
});

test('one lease, two processes: the second leads when the first has released', async (context) => {
  const key = { namespace, name: 'leader' };
  const led: string[] = [];
  const candidate = (name: string) => {
    const stop = new AbortController();
    const elector = createLeaderElector({
      port,
      clock,
      random,
      telemetry: recordedTelemetry(),
      lease: key,
      identity: processIdentity(name, random),
      retryPeriodMs: 100,
      onLost: (reason) => assert.fail(reason),
      lead(signal) {
        led.push(name);
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    });
    const running = elector.run(stop.signal);
    context.after(() => stop.abort());
    return { stop, elector, running };
  };
  const first = candidate('first');
  await waitFor('the first to lead', async () => (first.elector.isLeader() ? true : undefined));
  const second = candidate('second');
  const renewed = value(await port.get(leases, key)).spec?.renewTime;
  await waitFor('a renewal', async () => (value(await port.get(leases, key)).spec?.renewTime === renewed ? undefined : true));
  assert.deepEqual(led, ['first']);
  first.stop.abort();
  await first.running;
  await waitFor('the second to lead', async () => (second.elector.isLeader() ? true : undefined), 12);
  assert.equal(value(await port.get(leases, key)).spec?.leaseTransitions, 1);
  second.stop.abort();
  await second.running;
  assert.deepEqual(led, ['first', 'second']);
});

test('connections are pooled: 600 requests, at most 16', async () => {
  const own = connectKubernetes({ kubeconfig: cluster.kubeconfigPath, concurrency: 16 });
  const before = connectionsOpened;
  const results = await Promise.all(Array.from({ length: 600 }, () => own.port.get(configMaps, { namespace, name: 'twice' })));
  assert.ok(results.every((result) => result.ok));
  assert.ok(connectionsOpened - before <= 16, `${connectionsOpened - before} connections`);
  assert.ok(connectionsOpened > before);
  await own.close();
});
