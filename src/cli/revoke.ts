import type { ElasticRuntime } from '../api/generated/types.ts';
import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import { hasDefaultRoles, principalsOf } from '../core/access/roles.ts';
import { later } from '../core/classes/merge.ts';
import { longestPodSessionMs, longestSessionMs, type RevocationDeny, revocationDenies } from '../core/policy/revocation.ts';
import { elasticConnections, elasticRuntimes } from '../ports/resources.ts';
import { type ClusterConnection, type ClusterFlags, type ClusterIo, withCluster } from './cluster.ts';
import { heldRuntime } from './held.ts';

export type RevokeArguments = ClusterFlags & {
  /** One of the two: whose access. */
  readonly runtime?: string;
  /** An ElasticConnection. */
  readonly connection?: string;
  /** RFC 3339; now where left out. */
  readonly before?: string;
  readonly output: 'table' | 'json';
};

type Revoked = {
  /** `ElasticRuntime finance/analytics` */
  readonly of: string;
  readonly before: string;
  /** RFC 3339: when the last session from before has ended by itself, whatever is attached. */
  readonly lastSessionEnds: string;
  readonly lastPodSessionEnds: string;
  readonly deny: readonly RevocationDeny[];
  /** Default roles: the operator denies it in their stack, which could not be deleted with anything else attached to them. */
  readonly deniedByOperator?: readonly { readonly identity: string; readonly roleArn: string }[];
};

/**
 * `kubectl-elastic revoke RUNTIME` or `--connection NAME`: sets `accessRevokedBefore`, on which the operator drops its grants and ends the pods from before, and prints the statements
 * that end at once what is out already. A moment that stands is never moved backwards: what it revoked would be let in again. Answers the exit code: 0 revoked, 1 the API
 * server refused, 2 wrong usage.
 */
export async function runRevoke(given: RevokeArguments, io: ClusterIo): Promise<number> {
  const wanted = momentOf(given.before, io.now());
  if (wanted === undefined) {
    io.stderr(`--before ${JSON.stringify(given.before)} is no moment: write it as 2026-12-01T10:00:00Z`);
    return 2;
  }
  const { runtime, connection } = given;
  if ((runtime === undefined) === (connection === undefined)) {
    io.stderr('name one: a runtime, or an ElasticConnection with --connection');
    return 2;
  }
  return withCluster(given, io, async (cluster) => {
    const { kubernetes, namespace } = cluster;
    const found = await (runtime === undefined
      ? kubernetes.get(elasticConnections, { namespace, name: connection ?? '' })
      : kubernetes.get(elasticRuntimes, { namespace, name: runtime }));
    // Who may not look, or names nothing, is told so by the change.
    const stands = found.ok ? standing(found.value, io.now()) : undefined;
    const isEarlier = stands !== undefined && Date.parse(wanted) < Date.parse(stands);
    if (isEarlier && given.before !== undefined) {
      io.stderr(
        `--before ${wanted} is earlier than ${stands}, before which access is revoked already: sessions from between would be let in again. ` +
          'Leave it out to revoke what is out now',
      );
      return 2;
    }
    // Another machine's clock may be ahead of this one's.
    const before = isEarlier ? stands : wanted;
    const revoked = await (runtime === undefined
      ? revokeConnection(cluster, connection ?? '', before)
      : revokeRuntime(cluster, runtime, before));
    if (typeof revoked === 'string') {
      io.stderr(revoked);
      return 1;
    }
    if (Date.parse(before) > io.now() + skewMs)
      io.stderr(
        `--before ${before} is still to come: the operator revokes nothing before then, and the statements deny sessions that are still to be made; ` +
          'attach them then, or leave it out to revoke what is out now',
      );
    io.stdout(given.output === 'json' ? JSON.stringify(revoked, undefined, 2) : textOf(revoked));
    return 0;
  });
}

/** Of this machine's clock. */
const skewMs = 5 * 60_000;

type Revocable = KubernetesObject & {
  readonly spec: { readonly accessRevokedBefore?: string };
  readonly status?: {
    readonly resolved?: Readonly<Record<string, unknown>>;
    readonly internal?: Readonly<Record<string, unknown>>;
  };
};

/** The latest moment of which the revocation holds by now, by the spec, the class or what the operator has carried out; one to come revokes nothing yet. */
function standing({ spec, status }: Revocable, now: number): string | undefined {
  const { revoked, revoking } = status?.internal ?? {};
  return [spec.accessRevokedBefore, status?.resolved?.['accessRevokedBefore'], revoked, revoking]
    .flatMap((at) => (typeof at === 'string' && Date.parse(at) <= now + skewMs ? [at] : []))
    .reduce<string | undefined>((latest, at) => later(latest, at), undefined);
}

