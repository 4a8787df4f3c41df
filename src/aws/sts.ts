import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  type Credentials,
  GetCallerIdentityCommand,
  type STSClient,
} from '@aws-sdk/client-sts';
import type { AwsResult, Grant, StsPort } from '../ports/aws/index.ts';
import { err, ok } from '../ports/result.ts';
import { actorOf, type Send } from './send.ts';
import type { Vault } from './vault.ts';

type GrantFacts = Omit<Grant, 'id' | 'expiresAt'>;
type Assumed = { readonly Credentials?: Credentials | undefined; readonly PackedPolicySize?: number | undefined };

export function createSts(parts: { readonly client: STSClient; readonly send: Send; readonly vault: Vault }): StsPort {
  const { client, send, vault } = parts;

  async function sealed(facts: GrantFacts, { Credentials: credentials, PackedPolicySize: packed }: Assumed): Promise<AwsResult<Grant>> {
    if (!credentials?.AccessKeyId || !credentials.SecretAccessKey || !credentials.SessionToken || !credentials.Expiration) {
      return err({ kind: 'Other', code: 'IncompleteAnswer', message: 'STS answered without credentials' });
    }
    const material = {
      accessKeyId: credentials.AccessKeyId,
      secretAccessKey: credentials.SecretAccessKey,
      sessionToken: credentials.SessionToken,
    };
    const expiresAt = credentials.Expiration.getTime();
    return ok(await vault.seal({ ...facts, expiresAt, ...(packed !== undefined && { packedPolicySize: packed }) }, material));
  }

  return {
    async assumeRoleWithWebIdentity(subject, request) {
      const { identity, roleArn, sessionName } = request;
      const input = {
        RoleArn: roleArn,
        RoleSessionName: sessionName,
        DurationSeconds: request.durationSeconds,
        WebIdentityToken: request.token,
        ...(request.policy !== undefined && { Policy: request.policy }),
      };
      const answer = await send(
        {
          method: 'sts.assumeRoleWithWebIdentity',
          request,
          actor: { grant: undefined, identity, chain: [], sessionName, subject },
          secrets: [request.token],
        },
        (abortSignal) => client.send(new AssumeRoleWithWebIdentityCommand(input), { abortSignal }),
      );
      return answer.ok ? await sealed({ identity, chain: [roleArn], sessionName, ...widenedOf(request) }, answer.value) : answer;
    },

    async assumeRole(caller, request) {
      const { identity, roleArn, sessionName, externalId } = request;
      const input = {
        RoleArn: roleArn,
        RoleSessionName: sessionName,
        DurationSeconds: request.durationSeconds,
        ...(request.policy !== undefined && { Policy: request.policy }),
        ...(externalId !== undefined && { ExternalId: externalId }),
        ...(request.tags && { Tags: Object.entries(request.tags).map(([Key, Value]) => ({ Key, Value })) }),
      };
      const answer = await send(
        {
          method: 'sts.assumeRole',
          request,
          actor: actorOf(caller),
          ...(externalId !== undefined && { secrets: [externalId] }),
        },
        (abortSignal) => client.send(new AssumeRoleCommand(input), { abortSignal }),
      );
      const chain = [...caller.grant.chain, roleArn];
      return answer.ok ? await sealed({ identity, chain, sessionName, ...widenedOf(request) }, answer.value) : answer;
    },

    async getCallerIdentity(caller) {
      const answer = await send({ method: 'sts.getCallerIdentity', request: {}, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new GetCallerIdentityCommand({}), { abortSignal }),
      );
      return answer.ok ? ok({ account: answer.value.Account ?? '', arn: answer.value.Arn ?? '' }) : answer;
    },

    staticGrant(identity, keys) {
      const facts = {
        identity,
        chain: keys.chain ?? [],
        sessionName: keys.sessionName ?? keys.accessKeyId.slice(-4),
        expiresAt: keys.expiresAt ?? Number.POSITIVE_INFINITY,
      };
      return vault.sealSoon(facts, keys);
    },

    async exportGrant(grant) {
      const material = await vault.reveal(grant);
      return material?.sessionToken === undefined ? undefined : { ...material, sessionToken: material.sessionToken };
    },

    release: (grant) => vault.release(grant),
  };
}

function widenedOf({ widened }: { readonly widened?: readonly string[] }): Pick<Grant, 'widened'> {
  return widened === undefined || widened.length === 0 ? {} : { widened };
}
