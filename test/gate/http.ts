import { Agent, type IncomingHttpHeaders, type IncomingMessage, request as send } from 'node:http';

/** One request as it came in, body read. */
export type WireRequest = {
  readonly method: string;
  /** As sent: encoded */
  readonly path: string;
  readonly rawQuery: string;
  readonly query: URLSearchParams;
  /** Names in lower case */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
};

export type WireAnswer = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Buffer };

export async function readRequest(message: IncomingMessage): Promise<WireRequest> {
  const url = message.url ?? '/';
  const mark = url.indexOf('?');
  const rawQuery = mark < 0 ? '' : url.slice(mark + 1);
  return {
    method: message.method ?? 'GET',
    path: mark < 0 ? url : url.slice(0, mark),
    rawQuery,
    query: new URLSearchParams(rawQuery),
    headers: flat(message.headers),
    body: await readBody(message),
  };
}

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function flat(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : (value ?? '')]));
}

/** Between two HTTP hops, not of the request itself. */
const hopHeaders = new Set(['connection', 'keep-alive', 'transfer-encoding', 'expect', 'content-length', 'host', 'date', 'server']);

/** Carries requests on to an endpoint, and answers back, unchanged but for the hop. `keepHost`: with the Host header that was signed. */
export function createForward(
  endpoint: string,
  options: { readonly keepHost?: boolean } = {},
): ((request: WireRequest) => Promise<WireAnswer>) & { close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const { hostname, port } = new URL(endpoint);
  function forward(request: WireRequest): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      const headers = Object.fromEntries(
        Object.entries(request.headers).filter(([name]) => !hopHeaders.has(name) || (name === 'host' && options.keepHost)),
      );
      const path = request.rawQuery === '' ? request.path : `${request.path}?${request.rawQuery}`;
      const outgoing = send({
        agent,
        hostname,
        port,
        path,
        method: request.method,
        headers: { ...headers, 'content-length': request.body.length },
      });
      outgoing.once('error', reject);
      outgoing.once('response', (message) => {
        readBody(message).then((body) => {
          const kept = Object.entries(flat(message.headers)).filter(
            ([name]) => !hopHeaders.has(name) || (name === 'content-length' && request.method === 'HEAD'),
          );
          resolve({ status: message.statusCode ?? 0, headers: Object.fromEntries(kept), body });
        }, reject);
      });
      outgoing.end(request.body);
    });
  }
  return Object.assign(forward, { close: () => agent.destroy() });
}
