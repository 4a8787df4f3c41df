import type { KubernetesObject } from '../api/kubernetes.ts';
import type { ResourceType } from '../ports/kubernetes.ts';
import { createReflector, type Reflector, type ReflectorOptions } from './reflector.ts';
import { createStore, type IndexFunction, type Store } from './store.ts';

export type InformerOptions<T extends KubernetesObject, I extends string> = Omit<ReflectorOptions<T>, 'store'> & {
  readonly type: ResourceType<T>;
  readonly indexes?: Readonly<Record<I, IndexFunction<T>>>;
};

/** A store and the reflector that fills it. */
export type Informer<T extends KubernetesObject, I extends string> = { readonly store: Store<T, I>; readonly run: Reflector['run'] };

export function createInformer<T extends KubernetesObject, I extends string = never>(options: InformerOptions<T, I>): Informer<T, I> {
  const { type, indexes, ...rest } = options;
  const store = createStore<T, I>({ type, telemetry: rest.telemetry, ...(indexes === undefined ? {} : { indexes }) });
  return { store, run: createReflector({ ...rest, store }).run };
}
