import { createHmac, randomUUID } from 'node:crypto';
import type { Grant } from '../ports/aws/index.ts';
import type { Clock } from '../ports/clock.ts';

/** Credentials as AWS hands them out. Lives for the moment between an answer and its sealing, never longer. */
export type CredentialMaterial = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
};

/** What signing one request needs. `deriveKey` works on bytes that are wiped by `close`: the secret is never a string again. */
export type OpenedMaterial = {
  readonly accessKeyId: string;
  readonly sessionToken?: string;
  /** SigV4's derived key (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html), computed anew: nothing is cached. */
  deriveKey(shortDate: string, region: string, service: string): Uint8Array;
  close(): void;
};

/**
 * Holds the credentials behind grants. At rest each is one AES-256-GCM box under a key that WebCrypto will not export and that dies with the process;
 * the grant's id is bound to the box as additional data. Past its end (wall clock or monotonic clock, whichever comes first) a grant's box is dropped.
 */
export type Vault = {
  seal(facts: Omit<Grant, 'id'>, material: CredentialMaterial): Promise<Grant>;
  /** As `seal`, for callers that cannot wait: the box is made in the background, and opening waits for it. */
  sealSoon(facts: Omit<Grant, 'id'>, material: CredentialMaterial): Grant;
  /** Undefined once the grant is released, past its end, or not of this process. */
  open(grant: Grant): Promise<OpenedMaterial | undefined>;
  /** The material itself, for the broker only. */
  reveal(grant: Grant): Promise<CredentialMaterial | undefined>;
  holds(grant: Grant): boolean;
  release(grant: Grant): void;
  /** How many boxes are held now. */
  size(): number;
};

type Box = { readonly iv: Uint8Array<ArrayBuffer>; readonly sealed: ArrayBuffer };
type Entry = { readonly box: Promise<Box>; readonly expiresAt: number; readonly monotonicEnd: number };

/** setTimeout cannot wait longer (2^31 - 1 ms); static keys never expire. */
const LONGEST_WAIT_MS = 2_147_483_647;

export function createVault(options: { readonly clock: Clock }): Vault {
  const { clock } = options;
  const key = crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const entries = new Map<string, Entry>();
  const expiries = new Map<string, () => void>();

  function drop(id: string): void {
    entries.delete(id);
    expiries.get(id)?.();
    expiries.delete(id);
  }

  function put(facts: Omit<Grant, 'id'>, material: CredentialMaterial): { grant: Grant; box: Promise<Box> } {
    const id = randomUUID();
    const box = encrypt(key, id, material);
    box.catch(() => drop(id));
    const lifetime = facts.expiresAt - clock.now();
    entries.set(id, { box, expiresAt: facts.expiresAt, monotonicEnd: clock.monotonic() + lifetime });
    if (lifetime <= LONGEST_WAIT_MS) {
      expiries.set(
        id,
        clock.after(Math.max(0, lifetime), () => drop(id)),
      );
    }
    return { grant: { ...facts, id }, box };
  }

  function find(grant: Grant): Entry | undefined {
    const entry = entries.get(grant.id);
    if (entry && (clock.now() >= entry.expiresAt || clock.monotonic() >= entry.monotonicEnd)) {
      drop(grant.id);
      return undefined;
    }
    return entry;
  }

  async function decryptBytes(grant: Grant): Promise<Buffer | undefined> {
    const entry = find(grant);
    if (!entry) {
      return undefined;
    }
    const box = await entry.box;
    const plain = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: box.iv, additionalData: Buffer.from(grant.id) },
      await key,
      box.sealed,
    );
    return Buffer.from(plain);
  }

  return {
    async seal(facts, material) {
      const { grant, box } = put(facts, material);
      await box;
      return grant;
    },
    sealSoon: (facts, material) => put(facts, material).grant,
    async open(grant) {
      const bytes = await decryptBytes(grant);
      return bytes && openBytes(bytes);
    },
    async reveal(grant) {
      const bytes = await decryptBytes(grant);
      if (!bytes) {
        return undefined;
      }
      const { accessKeyId, secretAccessKey, sessionToken } = split(bytes);
      const material = {
        accessKeyId: accessKeyId.toString(),
        secretAccessKey: secretAccessKey.toString(),
        ...(sessionToken.length > 0 && { sessionToken: sessionToken.toString() }),
      };
      bytes.fill(0);
      return material;
    },
    holds: (grant) => find(grant) !== undefined,
    release: (grant) => drop(grant.id),
    size: () => entries.size,
  };
}

/** The three values, NUL-separated: none of them can hold a NUL. */
async function encrypt(key: Promise<CryptoKey>, id: string, material: CredentialMaterial): Promise<Box> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const plain = Buffer.from(`${material.accessKeyId}\0${material.secretAccessKey}\0${material.sessionToken ?? ''}`);
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: Buffer.from(id) }, await key, plain);
  plain.fill(0);
  return { iv, sealed };
}

function split(bytes: Buffer): { accessKeyId: Buffer; secretAccessKey: Buffer; sessionToken: Buffer } {
  const first = bytes.indexOf(0);
  const second = bytes.indexOf(0, first + 1);
  return {
    accessKeyId: bytes.subarray(0, first),
    secretAccessKey: bytes.subarray(first + 1, second),
    sessionToken: bytes.subarray(second + 1),
  };
}

function openBytes(bytes: Buffer): OpenedMaterial {
  const { accessKeyId, secretAccessKey, sessionToken } = split(bytes);
  return {
    accessKeyId: accessKeyId.toString(),
    ...(sessionToken.length > 0 && { sessionToken: sessionToken.toString() }),
    deriveKey(shortDate, region, service) {
      const seed = Buffer.concat([Buffer.from('AWS4'), secretAccessKey]);
      let derived: Buffer = seed;
      for (const part of [shortDate, region, service, 'aws4_request']) {
        const next = createHmac('sha256', derived).update(part).digest();
        derived.fill(0);
        derived = next;
      }
      return derived;
    },
    close: () => void bytes.fill(0),
  };
}
