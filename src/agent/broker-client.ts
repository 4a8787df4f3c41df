import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import type { Grant, StsPort } from '../ports/aws/index.ts';
import { type BrokerAnswer, type BrokerClient, type BrokerError, brokerPath } from '../ports/broker.ts';
import { err, ok, type Result } from '../ports/result.ts';
import { parseBrokerAnswer } from './broker-answer.ts';

export type BrokerClientOptions = {
  /** https://elastic-broker.elastic-system.svc:8443 */
  readonly url: string;
  /** PEM of who signed the broker's certificate; read at each request, as it is rotated. */
  readonly caFile: string;
  /** The projected token; kubelet renews it. */
  readonly tokenFile: string;
  readonly sts: (region: string) => Pick<StsPort, 'staticGrant' | 'release'>;
};

const timeoutMs = 10_000;
const longestAnswer = 1_048_576;

/** The broker over HTTPS. A session is sealed as it comes in; the one before it is dropped once another has taken its place. */
export function createBrokerClient(options: BrokerClientOptions): BrokerClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let held: { readonly accessKeyId: string; readonly region: string; readonly grant: Grant } | undefined;
  let previous: typeof held;

  function seal(wire: ReturnType<typeof parseBrokerAnswer> & object): BrokerAnswer {
    const { session, ...common } = wire;
    const { accessKeyId, expiresAt } = session;
    if (held?.accessKeyId !== accessKeyId || held.region !== wire.region) {
      // An upload may still be signing with the last one: it goes one session later.
      if (previous !== undefined) options.sts(previous.region).release(previous.grant);
      previous = held;
      const grant = options.sts(wire.region).staticGrant(wire.role, { ...session, expiresAt: Date.parse(expiresAt) });
      held = { accessKeyId, region: wire.region, grant };
    }
    return { ...common, grant: held.grant };
  }

  return {
    async poll() {
      const files = await readBoth(options);
      if (!files.ok) return files;
      const reply = await post(new URL(brokerPath, options.url), agent, files.value);
      if (!reply.ok) return reply;
      const { status, body, retryAfterSeconds } = reply.value;
      if (status !== 200) return err(refusal(status, retryAfterSeconds));
      const wire = parseBrokerAnswer(body);
      return wire === undefined ? err({ kind: 'Malformed', message: 'the answer is not one of this version' }) : ok(seal(wire));
    },
  };
}

type Credentials = { readonly ca: string; readonly token: string };
type Reply = { readonly status: number; readonly body: string; readonly retryAfterSeconds: number | undefined };

async function readBoth({ caFile, tokenFile }: BrokerClientOptions): Promise<Result<Credentials, BrokerError>> {
  try {
    const [ca, token] = await Promise.all([readFile(caFile, 'utf8'), readFile(tokenFile, 'utf8')]);
    return ok({ ca, token: token.trim() });
  } catch (thrown) {
    return err({ kind: 'Network', message: thrown instanceof Error ? thrown.message : String(thrown) });
  }
}

function post(url: URL, agent: Agent, { ca, token }: Credentials): Promise<Result<Reply, BrokerError>> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => resolve(err({ kind: 'Network', message: error.message }));
    const headers = { authorization: `Bearer ${token}`, 'content-length': '0' };
    const sent = request(url, { method: 'POST', agent, ca, headers, timeout: timeoutMs, minVersion: 'TLSv1.2' }, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > longestAnswer) response.destroy(new Error('the answer is too long'));
        else parts.push(part);
      });
      response.on('end', () => {
        const retry = Number(response.headers['retry-after']);
        resolve(
          ok({
            status: response.statusCode ?? 0,
            body: Buffer.concat(parts).toString('utf8'),
            retryAfterSeconds: Number.isFinite(retry) && retry > 0 ? retry : undefined,
          }),
        );
      });
      response.on('error', failed);
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', failed);
    sent.end();
  });
}

function refusal(status: number, retryAfterSeconds: number | undefined): BrokerError {
  const retry = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  const message = `status ${status}`;
  if (status === 401 || status === 403) return { kind: 'Refused', message, ...retry };
  if (status === 429) return { kind: 'RateLimited', message, ...retry };
  return status >= 500 ? { kind: 'Unavailable', message, ...retry } : { kind: 'Malformed', message };
}
