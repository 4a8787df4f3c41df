import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../../src/api/generated/types.ts';
import type { Node, Pod, Stored } from '../../../src/api/kubernetes.ts';
import { labels } from '../../../src/api/labels.ts';
import type { BrokerLookup } from '../../../src/broker/authorize.ts';
import type { KubernetesPort, TokenReview } from '../../../src/ports/kubernetes.ts';
import { err, ok } from '../../../src/ports/result.ts';

export const runtimeUid = 'aaaaaaaa-0000-4000-8000-000000000001';
export const jobUid = '0f0e0d0c-0000-4000-8000-000000000001';
const created = { resourceVersion: '1', creationTimestamp: '2026-01-02T03:04:05Z' };

/** A cluster with one worker node of runtime finance/analytics, to be changed by a test. */
export type Cluster = {
  nodes: Stored<Node>[];
  elasticNodes: Stored<ElasticNode>[];
  runtimes: Stored<ElasticRuntime>[];
  pods: Stored<Pod>[];
  jobs: Stored<ElasticJob>[];
};

export function clusterOf(): Cluster {
  return {
    nodes: [nodeOf('node-a')],
    elasticNodes: [elasticNodeOf('analytics-workers-a', 'node-a')],
    runtimes: [runtimeOf()],
    pods: [],
    jobs: [],
  };
}

export function nodeOf(name: string): Stored<Node> {
  return {
    metadata: { ...created, name, uid: `uid-${name}`, labels: { [labels.runtimeUid]: runtimeUid } },
    spec: { providerID: `aws:///us-east-1a/i-${name}` },
    status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] },
  };
}

export function elasticNodeOf(name: string, node: string, role: 'master' | 'worker' = 'worker'): Stored<ElasticNode> {
  return {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticNode',
    metadata: { ...created, name, uid: `uid-${name}` },
    spec: {
      runtimeRef: { namespace: 'finance', name: 'analytics', uid: runtimeUid },
      pool: `${role}s`,
      role,
      attempt: 0,
      offerings: [{ instanceType: 'm7i.large', zone: 'us-east-1a', capacityType: 'on-demand' }],
    },
    status: { providerID: `aws:///us-east-1a/i-${node}`, nodeName: node, phase: 'Ready' },
  };
}

export function runtimeOf(): Stored<ElasticRuntime> {
  const arn = (role: string): { readonly roleArn: string } => ({ roleArn: `arn:aws:iam::111122223333:role/${role}` });
  return {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticRuntime',
    metadata: { ...created, namespace: 'finance', name: 'analytics', uid: runtimeUid },
    spec: {
      organization: 'acme',
      region: 'us-east-1',
      identities: { agent: arn('agent'), operator: arn('operator'), master: arn('master'), worker: arn('worker') },
      logs: { uri: 's3://acme-logs/elastic', kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/logs' },
      orphanProtection: { terminateAfter: '1h' },
    },
  } as unknown as Stored<ElasticRuntime>;
}

export function podOn(
  node: string,
  name: string,
  changes: { labels?: Record<string, string>; status?: Pod['status']; deleted?: true } = {},
) {
  return {
    metadata: {
      ...created,
      name,
      namespace: 'finance',
      uid: `uid-${name}`,
      labels: {
        [labels.runtime]: 'analytics',
        [labels.job]: 'nightly',
        [labels.jobUid]: jobUid,
        [labels.attempt]: '2',
        [labels.role]: 'worker',
        ...changes.labels,
      },
      ...(changes.deleted && { deletionTimestamp: created.creationTimestamp }),
    },
    spec: { nodeName: node, containers: [] },
    status: changes.status ?? { phase: 'Running' },
  } satisfies Stored<Pod>;
}

export function lookupOf(cluster: Cluster): BrokerLookup {
  return {
    node: (name) => cluster.nodes.find(({ metadata }) => metadata.name === name),
    elasticNodes: (providerID) => cluster.elasticNodes.filter(({ status }) => status?.providerID === providerID),
    runtime: (key) => cluster.runtimes.find(({ metadata }) => metadata.name === key.name && metadata.namespace === key.namespace),
    pods: (node) => cluster.pods.filter(({ spec }) => spec.nodeName === node),
    jobs: ({ namespace, name }) => cluster.jobs.filter(({ metadata, spec }) => metadata.namespace === namespace && spec.runtime === name),
  };
}

type Authenticated = Extract<TokenReview, { readonly authenticated: true }>;

/** What the API server says of the token of a node agent's pod on a node. */
export function agentReview(node: string, changes: Partial<Authenticated> = {}): Authenticated {
  return {
    authenticated: true,
    username: 'system:serviceaccount:elastic-system:elastic-node-agent',
    groups: ['system:serviceaccounts'],
    audiences: ['elastic-broker'],
    extra: {
      'authentication.kubernetes.io/pod-name': ['elastic-node-agent-x'],
      'authentication.kubernetes.io/pod-uid': ['uid-agent'],
      'authentication.kubernetes.io/node-name': [node],
      'authentication.kubernetes.io/node-uid': [`uid-${node}`],
    },
    ...changes,
  };
}

/** An API server that knows these tokens; it counts what it was asked. */
export function reviewer(tokens: Readonly<Record<string, TokenReview>>): Pick<KubernetesPort, 'reviewToken'> & { calls: number } {
  const port = {
    calls: 0,
    async reviewToken(token: string) {
      port.calls += 1;
      if (token === 'down.down.down') return err({ kind: 'Server', message: 'etcd is away' } as const);
      return ok(tokens[token] ?? ({ authenticated: false, error: 'token has expired' } as const));
    },
  };
  return port;
}
