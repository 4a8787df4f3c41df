import type { SecretOrigin, WiringPlan } from '../../core/jobs/wiring.ts';
import { ok } from '../../ports/result.ts';
import { parseObject } from './bindings.ts';
import type { CredentialFiles } from './files.ts';
import { aboutProfile, type ProfileValues, type StaticKeys } from './profiles.ts';
import { type CredentialsResult, refuse } from './refusal.ts';
import type { RemoteSecrets } from './remote.ts';

const required = ['aws_access_key_id', 'aws_secret_access_key'] as const;
const optional = 'aws_session_token';
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: ExternalId
const externalIdPattern = /^[\w+=,.@:/-]{2,1224}$/;

/** All that the profiles need and the plan does not hold. */
export async function readProfileValues(
  plan: WiringPlan,
  files: CredentialFiles,
  remote: RemoteSecrets,
): Promise<CredentialsResult<ProfileValues>> {
  const keys = new Map<string, StaticKeys>();
  const externalIds = new Map<string, string>();
  for (const profile of plan.profiles) {
    if (profile.kind === 'keys') {
      const read = await readKeys(aboutProfile(plan, profile), profile.origin, files, remote);
      if (!read.ok) return read;
      keys.set(profile.name, read.value);
    } else if (profile.kind === 'role' && profile.externalId !== undefined) {
      const read = await readExternalId(aboutProfile(plan, profile), profile.externalId.file, files);
      if (!read.ok) return read;
      externalIds.set(profile.name, read.value);
    }
  }
  return ok({ keys, externalIds });
}

async function readKeys(
  about: string,
  origin: SecretOrigin,
  files: CredentialFiles,
  remote: RemoteSecrets,
): Promise<CredentialsResult<StaticKeys>> {
  const found = origin.kind === 'directory' ? await keysOfDirectory(about, origin.path, files) : await keysOfValue(about, origin, remote);
  if (!found.ok) return found;
  const [id, secret, token] = [...required, optional].map((key) => found.value.get(key));
  if (id === undefined || secret === undefined) {
    const missing = required.filter((key) => found.value.get(key) === undefined);
    return refuse(about, `its credentials have no ${missing.join(' and no ')}`);
  }
  return ok({ aws_access_key_id: id, aws_secret_access_key: secret, ...(token !== undefined && { aws_session_token: token }) });
}

/** A mounted Secret: one file a key. */
async function keysOfDirectory(
  about: string,
  path: string,
  files: CredentialFiles,
): Promise<CredentialsResult<ReadonlyMap<string, string>>> {
  const found = new Map<string, string>();
  for (const key of [...required, optional]) {
    const text = await files.read(`${path}/${key}`);
    if (!text.ok && text.error !== 'ENOENT') return refuse(about, `key ${key} of its Secret cannot be read: ${text.error}`);
    if (text.ok && trimmed(text.value) !== '') found.set(key, trimmed(text.value));
  }
  return ok(found);
}

async function keysOfValue(
  about: string,
  origin: Exclude<SecretOrigin, { readonly kind: 'directory' }>,
  remote: RemoteSecrets,
): Promise<CredentialsResult<ReadonlyMap<string, string>>> {
  const value = await remote.read(about, origin);
  if (!value.ok) return value;
  const parsed = parseObject(value.value);
  if (parsed === undefined) return refuse(about, `the value is no JSON object: write {"${required[0]}": "…", "${required[1]}": "…"}`);
  const found = new Map<string, string>();
  for (const key of [...required, optional]) {
    const text = parsed[key];
    if (typeof text === 'string' && text !== '') found.set(key, text);
  }
  return ok(found);
}

async function readExternalId(about: string, file: string, files: CredentialFiles): Promise<CredentialsResult<string>> {
  const text = await files.read(file);
  if (!text.ok) return refuse(about, `its external ID cannot be read from the Secret: ${text.error}`);
  const externalId = trimmed(text.value);
  return externalIdPattern.test(externalId)
    ? ok(externalId)
    : refuse(about, 'its external ID holds what AWS does not take: 2 to 1224 of a-z, 0-9, +=,.@:/-_');
}

/** Without the newline that `echo` leaves. */
function trimmed(text: string): string {
  return text.replace(/\r?\n$/, '');
}
