import type { KubernetesObject, Pod } from '../../../../src/api/kubernetes.ts';
import type { KubernetesPort, WatchEvent } from '../../../../src/ports/kubernetes.ts';
import {
  budgets,
  configMaps,
  elasticNodes,
  jobs,
  leases,
  namespaces,
  nodes,
  type Plain,
  pods,
  priorityClasses,
  secrets,
  serviceAccounts,
  services,
} from '../bed.ts';
import { answered, normalize } from './normalize.ts';
import type { Side } from './sides.ts';

/** A chapter plays its calls in order; what it returns must be the same on both clusters. */
export type Chapter = { readonly name: string; readonly play: (side: Side) => Promise<Readonly<Record<string, unknown>>> };

const simulation = 'simulation.elasticruntime.dev';
const operator = { fieldManager: 'operator', force: true } as const;
const other = { fieldManager: 'other' } as const;

async function namespace(
  side: Side,
  name: string,
): Promise<{ readonly in: (object: string) => { readonly namespace: string; readonly name: string } }> {
  await side.port.create(namespaces, { metadata: { name } });
  await side.until(`service account of ${name}`, async () => {
    const found = await side.port.get(serviceAccounts, { namespace: name, name: 'default' });
    return found.ok ? found : undefined;
  });
  return { in: (object) => ({ namespace: name, name: object }) };
}

/** Keeps each answer under its name. */
function notes(): {
  readonly say: (
    name: string,
    call: Promise<Awaited<ReturnType<KubernetesPort['get']>> | Awaited<ReturnType<KubernetesPort['delete']>>>,
  ) => Promise<unknown>;
  readonly all: Record<string, unknown>;
} {
  const all: Record<string, unknown> = {};
  return {
    all,
    async say(name, call) {
      all[name] = answered(await call);
      return all[name];
    },
  };
}

function version(result: { readonly ok: boolean; readonly value?: { readonly metadata?: { readonly resourceVersion?: string } } }): string {
  return result.value?.metadata?.resourceVersion ?? 'none';
}

const containers = [{ name: 'main', image: 'registry.example.com/job:1', resources: { requests: { cpu: '100m', memory: '64Mi' } } }];

function podOf(
  key: { readonly namespace: string; readonly name: string },
  more: Record<string, unknown> = {},
  metadata: Record<string, unknown> = {},
): never {
  return { metadata: { ...key, ...metadata }, spec: { restartPolicy: 'Never', containers, ...more } } as never;
}

function jobOf(
  key: { readonly namespace: string; readonly name: string },
  spec: Record<string, unknown> = {},
  annotations: Record<string, string> = {},
): never {
  return {
    metadata: key,
    spec: { template: { metadata: { annotations }, spec: { restartPolicy: 'Never', containers } }, ...spec },
  } as never;
}

async function gone(side: Side, what: string, look: () => Promise<{ readonly ok: boolean }>): Promise<void> {
  await side.until(what, async () => ((await look()).ok ? undefined : true));
}

const basics: Chapter = {
  name: 'create, get, list, replace, patch, delete',
  async play(side) {
    const { port } = side;
    const { say, all } = notes();
    const at = await namespace(side, 'basics');
    const key = at.in('settings');
    await say('absent', port.get(configMaps, key));
    await say('created', port.create(configMaps, { metadata: { ...key, labels: { app: 'etl' } }, data: { a: '1' } }));
    await say('created again', port.create(configMaps, { metadata: key }));
    await say('in no namespace', port.create(configMaps, { metadata: { namespace: 'nowhere', name: 'x' } }));
    await say('wrong name', port.create(configMaps, { metadata: at.in('Not_A_Name') }));
    await say('wrong label', port.create(configMaps, { metadata: { ...at.in('labelled'), labels: { app: 'a b' } } }));
    const read = await port.get(configMaps, key);
    const replaced = await port.replace(configMaps, { ...(read.ok ? read.value : { metadata: key }), data: { a: '2' } });
    all.replaced = answered(replaced);
    await say(
      'replaced from an old version',
      port.replace(configMaps, { ...(read.ok ? read.value : { metadata: key }), data: { a: '3' } }),
    );
    const same = await port.mergePatch(configMaps, key, { data: { a: '2' } });
    all['unchanged keeps its version'] = version(same) === version(replaced);
    await say('patched', port.mergePatch(configMaps, key, { data: { a: null, b: '4' }, metadata: { annotations: { note: 'x' } } }));
    await say(
      'patched conditionally',
      port.mergePatch(configMaps, key, { metadata: { resourceVersion: version(read) }, data: { c: '5' } }),
    );
    await say('patched another uid', port.mergePatch(configMaps, key, { metadata: { uid: '00000000-0000-4000-8000-000000000000' } }));
    await say('replaced another uid', port.replace(configMaps, { metadata: { ...key, uid: '00000000-0000-4000-8000-000000000000' } }));
    await say(
      'applied to another uid',
      port.apply(configMaps, { metadata: { ...key, uid: '00000000-0000-4000-8000-000000000000' } }, operator),
    );
    const stale = { metadata: { ...key, resourceVersion: version(read) }, data: { q: '1' } };
    await say('applied to an old version', port.apply(configMaps, stale, operator));
    await say('replaced without a version', port.replace(configMaps, { metadata: key, data: { only: 'this' } }));
    await say('lease', port.create(leases, { metadata: at.in('leader'), spec: { holderIdentity: 'one', leaseDurationSeconds: 15 } }));
    await say('lease without a version', port.replace(leases, { metadata: at.in('leader'), spec: { holderIdentity: 'two' } }));
    await say('secret', port.create(secrets, { metadata: at.in('keys'), data: { key: 'c2VjcmV0' } }));
    await say('secret of another type', port.mergePatch(secrets, at.in('keys'), { type: 'example.com/keys' }));
    await say(
      'headless service',
      port.create(services, { metadata: at.in('web'), spec: { clusterIP: 'None', selector: { a: 'b' }, ports: [{ port: 80 }] } }),
    );
    await say('deleted with another uid', port.delete(configMaps, key, { uid: '00000000-0000-4000-8000-000000000000' }));
    await say('deleted with an old version', port.delete(configMaps, key, { resourceVersion: version(read) }));
    await say('deleted', port.delete(configMaps, key));
    await say('deleted again', port.delete(configMaps, key));
    return all;
  },
};

