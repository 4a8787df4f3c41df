import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from './alive.ts';

const prefix = 'elastic-controlplane-';

/**
 * A new directory for one control plane, named after this process. Removes those that killed processes left behind, except the young ones:
 * somebody may be reading their logs.
 */
export async function makeDirectory(): Promise<string> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix) || isAlive(Number.parseInt(name.slice(prefix.length), 10))) continue;
    const directory = join(tmpdir(), name);
    const made = await stat(directory).catch(() => undefined);
    if (made !== undefined && Date.now() - made.mtimeMs > 3_600_000) await rm(directory, { recursive: true, force: true });
  }
  return mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
}
