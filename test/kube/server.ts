import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connectKubernetes, type KubernetesConnection, type KubernetesConnectionOptions } from '../../src/kube/connect.ts';

export type Received = {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
};

export type TestServer = {
  readonly connection: KubernetesConnection;
  readonly received: Received[];
  /** TCP connections since the start. */
  connections(): number;
  token(value: string): void;
};

/** A plain HTTP server in the place of an API server, and a connection to it through a kubeconfig file with a token file. */
export async function serve(
  context: TestContext,
  handler: (request: Received, response: ServerResponse) => void | Promise<void>,
  options: KubernetesConnectionOptions = {},
): Promise<TestServer> {
  const received: Received[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const seen: Received = {
        method: request.method ?? '',
        url: new URL(request.url ?? '/', 'http://test'),
        headers: request.headers,
        body: text === '' ? undefined : JSON.parse(text),
      };
      received.push(seen);
      void handler(seen, response);
    });
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const directory = await mkdtemp(join(tmpdir(), 'kube-test-'));
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, 'first-token\n');
  const kubeconfig = join(directory, 'kubeconfig');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server: `http://127.0.0.1:${port}/base/`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'test', user: { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'team' } }],
    }),
  );
  const connection = connectKubernetes({ kubeconfig, ...options });
  context.after(async () => {
    await connection.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(directory, { recursive: true });
  });
  return { connection, received, connections: () => connections, token: (value) => writeFileSync(tokenFile, value) };
}

export function json(response: ServerResponse, statusCode: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(statusCode, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** A metav1.Status. */
export function refuse(
  response: ServerResponse,
  code: number,
  reason: string,
  details: object = {},
  headers: Readonly<Record<string, string>> = {},
): void {
  json(
    response,
    code,
    { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: `because of ${reason}`, reason, code, details },
    headers,
  );
}