/** Whole seconds: what CloudTrail, IAM and Kubernetes compare. */
function momentOf(text: string | undefined, now: number): string | undefined {
  const at =
    text === undefined ? now : /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (text !== undefined && !isDay(text.slice(0, 10))) return undefined;
  return Number.isNaN(at) ? undefined : `${new Date(Math.ceil(at / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** JavaScript would take February 30 for March 2. */
function isDay(day: string): boolean {
  const at = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(day);
}

async function revokeRuntime(cluster: ClusterConnection, name: string, before: string): Promise<Revoked | string> {
  const { kubernetes, namespace } = cluster;
  const patched = await kubernetes.mergePatch(elasticRuntimes, { namespace, name }, { spec: { accessRevokedBefore: before } });
  if (!patched.ok) return `ElasticRuntime ${namespace}/${name}: spec.accessRevokedBefore: ${patched.error.kind}: ${patched.error.message}`;
  const held = heldRuntime(patched.value, ['identities.agent.roleArn', 'identities.operator.roleArn']);
  if (held === undefined)
    return `ElasticRuntime ${namespace}/${name}: access from before ${before} is revoked; its roles are not known before the operator has resolved it (see its conditions)`;
  return described(held, before);
}

/** A role is ended where it is assumed; static keys have no session: they end where they were made. */
async function revokeConnection(cluster: ClusterConnection, name: string, before: string): Promise<Revoked | string> {
  const { kubernetes, namespace } = cluster;
  const patched = await kubernetes.mergePatch(elasticConnections, { namespace, name }, { spec: { accessRevokedBefore: before } });
  if (!patched.ok)
    return `ElasticConnection ${namespace}/${name}: spec.accessRevokedBefore: ${patched.error.kind}: ${patched.error.message}`;
  const roleArn = patched.value.spec.authentication?.roleArn;
  const roles = roleArn === undefined ? [] : [{ identity: `connectionRole:${name}`, roleArn }];
  return {
    of: `ElasticConnection ${namespace}/${name}`,
    ...ends(before),
    deny: revocationDenies({ before, runtimeUid: patched.value.metadata.uid, roles, agentProof: 'webIdentity' }),
  };
}

function described(runtime: Stored<ElasticRuntime>, before: string): Revoked {
  const { roles, agentProof } = principalsOf(runtime);
  const all = Object.entries(roles).map(([identity, roleArn]) => ({ identity, roleArn }));
  const isMade = ({ identity }: { readonly identity: string }): boolean =>
    hasDefaultRoles(runtime) && (identity === 'master' || identity === 'worker');
  return {
    of: `ElasticRuntime ${runtime.metadata.namespace}/${runtime.metadata.name}`,
    ...ends(before),
    deny: revocationDenies({
      before,
      runtimeUid: runtime.metadata.uid,
      roles: all.filter((role) => !isMade(role)),
      agentProof,
    }),
    ...(hasDefaultRoles(runtime) && { deniedByOperator: all.filter(isMade) }),
  };
}

function ends(before: string): Pick<Revoked, 'before' | 'lastSessionEnds' | 'lastPodSessionEnds'> {
  const end = (lifeMs: number): string => `${new Date(Date.parse(before) + lifeMs).toISOString().slice(0, 19)}Z`;
  return { before, lastSessionEnds: end(longestSessionMs), lastPodSessionEnds: end(longestPodSessionMs) };
}

function textOf({ of, before, lastSessionEnds, lastPodSessionEnds, deny, deniedByOperator = [] }: Revoked): string {
  return [
    `${of}: access from before ${before} is revoked.`,
    'The operator drops its grants and ends the pods from before; their attempts begin anew with sessions from after.',
    `Sessions that are out already end by themselves by ${lastSessionEnds}; a pod's own by ${lastPodSessionEnds} at the latest, where its role allows 12 h.`,
    ...deniedByOperator.map(
      ({ identity, roleArn }) =>
        `Sessions of ${identity} (${roleArn}) are ended by the operator, in the stack of default roles (condition DefaultRoles): attach nothing to it.`,
    ),
    deny.length === 0
      ? 'It has no role, so there is no session to end: delete or rotate its keys where they were made.'
      : 'To end them at once, attach to each role:',
    ...deny.map(
      ({ identity, roleArn, policyName, document }) =>
        `\n# ${identity}\naws iam put-role-policy --role-name ${roleArn.split('/').at(-1)} --policy-name ${policyName} --policy-document '${JSON.stringify(document)}'`,
    ),
  ].join('\n');
}
