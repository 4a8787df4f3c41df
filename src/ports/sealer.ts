import type { Result } from './result.ts';

/**
 * Seals a text to a public key, so that nobody else who sees it can read it: HPKE (RFC 9180) in its base mode, P-256 with HKDF-SHA256 and AES-256-GCM.
 * `publicKey`: uncompressed point, base64. `info` binds the text to where it belongs. The answer is base64 of encapsulated key and ciphertext; an error says
 * why the key is none.
 */
export type Sealer = {
  seal(publicKey: string, info: string, text: string): Promise<Result<string, string>>;
};
