import { AsyncLocalStorage } from 'node:async_hooks';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Grant } from '../ports/aws/index.ts';
import type { Clock } from '../ports/clock.ts';
import type { Vault } from './vault.ts';

type AuthScheme = NonNullable<S3ClientConfig['httpAuthSchemes']>[number];
type Signer = AuthScheme['signer'];

/** What the SDK needs to know of the call that it is carrying out; travels with the asynchronous context from `send`. */
export type CallContext = {
  /** Undefined for the one unsigned call, AssumeRoleWithWebIdentity. */
  readonly grant: Grant | undefined;
  /** The request went out to the wire: from here on it may have taken effect. */
  sent: boolean;
};

export const callContext = new AsyncLocalStorage<CallContext>();

/** The grant ended between the look at it and the signing of the request. */
export class GrantGone extends Error {
  override readonly name = 'GrantGone';
}

/** Never read: the SDK resolves an identity before it asks our signer. */
const PLACEHOLDER = { accessKeyId: 'sealed', secretAccessKey: 'sealed' };

/** Also the clients' `credentials`, so that none of them looks for a default chain (environment, files, IMDS). */
export async function placeholderIdentity(): Promise<{ accessKeyId: string; secretAccessKey: string; expiration?: Date }> {
  return PLACEHOLDER;
}

/**
 * Replaces the SDK's way from credentials to signature: the vault is opened for one request, and the derived key goes round the SDK's
 * signing-key cache (module-wide in @smithy/signature-v4, keyed by the secret), which thus stays empty.
 */
export function sealedAuthSchemes(vault: Vault, clock: Clock): AuthScheme[] {
  return [
    { schemeId: 'aws.auth#sigv4', identityProvider: () => placeholderIdentity, signer: createSigner(vault, clock) },
    { schemeId: 'smithy.api#noAuth', identityProvider: () => placeholderIdentity, signer: { sign: async (request) => request } },
  ];
}

function createSigner(vault: Vault, clock: Clock): Signer {
  return {
    async sign(request, _identity, properties) {
      const call = callContext.getStore();
      if (!call?.grant) {
        throw new TypeError('A signed AWS call was made without a grant');
      }
      const { config, region, name, signingRegion, signingName } = properties as {
        readonly config: { readonly sha256: ConstructorParameters<typeof SignatureV4>[0]['sha256']; readonly signingEscapePath: boolean };
        readonly region?: string;
        readonly name?: string;
        readonly signingRegion?: string;
        readonly signingName?: string;
      };
      const material = await vault.open(call.grant);
      if (!material) {
        throw new GrantGone('The grant has ended');
      }
      try {
        const signer = new SignatureV4({
          credentials: {
            ...PLACEHOLDER,
            accessKeyId: material.accessKeyId,
            ...(material.sessionToken && { sessionToken: material.sessionToken }),
          },
          region: signingRegion ?? region ?? '',
          service: signingName ?? name ?? '',
          sha256: config.sha256,
          uriEscapePath: config.signingEscapePath,
        });
        Object.assign(signer, {
          getSigningKey: async (_credentials: unknown, keyRegion: string, shortDate: string, keyService?: string) =>
            material.deriveKey(shortDate, keyRegion, keyService ?? signingName ?? name ?? ''),
        });
        return await signer.sign(request, { signingDate: new Date(clock.now()) });
      } finally {
        material.close();
      }
    },
  };
}
