import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { componentUsers, fakeNodeAnnotation } from './components.ts';

/** The Stages that kwok plays: its own for nodes and for the start of pods, ours for their end. */
export async function kwokConfiguration(upstreamStages: string): Promise<string> {
  const documents: string[] = [];
  for (const directory of [upstreamStages, join(import.meta.dirname, 'stages')]) {
    for (const name of (await readdir(directory)).sort()) documents.push(await readFile(join(directory, name), 'utf8'));
  }
  return documents.join('\n---\n');
}

const rbac = 'rbac.authorization.k8s.io';

/** What kwok may do: what its module's kustomize/rbac says, less its own custom resources. */
export const kwokRoles = [
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'kwok-controller' },
    rules: [
      { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'update'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch', 'update', 'patch', 'delete'] },
      { apiGroups: [''], resources: ['nodes/status', 'pods/status'], verbs: ['update', 'patch'] },
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'list', 'watch', 'create', 'update', 'patch'] },
    ],
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'kwok-controller' },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'kwok-controller' },
    subjects: [{ apiGroup: rbac, kind: 'User', name: componentUsers.kwok }],
  },
] as const;

export interface FakeNode {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
  /** Kubernetes quantities by resource name; what is missing of cpu, memory and pods: 4, 16Gi, 110. */
  readonly capacity?: Readonly<Record<string, string>>;
  /** Default: the capacity. */
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly providerID?: string;
  /** Default: one made from the name. */
  readonly internalIP?: string;
  /** Default: amd64. */
  readonly architecture?: string;
}

/** The Node as a kubelet would register it: not ready yet; kwok makes it so and renews its Lease. */
export function nodeManifest(node: FakeNode): object {
  const architecture = node.architecture ?? 'amd64';
  const capacity = { cpu: '4', memory: '16Gi', pods: '110', ...node.capacity };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      annotations: { [fakeNodeAnnotation]: 'fake', ...node.annotations },
      labels: {
        'kubernetes.io/hostname': node.name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': architecture,
        ...node.labels,
      },
    },
    spec: { providerID: node.providerID, taints: node.taints },
    status: {
      capacity,
      allocatable: { ...capacity, ...node.allocatable },
      addresses: [
        { type: 'InternalIP', address: node.internalIP ?? addressOf(node.name) },
        { type: 'Hostname', address: node.name },
      ],
      nodeInfo: { architecture, operatingSystem: 'linux' },
    },
  };
}

function addressOf(name: string): string {
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(name).digest();
  return `10.${a % 128}.${b}.${c}`;
}
