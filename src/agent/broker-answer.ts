import type { BrokerWireAnswer } from '../ports/broker.ts';

/** Undefined where the text is no answer of this version. Fields that are not known here are let through: a newer operator may say more. */
export function parseBrokerAnswer(text: string): BrokerWireAnswer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isAnswer(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isAnswer(value: unknown): value is BrokerWireAnswer {
  return (
    isRecord(value) &&
    texts(value, 'node', 'runtime', 'region', 'kmsKeyArn') &&
    (value['role'] === 'master' || value['role'] === 'worker') &&
    typeof value['terminateAfterSeconds'] === 'number' &&
    isRecord(value['logs']) &&
    texts(value['logs'], 'bucket') &&
    typeof value['logs']['prefix'] === 'string' &&
    isSession(value['session']) &&
    Array.isArray(value['pods']) &&
    value['pods'].every(isPod)
  );
}

function isSession(value: unknown): boolean {
  return (
    isRecord(value) &&
    texts(value, 'accessKeyId', 'secretAccessKey', 'sessionToken', 'sessionName', 'expiresAt') &&
    !Number.isNaN(Date.parse(String(value['expiresAt']))) &&
    Array.isArray(value['chain']) &&
    value['chain'].every((arn) => typeof arn === 'string')
  );
}

function isPod(value: unknown): boolean {
  return (
    isRecord(value) &&
    texts(value, 'uid', 'namespace', 'name', 'job', 'jobUid', 'keyPrefix') &&
    Number.isSafeInteger(value['attempt']) &&
    typeof value['finished'] === 'boolean'
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function texts(value: Readonly<Record<string, unknown>>, ...keys: readonly string[]): boolean {
  return keys.every((key) => typeof value[key] === 'string' && value[key] !== '');
}
