import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { auditOf } from '../../src/core/policy/audit.ts';
import { type Account, type Credentials, createAccount } from './account.ts';
import { isRefusal, named, newRequestId, type Refusal, refuse, withRequestId } from './answers.ts';
import { authenticate, type Caller } from './authenticate.ts';
import { type Backend, createBackend } from './backend.ts';
import { type Capacity, createCapacity } from './capacity.ts';
import { carryOut } from './carry-out.ts';
import { decode, type Wire } from './decode.ts';
import { createFaults, type FaultKind, type Faults } from './faults.ts';
import { createForward, readRequest, type WireAnswer, type WireRequest } from './http.ts';
import { createTokenLedger } from './idempotency.ts';
import { createInstances, type InstanceEvent, type StartedInstance } from './instances.ts';
import type { Moto } from './moto.ts';
import { textAt } from './query.ts';
import type { GateRecord } from './record.ts';
import { readClaim } from './signature.ts';
import { createVolumes, type VolumePace } from './volumes.ts';
import type { JWKS, OidcProvider } from './web-identity.ts';

export type GateOptions = {
  readonly moto: Moto;
  /** Of the cluster's tokens: https://… */
  readonly issuer: string;
  readonly jwks: () => Promise<JWKS>;
  readonly audiences?: readonly string[];
  readonly region?: string;
  /** Default: any free port of 127.0.0.1 */
  readonly port?: number;
  /** Milliseconds since the epoch; default the wall clock */
  readonly now?: () => number;
};

/** AWS as far as this product can tell: the emulator's memory with the gate's judgement before it. */
export type Gate = {
  readonly endpoint: string;
  readonly account: Account;
  /** Past the gate, as the account's owner. */
  readonly backend: Backend;
  readonly capacity: Capacity;
  readonly faults: Faults;
  record(): readonly GateRecord[];
  clearRecord(): void;
  /** The returned function ends it. */
  onInstance(listener: (event: InstanceEvent) => void): () => void;
  liveInstances(): readonly StartedInstance[];
  /** AWS takes an instance away: a spot interruption, a failed host. */
  terminate(instanceId: string): Promise<void>;
  setVolumePace(pace: VolumePace): void;
  /** Ends the sessions that match, from now on. */
  expireSessions(match: (session: Pick<Credentials, 'sessionName' | 'chain'>) => boolean): void;
  close(): Promise<void>;
};

export async function startGate(options: GateOptions): Promise<Gate> {
  const region = options.region ?? 'us-east-1';
  const now = options.now ?? Date.now;
  const account = createAccount(options.moto.accountId, region);
  const backend = createBackend(options.moto, region);
  const instances = createInstances();
  const capacity = createCapacity(() => instances.live.values());
  const volumes = createVolumes(backend);
  const faults = createFaults();
  const forward = createForward(options.moto.endpoint);
  const provider: OidcProvider = { issuer: options.issuer, audiences: options.audiences ?? ['sts.amazonaws.com'], jwks: options.jwks };
  const world = { account, backend, instances, capacity, volumes, forward, provider, tokens: createTokenLedger() };
  const records: GateRecord[] = [];

  /** Undefined: the connection is to be cut. */
  async function handle(request: WireRequest): Promise<WireAnswer | undefined> {
    const time = now();
    const claim = readClaim(request);
    const service = claim?.service ?? 'sts';
    const requestId = newRequestId(service);
    const wire = decode(request, service, account);
    const caller = claim ? authenticate(account, request, claim, time) : anonymous(wire);
    const seen = { ...audited(wire, region), principal: caller.principal, chain: caller.chain, sessionName: caller.sessionName };
    const fault = faults.next(seen);
    const result = caller.refusal ?? planned(fault, service) ?? (await carryOut(world, wire, request, caller.credentials, time));
    const answer = isRefusal(result) ? refuse(service, result, requestId) : result;
    const delivered = fault !== 'lost-before' && fault !== 'lost-after';
    records.push({
      time: new Date(time).toISOString(),
      ...seen,
      outcome: outcomeOf(answer, request),
      requestId,
      delivered,
      ...(isRefusal(result) && result.because !== undefined && { because: result.because }),
    });
    return delivered ? withRequestId(answer, service, requestId) : undefined;
  }

  async function serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(message);
    const answer = await handle(request);
    if (!answer) {
      message.socket.destroy();
      return;
    }
    // To a HEAD the length is the object's, told by the emulator.
    const length = request.method === 'HEAD' ? {} : { 'content-length': answer.body.length };
    response.writeHead(answer.status, { ...answer.headers, ...length }).end(request.method === 'HEAD' ? undefined : answer.body);
  }

  const server = createServer((message, response) => {
    serve(message, response).catch((error: unknown) => {
      response.writeHead(500).end(`The gate failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    });
  });
  // Idle connections outlive any wait of a test: a cut is then always one that a rule asked for.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    account,
    backend,
    capacity,
    faults,
    record: () => [...records],
    clearRecord: () => void records.splice(0),
    onInstance: (listener) => instances.listen(listener),
    liveInstances: () => [...instances.live.values()],
    async terminate(instanceId) {
      await backend.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
      instances.ended(instanceId);
    },
    setVolumePace: (pace) => volumes.setPace(pace),
    expireSessions(match) {
      for (const session of account.credentials.values()) if (match(session)) session.expiresAt = Math.min(session.expiresAt, now());
    },
    async close() {
      forward.close();
      for (const client of Object.values(backend)) if ('destroy' in client) client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The one call that comes without a signature names its session itself. */
function anonymous(wire: Wire): Caller {
  const sessionName = textAt(wire.parameters, 'RoleSessionName') ?? '';
  return { credentials: undefined, principal: 'anonymous', chain: [], sessionName };
}

function audited({ call, service, operation }: Wire, region: string): { readonly action: string; readonly resource: string } {
  return call ? auditOf(call.method, call.request as never, region) : { action: `${service}:${operation}`, resource: '*' };
}

/** `ok` or the error's code as the caller can see it: to a HEAD there is none but the status. */
function outcomeOf(answer: WireAnswer, request: WireRequest): string {
  if (answer.status < 300) return 'ok';
  if (request.method === 'HEAD') return answer.status === 404 ? 'NotFound' : String(answer.status);
  // SQS says the code of its older protocol, too, and the SDK takes that.
  const older = answer.headers['x-amzn-query-error'];
  if (older !== undefined) return older.split(';')[0] ?? older;
  const body = answer.body.toString();
  return /<Code>([^<]+)<\/Code>/.exec(body)?.[1] ?? /"__type": ?"(?:[^"]*#)?([^"]+)"/.exec(body)?.[1] ?? String(answer.status);
}

/** The fault in place of carrying out the call. */
function planned(fault: FaultKind | undefined, service: string): Refusal | undefined {
  if (fault === 'throttle') return named(service, 'throttled', 'Rate exceeded');
  if (fault === 'unavailable') return named(service, 'unavailable', 'The service is unavailable. Please try again shortly.');
  return fault === 'lost-before' ? { status: 503, code: 'Lost', message: 'The connection broke before anything happened' } : undefined;
}