const selection: Chapter = {
  name: 'lists: order, pages, selectors',
  async play(side) {
    const { port } = side;
    const at = await namespace(side, 'selection');
    await gone(side, 'nothing', () => Promise.resolve({ ok: false }));
    const own = { namespace: 'selection', labelSelector: 'letter' };
    for (const letter of ['d', 'a', 'c', 'b']) {
      await port.create(configMaps, { metadata: { ...at.in(letter), labels: { letter, half: letter < 'c' ? 'first' : 'second' } } });
    }
    async function names(options: Parameters<KubernetesPort['list']>[1]): Promise<unknown> {
      const list = await port.list(configMaps, options);
      return list.ok ? list.value.items.map((item) => item.metadata.name) : answered(list);
    }
    const first = await port.list(configMaps, { ...own, limit: 3 });
    await port.delete(configMaps, at.in('d'));
    const rest = first.ok ? await port.list(configMaps, { ...own, limit: 3, continue: first.value.continue ?? '' }) : first;
    return {
      all: await names(own),
      'first page': first.ok ? first.value.items.map((item) => item.metadata.name) : answered(first),
      'second page': rest.ok ? rest.value.items.map((item) => item.metadata.name) : answered(rest),
      'one instant': first.ok && rest.ok && first.value.resourceVersion === rest.value.resourceVersion,
      last: rest.ok && rest.value.continue === undefined,
      equals: await names({ ...own, labelSelector: 'half=first' }),
      differs: await names({ ...own, labelSelector: 'half!=first,letter' }),
      in: await names({ ...own, labelSelector: 'letter in (a,c)' }),
      'not in': await names({ ...own, labelSelector: 'letter,letter notin (a,c)' }),
      'by name': await names({ namespace: 'selection', fieldSelector: 'metadata.name=b' }),
      malformed: await names({ ...own, labelSelector: 'a=b=c' }),
    };
  },
};

