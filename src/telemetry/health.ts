import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Undefined, or why not, in a few words. */
type Check = () => string | undefined;

export type HealthOptions = {
  readonly host: string | undefined;
  /** 0 = any free one. */
  readonly port: number;
  /** A process that is not alive is ended by kubelet. */
  readonly alive: Readonly<Record<string, Check>>;
  /** A process that is not ready gets no connections of node agents. */
  readonly ready: Readonly<Record<string, Check>>;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
};

export type HealthServer = { readonly port: number; close(): Promise<void> };

/** /healthz and /readyz answer 200, or 503 with one line for each check that fails; /metrics in Prometheus' text format. */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    request.resume();
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, '');
    const path = request.url?.split('?')[0];
    if (path === '/healthz') return answerChecks(response, options.alive);
    if (path === '/readyz') return answerChecks(response, options.ready);
    if (path !== '/metrics') return send(response, 404, '');
    void options.metrics.text().then(
      (text) => send(response, 200, text, options.metrics.contentType),
      () => send(response, 500, ''),
    );
  });
  server.maxConnections = 200;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerChecks(response: ServerResponse, checks: Readonly<Record<string, Check>>): void {
  const failing = Object.entries(checks).flatMap(([name, check]) => {
    const problem = check();
    return problem === undefined ? [] : [`${name}: ${problem}`];
  });
  send(response, failing.length === 0 ? 200 : 503, failing.length === 0 ? 'ok\n' : `${failing.join('\n')}\n`);
}

function send(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store' });
  response.end(text);
}
