import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { KubernetesError, KubernetesResult, ObjectList } from '../ports/kubernetes.ts';

/**
 * The states of a reflector and the moves between them, without effects. A list in progress keeps its pages to itself: the store changes once, when the last one is in.
 * Semantics of lists, watches and bookmarks: https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
export type ReflectorState<T extends KubernetesObject> =
  /** About to ask for the first page; `paged` false asks for everything at once. */
  | { readonly phase: 'List'; readonly paged: boolean }
  /** About to ask for a further page. */
  | { readonly phase: 'NextPage'; readonly continue: string; readonly resourceVersion: string; readonly objects: readonly Stored<T>[] }
  /** About to watch from there; `failures` in a row without an event. */
  | { readonly phase: 'Watch'; readonly resourceVersion: string; readonly failures: number };

export type Move<T extends KubernetesObject> = {
  readonly next: ReflectorState<T>;
  /** A complete list, to be put into the store before anything else. */
  readonly complete?: { readonly objects: readonly Stored<T>[]; readonly resourceVersion: string };
  /** `backoff`: wait, longer each time, at least the server's Retry-After. `reset`: all is well, the next wait is a short one. */
  readonly pace: 'backoff' | 'reset' | 'go';
  readonly minimumWaitMs?: number;
  /** Why, for the log; left out for what is routine. */
  readonly trouble?: Trouble;
};

/** info: the server's own way to say "later" or "list again" (a CRD that was just made, a compaction); warn: what should not be. */
type Trouble = { readonly level: 'info' | 'warn'; readonly text: string };

export type WatchOutcome = {
  readonly result: KubernetesResult<void>;
  /** Of an ERROR event inside the stream. */
  readonly streamError: KubernetesError | undefined;
  readonly stalled: boolean;
  /** Of the last event or bookmark; where there was none, what the watch started from. */
  readonly resourceVersion: string;
  /** Events and bookmarks. */
  readonly events: number;
  readonly lastedMs: number;
};

/** A watch that ends sooner and without an event did not work, whatever the server says: at once again would be a hot loop. */
const shortestWatchMs = 1_000;
/** After so many failures that are no matter of the network, the resource version itself is suspect. */
const failuresBeforeRelist = 5;

export const firstState = { phase: 'List', paged: true } as const;

export function afterPage<T extends KubernetesObject>(
  state: Extract<ReflectorState<T>, { phase: 'List' | 'NextPage' }>,
  result: KubernetesResult<ObjectList<T>>,
): Move<T> {
  if (!result.ok) {
    const { error } = result;
    // The continue token is too old (a list of many pages, a compaction). A list in one piece cannot expire halfway.
    if (state.phase === 'NextPage' && error.kind === 'Gone') {
      return { next: { phase: 'List', paged: false }, pace: 'go', trouble: troubleOf(error, 'the list expired between its pages') };
    }
    // The pages so far stay good: only this one is asked for again.
    return { next: state, pace: 'backoff', ...waitOf(error), trouble: troubleOf(error, `list: ${describe(error)}`) };
  }
  const page = result.value;
  const objects = state.phase === 'NextPage' ? [...state.objects, ...page.items] : page.items;
  // All pages are of the version of the first one.
  const resourceVersion = state.phase === 'NextPage' ? state.resourceVersion : page.resourceVersion;
  if (page.continue !== undefined && page.continue !== '') {
    return { next: { phase: 'NextPage', continue: page.continue, resourceVersion, objects }, pace: 'go' };
  }
  return { next: { phase: 'Watch', resourceVersion, failures: 0 }, complete: { objects, resourceVersion }, pace: 'go' };
}

export function afterWatch<T extends KubernetesObject>(
  state: Extract<ReflectorState<T>, { phase: 'Watch' }>,
  outcome: WatchOutcome,
): Move<T> {
  const { resourceVersion } = outcome;
  const error = outcome.streamError ?? (outcome.result.ok ? undefined : outcome.result.error);
  const progressed = outcome.events > 0;

  if (error !== undefined && demandsRelist(error)) {
    return {
      next: firstState,
      pace: progressed && error.kind === 'Gone' ? 'reset' : 'backoff',
      ...waitOf(error),
      trouble: troubleOf(error, `relist: ${describe(error)}`),
    };
  }
  if (outcome.stalled) {
    return {
      next: { phase: 'Watch', resourceVersion, failures: 0 },
      pace: 'go',
      trouble: troubleOf(error, 'the watch was silent for too long'),
    };
  }
  if (error === undefined && (progressed || outcome.lastedMs >= shortestWatchMs)) {
    return { next: { phase: 'Watch', resourceVersion, failures: 0 }, pace: 'reset' };
  }
  const failures = progressed ? 1 : state.failures + 1;
  const text = error === undefined ? 'watch: closed at once' : `watch: ${describe(error)}`;
  // While the API server cannot be reached, everybody keeps their place: a relist by all when it is back would bring it down again.
  const suspect = error !== undefined && error.kind !== 'Network' && error.kind !== 'TooManyRequests';
  if (suspect && failures >= failuresBeforeRelist)
    return { next: firstState, pace: 'backoff', ...waitOf(error), trouble: troubleOf(error, `re${text}`) };
  return { next: { phase: 'Watch', resourceVersion, failures }, pace: 'backoff', ...waitOf(error), trouble: troubleOf(error, text) };
}

/**
 * Gone: the version was compacted. NotFound: the resource itself went (a CRD that is replaced). Invalid: the server does not know such a version.
 * "ResourceVersionTooLarge": the server is behind what we saw (restored from a backup): https://github.com/kubernetes/kubernetes/issues/91073
 */
function demandsRelist(error: KubernetesError): boolean {
  if (error.kind === 'Gone' || error.kind === 'NotFound' || error.kind === 'Invalid') return true;
  return error.causes?.some((cause) => cause.reason === 'ResourceVersionTooLarge') ?? false;
}

function troubleOf(error: KubernetesError | undefined, text: string): Trouble {
  return { level: error?.kind === 'Gone' || error?.kind === 'TooManyRequests' ? 'info' : 'warn', text };
}

function waitOf(error: KubernetesError | undefined): { readonly minimumWaitMs?: number } {
  return error?.retryAfterSeconds === undefined ? {} : { minimumWaitMs: error.retryAfterSeconds * 1000 };
}

function describe(error: KubernetesError): string {
  return `${error.kind}: ${error.message}`;
}
