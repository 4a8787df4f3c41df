import { generateKeyPairSync, sign } from 'node:crypto';
import type { JWKS } from '../gate/web-identity.ts';

/** A cluster's signer of ServiceAccount tokens, for tests that have no cluster. */
export type TokenIssuer = {
  readonly issuer: string;
  readonly jwks: () => Promise<JWKS>;
  /** A token as TokenRequest makes it: `subject` is system:serviceaccount:NAMESPACE:NAME, times in seconds. */
  token(claims: {
    readonly subject: string;
    readonly audience?: string;
    readonly now: number;
    readonly seconds?: number;
    readonly issuer?: string;
  }): string;
};

export function createTokenIssuer(): TokenIssuer {
  const issuer = 'https://cluster.example.com';
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256' };
  return {
    issuer,
    jwks: async () => ({ keys: [jwk] }),
    token(claims) {
      const payload = {
        iss: claims.issuer ?? issuer,
        sub: claims.subject,
        aud: [claims.audience ?? 'sts.amazonaws.com'],
        iat: claims.now,
        nbf: claims.now,
        exp: claims.now + (claims.seconds ?? 600),
      };
      const text = [{ alg: 'RS256', kid: 'one' }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
      return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
    },
  };
}