const applying: Chapter = {
  name: 'server-side apply',
  async play(side) {
    const { port } = side;
    const { say, all } = notes();
    const at = await namespace(side, 'applying');
    const key = at.in('settings');
    await say('made', port.apply(configMaps, { metadata: { ...key, labels: { app: 'etl' } }, data: { a: '1', b: '2' } }, operator));
    await port.mergePatch(configMaps, key, { data: { c: '3' } });
    await say(
      'one value changed, one and the labels no longer applied',
      port.apply(configMaps, { metadata: key, data: { a: '9' } }, operator),
    );
    const twice = [
      await port.apply(configMaps, { metadata: key, data: { a: '9' } }, operator),
      await port.apply(configMaps, { metadata: key, data: { a: '9' } }, operator),
    ];
    all['again keeps the version'] = version(twice[0] ?? { ok: false }) === version(twice[1] ?? { ok: false });
    await say('field of another', port.apply(configMaps, { metadata: key, data: { a: '0' } }, other));
    await say('same value of another', port.apply(configMaps, { metadata: key, data: { a: '9' } }, other));
    await say('ceded, but shared', port.apply(configMaps, { metadata: key, data: { z: '1' } }, operator));
    await say('forced', port.apply(configMaps, { metadata: key, data: { a: '0', z: '2' } }, { ...other, force: true }));
    await say('ceded for good', port.apply(configMaps, { metadata: key }, operator));
    const taken = at.in('taken');
    await port.apply(configMaps, { metadata: taken, data: { a: '1', b: '1' } }, operator);
    await port.mergePatch(configMaps, taken, { data: { a: '2' } });
    await say('after an update by another', port.apply(configMaps, { metadata: taken, data: { a: '3' } }, { fieldManager: 'operator' }));
    await say('ceded to the update', port.apply(configMaps, { metadata: taken, data: { b: '1' } }, operator));
    await say('finalizers are a set', port.apply(configMaps, { metadata: { ...key, finalizers: ['example.com/a'] } }, operator));
    await say('of several', port.apply(configMaps, { metadata: { ...key, finalizers: ['example.com/b'] } }, other));
    await say('each its own', port.apply(configMaps, { metadata: key }, operator));
    await port.apply(configMaps, { metadata: key }, other);
    const service = (ports: readonly unknown[], selector: Record<string, string>): Plain => ({
      metadata: at.in('web'),
      spec: { clusterIP: 'None', selector, ports },
    });
    await port.apply(
      services,
      service(
        [
          { name: 'a', port: 80 },
          { name: 'b', port: 81 },
        ],
        { a: '1' },
      ),
      operator,
    );
    await say(
      'ports by key, selector as a whole',
      port.apply(
        services,
        service(
          [
            { name: 'b', port: 81 },
            { name: 'c', port: 82 },
          ],
          { b: '2' },
        ),
        operator,
      ),
    );
    await say(
      'uid of what is not there',
      port.apply(configMaps, { metadata: { ...at.in('none'), uid: '00000000-0000-4000-8000-000000000000' } }, operator),
    );
    await say('status of what is not there', port.apply(pods, podOf(at.in('none')), { ...operator, subresource: 'status' }));
    await say('to a missing namespace', port.apply(configMaps, { metadata: { namespace: 'nowhere', name: 'x' } }, operator));
    await port.create(pods, podOf(at.in('pod'), { schedulerName: 'nobody' }));
    const replacedPod = { metadata: { uid: '00000000-0000-4000-8000-000000000000' }, status: { message: 'x' } };
    await say('status of another uid', port.mergePatch(pods, at.in('pod'), replacedPod, 'status'));
    await say(
      'status of an old version',
      port.mergePatch(pods, at.in('pod'), { metadata: { resourceVersion: '1' }, status: {} }, 'status'),
    );
    const status = { ...operator, subresource: 'status' } as const;
    const condition = (type: string): unknown => ({
      type: `example.com/${type}`,
      status: 'True',
      reason: 'Said',
      message: '',
      lastTransitionTime: '2026-01-02T03:04:05Z',
    });
    const conditions = async (
      call: ReturnType<typeof port.apply<(typeof pods)['trim'] extends infer _ ? KubernetesObject : never>>,
    ): Promise<unknown> => {
      const answer = await call;
      if (!answer.ok) return answered(answer);
      const { status: found } = answer.value as unknown as {
        readonly status?: { readonly conditions?: readonly { readonly type: string }[] };
      };
      return (found?.conditions ?? []).map(({ type }) => type);
    };
    all['conditions by type'] = await conditions(
      port.apply(pods, { metadata: at.in('pod'), status: { conditions: [condition('a')] } } as never, status),
    );
    all['conditions of two'] = await conditions(
      port.apply(pods, { metadata: at.in('pod'), status: { conditions: [condition('b')] } } as never, { ...status, fieldManager: 'other' }),
    );
    all['conditions of one'] = await conditions(port.apply(pods, { metadata: at.in('pod'), status: {} } as never, status));
    return all;
  },
};

