import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from './store.ts';

/**
 * A store with this process's own writes laid over it: what was created is there at once, what was patched is never seen older than the answer.
 * An own write is dropped as soon as the store has caught up with its resource version, and after `timeoutMs` in any case.
 */
export type Overlay<T extends KubernetesObject, I extends string = string> = Pick<
  Store<T, I>,
  'type' | 'get' | 'list' | 'byIndex' | 'hasSynced'
> & {
  /** `object` as the server answered the create, apply or patch. */
  wrote(object: Stored<T>): void;
  /** A delete was accepted: an object without finalizers is gone for the reader, one with finalizers keeps what the store says. */
  deleted(object: Stored<T>): void;
  /** Own writes that the store has not shown yet. */
  pending(): number;
};

export type OverlayOptions<T extends KubernetesObject, I extends string> = {
  readonly store: Store<T, I>;
  readonly clock: Clock;
  /** The same index functions as the store's, for own writes. */
  readonly indexes?: Readonly<Record<I, (object: Stored<T>) => readonly string[]>>;
  /** Default 60 s. */
  readonly timeoutMs?: number;
};

export declare function createOverlay<T extends KubernetesObject, I extends string = never>(options: OverlayOptions<T, I>): Overlay<T, I>;
