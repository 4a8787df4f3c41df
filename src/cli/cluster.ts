import type { KubernetesPort, KubernetesResult } from '../ports/kubernetes.ts';

/** Which cluster, as kubectl is told it. */
export type ClusterFlags = { readonly namespace?: string; readonly kubeconfig?: string; readonly context?: string };

/** The cluster of the current kubeconfig, as the person that the kubeconfig names. */
export type ClusterConnection = {
  readonly kubernetes: KubernetesPort;
  /** Of `--namespace`, else of the context, else `default`. */
  readonly namespace: string;
  /** URL of the API server. */
  readonly server: string;
  /** GET of any path, as text: discovery, metrics. */
  readonly getText: (path: string) => Promise<KubernetesResult<string>>;
  readonly close: () => Promise<void>;
};

/** Rejects where no kubeconfig can be read. */
export type Connect = (flags: ClusterFlags) => Promise<ClusterConnection>;

export type ClusterIo = {
  readonly connect: Connect;
  readonly now: () => number;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
};

/** Runs with a connection and closes it. No kubeconfig, or none that can be read, is wrong usage: 2. */
export async function withCluster(
  flags: ClusterFlags,
  io: Pick<ClusterIo, 'connect' | 'stderr'>,
  run: (cluster: ClusterConnection) => Promise<number>,
): Promise<number> {
  let cluster: ClusterConnection;
  try {
    cluster = await io.connect(flags);
  } catch (error) {
    io.stderr(`no cluster: ${error instanceof Error ? error.message : String(error)}: name one with --kubeconfig or $KUBECONFIG`);
    return 2;
  }
  try {
    return await run(cluster);
  } finally {
    await cluster.close();
  }
}

/** `a, b and c` */
export function formatList(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
