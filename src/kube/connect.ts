import type { KubernetesPort } from '../ports/kubernetes.ts';

export type KubernetesConnectionOptions = {
  /** Path of a kubeconfig; left out: in-cluster where the ServiceAccount is mounted, else $KUBECONFIG or ~/.kube/config. */
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Connections kept to the API server, watches included; default 32. */
  readonly maxConnections?: number;
  /** Of a request that is no watch, until its last byte; default 60 s. */
  readonly requestTimeoutMs?: number;
  readonly userAgent?: string;
};

export type KubernetesConnection = {
  readonly port: KubernetesPort;
  readonly server: string;
  /** The namespace of the ServiceAccount or of the kubeconfig's context. */
  readonly namespace: string | undefined;
  readonly close: () => Promise<void>;
};

/** Throws on a configuration that cannot be read: there is nothing to do without one. */
export declare function connectKubernetes(options?: KubernetesConnectionOptions): KubernetesConnection;
