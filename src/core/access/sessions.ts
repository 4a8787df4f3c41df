import { agentNamespace, tags as tagKeys } from '../../api/labels.ts';
import { uid8 } from './locations.ts';
import { fitted, type Principals } from './roles.ts';
import { type Caller, connectionOf, routeOf } from './routes.ts';
import type { Identity, RuntimeIdentity } from './vocabulary.ts';

/** Whose sessions: names for the tags, UIDs for the session names. */
export type SessionScope = {
  readonly cluster?: string | undefined;
  readonly organization: string;
  readonly namespace: string;
  readonly runtime: string;
  readonly runtimeUid: string;
  readonly jobUid?: string | undefined;
  /** Name of the job, for its session tag. */
  readonly job?: string | undefined;
};

/** Where the external ID of a hop is found: the operator role's, or that of a connection's own role. */
export type ExternalIdReference = 'operator' | `connection:${string}`;

type StepCommon = { readonly identity: Identity; readonly roleArn: string };

export type SessionStep =
  /** AssumeRoleWithWebIdentity. The token's claims are all that the session has: no session tags. */
  | (StepCommon & { readonly kind: 'webIdentity'; readonly sessionName: string; readonly serviceAccount: ServiceAccountKey })
  /** The IoT credentials provider: it names the session itself (the certificate's id) and takes neither tags nor a session policy. */
  | (StepCommon & { readonly kind: 'x509' })
  | (StepCommon & {
      readonly kind: 'assumeRole';
      readonly sessionName: string;
      readonly externalId?: ExternalIdReference;
      /** Session tags, none of them transitive; empty towards connection roles. */
      readonly tags: Readonly<Record<string, string>>;
    });

export type ServiceAccountKey = { readonly namespace: string; readonly name: string };

export type ChainRequest = {
  readonly scope: SessionScope;
  readonly principals: Principals;
  readonly identity: Identity;
  readonly caller: Caller;
  /** A connection's role, asked for by the connection's name. */
  readonly connectionRole?: (connection: string) => { readonly roleArn: string; readonly externalId: boolean } | undefined;
  /** Which ServiceAccount a job's pod has; a driver in a master pod reads data as worker too. Workers' where left out. */
  readonly podRole?: 'master' | 'worker';
};

// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: RoleSessionName is 2 to 64 of [\w+=,.@-].
const MAX_SESSION_NAME = 64;

/**
 * `<runtime uid8>.<job uid8>.<identity>`: what joins our audit, CloudTrail and the pods' own calls. No job: a dash in its place. STS takes no colon:
 * `connectionRole:orders` becomes `connectionRole=orders`; a name too long is cut and closed with a hash.
 */
export function sessionName(runtimeUid: string, jobUid: string | undefined, identity: Identity): string {
  const start = `${uid8(runtimeUid)}.${jobUid === undefined ? '-' : uid8(jobUid)}.`;
  return start + fitted(identity.replace(':', '=').replaceAll(/[^\w+=,.@-]/g, '-'), MAX_SESSION_NAME - start.length);
}

/** Every session tag that our hops carry: what generated trust policies may name in `aws:TagKeys`. */
export const sessionTagKeys: readonly string[] = [
  tagKeys.cluster,
  tagKeys.organization,
  tagKeys.namespace,
  tagKeys.runtime,
  tagKeys.job,
  tagKeys.actor,
];

/** The agent's own ServiceAccount, in the namespace where no tenant has a right. Its name is unambiguous: a namespace holds no dot. */
export function agentServiceAccount(scope: Pick<SessionScope, 'namespace' | 'runtime'>): ServiceAccountKey {
  return { namespace: agentNamespace, name: `${scope.namespace}.${scope.runtime}` };
}

/** The STS calls, in order, by which a caller becomes an identity; empty for static keys and logins. */
export function chainSteps(request: ChainRequest): readonly SessionStep[] {
  const { identity, caller, principals } = request;
  return routeOf(identity, caller, principals.agentProof).hops.map((hop, index) => step(request, hop, index === 0));
}

function step(request: ChainRequest, hop: Identity, first: boolean): SessionStep {
  const { scope, principals } = request;
  const common = { identity: hop, roleArn: roleArnOf(request, hop) };
  if (first && hop === 'agent' && principals.agentProof === 'x509') return { ...common, kind: 'x509' };
  const named = { ...common, sessionName: sessionName(scope.runtimeUid, scope.jobUid, hop) };
  if (first) return { ...named, kind: 'webIdentity', serviceAccount: hop === 'agent' ? agentServiceAccount(scope) : podAccount(request) };
  const externalId = externalIdOf(request, hop);
  return { ...named, kind: 'assumeRole', tags: sessionTags(request, hop), ...(externalId === undefined ? {} : { externalId }) };
}

/**
 * Set anew on each hop between our own roles. `actor=operator` is what the EC2 statements of master and worker demand: the sessions that the broker
 * hands to node agents say `node-agent` instead, so that a stolen one could launch or end nothing even without its session policy.
 */
function sessionTags(request: ChainRequest, hop: Identity): Readonly<Record<string, string>> {
  const { scope, caller } = request;
  if (connectionOf(hop) !== undefined) return {};
  return {
    ...(scope.cluster === undefined ? {} : { [tagKeys.cluster]: scope.cluster }),
    [tagKeys.organization]: scope.organization,
    [tagKeys.namespace]: scope.namespace,
    [tagKeys.runtime]: scope.runtime,
    ...(scope.job === undefined ? {} : { [tagKeys.job]: scope.job }),
    ...(hop === 'operator' ? {} : { [tagKeys.actor]: caller === 'nodeAgent' ? 'node-agent' : 'operator' }),
  };
}

function roleArnOf(request: ChainRequest, hop: Identity): string {
  const connection = connectionOf(hop);
  if (connection === undefined) return request.principals.roles[hop as RuntimeIdentity];
  const role = request.connectionRole?.(connection);
  if (role === undefined) throw new TypeError(`no role is known for ${hop}`);
  return role.roleArn;
}

function externalIdOf(request: ChainRequest, hop: Identity): ExternalIdReference | undefined {
  if (hop === 'operator') return request.principals.operatorExternalId ? 'operator' : undefined;
  const connection = connectionOf(hop);
  return connection !== undefined && request.connectionRole?.(connection)?.externalId ? `connection:${connection}` : undefined;
}

/** A driver in a master pod reads data as worker, so the pod's own account says which token is shown; nobody but a master pod is master. */
function podAccount({ scope, identity, podRole }: ChainRequest): ServiceAccountKey {
  return { namespace: scope.namespace, name: `${scope.runtime}-${identity === 'master' ? 'master' : (podRole ?? 'worker')}` };
}
