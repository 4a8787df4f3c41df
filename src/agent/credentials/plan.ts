import type { Profile, SecretOrigin, WiringPlan } from '../../core/jobs/wiring.ts';
import { ok } from '../../ports/result.ts';
import { type CredentialsResult, refuse } from './refusal.ts';

/** Names of the variable that the operator sets. */
export const wiringVariable = 'ELASTIC_WIRING';

/** The plan as the init container finds it in its environment. */
export function parseWiring(text: string | undefined): CredentialsResult<WiringPlan> {
  if (text === undefined || text === '') return refuse(wiringVariable, 'is not set: this command runs as the init container of a job');
  try {
    const value: unknown = JSON.parse(text);
    return isPlan(value) ? ok(value) : refuse(wiringVariable, 'is no plan of this version of the operator');
  } catch {
    return refuse(wiringVariable, 'is no JSON');
  }
}

function isPlan(value: unknown): value is WiringPlan {
  return (
    isRecord(value) &&
    texts(value, 'region') &&
    Array.isArray(value['profiles']) &&
    value['profiles'].every(isProfile) &&
    Array.isArray(value['bindings']) &&
    value['bindings'].every((binding) => isRecord(binding) && texts(binding, 'connection') && isOrigin(binding['origin']))
  );
}

function isProfile(value: unknown): value is Profile {
  if (!isRecord(value) || !texts(value, 'name')) return false;
  if (value['kind'] === 'keys') return isOrigin(value['origin']);
  const externalId = value['externalId'];
  if (value['kind'] === 'role' && externalId !== undefined && !(isRecord(externalId) && texts(externalId, 'file'))) return false;
  return (value['kind'] === 'webIdentity' || value['kind'] === 'role') && texts(value, 'roleArn', 'sessionName');
}

function isOrigin(value: unknown): value is SecretOrigin {
  if (!isRecord(value)) return false;
  switch (value['kind']) {
    case 'directory':
      return texts(value, 'path');
    case 'parameterStore':
      return texts(value, 'name');
    case 'secretsManager':
      return texts(value, 'arn') && (value['versionStage'] === undefined || texts(value, 'versionStage'));
    default:
      return false;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function texts(value: Readonly<Record<string, unknown>>, ...keys: readonly string[]): boolean {
  return keys.every((key) => typeof value[key] === 'string' && value[key] !== '');
}
