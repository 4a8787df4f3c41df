import type { KubernetesPort, KubernetesResult } from '../ports/kubernetes.ts';
import { type KubeConfigOptions, loadCluster } from './config.ts';
import { createHttpClient } from './http.ts';
import { createKubernetesPort } from './port.ts';

export type KubernetesConnectionOptions = KubeConfigOptions & {
  /** Connections for requests; default 16. Watches come on top, each with its own. */
  readonly concurrency?: number;
  /** Of a request that is no watch, from the call to the last byte; default 60 s. */
  readonly requestTimeoutMs?: number;
  readonly userAgent?: string;
};

export type KubernetesConnection = {
  readonly port: KubernetesPort;
  /** URL of the API server. */
  readonly server: string;
  /** The namespace of the ServiceAccount or of the kubeconfig's context. */
  readonly namespace: string | undefined;
  /** GET of any path, as text. */
  readonly getText: (path: string) => Promise<KubernetesResult<string>>;
  /** Ends what is under way. */
  readonly close: () => Promise<void>;
};

/** Connects to the cluster of `options.kubeconfig`, else $KUBECONFIG, else the mounted ServiceAccount, else ~/.kube/config. Throws where none of it can be read. */
export function connectKubernetes(options: KubernetesConnectionOptions = {}): KubernetesConnection {
  const cluster = loadCluster(options);
  const http = createHttpClient(cluster, {
    concurrency: options.concurrency ?? 16,
    requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
    userAgent: options.userAgent ?? 'elastic-runtime-operator',
  });
  return {
    port: createKubernetesPort(http),
    server: cluster.server,
    namespace: cluster.namespace,
    getText: (path) => http.text({ method: 'GET', path }),
    close: http.close,
  };
}