const finalizing: Chapter = {
  name: 'finalizers, owners and their collection',
  async play(side) {
    const { port } = side;
    const { say, all } = notes();
    const at = await namespace(side, 'finalizing');
    const key = at.in('held');
    await port.create(configMaps, { metadata: { ...key, finalizers: ['example.com/a', 'example.com/b'] } });
    await say('deleted', port.delete(configMaps, key));
    await say('held', port.get(configMaps, key));
    await say('one more finalizer', port.mergePatch(configMaps, key, { metadata: { finalizers: ['example.com/a', 'example.com/c'] } }));
    await say('one less', port.mergePatch(configMaps, key, { metadata: { finalizers: ['example.com/b'] } }));
    await say('deleted again', port.delete(configMaps, key));
    await say('none', port.mergePatch(configMaps, key, { metadata: { finalizers: null } }));
    await say('gone', port.get(configMaps, key));
    async function make(name: string, owner?: KubernetesObject, more: Record<string, unknown> = {}): Promise<KubernetesObject> {
      const ownerReferences =
        owner === undefined
          ? []
          : [{ apiVersion: 'v1', kind: 'ConfigMap', name: owner.metadata.name, uid: owner.metadata.uid ?? '', blockOwnerDeletion: true }];
      const made = await port.create(configMaps, { metadata: { ...at.in(name), ownerReferences, ...more } });
      if (!made.ok) throw new Error(made.error.message);
      return made.value;
    }
    const owner = await make('owner');
    await make('grandchild', await make('child', owner));
    await port.delete(configMaps, at.in('owner'), { propagation: 'Background' });
    await gone(side, 'grandchild gone', () => port.get(configMaps, at.in('grandchild')));
    const waiting = await make('waiting');
    await make('blocking', waiting, { finalizers: ['example.com/a'] });
    await port.delete(configMaps, at.in('waiting'), { propagation: 'Foreground' });
    await side.until('blocking is being deleted', async () => {
      const found = await port.get(configMaps, at.in('blocking'));
      return found.ok && found.value.metadata.deletionTimestamp !== undefined ? true : undefined;
    });
    await say('owner in the foreground', port.get(configMaps, at.in('waiting')));
    await port.mergePatch(configMaps, at.in('blocking'), { metadata: { finalizers: null } });
    await gone(side, 'waiting gone', () => port.get(configMaps, at.in('waiting')));
    await make('free', await make('parent'));
    await port.delete(configMaps, at.in('parent'), { propagation: 'Orphan' });
    await gone(side, 'parent gone', () => port.get(configMaps, at.in('parent')));
    await say('orphan', port.get(configMaps, at.in('free')));
    await make('lost', { metadata: { name: 'nobody', uid: '00000000-0000-4000-8000-000000000000' } });
    await gone(side, 'lost gone', () => port.get(configMaps, at.in('lost')));
    return all;
  },
};

const custom: Chapter = {
  name: 'custom resources: defaults, pruning, status, generation',
  async play(side) {
    const { port } = side;
    const { say, all } = notes();
    await say('empty', port.create(elasticNodes, { metadata: { name: 'empty' }, spec: {} }));
    const offering = { instanceType: 'm7i.large', zone: 'us-east-1a', subnetId: 'subnet-1', capacityType: 'on-demand' };
    const spec = {
      runtimeRef: { namespace: 'finance', name: 'analytics', uid: '00000000-0000-4000-8000-000000000001' },
      pool: 'workers',
      role: 'worker',
      offerings: [offering],
      attempt: 1,
      unheardOf: true,
    };
    await say('created', port.create(elasticNodes, { metadata: { name: 'node-1' }, spec, status: { instanceId: 'i-1' } }));
    await say(
      'status',
      port.mergePatch(elasticNodes, { name: 'node-1' }, { spec: { pool: 'other' }, status: { instanceId: 'i-1', unheardOf: 1 } }, 'status'),
    );
    await say('status of a wrong type', port.mergePatch(elasticNodes, { name: 'node-1' }, { status: { instanceId: 1 } }, 'status'));
    await say(
      'spec, with a status',
      port.mergePatch(elasticNodes, { name: 'node-1' }, { spec: { attempt: 2 }, status: { instanceId: 'i-2' } }),
    );
    const otherUid = { metadata: { name: 'node-1', uid: '00000000-0000-4000-8000-000000000000' }, status: { instanceId: 'i-9' } };
    await say('status of another uid', port.mergePatch(elasticNodes, { name: 'node-1' }, otherUid, 'status'));
    await say('status applied to another uid', port.apply(elasticNodes, otherUid, { ...operator, subresource: 'status' }));
    const oldVersion = { metadata: { name: 'node-1', resourceVersion: '1' }, status: { instanceId: 'i-8' } };
    await say('status of an old version', port.mergePatch(elasticNodes, { name: 'node-1' }, oldVersion, 'status'));
    await say('status applied to an old version', port.apply(elasticNodes, oldVersion, { ...operator, subresource: 'status' }));
    await say('created again', port.create(elasticNodes, { metadata: { name: 'node-1' }, spec }));
    await say(
      'labels',
      port.mergePatch(
        elasticNodes,
        { name: 'node-1' },
        { metadata: { labels: { a: 'b' }, finalizers: ['elasticruntime.dev/termination'] } },
      ),
    );
    await say('without a version', port.replace(elasticNodes, { metadata: { name: 'node-1' }, spec }));
    const status = { ...operator, subresource: 'status' } as const;
    const condition = (type: string, value: string): unknown => ({
      type,
      status: value,
      reason: 'Said',
      message: '',
      lastTransitionTime: '2026-01-02T03:04:05Z',
    });
    await say(
      'condition applied',
      port.apply(elasticNodes, { metadata: { name: 'node-1' }, status: { conditions: [condition('Launched', 'True')] } }, status),
    );
    await say(
      'by another',
      port.apply(
        elasticNodes,
        { metadata: { name: 'node-1' }, status: { conditions: [condition('Ready', 'False')] } },
        {
          ...status,
          fieldManager: 'other',
        },
      ),
    );
    await say('no longer', port.apply(elasticNodes, { metadata: { name: 'node-1' }, status: {} }, status));
    await say('deleted', port.delete(elasticNodes, { name: 'node-1' }));
    await say('held', port.get(elasticNodes, { name: 'node-1' }));
    await say('let go', port.mergePatch(elasticNodes, { name: 'node-1' }, { metadata: { finalizers: null } }));
    await say('gone', port.get(elasticNodes, { name: 'node-1' }));
    return all;
  },
};

