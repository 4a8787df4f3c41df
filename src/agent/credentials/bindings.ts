import { ok } from '../../ports/result.ts';
import { type CredentialsResult, refuse } from './refusal.ts';

/** Keys of a Secret, which connection properties otherwise are: https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data */
const fileName = /^[A-Za-z0-9._-]{1,253}$/;

/**
 * A secret of AWS's as files, one a key (https://servicebinding.io/spec/core/1.1.0/#workload-projection): it must be a JSON object of texts, numbers and
 * truth values.
 */
export function bindingFiles(about: string, value: string): CredentialsResult<ReadonlyMap<string, string>> {
  const parsed = parseObject(value);
  if (parsed === undefined) return refuse(about, 'the value is no JSON object: write its properties as {"username": "…", "password": "…"}');
  const files = new Map<string, string>();
  for (const [key, property] of Object.entries(parsed)) {
    if (!fileName.test(key) || key.startsWith('..') || key === '.')
      return refuse(about, 'a key of the value is no file name: use letters, digits, ".", "_" and "-"');
    if (typeof property !== 'string' && typeof property !== 'number' && typeof property !== 'boolean')
      return refuse(about, `key ${key} of the value is neither a text nor a number`);
    files.set(key, String(property));
  }
  return ok(files);
}

/** Undefined where the text is no JSON object. Its error would show parts of the text. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
