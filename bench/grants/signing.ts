/**
 * What the sealing of grants costs: 1,000 grants held, each signs one request, in turn. Against the SDK's own signer with the secrets in the open, with
 * its cache of signing keys (50 entries: a thousand grants in turn never hit it) and with one grant that always hits it.
 */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { callContext, sealedAuthSchemes } from '../../src/aws/signer.ts';
import { createVault } from '../../src/aws/vault.ts';

const GRANTS = 1000;
const ROUNDS = 5;

class NodeSha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined ? createHash('sha256') : createHmac('sha256', typeof secret === 'string' ? secret : (secret as Uint8Array));
  }
  update(data: Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

const clock = { now: Date.now, monotonic: () => performance.now(), after: () => () => {} };
const vault = createVault({ clock });
const material = Array.from({ length: GRANTS }, (_, index) => ({
  accessKeyId: `ASIA${index}`,
  secretAccessKey: createHash('sha256').update(String(index)).digest('base64'),
  sessionToken: createHash('sha512').update(String(index)).digest('base64').repeat(10),
}));
const facts = { identity: 'worker', chain: ['arn:aws:iam::111122223333:role/worker'], sessionName: 's', expiresAt: Date.now() + 3_600_000 };
const grants = await Promise.all(material.map((item) => vault.seal(facts, item)));
const [scheme] = sealedAuthSchemes(vault, clock);
const properties = { config: { sha256: NodeSha256, signingEscapePath: false }, region: 'us-east-1', name: 's3' };

function request() {
  return {
    method: 'GET',
    protocol: 'https:',
    hostname: 'acme.s3.us-east-1.amazonaws.com',
    path: '/elastic/acme/x',
    headers: { host: 'acme.s3.us-east-1.amazonaws.com' },
    query: {},
  };
}

async function plain(index: number): Promise<unknown> {
  const credentials = material[index % GRANTS] ?? { accessKeyId: '', secretAccessKey: '' };
  return await new SignatureV4({ credentials, region: 'us-east-1', service: 's3', sha256: NodeSha256, uriEscapePath: false }).sign(
    request(),
  );
}

async function sealed(index: number): Promise<unknown> {
  const grant = grants[index % GRANTS];
  return await callContext.run({ grant, sent: false }, async () => await scheme?.signer.sign(request() as never, {}, properties));
}

/** Median of the rounds, microseconds a signature. */
async function measure(sign: (index: number) => Promise<unknown>): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const start = performance.now();
    for (let index = 0; index < GRANTS; index += 1) await sign(index);
    // The first warms up.
    if (round > 0) rounds.push(((performance.now() - start) * 1000) / GRANTS);
  }
  return rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
}

const rows = [
  ['sealed, 1,000 grants in turn', await measure(sealed)],
  ['in the open, 1,000 grants in turn', await measure(plain)],
  ['in the open, one grant (signing key cached)', await measure(() => plain(0))],
] as const;
for (const [name, microseconds] of rows) process.stdout.write(`${name.padEnd(46)} ${microseconds.toFixed(1).padStart(8)} µs a signature\n`);
