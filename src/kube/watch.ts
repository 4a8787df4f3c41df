import type { KubernetesObject } from '../api/kubernetes.ts';
import type { KubernetesError, KubernetesResult, ResourceType, WatchEvent, WatchOptions } from '../ports/kubernetes.ts';
import { err } from '../ports/result.ts';
import { decode } from './decode.ts';
import { errorOfStatus } from './errors.ts';
import type { HttpClient } from './http.ts';
import { createLineSplitter } from './lines.ts';
import { collectionPath, query } from './paths.ts';

/** One watch: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
export async function watch<T extends KubernetesObject>(
  http: HttpClient,
  type: ResourceType<T>,
  options: WatchOptions,
  onEvent: (event: WatchEvent<T>) => void,
  signal: AbortSignal,
): Promise<KubernetesResult<void>> {
  const { namespace, ...selection } = options;
  const path = collectionPath(type, namespace) + query({ watch: true, allowWatchBookmarks: true, ...selection });
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  let unreadable: KubernetesError | undefined;

  const lines = createLineSplitter((line) => {
    if (signal.aborted || unreadable !== undefined) return;
    const event = parse(type, line);
    if (event !== undefined) {
      onEvent(event);
      return;
    }
    // The end of a line was lost with the connection, or a proxy wrote into the stream: what follows cannot be trusted.
    unreadable = { kind: 'Network', message: `an unreadable event in the watch of ${type.plural}` };
    stop();
  });

  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const result = await http.stream({ method: 'GET', path }, abort.signal, lines.push);
    lines.end();
    return unreadable === undefined ? result : err(unreadable);
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

const changes = { ADDED: 'Added', MODIFIED: 'Modified', DELETED: 'Deleted' } as const;

function parse<T extends KubernetesObject>(type: ResourceType<T>, line: string): WatchEvent<T> | undefined {
  let event: { readonly type?: unknown; readonly object?: unknown };
  try {
    event = JSON.parse(line) as typeof event;
  } catch {
    return undefined;
  }
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: changes[event.type], object: decode(type, event.object) };
    case 'BOOKMARK':
      return { type: 'Bookmark', resourceVersion: (event.object as KubernetesObject).metadata.resourceVersion ?? '' };
    case 'ERROR':
      return { type: 'Error', error: errorOfStatus(event.object) };
    default:
      return undefined;
  }
}
