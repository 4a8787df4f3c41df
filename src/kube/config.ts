import { existsSync } from 'node:fs';
import { KubeConfig } from '@kubernetes/client-node';

const inClusterToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export type KubeConfigOptions = { readonly kubeconfig?: string; readonly context?: string };

/** How connections are made, as undici takes it. Compared by value: a rotated certificate means new connections. */
export type TransportOptions = ReturnType<KubeConfig['createDispatcherOptions']>;

export type Access = { readonly headers: Readonly<Record<string, string>>; readonly transport: TransportOptions };

export type Cluster = {
  readonly server: string;
  readonly namespace: string | undefined;
  /** Headers and TLS of the next request: token files are read anew (once a minute), exec plugins asked again when their credential has expired. */
  readonly access: () => Promise<Access>;
};

/**
 * The library makes a dispatcher, and with it a connection, per request. Here it only says what one would look like, and the one pool is ours.
 */
class PooledKubeConfig extends KubeConfig {
  transport: TransportOptions = { type: 'none' };

  override createDispatcherOptions(...parameters: Parameters<KubeConfig['createDispatcherOptions']>): TransportOptions {
    this.transport = super.createDispatcherOptions(...parameters);
    return { type: 'none' };
  }
}

/** A kubeconfig file that is named, else $KUBECONFIG, else the mounted ServiceAccount, else ~/.kube/config. Throws where none of it can be read. */
export function loadCluster(options: KubeConfigOptions): Cluster {
  const config = new PooledKubeConfig();
  const inCluster = process.env['KUBERNETES_SERVICE_HOST'] !== undefined && existsSync(inClusterToken);
  try {
    if (options.kubeconfig !== undefined) config.loadFromFile(options.kubeconfig);
    else if (inCluster && (process.env['KUBECONFIG'] ?? '') === '') config.loadFromCluster();
    else config.loadFromDefault();
  } catch (error) {
    throw unquoted(error);
  }
  if (options.context !== undefined) config.setCurrentContext(options.context);

  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`no such context in the kubeconfig: ${config.getCurrentContext() ?? '(none is current)'}`);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    async access() {
      const headers: Record<string, string> = {};
      await config.applySecurityAuthentication({
        setHeaderParam(name: string, value: string) {
          headers[name.toLowerCase()] = value.trim();
        },
      } as Parameters<KubeConfig['applySecurityAuthentication']>[0]);
      return { headers, transport: config.transport };
    },
  };
}

type Mark = { readonly line: number; readonly column: number };

/** The YAML parser's errors quote the lines around what they stumbled over: these may hold a token or a key. Of an empty file it knows no place. */
function unquoted(error: unknown): unknown {
  const mark = typeof error === 'object' && error !== null && 'mark' in error ? (error.mark as Mark | undefined) : null;
  if (mark === undefined || error instanceof TypeError) return new Error('the kubeconfig is empty, or not of the form that kubectl writes');
  return mark === null ? error : new Error(`the kubeconfig is no valid YAML: line ${mark.line + 1}, column ${mark.column + 1}`);
}
