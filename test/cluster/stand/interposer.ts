import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, createServer as createTlsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ControlPlane } from '../../controlplane/start.ts';
import type { Gate } from '../../gate/gate.ts';
import { createForward, readRequest, type WireAnswer, type WireRequest } from '../../gate/http.ts';

/**
 * Where in an effect the operator dies:
 * - before: the call never leaves
 * - unanswered: it is carried out, and nobody hears of it
 * - answered: right after the answer
 */
export type Moment = 'before' | 'unanswered' | 'answered';

/** Stands between the operator and the world, and counts its effects: the calls that change something. */
export type Interposer = {
  /** Since `arm`, in order. */
  effects(): readonly string[];
  /** Effects from now on are numbered from 1; `choose` says at which of them `die` is called, and where in it. */
  arm(choose: (number: number, what: string) => Moment | undefined, die: () => Promise<void>): void;
  disarm(): void;
  readonly awsEndpoint: string;
  readonly kubeconfig: string;
  close(): Promise<void>;
};

export async function startInterposer(controlPlane: ControlPlane, gate: Gate, kubeconfigPath: string): Promise<Interposer> {
  const effects: string[] = [];
  let choose: (number: number, what: string) => Moment | undefined = () => undefined;
  let die: () => Promise<void> = async () => {};

  /** Undefined answers: the caller is dead. */
  async function through<T>(what: string, carryOut: () => Promise<T>, answer: (value: T) => void): Promise<void> {
    const moment = choose(effects.push(what), what);
    if (moment === 'before') return die();
    const value = await carryOut();
    if (moment === 'unanswered') return die();
    answer(value);
    if (moment === 'answered') await die();
  }

  const forward = createForward(gate.endpoint, { keepHost: true });
  const aws = createServer((message, response) => {
    void readRequest(message)
      .then((request) => {
        const carryOut = () => forward(request);
        const answer = ({ status, headers, body }: WireAnswer): void =>
          void response.writeHead(status, { ...headers }).end(request.method === 'HEAD' ? undefined : body);
        const what = awsEffect(request);
        return what === undefined ? carryOut().then(answer) : through(what, carryOut, answer);
      })
      .catch(() => response.destroy());
  });

  const agent = new Agent({ ca: controlPlane.caPem, keepAlive: true });
  const pem = (name: string) => readFile(join(controlPlane.directory, name));
  const certificate = { cert: await pem('serving.crt'), key: await pem('serving.key') };
  const kubernetes = createTlsServer(certificate, (message, response) => {
    const path = message.url ?? '/';
    const carryOut = () => relay(controlPlane.endpoint, agent, message, response);
    const answer = (upstream: IncomingMessage): void => pass(upstream, response);
    const work = isEffect(message.method ?? 'GET', path)
      ? through(`${message.method} ${path.split('?')[0]}`, carryOut, answer)
      : carryOut().then(answer);
    work.catch(() => response.destroy());
  });

  const awsEndpoint = `http://${await listen(aws)}`;
  const server = `https://${await listen(kubernetes)}`;
  const kubeconfig = `${kubeconfigPath}.interposed`;
  await writeFile(kubeconfig, (await readFile(kubeconfigPath, 'utf8')).replace(controlPlane.endpoint, server), { mode: 0o600 });

  return {
    effects: () => effects,
    arm(next, onDeath) {
      effects.splice(0);
      choose = next;
      die = onDeath;
    },
    disarm() {
      effects.splice(0);
      choose = () => undefined;
    },
    awsEndpoint,
    kubeconfig,
    async close() {
      for (const one of [aws, kubernetes]) {
        one.closeAllConnections();
        await new Promise((resolve) => one.close(resolve));
      }
      forward.close();
      agent.destroy();
    },
  };
}

function awsEffect({ method, path, body }: WireRequest): string | undefined {
  const action = /(?:^|&)Action=(\w+)/.exec(body.toString('latin1', 0, 4096))?.[1];
  if (action !== undefined) return action.startsWith('Describe') ? undefined : `aws ${action}`;
  return method === 'PUT' || method === 'DELETE' ? `aws ${method} ${path}` : undefined;
}

/** Reading and waiting can be done twice; events are for people. */
function isEffect(method: string, path: string): boolean {
  return method !== 'GET' && !/\/events(\/|\?|$)/.test(path) && !path.includes('/tokenreviews');
}

async function listen(server: ReturnType<typeof createServer> | ReturnType<typeof createTlsServer>): Promise<string> {
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function relay(endpoint: string, agent: Agent, message: IncomingMessage, response: ServerResponse): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { host: _host, connection: _connection, ...headers } = message.headers;
    const upstream = httpsRequest(endpoint + (message.url ?? '/'), { method: message.method, headers, agent }, resolve);
    upstream.once('error', reject);
    // A watch ends with its reader; a write that has left is not called back.
    if (message.method === 'GET') response.once('close', () => upstream.destroy());
    message.pipe(upstream);
  });
}

function pass(upstream: IncomingMessage, response: ServerResponse): void {
  const { connection: _connection, 'transfer-encoding': _encoding, ...headers } = upstream.headers;
  response.writeHead(upstream.statusCode ?? 502, headers);
  response.flushHeaders();
  upstream.once('error', () => response.destroy());
  upstream.pipe(response);
}
