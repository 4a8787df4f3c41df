import { isDeepStrictEqual } from 'node:util';
import { type buildConnector, type Dispatcher, Pool, ProxyAgent } from 'undici';
import type { KubernetesResult } from '../ports/kubernetes.ts';
import { err, ok } from '../ports/result.ts';
import type { Access, Cluster, TransportOptions } from './config.ts';
import { errorOfResponse, networkError } from './errors.ts';

export type HttpOptions = {
  /** Connections for requests; what comes while all are busy waits. Watches come on top, each on a connection of its own. */
  readonly concurrency: number;
  /** From the call to the last byte. */
  readonly requestTimeoutMs: number;
  readonly userAgent: string;
};

export type Request = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
};

export type HttpClient = {
  /** The parsed body of a success. */
  send(request: Request): Promise<KubernetesResult<unknown>>;
  /** The body of a success as it is: metrics are no JSON. */
  text(request: Request): Promise<KubernetesResult<string>>;
  /** A response that is read as it comes. It ends, without an error, when `signal` aborts. */
  stream(request: Request, signal: AbortSignal, onChunk: (chunk: Uint8Array) => void): Promise<KubernetesResult<void>>;
  close(): Promise<void>;
};

/** Headers and certificates are asked for this often at most: the library reads files each time. */
const accessLivesMs = 5_000;
/** The API server closes idle connections after 90 s (its http2/http1 IdleTimeout): ours must go first, or a request meets a closed one. */
const idleConnectionMs = 60_000;

type Pools = { readonly transport: TransportOptions; readonly requests: Dispatcher; readonly streams: Dispatcher };

/** Pooled HTTP/1.1 connections to the API server; new ones only where certificates change. */
export function createHttpClient(cluster: Cluster, options: HttpOptions): HttpClient {
  const origin = new URL(cluster.server);
  const base = origin.pathname.replace(/\/+$/, '');
  let pools: Pools | undefined;
  let access: { readonly value: Promise<Access>; readonly until: number } | undefined;

  function currentAccess(): Promise<Access> {
    if (access === undefined || Date.now() >= access.until) {
      access = { value: cluster.access(), until: Date.now() + accessLivesMs };
    }
    return access.value;
  }

  function currentPools(transport: TransportOptions): Pools {
    if (pools !== undefined && isDeepStrictEqual(pools.transport, transport)) return pools;
    const old = pools;
    pools = {
      transport,
      requests: createDispatcher(origin, transport, options.concurrency),
      streams: createDispatcher(origin, transport, null),
    };
    // What is under way on the old connections may end there.
    void old?.requests.close();
    void old?.streams.close();
    return pools;
  }

  async function exchange(use: 'requests' | 'streams', request: Request, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { headers, transport } = await currentAccess().catch((error: unknown) => {
      access = undefined;
      throw error;
    });
    const dispatcher = currentPools(transport)[use];
    return dispatcher.request({
      origin: origin.origin,
      method: request.method,
      path: `${base}${request.path}`,
      headers: {
        ...headers,
        accept: 'application/json, */*',
        'user-agent': options.userAgent,
        ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
      },
      body: request.body === undefined ? null : JSON.stringify(request.body),
      signal,
      headersTimeout: options.requestTimeoutMs,
      // Silence in a stream is judged by who reads it: a watch may say nothing for a minute.
      bodyTimeout: use === 'streams' ? 0 : options.requestTimeoutMs,
    });
  }

  async function refusal(response: Dispatcher.ResponseData): Promise<KubernetesResult<never>> {
    const retryAfter = response.headers['retry-after'];
    return err(errorOfResponse(response.statusCode, await response.body.text(), Array.isArray(retryAfter) ? retryAfter[0] : retryAfter));
  }

  async function body<T>(request: Request, read: (text: string) => T): Promise<KubernetesResult<T>> {
    try {
      const response = await exchange('requests', request, AbortSignal.timeout(options.requestTimeoutMs));
      if (response.statusCode >= 300) return await refusal(response);
      return ok(read(await response.body.text()));
    } catch (error) {
      return err(networkError(error));
    }
  }

  return {
    send: (request) => body(request, (text) => (text === '' ? undefined : (JSON.parse(text) as unknown))),
    text: (request) => body(request, (text) => text),
    async stream(request, signal, onChunk) {
      let response: Dispatcher.ResponseData;
      try {
        response = await exchange('streams', request, signal);
        if (response.statusCode >= 300) return await refusal(response);
      } catch (error) {
        return signal.aborted ? ok(undefined) : err(networkError(error));
      }
      const chunks = response.body[Symbol.asyncIterator]();
      for (;;) {
        const chunk = await chunks.next().then(ok, (error: unknown) => err(error));
        if (!chunk.ok) return signal.aborted ? ok(undefined) : err(networkError(chunk.error));
        if (chunk.value.done === true || signal.aborted) return ok(undefined);
        onChunk(chunk.value.value as Uint8Array);
      }
    },
    async close() {
      await Promise.all([pools?.requests.destroy(), pools?.streams.destroy()]);
    },
  };
}

/** `connections`: null for any number. */
function createDispatcher(origin: URL, transport: TransportOptions, connections: number | null): Dispatcher {
  const shared = { connections, allowH2: false, pipelining: 1, keepAliveTimeout: idleConnectionMs, keepAliveMaxTimeout: idleConnectionMs };
  switch (transport.type) {
    case 'none':
      return new Pool(origin.origin, shared);
    case 'agent':
      return new Pool(origin.origin, { ...shared, connect: transport.connect as buildConnector.BuildOptions });
    case 'proxy':
      return new ProxyAgent({
        ...shared,
        uri: transport.uri,
        requestTls: { ...transport.requestTls, allowH2: false } as buildConnector.BuildOptions,
      });
    case 'socks':
      throw new Error('a SOCKS proxy (proxy-url of the kubeconfig) is not supported: use an HTTP proxy');
  }
}
