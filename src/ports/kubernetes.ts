import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { Result } from './result.ts';

/**
 * A kind of object that the port can address. The type parameter is what a decoded (trimmed) object looks like.
 * `trim` drops, at decode time, what no decision reads (managed fields first of all): caches hold what it returns.
 */
export type ResourceType<T extends KubernetesObject> = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly trim?: (object: T) => T;
};

/**
 * Why a call to the API server failed. `message` is the server's own text (never holds a Secret's content).
 * - NotFound 404; AlreadyExists / Conflict 409; Gone 410 (resource version too old); Invalid 400, 422; Forbidden 403; Unauthorized 401
 * - TooManyRequests 429 (an eviction that a disruption budget refuses, too), with the server's Retry-After where it gave one
 * - Server 5xx: it may or may not have been carried out
 * - Network: no answer: it may or may not have been carried out
 */
export type KubernetesError = {
  readonly kind:
    | 'NotFound'
    | 'AlreadyExists'
    | 'Conflict'
    | 'Gone'
    | 'Invalid'
    | 'Forbidden'
    | 'Unauthorized'
    | 'TooManyRequests'
    | 'Server'
    | 'Network';
  readonly message: string;
  /** `reason` of the Status object where there was one, e.g. "NamespaceTerminating" as a cause. */
  readonly reason?: string;
  readonly causes?: readonly { readonly reason?: string; readonly field?: string; readonly message?: string }[];
  readonly retryAfterSeconds?: number;
};

export type KubernetesResult<T> = Result<T, KubernetesError>;

export type ObjectKey = { readonly namespace?: string; readonly name: string };

export type ListOptions = {
  /** All namespaces where left out. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  /** "0" = any version the server has cached; left out = the most recent. */
  readonly resourceVersion?: string;
};

export type ObjectList<T extends KubernetesObject> = {
  readonly items: readonly Stored<T>[];
  readonly resourceVersion: string;
  readonly continue?: string;
};

export type WatchEvent<T extends KubernetesObject> =
  | { readonly type: 'Added' | 'Modified' | 'Deleted'; readonly object: Stored<T> }
  | { readonly type: 'Bookmark'; readonly resourceVersion: string }
  /** An ERROR event inside the stream (410 Gone, most often). The stream ends after it. */
  | { readonly type: 'Error'; readonly error: KubernetesError };

export type WatchOptions = {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion: string;
  readonly timeoutSeconds?: number;
};

/** Server-side apply. `force` takes fields over from other managers; controllers own what they apply, so they force. */
export type ApplyOptions = { readonly fieldManager: string; readonly force?: boolean; readonly subresource?: 'status' };

export type DeleteOptions = {
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
  /** Preconditions: the delete answers Conflict where they do not hold. */
  readonly uid?: string;
  readonly resourceVersion?: string;
};

export type TokenReview =
  | {
      readonly authenticated: true;
      readonly username: string;
      readonly groups: readonly string[];
      readonly audiences: readonly string[];
      /** `authentication.kubernetes.io/pod-name`, `…/node-name`, `…/pod-uid`, `…/node-uid` of bound tokens. */
      readonly extra: Readonly<Record<string, readonly string[]>>;
    }
  | { readonly authenticated: false; readonly error: string };

export type KubernetesPort = {
  get<T extends KubernetesObject>(type: ResourceType<T>, key: ObjectKey): Promise<KubernetesResult<Stored<T>>>;
  list<T extends KubernetesObject>(type: ResourceType<T>, options?: ListOptions): Promise<KubernetesResult<ObjectList<T>>>;
  /** Resolves when the stream has ended: ok where the server closed it, an error where it could not be opened or broke. `onEvent` is called in order. */
  watch<T extends KubernetesObject>(
    type: ResourceType<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ): Promise<KubernetesResult<void>>;
  create<T extends KubernetesObject>(type: ResourceType<T>, object: T): Promise<KubernetesResult<Stored<T>>>;
  /** PUT: `metadata.resourceVersion` is the precondition. */
  replace<T extends KubernetesObject>(type: ResourceType<T>, object: T, subresource?: 'status'): Promise<KubernetesResult<Stored<T>>>;
  /** JSON merge patch (RFC 7386); put `metadata.resourceVersion` into it to make it conditional. */
  mergePatch<T extends KubernetesObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: Readonly<Record<string, unknown>>,
    subresource?: 'status',
  ): Promise<KubernetesResult<Stored<T>>>;
  apply<T extends KubernetesObject>(type: ResourceType<T>, object: T, options: ApplyOptions): Promise<KubernetesResult<Stored<T>>>;
  delete<T extends KubernetesObject>(type: ResourceType<T>, key: ObjectKey, options?: DeleteOptions): Promise<KubernetesResult<void>>;
  /** Eviction API: TooManyRequests where a disruption budget refuses. */
  evict(key: ObjectKey, options?: { readonly uid?: string; readonly gracePeriodSeconds?: number }): Promise<KubernetesResult<void>>;
  /** TokenRequest: a ServiceAccount's token for `audiences`. The token is a secret. */
  requestToken(
    serviceAccount: ObjectKey,
    request: { readonly audiences: readonly string[]; readonly expirationSeconds: number },
  ): Promise<KubernetesResult<{ readonly token: string; readonly expiresAt: number }>>;
  reviewToken(token: string, audiences: readonly string[]): Promise<KubernetesResult<TokenReview>>;
};
