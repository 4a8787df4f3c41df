import type { ListOptions } from '../../ports/kubernetes.ts';
import { between } from '../faults.ts';
import { type Answer, gone } from './errors.ts';
import type { Entity, Kind } from './kinds.ts';
import { selectorOf } from './selectors.ts';
import type { Store } from './store.ts';

export type EntityList = { readonly items: readonly Entity[]; readonly resourceVersion: string; readonly continue?: string };

/** Continue tokens are good for about as long as etcd keeps revisions. */
const PAGE_LIFE_MS = 5 * 60_000;

type Rest = { readonly items: readonly Entity[]; readonly version: number; readonly at: number };

/** Lists in pages; all pages of one list are of one instant. */
export function createLists(store: Store) {
  const { world } = store;
  const rests = new Map<string, Rest>();
  let lists = 0;

  function list(kind: Kind, options: ListOptions = {}): Answer<EntityList> {
    if (options.continue !== undefined) return nextPage(options.continue, options.limit);
    const predicate = selectorOf(options);
    if (!predicate.ok) return predicate;
    const { version, objects } = snapshot(kind, options);
    return page(objects.filter(predicate.value), version, options.limit);
  }

  /** Version "0" may be answered from a cache that lags behind; everything else is the most recent state. */
  function snapshot(kind: Kind, options: ListOptions): { readonly version: number; readonly objects: readonly Entity[] } {
    if (options.resourceVersion === '0' && world.faults.happens('stale')) return store.listPast(kind, between(world.random, 100, 5000));
    return { version: store.version(), objects: store.list(kind) };
  }

  function page(items: readonly Entity[], version: number, limit: number | undefined): Answer<EntityList> {
    const resourceVersion = String(version);
    if (limit === undefined || limit <= 0 || items.length <= limit) return { ok: true, value: { items, resourceVersion } };
    lists += 1;
    const token = `page-${version}-${lists}`;
    const now = world.now();
    for (const [old, rest] of rests) if (rest.at + PAGE_LIFE_MS < now) rests.delete(old);
    rests.set(token, { items: items.slice(limit), version, at: now });
    return { ok: true, value: { items: items.slice(0, limit), resourceVersion, continue: token } };
  }

  function nextPage(token: string, limit: number | undefined): Answer<EntityList> {
    const rest = rests.get(token);
    if (rest === undefined || rest.at + PAGE_LIFE_MS < world.now() || world.faults.happens('watchGone')) {
      return gone('The provided continue parameter is too old to display a consistent list result.');
    }
    return page(rest.items, rest.version, limit);
  }

  return { list };
}