const watching: Chapter = {
  name: 'watches',
  async play(side) {
    const { port } = side;
    const at = await namespace(side, 'watching');
    const all: Record<string, unknown> = {};
    async function record(
      name: string,
      options: Partial<Parameters<KubernetesPort['watch']>[1]>,
      expected: number,
      act: (shown: () => readonly string[]) => Promise<unknown>,
    ): Promise<void> {
      const events: WatchEvent<Plain>[] = [];
      const abort = new AbortController();
      const end = port.watch(
        configMaps,
        { namespace: 'watching', resourceVersion: '0', ...options },
        (event) => events.push(event),
        abort.signal,
      );
      await act(own);
      await side.until(`${expected} events`, async () => (own().length >= expected ? true : undefined));
      abort.abort();
      const ended = await end;
      all[name] = [...own(), answered(ended)];
      function own(): readonly string[] {
        return events
          .filter((event) => event.type !== 'Bookmark')
          .map((event) =>
            'object' in event ? `${event.type} ${event.object.metadata.name}` : `Error ${event.type === 'Error' ? event.error.kind : ''}`,
          )
          .filter((line) => !line.includes('kube-root-ca'));
      }
    }
    const first = await port.create(configMaps, { metadata: { ...at.in('a'), labels: { app: 'etl' } } });
    await port.create(configMaps, { metadata: at.in('b') });
    await record('from a version', { resourceVersion: version(first) }, 3, async () => {
      await port.mergePatch(configMaps, at.in('a'), { data: { x: '1' } });
      await port.delete(configMaps, at.in('b'));
    });
    await record('from the start', {}, 2, () => port.create(configMaps, { metadata: at.in('c') }));
    await record('by label', { labelSelector: 'app=etl' }, 4, async (shown) => {
      await side.until('the watch shows what is there', async () => (shown().length > 0 ? true : undefined));
      await port.mergePatch(configMaps, at.in('c'), { metadata: { labels: { app: 'etl' } } });
      await port.mergePatch(configMaps, at.in('c'), { data: { x: '1' } });
      await port.mergePatch(configMaps, at.in('c'), { metadata: { labels: { app: 'web' } } });
    });
    await record('by name', { fieldSelector: 'metadata.name=a' }, 1, () => Promise.resolve());
    await record('from long ago', { resourceVersion: '1' }, 1, () => Promise.resolve());
    return all;
  },
};

