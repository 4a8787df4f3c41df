import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type {
  DeleteOptions,
  KubernetesPort,
  KubernetesResult,
  ListOptions,
  ObjectList,
  ResourceType,
  TokenReview,
} from '../ports/kubernetes.ts';
import { pods, serviceAccounts } from '../ports/resources.ts';
import { ok } from '../ports/result.ts';
import { decode, encode } from './decode.ts';
import type { HttpClient, Request } from './http.ts';
import { collectionPath, objectPath, query } from './paths.ts';
import { watch } from './watch.ts';

/** The port, over plain requests: the library's typed classes decode twice as slowly and ask for no bookmarks. */
export function createKubernetesPort(http: HttpClient): KubernetesPort {
  async function object<T extends KubernetesObject>(type: ResourceType<T>, request: Request): Promise<KubernetesResult<Stored<T>>> {
    const answer = await http.send(request);
    return answer.ok ? ok(decode(type, answer.value)) : answer;
  }

  return {
    get: (type, key) => object(type, { method: 'GET', path: objectPath(type, key) }),
    list: (type, options = {}) => list(http, type, options),
    watch: (type, options, onEvent, signal) => watch(http, type, options, onEvent, signal),
    create: (type, body) => object(type, { method: 'POST', path: collectionPath(type, namespaceOf(type, body)), body: encode(type, body) }),
    replace: (type, body, subresource) =>
      object(type, { method: 'PUT', path: objectPath(type, body.metadata, subresource), body: encode(type, body) }),
    mergePatch: (type, key, body, subresource) =>
      object(type, { method: 'PATCH', path: objectPath(type, key, subresource), body, contentType: 'application/merge-patch+json' }),
    apply: (type, body, { fieldManager, force, subresource }) =>
      object(type, {
        method: 'PATCH',
        path: objectPath(type, body.metadata, subresource) + query({ fieldManager, force }),
        body: encode(type, body),
        // JSON is YAML: https://kubernetes.io/docs/reference/using-api/server-side-apply/
        contentType: 'application/apply-patch+yaml',
      }),
    async delete(type, key, options = {}) {
      const answer = await http.send({ method: 'DELETE', path: objectPath(type, key), body: deleteOptions(options) });
      return answer.ok ? ok(undefined) : answer;
    },
    async evict(key, options = {}) {
      const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: key, deleteOptions: deleteOptions(options) };
      const answer = await http.send({ method: 'POST', path: objectPath(pods, key, 'eviction'), body });
      return answer.ok ? ok(undefined) : answer;
    },
    async requestToken(serviceAccount, spec) {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
      const answer = await http.send({ method: 'POST', path: objectPath(serviceAccounts, serviceAccount, 'token'), body });
      if (!answer.ok) return answer;
      const { status } = answer.value as { readonly status: { readonly token: string; readonly expirationTimestamp: string } };
      return ok({ token: status.token, expiresAt: Date.parse(status.expirationTimestamp) });
    },
    async reviewToken(token, audiences) {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } };
      const answer = await http.send({ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews', body });
      return answer.ok ? ok(tokenReview(answer.value as TokenReviewBody)) : answer;
    },
  };
}

async function list<T extends KubernetesObject>(
  http: HttpClient,
  type: ResourceType<T>,
  options: ListOptions,
): Promise<KubernetesResult<ObjectList<T>>> {
  const { namespace, ...selection } = options;
  const answer = await http.send({ method: 'GET', path: collectionPath(type, namespace) + query(selection) });
  if (!answer.ok) return answer;
  const body = answer.value as {
    readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
    readonly items: readonly unknown[] | null;
  };
  const { resourceVersion, continue: next } = body.metadata;
  const items = (body.items ?? []).map((item) => decode(type, item));
  return ok({ items, resourceVersion, ...(next === undefined || next === '' ? {} : { continue: next }) });
}

function namespaceOf<T extends KubernetesObject>(type: ResourceType<T>, body: T): string | undefined {
  const { namespace } = body.metadata;
  if (type.namespaced && namespace === undefined) throw new Error(`${type.kind} ${body.metadata.name} is given without its namespace`);
  return namespace;
}

function deleteOptions(options: DeleteOptions): object {
  const { propagation, gracePeriodSeconds, uid, resourceVersion } = options;
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy: propagation,
    gracePeriodSeconds,
    ...(uid === undefined && resourceVersion === undefined ? {} : { preconditions: { uid, resourceVersion } }),
  };
}

type TokenReviewBody = {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly error?: string;
    readonly audiences?: readonly string[];
    readonly user?: {
      readonly username?: string;
      readonly groups?: readonly string[];
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
};

function tokenReview(body: TokenReviewBody): TokenReview {
  const { authenticated, error, audiences, user } = body.status ?? {};
  if (authenticated !== true) return { authenticated: false, error: error ?? 'the API server does not accept the token' };
  return {
    authenticated: true,
    username: user?.username ?? '',
    groups: user?.groups ?? [],
    audiences: audiences ?? [],
    extra: user?.extra ?? {},
  };
}
