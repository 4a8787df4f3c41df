import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Authority } from './authority.ts';

/** What the provider is asked and by whom, as the TLS connection says. */
export type ProviderCall = {
  readonly path: string;
  readonly thing: string | undefined;
  readonly host: string | undefined;
  readonly serverName: string | undefined;
  readonly certificate: string;
};

/**
 * A credentials provider of AWS IoT: a real TLS server that wants client certificates of its authority. It judges as the real one does (things, aliases, status),
 * in its words: https://github.com/awslabs/aws-iot-core-credential-provider-session-helper/blob/main/docs/dev_notes.md
 */
export type CredentialsProvider = {
  readonly port: number;
  readonly calls: ProviderCall[];
  /** By certificate id: the things it is attached to. One that is not here is not registered; ended ones are refused. */
  readonly certificates: Map<string, { status: 'ACTIVE' | 'REVOKED'; readonly things: readonly string[]; readonly allowed: boolean }>;
  /** By alias: what it answers with. */
  readonly aliases: Map<string, () => { readonly status: number; readonly body: unknown; readonly errorType?: string }>;
  close(): Promise<void>;
};

export async function startCredentialsProvider(options: {
  readonly authority: Authority;
  readonly endpoint: string;
  readonly clientAuthority: Authority;
}): Promise<CredentialsProvider> {
  const own = await options.authority.issue(options.endpoint, { hosts: [options.endpoint] });
  const provider: Pick<CredentialsProvider, 'calls' | 'certificates' | 'aliases'> = {
    calls: [],
    certificates: new Map(),
    aliases: new Map(),
  };
  const server = createServer(
    { cert: own.certificate, key: own.privateKey, ca: options.clientAuthority.certificate, requestCert: true, rejectUnauthorized: true },
    (request, response) => handle(provider, request, response),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    ...provider,
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function handle(
  { calls, certificates, aliases }: Pick<CredentialsProvider, 'calls' | 'certificates' | 'aliases'>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const socket = request.socket as TLSSocket;
  const certificate = socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase();
  const thing = request.headers['x-amzn-iot-thingname'] as string | undefined;
  const serverName = (socket as unknown as { readonly servername?: string }).servername;
  calls.push({ path: request.url ?? '', thing, host: request.headers.host, serverName, certificate });
  const requestId = `request-${calls.length}`;
  const answer = judge();
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'x-amzn-requestid': requestId,
    ...(answer.errorType !== undefined && { 'x-amzn-errortype': answer.errorType }),
  });
  response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));

  function judge(): { readonly status: number; readonly body: unknown; readonly errorType?: string } {
    const refused = (message: string) => ({ status: 403, body: { message }, errorType: 'AccessDeniedException' });
    const known = certificates.get(certificate);
    if (known?.status !== 'ACTIVE') return refused('Certificate is invalid on this endpoint');
    if (thing === undefined || !known.things.includes(thing)) return refused('Invalid thing name passed');
    if (!known.allowed) return refused('Access Denied');
    const alias = /^\/role-aliases\/([^/]+)\/credentials$/.exec(request.url ?? '')?.[1];
    const found = alias === undefined ? undefined : aliases.get(decodeURIComponent(alias));
    return found?.() ?? { status: 404, body: { message: 'Role alias does not exist' }, errorType: 'ResourceNotFoundException' };
  }
}