const pod: Chapter = {
  name: 'pods: admission, placement, end, eviction',
  async play(side) {
    const { port } = side;
    const { say, all } = notes();
    const at = await namespace(side, 'pods');
    await side.join('script-a', { pool: 'a', kind: 'plain' });
    await side.join('script-b', { pool: 'b' }, [{ key: 'example.com/reserved', effect: 'NoSchedule' }]);
    await say('without its service account', port.create(pods, podOf(at.in('x'), { serviceAccountName: 'nobody' })));
    await say('without its priority class', port.create(pods, podOf(at.in('x'), { priorityClassName: 'nothing' })));
    await say('priority class', port.create(priorityClasses, { metadata: { name: 'script' }, value: 7 }));
    const shown = async (name: string): Promise<unknown> => {
      const found = await port.get(pods, at.in(name));
      return found.ok ? show(found.value) : answered(found);
    };
    const unschedulable = (name: string): Promise<unknown> =>
      side.until(`${name} is unschedulable`, async () => {
        const found = await port.get(pods, at.in(name));
        return found.ok && found.value.status?.conditions?.some(({ reason }) => reason === 'Unschedulable') ? show(found.value) : undefined;
      });
    const show = ({ spec, status, metadata }: Pod): unknown => {
      const { restartPolicy, nodeName, tolerations, priority, serviceAccountName, schedulerName, terminationGracePeriodSeconds } = spec;
      const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
      return normalize({
        spec: { restartPolicy, nodeName, tolerations, priority, serviceAccountName, schedulerName, terminationGracePeriodSeconds },
        phase: status?.phase,
        scheduled: scheduled === undefined ? undefined : `${scheduled.status} ${scheduled.reason ?? ''}`,
        ready: status?.conditions?.find(({ type }) => type === 'Ready')?.status,
        states: status?.containerStatuses?.map(({ state }) => Object.keys(state ?? {})),
        exit: status?.containerStatuses?.map(({ state }) => state?.terminated?.exitCode),
        disruption: status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason,
        generation: metadata.generation,
        leaving: metadata.deletionTimestamp !== undefined,
        grace: metadata.deletionGracePeriodSeconds,
      });
    };
    // What is shown is what was found: a second look may already see what comes next.
    const phase = (name: string, wanted: string, grace?: number): Promise<unknown> =>
      side.until(`${name} ${wanted}`, async () => {
        const found = await port.get(pods, at.in(name));
        if (!found.ok || found.value.status?.phase !== wanted) return undefined;
        return grace === undefined || found.value.metadata.deletionGracePeriodSeconds === grace ? show(found.value) : undefined;
      });
    const selector = { nodeSelector: { pool: 'a' } };
    // The API server's admission hears of a new priority class a moment later.
    await side.until('short is taken', async () => {
      const short = podOf(
        at.in('short'),
        { ...selector, priorityClassName: 'script' },
        { annotations: { [`${simulation}/duration`]: '10s' } },
      );
      return (await port.create(pods, short)).ok ? true : undefined;
    });
    all.running = await phase('short', 'Running');
    all.succeeded = await phase('short', 'Succeeded');
    await port.create(
      pods,
      podOf(at.in('failing'), selector, { annotations: { [`${simulation}/duration`]: '1s', [`${simulation}/exit-code`]: '3' } }),
    );
    all.failed = await phase('failing', 'Failed');
    await port.create(pods, podOf(at.in('homeless'), { nodeSelector: { pool: 'nowhere' } }));
    all.homeless = await unschedulable('homeless');
    await say('homeless deleted', port.delete(pods, at.in('homeless')));
    all['homeless is gone at once'] = await shown('homeless');
    await port.create(pods, podOf(at.in('kept-away'), { nodeSelector: { pool: 'b' } }));
    const tolerations = [{ key: 'example.com/reserved', operator: 'Exists' }];
    const affinity = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: 'pool', operator: 'NotIn', values: ['a'] },
                { key: 'kind', operator: 'DoesNotExist' },
              ],
            },
          ],
        },
      },
    };
    const long = { annotations: { [`${simulation}/duration`]: '1h' }, labels: { app: 'long' }, finalizers: ['example.com/look'] };
    await port.create(pods, podOf(at.in('let-in'), { affinity, tolerations }, long));
    all['let in'] = await phase('let-in', 'Running');
    all['kept away'] = await unschedulable('kept-away');
    await say('changed', port.mergePatch(pods, at.in('let-in'), { spec: { restartPolicy: 'Always' } }));
    await say(
      'budget',
      port.create(budgets, { metadata: at.in('one'), spec: { minAvailable: 1, selector: { matchLabels: { app: 'long' } } } }),
    );
    await side.until('the budget is counted', async () => {
      const found = await port.get(budgets, at.in('one'));
      return side.name === 'simulated' || (found.ok && found.value.status?.currentHealthy === 1) ? true : undefined;
    });
    await say('eviction refused', port.evict(at.in('let-in')));
    await port.delete(budgets, at.in('one'));
    await say('eviction of another uid', port.evict(at.in('let-in'), { uid: '00000000-0000-4000-8000-000000000000' }));
    await say('evicted', port.evict(at.in('let-in')));
    // The node says how the pod ended and only then deletes it for good: a look in between would see the grace that eviction gave.
    all.evicted = await phase('let-in', 'Failed', 0);
    await port.mergePatch(pods, at.in('let-in'), { metadata: { finalizers: null } });
    await gone(side, 'let-in gone', () => port.get(pods, at.in('let-in')));
    await say('eviction of nothing', port.evict(at.in('let-in')));
    const node = await port.get(nodes, { name: 'script-b' });
    all.node = node.ok
      ? normalize({
          taints: node.value.spec?.taints,
          providerID: node.value.spec?.providerID,
          ready: node.value.status?.conditions?.find(({ type }) => type === 'Ready')?.status,
        })
      : answered(node);
    await port.mergePatch(nodes, { name: 'script-b' }, { spec: { unschedulable: true } });
    all.cordoned = await side.until('the cordon taint', async () => {
      const found = await port.get(nodes, { name: 'script-b' });
      const taints = found.ok ? found.value.spec?.taints?.map(({ key, effect }) => `${key}:${effect}`) : [];
      return (taints ?? []).length > 1 ? taints?.sort() : undefined;
    });
    return all;
  },
};

