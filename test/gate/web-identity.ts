import type { webcrypto } from 'node:crypto';
import { createPublicKey, verify } from 'node:crypto';
import type { Refusal } from './answers.ts';

export type JWKS = { readonly keys: readonly (webcrypto.JsonWebKey & { readonly kid?: string; readonly alg?: string })[] };

/** The cluster's OIDC provider as it is registered with IAM. */
export type OidcProvider = {
  /** As in the tokens: https://… */
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly jwks: () => Promise<JWKS>;
};

export type Claims = { readonly sub: string; readonly aud: string };

/** What STS checks of a token before any trust policy: signature, issuer, audience, life (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html). */
export async function verifyWebIdentity(token: string, provider: OidcProvider, now: number): Promise<Claims | Refusal> {
  const [head = '', body = '', signature = '', extra] = token.split('.');
  const header = decodePart(head);
  const claims = decodePart(body);
  if (!header || !claims || signature === '' || extra !== undefined)
    return invalid('The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)');
  if (claims['iss'] !== provider.issuer) return invalid(`No OpenIDConnect provider found in your account for ${String(claims['iss'])}`);
  const { keys } = await provider.jwks();
  const key = keys.find(({ kid }) => kid === header['kid']);
  if (!key || header['alg'] !== 'RS256')
    return invalid(
      "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
    );
  const publicKey = createPublicKey({ key, format: 'jwk' });
  if (!verify('sha256', Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, 'base64url')))
    return invalid('Token signature invalid');
  const audiences = [claims['aud']].flat();
  const audience = provider.audiences.find((item) => audiences.includes(item));
  if (audience === undefined) return invalid('Incorrect token audience');
  if (now >= Number(claims['exp']) * 1000) {
    return {
      status: 400,
      code: 'ExpiredTokenException',
      message: `Token expired: current date/time ${Math.floor(now / 1000)} must be before the expiration date/time ${String(claims['exp'])}`,
    };
  }
  if (now < Number(claims['nbf'] ?? 0) * 1000 - 300_000) return invalid('Token is not yet valid');
  return { sub: String(claims['sub']), aud: audience };
}

function invalid(message: string): Refusal {
  return { status: 400, code: 'InvalidIdentityToken', message };
}

function decodePart(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
