import type { KubernetesObject } from '../../api/kubernetes.ts';
import type { KubernetesError, WatchEvent, WatchOptions } from '../../ports/kubernetes.ts';
import type { Result } from '../../ports/result.ts';
import { between } from '../faults.ts';
import type { SimulatedProcess } from '../world.ts';
import { gone, network } from './errors.ts';
import type { Entity, Kind } from './kinds.ts';
import type { Predicate } from './selectors.ts';
import type { Change, Store } from './store.ts';

type Stream = {
  readonly kind: Kind;
  readonly predicate: Predicate;
  readonly options: WatchOptions;
  readonly onEvent: (event: WatchEvent<KubernetesObject>) => void;
  readonly onEnd: (result: Result<void, KubernetesError>) => void;
};

export type Watches = {
  /** Answers how to close the stream from the client's side. */
  open(process: SimulatedProcess, stream: Stream): () => void;
  /** Streams open now. */
  count(): number;
};

const BOOKMARK_MS = 60_000;

type Open = Stream & { readonly process: SimulatedProcess; position: number; pending: boolean; ended: boolean };

/** Watch streams: each delivers the changes of its kind in order, with a lag of its own, until it is cut, times out or has lost its place. */
export function createWatches(store: Store): Watches {
  const { world } = store;
  const { faults, random } = world;
  const streams = new Map<Kind, Set<Open>>();

  store.subscribe((kind) => {
    for (const stream of streams.get(kind) ?? []) wake(stream);
  });

  function wake(stream: Open): void {
    if (stream.pending || stream.ended) return;
    stream.pending = true;
    const lag = faults.happens('stale') ? between(random, 50, 4000) : between(random, 1, 15);
    world.schedule(lag, `${stream.process.name} watch ${stream.kind.plural}`, () => deliver(stream));
  }

  function deliver(stream: Open): void {
    stream.pending = false;
    if (stream.ended || !stream.process.alive()) return;
    if (faults.happens('watchCut')) {
      end(stream, random.next() < 0.5 ? { ok: true, value: undefined } : network('unexpected EOF'));
      return;
    }
    const changes = faults.happens('watchGone') ? undefined : store.changesSince(stream.kind, stream.position);
    if (changes === undefined) {
      stream.onEvent({ type: 'Error', error: gone(`too old resource version: ${stream.position} (${store.version()})`).error });
      end(stream, { ok: true, value: undefined });
      return;
    }
    for (const change of changes) {
      const event = eventOf(change, stream.predicate);
      stream.position = change.version;
      if (event !== undefined) stream.onEvent(event);
      if (stream.ended) return;
    }
  }

  function bookmark(stream: Open): void {
    world.schedule(BOOKMARK_MS + between(random, -5000, 5000), `${stream.process.name} bookmark ${stream.kind.plural}`, () => {
      if (stream.ended || !stream.process.alive()) return;
      if (!stream.pending) stream.position = Math.max(stream.position, store.version());
      stream.onEvent({ type: 'Bookmark', resourceVersion: String(stream.position) });
      if (!stream.ended) bookmark(stream);
    });
  }

  function end(stream: Open, result: Result<void, KubernetesError>): void {
    if (stream.ended) return;
    close(stream);
    stream.onEnd(result);
  }

  function close(stream: Open): void {
    stream.ended = true;
    streams.get(stream.kind)?.delete(stream);
  }

  function open(process: SimulatedProcess, wanted: Stream): () => void {
    const { kind, options } = wanted;
    const fromNow = options.resourceVersion === '0' || options.resourceVersion === '';
    const stream: Open = {
      ...wanted,
      process,
      position: fromNow ? store.version() : Number(options.resourceVersion),
      pending: false,
      ended: false,
    };
    const ofKind = streams.get(kind) ?? new Set();
    streams.set(kind, ofKind.add(stream));
    process.onCrash(() => close(stream));
    const seconds = options.timeoutSeconds ?? between(random, 1800, 3600);
    world.schedule(seconds * 1000, `${process.name} watch ${kind.plural} times out`, () => end(stream, { ok: true, value: undefined }));
    bookmark(stream);
    if (fromNow) for (const object of store.list(kind)) if (wanted.predicate(object)) stream.onEvent({ type: 'Added', object });
    wake(stream);
    return () => close(stream);
  }

  return { open, count: () => [...streams.values()].reduce((sum, each) => sum + each.size, 0) };
}

/** An object that enters or leaves the selection is added to or deleted from it. */
function eventOf(change: Change, predicate: Predicate): WatchEvent<Entity> | undefined {
  const before = change.previous !== undefined && predicate(change.previous);
  const after = change.type !== 'Deleted' && predicate(change.object);
  if (after) return { type: before ? 'Modified' : 'Added', object: change.object };
  return before ? { type: 'Deleted', object: change.object } : undefined;
}