const batch: Chapter = {
  name: 'jobs: one pod, failures, suspension, indexed and elastic, deletion',
  async play(side) {
    const { port } = side;
    const { say, all } = notes();
    const at = await namespace(side, 'batch');
    await side.join('script-c', {});
    const read = async (
      name: string,
    ): Promise<{ readonly spec: { readonly suspend?: boolean }; readonly status?: Record<string, unknown> }> => {
      const found = await port.get(jobs, at.in(name));
      if (!found.ok) throw new Error(found.error.message);
      return found.value;
    };
    const condition = (type: string) => (status: Record<string, unknown> | undefined) =>
      ((status?.conditions ?? []) as readonly { readonly type: string; readonly status: string }[]).some(
        (each) => each.type === type && each.status === 'True',
      );
    const reached = (name: string, what: string, done: (status: Record<string, unknown> | undefined) => boolean): Promise<unknown> =>
      side.until(`${name} ${what}`, async () => {
        const { status } = await read(name);
        return done(status) ? normalize(status) : undefined;
      });
    const podsOf = async (name: string): Promise<readonly unknown[]> => {
      const found = await port.list(pods, { namespace: 'batch', labelSelector: `batch.kubernetes.io/job-name=${name}` });
      if (!found.ok) return [answered(found)];
      return found.value.items.map(({ metadata, spec }) => {
        const { finalizers, labels, annotations, ownerReferences, name: podName } = metadata;
        const { [`${simulation}/duration`]: _, ...rest } = annotations ?? {};
        const env = spec.containers[0]?.env;
        return normalize({
          name: podName,
          finalizers,
          labels,
          annotations: rest,
          ownerReferences,
          env,
          hostname: spec.hostname,
        });
      });
    };
    await say('created', port.create(jobs, jobOf(at.in('one'), {}, { [`${simulation}/duration`]: '2s' })));
    all.one = await reached('one', 'completes', condition('Complete'));
    all['pods of one'] = await podsOf('one');
    await port.create(
      jobs,
      jobOf(at.in('bad'), { backoffLimit: 0 }, { [`${simulation}/duration`]: '1s', [`${simulation}/exit-code`]: '1' }),
    );
    all.bad = await reached('bad', 'fails', condition('Failed'));
    const podFailurePolicy = {
      rules: [
        { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } },
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      ],
    };
    await port.create(
      jobs,
      jobOf(at.in('fatal'), { podFailurePolicy }, { [`${simulation}/duration`]: '1s', [`${simulation}/exit-code`]: '42' }),
    );
    all.fatal = await reached('fatal', 'fails', condition('Failed'));
    const long = { [`${simulation}/duration`]: '1h' };
    await say('suspended', port.create(jobs, jobOf(at.in('held'), { suspend: true }, long)));
    all.held = await reached('held', 'is suspended', condition('Suspended'));
    await say(
      'placed while suspended',
      port.mergePatch(jobs, at.in('held'), { spec: { template: { spec: { nodeSelector: { 'kubernetes.io/os': 'linux' } } } } }),
    );
    await say(
      'changed while suspended',
      port.mergePatch(jobs, at.in('held'), { spec: { template: { spec: { restartPolicy: 'OnFailure' } } } }),
    );
    await port.mergePatch(jobs, at.in('held'), { spec: { suspend: false } });
    all.resumed = await reached('held', 'runs', (status) => status?.ready === 1);
    await say(
      'placed while running',
      port.mergePatch(jobs, at.in('held'), { spec: { template: { spec: { nodeSelector: { other: 'node' } } } } }),
    );
    await port.mergePatch(jobs, at.in('held'), { spec: { suspend: true } });
    all['held again'] = await reached(
      'held',
      'is idle',
      (status) => condition('Suspended')(status) && status?.active === undefined && status?.terminating === 0,
    );
    await say('indexed', port.create(jobs, jobOf(at.in('work'), { completionMode: 'Indexed', completions: 2, parallelism: 2 }, long)));
    all['indexed runs'] = await reached('work', 'runs', (status) => status?.ready === 2);
    all['indexed pods'] = await podsOf('work');
    await say('completions alone', port.mergePatch(jobs, at.in('work'), { spec: { completions: 3 } }));
    await port.mergePatch(jobs, at.in('work'), { spec: { completions: 3, parallelism: 3 } });
    all.grown = await reached('work', 'grows', (status) => status?.ready === 3);
    await port.mergePatch(jobs, at.in('work'), { spec: { completions: 1, parallelism: 1 } });
    all.shrunk = await reached('work', 'shrinks', (status) => status?.ready === 1 && status?.terminating === 0);
    all['pods of shrunk'] = await side.until('one pod of work', async () => {
      const { length } = await podsOf('work');
      return length === 1 ? length : undefined;
    });
    await port.create(
      jobs,
      jobOf(at.in('all'), { completionMode: 'Indexed', completions: 3, parallelism: 2 }, { [`${simulation}/duration`]: '1s' }),
    );
    all.all = await reached('all', 'completes', condition('Complete'));
    await port.create(jobs, jobOf(at.in('late'), { activeDeadlineSeconds: 3 }, long));
    all.late = await reached('late', 'fails', condition('Failed'));
    await say('deleted', port.delete(jobs, at.in('work'), { propagation: 'Background' }));
    await side.until('no pods of work', async () => ((await podsOf('work')).length === 0 ? true : undefined));
    await say('deleted without a word', port.delete(jobs, at.in('one')));
    await gone(side, 'one gone', () => port.get(jobs, at.in('one')));
    all['orphaned pods'] = await podsOf('one');
    return all;
  },
};

