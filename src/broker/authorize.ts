import type { ElasticJob, ElasticNode, ElasticRuntime } from '../api/generated/types.ts';
import type { Node, Pod, Stored } from '../api/kubernetes.ts';
import { labels, operatorNamespace } from '../api/labels.ts';
import { brokerAudience, nodeAgentServiceAccount } from '../ports/broker.ts';
import type { KubernetesPort, TokenReview } from '../ports/kubernetes.ts';
import { err, ok, type Result } from '../ports/result.ts';
import { type HeardNodes, isAddressOf } from './peers.ts';

/** What the broker knows of the cluster: the operator's caches. */
export type BrokerLookup = {
  node(name: string): Stored<Node> | undefined;
  /** ElasticNodes whose `status.providerID` is this one. */
  elasticNodes(providerID: string): readonly Stored<ElasticNode>[];
  runtime(key: { readonly namespace: string; readonly name: string }): Stored<ElasticRuntime> | undefined;
  /** Pods bound to the node. */
  pods(node: string): readonly Stored<Pod>[];
  /** Jobs of a runtime. */
  jobs(runtime: { readonly namespace: string; readonly name: string }): readonly Stored<ElasticJob>[];
};

export type NodeCaller = {
  readonly node: Stored<Node>;
  readonly elasticNode: Stored<ElasticNode>;
  readonly runtime: Stored<ElasticRuntime>;
};

/** `reason` is for our log; the caller hears the status only. */
export type Refusal = { readonly status: 401 | 403 | 503; readonly reason: string };

const username = `system:serviceaccount:${operatorNamespace}:${nodeAgentServiceAccount}`;
/** Three base64url parts (RFC 7519). A ServiceAccount's token has about 1,200 bytes. */
const jwt = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const longestToken = 8_192;

/** Whose token it is, by the API server's word: signature, expiry, and that its pod still exists. */
export async function reviewCaller(
  kubernetes: Pick<KubernetesPort, 'reviewToken'>,
  token: string | undefined,
): Promise<Result<BoundTo, Refusal>> {
  if (token === undefined || token.length > longestToken || !jwt.test(token)) return refuse(401, 'no bearer token of the right form');
  const review = await kubernetes.reviewToken(token, [brokerAudience]);
  if (!review.ok) return refuse(503, `token review: ${review.error.kind}: ${review.error.message}`);
  return boundTo(review.value);
}

export type BoundTo = { readonly nodeName: string; readonly nodeUid: string | undefined; readonly podUid: string };

function boundTo(review: TokenReview): Result<BoundTo, Refusal> {
  if (!review.authenticated) return refuse(401, `not authenticated: ${review.error}`);
  if (!review.audiences.includes(brokerAudience)) return refuse(401, `the token is for ${review.audiences.join(', ') || 'no audience'}`);
  if (review.username !== username) return refuse(403, `${review.username} is not the node agent`);
  const podUid = extra(review, 'pod-uid');
  const nodeName = extra(review, 'node-name');
  if (podUid === undefined || nodeName === undefined) return refuse(403, 'the token is not bound to a pod and a node');
  return ok({ nodeName, nodeUid: extra(review, 'node-uid'), podUid });
}

/** https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/: node name and UID are in the tokens of pods that are bound. */
function extra(review: TokenReview & { readonly authenticated: true }, name: string): string | undefined {
  const values = review.extra[`authentication.kubernetes.io/${name}`];
  return values?.length === 1 && values[0] !== '' ? values[0] : undefined;
}

type Facts = {
  readonly bound: BoundTo;
  readonly lookup: BrokerLookup;
  /** The caller's end of the connection. */
  readonly peer: string;
  readonly heard: Pick<HeardNodes, 'mustMatch'>;
  /** Whether every caller must come from an address of its Node's, or only one that has been heard from one before. */
  readonly checkPeer: boolean;
};

/** Token -> Node -> provider id -> the one ElasticNode -> its runtime. A token carried to another machine is worth nothing there, where addresses can be trusted. */
export function findCaller(facts: Facts): Result<NodeCaller, Refusal> {
  const { bound, lookup, peer, heard, checkPeer } = facts;
  const node = lookup.node(bound.nodeName);
  if (node === undefined) return refuse(403, `no Node ${bound.nodeName}`);
  if (bound.nodeUid !== undefined && bound.nodeUid !== node.metadata.uid)
    return refuse(403, `Node ${bound.nodeName} is another one than the token's`);
  if ((checkPeer || heard.mustMatch(node, peer)) && !isAddressOf(node, peer))
    return refuse(403, `the token of node ${bound.nodeName} came from ${peer}`);
  const providerID = node.spec?.providerID;
  if (providerID === undefined || providerID === '') return refuse(403, `Node ${bound.nodeName} has no provider id`);
  const [elasticNode, second] = lookup.elasticNodes(providerID);
  if (elasticNode === undefined) return refuse(403, `no ElasticNode has provider id ${providerID}`);
  if (second !== undefined) return refuse(403, `several ElasticNodes have provider id ${providerID}`);
  return findRuntime(facts, node, elasticNode);
}

function findRuntime({ lookup }: Facts, node: Stored<Node>, elasticNode: Stored<ElasticNode>): Result<NodeCaller, Refusal> {
  const name = elasticNode.metadata.name;
  if (elasticNode.status?.nodeName !== node.metadata.name)
    return refuse(403, `ElasticNode ${name} is not registered as ${node.metadata.name}`);
  if (elasticNode.status.phase === 'Terminated' || elasticNode.status.phase === 'Failed')
    return refuse(403, `ElasticNode ${name} has ended`);
  const { runtimeRef } = elasticNode.spec;
  const runtime = lookup.runtime(runtimeRef);
  if (runtime === undefined || runtime.metadata.uid !== runtimeRef.uid)
    return refuse(403, `ElasticNode ${name} belongs to a runtime that is gone`);
  if (node.metadata.labels?.[labels.runtimeUid] !== runtimeRef.uid)
    return refuse(403, `Node ${node.metadata.name} is labelled for another runtime`);
  return ok({ node, elasticNode, runtime });
}

function refuse(status: Refusal['status'], reason: string): { readonly ok: false; readonly error: Refusal } {
  return err({ status, reason });
}
