import type { DaemonSet, Node } from '../../api/kubernetes.ts';
import { randomSuffix } from './admission.ts';
import type { ApiServer } from './api-server.ts';
import { copyJson, equalJson, type Fields, isFields } from './json.ts';
import { type Entity, kindNamed } from './kinds.ts';
import { nodeKind } from './machines.ts';
import { matchesNode, untolerated } from './placement.ts';
import { asPod, isTerminal, isTerminating, podKind, type StoredPod } from './pods.ts';
import { createReconciler } from './reconciler.ts';
import { keyOf } from './store.ts';

const daemonSetKind = kindNamed('DaemonSet');

/** Taints of a node's condition keep no daemon away (pkg/controller/daemon/util). */
const conditions = ['not-ready', 'unreachable', 'disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable', 'network-unavailable'];
const daemonTolerations: readonly Fields[] = conditions.map((name) => ({
  key: `node.kubernetes.io/${name}`,
  operator: 'Exists',
  effect: name === 'not-ready' || name === 'unreachable' ? 'NoExecute' : 'NoSchedule',
}));

/** The DaemonSet controller: one pod for each node that fits, recreated when it ends, deleted where it does not belong. No rolling updates. */
export function startDaemonSetController(server: ApiServer): void {
  const { store, world } = server;
  const queue = createReconciler(world, 'daemonset-controller', (key) => {
    const found = store.get(daemonSetKind, key);
    if (found !== undefined && found.metadata.deletionTimestamp === undefined) sync(found as Entity & DaemonSet);
    return undefined;
  });

  store.subscribe((kind, { type, object, previous }) => {
    if (kind === daemonSetKind && type !== 'Deleted') queue.add(keyOf(object.metadata));
    if (
      kind === nodeKind &&
      (type !== 'Modified' || previous?.spec !== object.spec || previous?.metadata.labels !== object.metadata.labels)
    ) {
      for (const set of store.list(daemonSetKind)) queue.add(keyOf(set.metadata));
    }
    if (kind !== podKind) return;
    const owner = object.metadata.ownerReferences?.find((each) => each.kind === 'DaemonSet');
    if (owner !== undefined) queue.add(`${object.metadata.namespace}/${owner.name}`);
  });

  function sync(set: Entity & DaemonSet): void {
    const owned = store
      .ownedBy(set.metadata.uid)
      .filter(({ kind }) => kind === podKind)
      .map(({ object }) => asPod(object));
    let desired = 0;
    for (const node of store.list(nodeKind) as readonly (Entity & Node)[]) {
      const own = owned.filter((pod) => targetOf(pod) === node.metadata.name);
      if (!fits(set, node)) {
        for (const pod of own) remove(pod);
        continue;
      }
      desired += 1;
      for (const pod of own) if (isTerminal(pod)) remove(pod);
      if (own.length === 0) server.create(podKind, podFor(set, node.metadata.name), 'kube-controller-manager');
    }
    for (const pod of owned) if (store.get(nodeKind, targetOf(pod)) === undefined) remove(pod);
    const ready = owned.filter((pod) => pod.status?.phase === 'Running').length;
    server.change(daemonSetKind, keyOf(set.metadata), (current) => {
      const status = { currentNumberScheduled: owned.length, desiredNumberScheduled: desired, numberMisscheduled: 0, numberReady: ready };
      return equalJson(current.status, status) ? undefined : { ...current, status };
    });
  }

  function remove(pod: StoredPod): void {
    if (!isTerminating(pod)) server.delete(podKind, keyOf(pod.metadata), { uid: pod.metadata.uid });
  }

  function podFor(set: Entity & DaemonSet, nodeName: string): Fields {
    const { name, namespace, uid } = set.metadata;
    const template = copyJson(set.spec.template) as Fields;
    const metadata = isFields(template.metadata) ? template.metadata : {};
    const spec: Fields = isFields(template.spec) ? template.spec : {};
    return {
      metadata: {
        ...metadata,
        name: `${name}-${randomSuffix(store)}`,
        namespace,
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid, controller: true, blockOwnerDeletion: true }],
      },
      spec: {
        ...spec,
        tolerations: [...(Array.isArray(spec.tolerations) ? spec.tolerations : []), ...daemonTolerations],
        affinity: pinned(spec.affinity, nodeName),
      },
    };
  }
}

function fits(set: Entity & DaemonSet, node: Node): boolean {
  const { spec } = set.spec.template;
  const tolerant = {
    ...spec,
    tolerations: [...(spec.tolerations ?? []), ...daemonTolerations, { key: 'node.kubernetes.io/not-ready', operator: 'Exists' }],
  };
  return matchesNode(spec, node) && untolerated(tolerant, node.spec?.taints) === undefined;
}

/** The set's own affinity with the node's name in every term, as util.ReplaceDaemonSetPodNodeNameNodeAffinity puts it there. */
function pinned(affinity: unknown, nodeName: string): Fields {
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [nodeName] }];
  const nodeAffinity = isFields(affinity) && isFields(affinity.nodeAffinity) ? affinity.nodeAffinity : {};
  const required = { nodeSelectorTerms: [{ matchFields }] };
  return {
    ...(isFields(affinity) ? affinity : {}),
    nodeAffinity: { ...nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required },
  };
}

function targetOf(pod: StoredPod): string {
  const required = pod.spec.affinity?.nodeAffinity as Fields | undefined;
  const terms = (required?.requiredDuringSchedulingIgnoredDuringExecution as Fields | undefined)?.nodeSelectorTerms;
  const [term] = Array.isArray(terms)
    ? (terms as readonly { readonly matchFields?: readonly { readonly values: readonly string[] }[] }[])
    : [];
  return term?.matchFields?.[0]?.values[0] ?? '';
}
