import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import type { AwsResult, SecretsManagerPort, SsmPort } from '../ports/aws/index.ts';
import { notSecureString } from '../ports/aws/secrets.ts';
import { err, ok } from '../ports/result.ts';
import { actorOf, type Send } from './send.ts';

export function createSsm(parts: { readonly client: SSMClient; readonly send: Send }): SsmPort {
  const { client, send } = parts;
  return {
    async getParameter(caller, request) {
      const input = { Name: request.name, WithDecryption: true };
      const answer = await send({ method: 'ssm.getParameter', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new GetParameterCommand(input), { abortSignal }),
      );
      if (answer.ok && request.secure === true && answer.value.Parameter?.Type !== 'SecureString')
        return err(notSecureString(request.name));
      return answer.ok ? valueOf(answer.value.Parameter?.Value, answer.value.$metadata.requestId) : answer;
    },
  };
}

export function createSecretsManager(parts: { readonly client: SecretsManagerClient; readonly send: Send }): SecretsManagerPort {
  const { client, send } = parts;
  return {
    async getSecretValue(caller, request) {
      const input = { SecretId: request.secretId, ...(request.versionStage !== undefined && { VersionStage: request.versionStage }) };
      const answer = await send({ method: 'secretsManager.getSecretValue', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new GetSecretValueCommand(input), { abortSignal }),
      );
      if (!answer.ok) {
        return answer;
      }
      const { SecretString, SecretBinary, $metadata } = answer.value;
      return valueOf(SecretString ?? (SecretBinary && Buffer.from(SecretBinary).toString()), $metadata.requestId);
    },
  };
}

function valueOf(value: string | undefined, requestId: string | undefined): AwsResult<{ readonly value: string }> {
  return value === undefined
    ? err({ kind: 'Other', code: 'IncompleteAnswer', message: 'the answer holds no value', ...(requestId !== undefined && { requestId }) })
    : ok({ value });
}
