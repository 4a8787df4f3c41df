import type { Pod, Stored } from '../../../src/api/kubernetes.ts';
import { type Clock, sleep } from '../../../src/ports/clock.ts';
import type { KubernetesPort, KubernetesResult, WatchEvent } from '../../../src/ports/kubernetes.ts';
import { ok } from '../../../src/ports/result.ts';
import { failure, pod, scriptedPort } from './scripted-port.ts';

export type Breakage = 'gone' | 'cut' | 'close' | 'refuse' | 'bookmark' | 'doubled' | 'compact' | 'mute';

export type HistoryServer = {
  readonly port: KubernetesPort;
  put(name: string): void;
  remove(name: string): void;
  break(how: Breakage): void;
  /** Name -> resource version. */
  state(): ReadonlyMap<string, string>;
};

type Change = { readonly type: 'Added' | 'Modified' | 'Deleted'; readonly object: Stored<Pod> };
type Live = { muted: boolean; readonly deliver: (event: WatchEvent<Pod>) => void; readonly end: (result: KubernetesResult<void>) => void };

/** One collection of pods with its whole history: lists in pages of one version, watches from any version that is not compacted, breakages on demand. */
export function historyServer(clock: Clock): HistoryServer {
  const history: Change[] = [];
  const objects = new Map<string, Stored<Pod>>();
  const live = new Set<Live>();
  let version = 100;
  let compactedTo = 0;
  let uids = 0;
  let refusals = 0;

  function emit(change: Change): void {
    history.push(change);
    for (const watch of live) if (!watch.muted) watch.deliver(change);
  }

  function stateAt(at: number): readonly Stored<Pod>[] {
    const state = new Map<string, Stored<Pod>>();
    for (const { type, object } of history) {
      if (Number(object.metadata.resourceVersion) > at) break;
      if (type === 'Deleted') state.delete(object.metadata.name);
      else state.set(object.metadata.name, object);
    }
    return [...state.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }

  const port: KubernetesPort = {
    ...scriptedPort().port,
    async list(_type, options = {}) {
      // Things happen between the pages.
      await sleep(clock, 250);
      if (refusals > 0) {
        refusals -= 1;
        return failure('Server');
      }
      const [at = version, from = 0] = options.continue === undefined ? [] : options.continue.split(':').map(Number);
      if (at < compactedTo) return failure('Gone');
      const all = stateAt(at);
      const end = from + (options.limit ?? all.length);
      return ok({
        items: all.slice(from, end) as never,
        resourceVersion: String(at),
        ...(end < all.length ? { continue: `${at}:${end}` } : {}),
      });
    },
    watch(_type, options, onEvent, signal) {
      const from = Number(options.resourceVersion);
      if (from < compactedTo) return Promise.resolve(failure('Gone'));
      return new Promise((resolve) => {
        const watch: Live = {
          muted: false,
          deliver: (event) => onEvent(event as never),
          end(result) {
            live.delete(watch);
            resolve(result);
          },
        };
        live.add(watch);
        signal.addEventListener('abort', () => watch.end(ok(undefined)));
        for (const change of history) if (Number(change.object.metadata.resourceVersion) > from) watch.deliver(change);
      });
    },
  };

  function broken(watch: Live, how: Breakage): void {
    switch (how) {
      case 'bookmark':
        if (!watch.muted) watch.deliver({ type: 'Bookmark', resourceVersion: String(version) });
        return;
      case 'doubled':
        if (!watch.muted) for (const change of history.slice(-3)) watch.deliver(change);
        return;
      case 'mute':
        watch.muted = true;
        return;
      case 'gone':
        watch.deliver({ type: 'Error', error: failure('Gone').error });
        watch.end(ok(undefined));
        return;
      case 'cut':
        watch.end(failure('Network'));
        return;
      case 'close':
        watch.end(ok(undefined));
        return;
      case 'refuse':
      case 'compact':
        return;
    }
  }

  return {
    port,
    state: () => new Map([...objects].map(([name, object]) => [name, object.metadata.resourceVersion])),
    put(name) {
      const existing = objects.get(name);
      version += 1;
      if (existing === undefined) uids += 1;
      const object = pod(name, version, { uid: existing?.metadata.uid ?? `uid-${uids}` });
      objects.set(name, object);
      emit({ type: existing === undefined ? 'Added' : 'Modified', object });
    },
    remove(name) {
      const existing = objects.get(name);
      if (existing === undefined) return;
      objects.delete(name);
      version += 1;
      emit({ type: 'Deleted', object: pod(name, version, { uid: existing.metadata.uid }) });
    },
    break(how) {
      if (how === 'refuse') refusals += 1;
      if (how === 'compact' || how === 'gone') compactedTo = version;
      for (const watch of live) broken(watch, how);
    },
  };
}
