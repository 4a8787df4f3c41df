import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { StsPort } from '../ports/aws/index.ts';
import { type BrokerAnswer, type BrokerWireAnswer, brokerPath } from '../ports/broker.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { BrokerHandler } from './handler.ts';

/** PEM */
export type Certificate = { readonly key: string; readonly cert: string };

export type BrokerServerOptions = {
  readonly handler: BrokerHandler;
  readonly certificate: Certificate;
  /** Whose vault holds the sessions of a region. */
  readonly sts: (region: string) => Pick<StsPort, 'exportGrant'>;
  readonly telemetry: Telemetry;
  /** 0 = any free one. */
  readonly port: number;
  readonly host?: string;
};

export type BrokerServer = {
  readonly port: number;
  /** For connections from now on: a rotated certificate needs no restart. */
  setCertificate(certificate: Certificate): void;
  close(): Promise<void>;
};

/** A request has no body that we read. */
const maxBodyBytes = 4_096;

/** The broker over HTTPS. Its certificate proves the operator to the agents; their tokens prove the agents. */
export async function startBrokerServer(options: BrokerServerOptions): Promise<BrokerServer> {
  const server = createServer(
    {
      ...options.certificate,
      minVersion: 'TLSv1.2',
      requestTimeout: 10_000,
      headersTimeout: 5_000,
      keepAliveTimeout: 65_000,
      maxHeaderSize: 16_384,
    },
    (request, response) => void serve(options, request, response),
  );
  server.maxConnections = 10_000;
  server.setTimeout(60_000);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    setCertificate: (certificate) => server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(options: BrokerServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    if (request.url !== brokerPath) return send(response, 404);
    if (request.method !== 'POST') return send(response, 405, { allow: 'POST' });
    if (!(await drained(request))) return send(response, 413, { connection: 'close' });
    const reply = await options.handler.handle({ token: bearer(request.headers.authorization), peer: request.socket.remoteAddress ?? '' });
    if (reply.status !== 200) {
      const retry = reply.retryAfterSeconds;
      return send(response, reply.status, retry === undefined ? {} : { 'retry-after': String(retry) });
    }
    const wire = await toWire(reply.answer, options.sts(reply.answer.region));
    if (wire === undefined) return send(response, 503);
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify(wire));
  } catch (error) {
    options.telemetry.log('error', 'broker request threw', { error });
    if (!response.headersSent) send(response, 500);
    else response.destroy();
  }
}

/** The session's keys leave the vault here and nowhere else; undefined where the grant has ended since. */
async function toWire(answer: BrokerAnswer, sts: Pick<StsPort, 'exportGrant'>): Promise<BrokerWireAnswer | undefined> {
  const { grant, ...common } = answer;
  const keys = await sts.exportGrant(grant);
  if (keys === undefined) return undefined;
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const { sessionName, chain } = grant;
  return {
    ...common,
    session: { accessKeyId, secretAccessKey, sessionToken, expiresAt: new Date(grant.expiresAt).toISOString(), sessionName, chain },
  };
}

function bearer(header: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
}

/** Reads and forgets the body; false where it is longer than any of ours. */
async function drained(request: IncomingMessage): Promise<boolean> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return false;
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Uint8Array).byteLength;
    if (bytes > maxBodyBytes) return false;
  }
  return true;
}

function send(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { ...headers, 'content-length': '0' });
  response.end();
}
