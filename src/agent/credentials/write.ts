import { paths, type WiringPlan } from '../../core/jobs/wiring.ts';
import { ok } from '../../ports/result.ts';
import { bindingFiles } from './bindings.ts';
import type { CredentialFiles } from './files.ts';
import { configFile, credentialsFile } from './profiles.ts';
import { type CredentialsResult, refuse } from './refusal.ts';
import type { RemoteSecrets } from './remote.ts';
import { readProfileValues } from './values.ts';

const connectionName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/**
 * What the init container does: everything is read and checked first, then written. Run again (a restarted pod sandbox), it writes the same files anew.
 * The answer is the paths written.
 */
export async function writeCredentials(
  plan: WiringPlan,
  parts: { readonly files: CredentialFiles; readonly remote: RemoteSecrets },
): Promise<CredentialsResult<readonly string[]>> {
  const values = await readProfileValues(plan, parts.files, parts.remote);
  if (!values.ok) return values;
  const config = configFile(plan, values.value);
  if (!config.ok) return config;
  const credentials = credentialsFile(plan, values.value);
  if (!credentials.ok) return credentials;
  const bindings = await readBindings(plan, parts.remote);
  if (!bindings.ok) return bindings;

  for (const { directory, files } of bindings.value) {
    const stale = await removeStale(directory, files, parts.files);
    if (!stale.ok) return stale;
  }
  const bound = bindings.value.flatMap(({ directory, files }) => [...files].map(([key, text]) => [`${directory}/${key}`, text] as const));
  const all: readonly (readonly [string, string])[] = [[paths.config, config.value], [paths.credentials, credentials.value], ...bound];
  for (const [path, text] of all) {
    const written = await parts.files.write(path, text);
    if (!written.ok) return refuse(path, `cannot be written: ${written.error}`);
  }
  return ok(all.map(([path]) => path));
}

type Binding = { readonly directory: string; readonly files: ReadonlyMap<string, string> };

async function readBindings(plan: WiringPlan, remote: RemoteSecrets): Promise<CredentialsResult<readonly Binding[]>> {
  const bindings: Binding[] = [];
  for (const { connection, origin } of plan.bindings) {
    const about = `connection ${connection}`;
    if (!connectionName.test(connection)) return refuse('connection', 'its name is none that a connection can have');
    if (origin.kind === 'directory') return refuse(about, 'its properties are mounted, not written');
    const value = await remote.read(about, origin);
    if (!value.ok) return value;
    const files = bindingFiles(about, value.value);
    if (!files.ok) return files;
    bindings.push({ directory: `${paths.bindings}/${connection}`, files: files.value });
  }
  return ok(bindings);
}

/** Keys that the secret had when this ran before. */
async function removeStale(directory: string, files: ReadonlyMap<string, string>, disk: CredentialFiles): Promise<CredentialsResult<void>> {
  const names = await disk.list(directory);
  if (!names.ok) return refuse(directory, `cannot be read: ${names.error}`);
  for (const name of names.value) {
    if (files.has(name)) continue;
    const removed = await disk.remove(`${directory}/${name}`);
    if (!removed.ok) return refuse(directory, `cannot be cleared: ${removed.error}`);
  }
  return ok(undefined);
}
