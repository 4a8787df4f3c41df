import type { ApiServer } from './api-server.ts';
import { type Kind, kindNamed, kinds } from './kinds.ts';
import { createReconciler } from './reconciler.ts';
import { keyOf } from './store.ts';

const namespaces = kindNamed('Namespace');
const contents: readonly Kind[] = kinds.filter((kind) => kind.namespaced);

/** The namespace controller, and the two that furnish every namespace: service accounts and root CA publisher. */
export function startNamespaceController(server: ApiServer): void {
  const { store, world } = server;
  const queue = createReconciler(world, 'namespace-controller', (name) => {
    const namespace = store.get(namespaces, name);
    if (namespace === undefined) return undefined;
    if (namespace.metadata.deletionTimestamp === undefined) {
      furnish(name);
      return undefined;
    }
    return empty(name) ? finish(name) : 10_000;
  });

  store.subscribe((kind, { object, type }) => {
    if (kind === namespaces && type !== 'Deleted') queue.add(object.metadata.name);
    const { namespace, name } = object.metadata;
    if (namespace === undefined || type !== 'Deleted') return;
    if (kind.kind === 'ServiceAccount' ? name === 'default' : kind.kind === 'ConfigMap' && name === ROOT_CA) queue.add(namespace);
    if (store.get(namespaces, namespace)?.metadata.deletionTimestamp !== undefined) queue.add(namespace);
  });

  function furnish(namespace: string): void {
    server.create(kindNamed('ServiceAccount'), { metadata: { name: 'default', namespace } }, 'kube-controller-manager');
    const data = { 'ca.crt': 'simulated' };
    server.create(kindNamed('ConfigMap'), { metadata: { name: ROOT_CA, namespace }, data }, 'kube-controller-manager');
  }

  /** Deletes what is left; true once nothing is. */
  function empty(namespace: string): boolean {
    let left = 0;
    for (const kind of contents) {
      for (const { metadata } of store.list(kind)) {
        if (metadata.namespace !== namespace) continue;
        if (metadata.deletionTimestamp === undefined)
          server.delete(kind, keyOf(metadata), { uid: metadata.uid, propagation: 'Background' });
        if (store.get(kind, keyOf(metadata)) !== undefined) left += 1;
      }
    }
    return left === 0;
  }

  function finish(name: string): undefined {
    server.change(namespaces, name, (current) => ({ ...current, spec: {} }));
  }
}

const ROOT_CA = 'kube-root-ca.crt';
