import { createHash } from 'node:crypto';
import type { TokenReview } from '../../ports/kubernetes.ts';
import type { ApiServer } from './api-server.ts';
import { type Answer, invalid, notFound } from './errors.ts';
import { textAt } from './json.ts';
import { type Entity, kindNamed } from './kinds.ts';
import { parseTimestamp } from './time.ts';

/** What a ServiceAccount's token says; times in seconds since the epoch, as in a JWT. */
type TokenClaims = {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  readonly serviceAccount: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly pod?: { readonly name: string; readonly uid: string };
  readonly node?: { readonly name: string; readonly uid: string };
};

export type Tokens = {
  readonly issuer: string;
  request(
    account: { readonly namespace: string; readonly name: string },
    wanted: { readonly audiences: readonly string[]; readonly expirationSeconds: number },
    bound?: { readonly pod: Entity; readonly node?: Entity },
  ): Answer<{ readonly token: string; readonly expiresAt: number }>;
  /** The token that the kubelet projects into a pod's volume: bound to the pod and its node. */
  project(podKey: string, audience: string, expirationSeconds: number): Answer<{ readonly token: string; readonly expiresAt: number }>;
  review(token: string, audiences: readonly string[]): TokenReview;
  /** The claims of a token that this cluster signed and that has not expired; what a third party that knows the JWKS can tell. */
  verify(token: string): TokenClaims | undefined;
};

const accounts = kindNamed('ServiceAccount');
const pods = kindNamed('Pod');
const nodes = kindNamed('Node');

/** A marker that no log, event or status may ever hold. */
const TOKEN_MARKER = 'simulated-secret-token';

/** Opaque tokens that cannot be made without the cluster's key: marker, claims, signature. */
export function createTokens(server: ApiServer, issuer: string): Tokens {
  const { world, store } = server;
  const key = world.random.uuid();
  const ownAudience = issuer;

  function sign(text: string): string {
    return createHash('sha256').update(`${key}.${text}`).digest('base64url');
  }

  function mint(claims: TokenClaims): string {
    const text = Buffer.from(JSON.stringify(claims)).toString('base64url');
    return `${TOKEN_MARKER}.${text}.${sign(text)}`;
  }

  function seconds(): number {
    return Math.floor(world.now() / 1000);
  }

  function request(
    account: { readonly namespace: string; readonly name: string },
    wanted: { readonly audiences: readonly string[]; readonly expirationSeconds: number },
    bound?: { readonly pod: Entity; readonly node?: Entity },
  ): Answer<{ readonly token: string; readonly expiresAt: number }> {
    const found = store.get(accounts, `${account.namespace}/${account.name}`);
    if (found === undefined) return notFound(accounts, account.name);
    if (wanted.expirationSeconds < 600) {
      const message = 'may not specify a duration less than 10 minutes';
      return invalid(accounts, account.name, [{ field: 'spec.expirationSeconds', value: wanted.expirationSeconds, message }]);
    }
    const exp = seconds() + wanted.expirationSeconds;
    const token = mint({
      iss: issuer,
      sub: `system:serviceaccount:${account.namespace}:${account.name}`,
      aud: wanted.audiences.length === 0 ? [ownAudience] : wanted.audiences,
      iat: seconds(),
      exp,
      jti: world.random.uuid(),
      serviceAccount: { ...account, uid: found.metadata.uid },
      ...(bound === undefined ? {} : { pod: identity(bound.pod) }),
      ...(bound?.node === undefined ? {} : { node: identity(bound.node) }),
    });
    return { ok: true, value: { token, expiresAt: exp * 1000 } };
  }

  function verify(token: string): TokenClaims | undefined {
    const [marker, text = '', signature] = token.split('.');
    if (marker !== TOKEN_MARKER || signature !== sign(text)) return undefined;
    const claims = JSON.parse(Buffer.from(text, 'base64url').toString()) as TokenClaims;
    return claims.exp > seconds() ? claims : undefined;
  }

  /** Why the cluster itself no longer takes a token although its signature is good (pkg/serviceaccount/claims.go). */
  function revoked(claims: TokenClaims): string | undefined {
    const { serviceAccount, pod, node } = claims;
    const account = store.get(accounts, `${serviceAccount.namespace}/${serviceAccount.name}`);
    if (account?.metadata.uid !== serviceAccount.uid) return 'service account has been deleted';
    if (pod !== undefined) {
      const found = store.get(pods, `${serviceAccount.namespace}/${pod.name}`);
      if (found?.metadata.uid !== pod.uid) return 'pod has been deleted';
      const deleted = parseTimestamp(found.metadata.deletionTimestamp);
      if (deleted !== undefined && deleted + 60_000 < world.now()) return 'pod is being deleted';
    }
    if (node !== undefined && store.get(nodes, node.name)?.metadata.uid !== node.uid) return 'node has been deleted';
    return undefined;
  }

  return {
    issuer,
    request,
    verify,
    project(podKey, audience, expirationSeconds) {
      const pod = store.get(pods, podKey);
      if (pod === undefined) return notFound(pods, podKey);
      const { namespace = '' } = pod.metadata;
      const node = store.get(nodes, String(pod.spec?.nodeName));
      const name = textAt(pod, 'spec', 'serviceAccountName') || 'default';
      return request({ namespace, name }, { audiences: [audience], expirationSeconds }, { pod, ...(node === undefined ? {} : { node }) });
    },
    review(token, audiences) {
      const claims = verify(token);
      if (claims === undefined) return { authenticated: false, error: 'invalid bearer token' };
      const wanted = audiences.length === 0 ? [ownAudience] : audiences;
      const shared = wanted.filter((audience) => claims.aud.includes(audience));
      if (shared.length === 0) return { authenticated: false, error: 'token audiences do not match' };
      const why = revoked(claims);
      if (why !== undefined) return { authenticated: false, error: why };
      const { namespace } = claims.serviceAccount;
      return {
        authenticated: true,
        username: claims.sub,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
        audiences: shared,
        extra: extraOf(claims),
      };
    },
  };
}

function identity(object: Entity): { readonly name: string; readonly uid: string } {
  return { name: object.metadata.name, uid: object.metadata.uid };
}

function extraOf(claims: TokenClaims): Readonly<Record<string, readonly string[]>> {
  const prefix = 'authentication.kubernetes.io';
  return {
    [`${prefix}/credential-id`]: [`JTI=${claims.jti}`],
    ...(claims.pod === undefined ? {} : { [`${prefix}/pod-name`]: [claims.pod.name], [`${prefix}/pod-uid`]: [claims.pod.uid] }),
    ...(claims.node === undefined ? {} : { [`${prefix}/node-name`]: [claims.node.name], [`${prefix}/node-uid`]: [claims.node.uid] }),
  };
}