const ending: Chapter = {
  name: 'the end of a namespace',
  async play(side) {
    const { port } = side;
    const { say, all } = notes();
    const at = await namespace(side, 'ending');
    await port.create(configMaps, { metadata: { ...at.in('held'), finalizers: ['example.com/a'] } });
    await port.create(configMaps, { metadata: at.in('free') });
    await say('deleted', port.delete(namespaces, { name: 'ending' }));
    await gone(side, 'free gone', () => port.get(configMaps, at.in('free')));
    const found = await port.get(namespaces, { name: 'ending' });
    all.terminating = found.ok
      ? normalize({ phase: found.value.status?.phase, leaving: found.value.metadata.deletionTimestamp !== undefined })
      : answered(found);
    await say('too late', port.create(configMaps, { metadata: at.in('late') }));
    await say('too late, applied', port.apply(configMaps, { metadata: at.in('late') }, operator));
    all.held = await side.until('held is leaving', async () => {
      const held = await port.get(configMaps, at.in('held'));
      return held.ok && held.value.metadata.deletionTimestamp !== undefined ? answered(held) : undefined;
    });
    await say('changed', port.mergePatch(configMaps, at.in('held'), { data: { a: '1' } }));
    await port.mergePatch(configMaps, at.in('held'), { metadata: { finalizers: null } });
    await gone(side, 'ending gone', () => port.get(namespaces, { name: 'ending' }));
    return all;
  },
};

const tokens: Chapter = {
  name: 'tokens and their review',
  async play(side) {
    const { port } = side;
    const { say, all } = notes();
    const at = await namespace(side, 'tokens');
    await say('of nobody', port.requestToken(at.in('nobody'), { audiences: ['a'], expirationSeconds: 600 }) as never);
    await port.create(serviceAccounts, { metadata: at.in('agent') });
    await say('too short', port.requestToken(at.in('agent'), { audiences: ['a'], expirationSeconds: 60 }) as never);
    const token = await port.requestToken(at.in('agent'), { audiences: ['sts.amazonaws.com', 'elastic-broker'], expirationSeconds: 600 });
    if (!token.ok) return { ...all, token: answered(token) };
    const review = async (text: string, audiences: readonly string[]): Promise<unknown> => {
      const answer = await port.reviewToken(text, audiences);
      if (!answer.ok) return answered(answer);
      if (!answer.value.authenticated) return 'refused';
      const { username, groups, audiences: shared, extra } = answer.value;
      return normalize({ username, groups: [...groups].sort(), shared, extra: Object.keys(extra).sort() });
    };
    all['its audience'] = await review(token.value.token, ['elastic-broker', 'other']);
    all['another audience'] = await review(token.value.token, ['other']);
    all['no audience'] = await review(token.value.token, []);
    all.nonsense = await review('nonsense', ['elastic-broker']);
    await port.delete(serviceAccounts, at.in('agent'));
    all['deleted account'] = await side.until('the token to be refused', async () => {
      const answer = await review(token.value.token, ['elastic-broker']);
      return answer === 'refused' ? answer : undefined;
    });
    return all;
  },
};

export const script: readonly Chapter[] = [basics, selection, applying, finalizing, custom, watching, pod, batch, ending, tokens];
