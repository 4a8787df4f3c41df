import { parseDurationMs } from '../core/quantity/duration.ts';
import type { BrokerAnswer } from '../ports/broker.ts';
import type { Clock } from '../ports/clock.ts';
import type { KubernetesPort } from '../ports/kubernetes.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { type BrokerLookup, findCaller, type NodeCaller, type Refusal, reviewCaller } from './authorize.ts';
import { createHeardNodes } from './peers.ts';
import { jobPods } from './pods.ts';
import { createRateLimiter, type RateLimit } from './rate-limit.ts';
import { logFolder, nodeLogPolicies, type ObtainSession } from './session.ts';

export type BrokerRequest = {
  /** The bearer token: a secret. */
  readonly token: string | undefined;
  /** Address of the caller's end of the connection. */
  readonly peer: string;
};

/** `reason` goes into our log only: the caller hears a status and nothing that would help it to try again. */
export type BrokerReply =
  | { readonly status: 200; readonly answer: BrokerAnswer }
  | { readonly status: 401 | 403 | 429 | 503; readonly reason: string; readonly retryAfterSeconds?: number };

export type BrokerHandler = { handle(request: BrokerRequest): Promise<BrokerReply> };

export type BrokerOptions = {
  readonly kubernetes: Pick<KubernetesPort, 'reviewToken'>;
  readonly lookup: BrokerLookup;
  readonly obtain: ObtainSession;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** A node's agent asks every 10 s, and at once when a new pod appears. */
  readonly perNode?: RateLimit;
  /** Before a token is reviewed; larger, since addresses may be shared behind a translation. */
  readonly perPeer?: RateLimit;
  /** Whether the caller's address must be one of its Node's from the first request on. Otherwise only once it has been (peers.ts). */
  readonly checkPeer?: boolean;
};

const defaultPerNode: RateLimit = { burst: 12, perSecond: 0.5 };
const defaultPerPeer: RateLimit = { burst: 60, perSecond: 10 };

/** Hands node agents sessions that write the logs of their own node. Every replica of the operator serves. */
export function createBrokerHandler(options: BrokerOptions): BrokerHandler {
  const { clock, telemetry, lookup } = options;
  const peers = createRateLimiter(clock, options.perPeer ?? defaultPerPeer);
  const nodes = createRateLimiter(clock, options.perNode ?? defaultPerNode);
  const heard = createHeardNodes();

  async function decide({ token, peer }: BrokerRequest): Promise<BrokerReply> {
    const early = peers.take(peer);
    if (early !== undefined) return { status: 429, reason: `too many requests from ${peer}`, retryAfterSeconds: early };
    const bound = await reviewCaller(options.kubernetes, token);
    if (!bound.ok) return refused(bound.error);
    const caller = findCaller({ bound: bound.value, lookup, peer, heard, checkPeer: options.checkPeer === true });
    if (!caller.ok) return refused(caller.error);
    // After the peer: a token that was carried elsewhere uses up nothing of its node's.
    const busy = nodes.take(bound.value.nodeName);
    if (busy !== undefined) return { status: 429, reason: `too many requests from node ${bound.value.nodeName}`, retryAfterSeconds: busy };
    heard.heard(caller.value.node, peer);
    return answer(caller.value);
  }

  async function answer(caller: NodeCaller): Promise<BrokerReply> {
    const { runtime, elasticNode, node } = caller;
    const { role } = elasticNode.spec;
    const name = elasticNode.metadata.name;
    const folder = logFolder(runtime);
    if (!folder.ok) return { status: 503, reason: folder.error };
    const policies = nodeLogPolicies(runtime, folder.value, role, name);
    if (!policies.ok) return { status: 503, reason: policies.error };
    const session = await options.obtain({ runtime, identity: role, caller: 'nodeAgent', node: name, policies: policies.value });
    // No session, no renewal: a node whose operator has lost its rights in AWS ends itself in time.
    if (!session.ok) return { status: 503, reason: `no session as ${role}: ${session.error.code}: ${session.error.message}` };
    const terminateAfter = parseDurationMs(runtime.spec.orphanProtection.terminateAfter);
    return {
      status: 200,
      answer: {
        node: name,
        runtime: `${runtime.metadata.namespace}/${runtime.metadata.name}`,
        role,
        region: runtime.spec.region,
        logs: { bucket: folder.value.bucket, prefix: folder.value.key },
        kmsKeyArn: runtime.spec.logs.kmsKeyArn,
        terminateAfterSeconds: terminateAfter.ok ? terminateAfter.value / 1000 : 3600,
        ...(elasticNode.metadata.deletionTimestamp !== undefined && { leaving: true }),
        pods: jobPods(caller, folder.value, lookup.pods(node.metadata.name), lookup.jobs(elasticNode.spec.runtimeRef)),
        grant: session.value.grant,
      },
    };
  }

  return {
    async handle(request) {
      const reply = await decide(request);
      telemetry.count('broker_requests_total', { status: String(reply.status) });
      if (reply.status !== 200) telemetry.log('warn', 'broker refused', { status: reply.status, peer: request.peer, reason: reply.reason });
      return reply;
    },
  };
}

function refused({ status, reason }: Refusal): BrokerReply {
  return { status, reason };
}
