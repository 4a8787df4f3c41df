import { createHash } from 'node:crypto';
import { err, ok, type Result } from '../../ports/result.ts';
import { type Authenticated, authorize } from './authorize.ts';
import { type Failure, failure } from './failures.ts';
import type { AccountState } from './state.ts';

type At = { readonly state: AccountState; readonly caller: Authenticated; readonly region: string };

/** Public image parameters of EKS and Bottlerocket answer an image id made from their name. */
export function getParameter(
  { state, caller, region }: At,
  request: { readonly name: string },
): Result<{ readonly value: string }, Failure> {
  const refused = authorize(state, caller, 'ssm.getParameter', request, region);
  if (refused !== undefined) return err(refused);
  const parameter = state.parameters.get(request.name);
  if (parameter !== undefined) return ok({ value: parameter.value });
  if (/^\/aws\/service\/(eks\/optimized-ami|bottlerocket)\/.+\/image_id$/.test(request.name))
    return ok({ value: publicImage(request.name) });
  return err(failure('NotFound', 'ParameterNotFound', ''));
}

export function publicImage(parameter: string): string {
  return `ami-0${createHash('sha256').update(parameter).digest('hex').slice(0, 16)}`;
}

export function getSecretValue(
  { state, caller, region }: At,
  request: { readonly secretId: string; readonly versionStage?: string },
): Result<{ readonly value: string }, Failure> {
  const refused = authorize(state, caller, 'secretsManager.getSecretValue', request, region);
  if (refused !== undefined) return err(refused);
  const secret = [...state.secrets.values()].find(({ arn, name }) => arn === request.secretId || name === request.secretId);
  if (secret === undefined)
    return err(failure('NotFound', 'ResourceNotFoundException', "Secrets Manager can't find the specified secret."));
  const stage = request.versionStage ?? 'AWSCURRENT';
  const value = secret.versions[stage];
  if (value !== undefined) return ok({ value });
  const message = `Secrets Manager can't find the specified secret value for staging label: ${stage}`;
  return err(failure('NotFound', 'ResourceNotFoundException', message));
}
