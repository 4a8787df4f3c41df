import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { err, ok } from '../ports/result.ts';
import type { Sealer } from '../ports/sealer.ts';

const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const encapsulatedBytes = 65;

/** HPKE by @hpke/core over WebCrypto. */
export const sealer: Sealer = {
  async seal(publicKey, info, text) {
    const bytes = Buffer.from(publicKey, 'base64');
    const key = await suite.kem.importKey('raw', exact(bytes), true).catch(() => undefined);
    if (key === undefined) return err('spec.publicKey is no point of P-256: give the uncompressed point (65 bytes) in base64');
    const { enc, ct } = await suite.seal({ recipientPublicKey: key, info: exact(Buffer.from(info)) }, exact(Buffer.from(text)));
    return ok(Buffer.concat([new Uint8Array(enc), new Uint8Array(ct)]).toString('base64'));
  },
};

/** The holder of the private key: a pair for one request, and the way back. The private key never leaves the process. */
export async function createOpener(): Promise<{
  readonly publicKey: string;
  readonly open: (info: string, sealed: string) => Promise<string>;
}> {
  const pair = await suite.kem.generateKeyPair();
  const point = await suite.kem.serializePublicKey(pair.publicKey);
  return {
    publicKey: Buffer.from(point).toString('base64'),
    async open(info, sealed) {
      const bytes = Buffer.from(sealed, 'base64');
      const [enc, ct] = [exact(bytes.subarray(0, encapsulatedBytes)), exact(bytes.subarray(encapsulatedBytes))];
      const text = await suite.open({ recipientKey: pair.privateKey, enc, info: exact(Buffer.from(info)) }, ct);
      return Buffer.from(text).toString();
    },
  };
}

/** A buffer of its own: Node's small buffers share one. */
function exact(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
