import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from './alive.ts';

/**
 * The folder of what `build` makes, from the cache where it is there already. A part is made in a folder of its own and moved into
 * place at the end, and by one process at a time: another one that wants it waits.
 *
 * @param pins everything that decides what the part is: a change of any of them makes another folder
 */
export async function cached(name: string, pins: readonly string[], build: (directory: string) => Promise<void>): Promise<string> {
  const root = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'elastic-runtime-operator');
  const fingerprint = createHash('sha256').update(JSON.stringify([process.platform, process.arch, ...pins]));
  const target = join(root, `${name}-${fingerprint.digest('hex').slice(0, 12)}`);
  if (existsSync(target)) return target;
  await mkdir(root, { recursive: true });
  const unlock = await lock(`${target}.lock`, name);
  const unfinished = `${target}.unfinished`;
  try {
    if (existsSync(target)) return target;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished);
    await build(unfinished);
    await rename(unfinished, target);
    return target;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    await unlock();
  }
}

async function lock(file: string, name: string): Promise<() => Promise<void>> {
  for (let told = false; ; await delay(500)) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const owner = await lockOwner(file);
    if (owner === undefined) continue;
    if (!isAlive(owner)) {
      await rm(file, { force: true });
      continue;
    }
    if (!told) process.stderr.write(`controlplane: ${name} is being made by process ${owner}; waiting for it\n`);
    told = true;
  }
}

/** The process that holds the lock; undefined where the lock is gone or too young to hold a number, 0 where it never will. */
async function lockOwner(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text !== '') return text === undefined ? undefined : Number(text);
  const made = await stat(file).catch(() => undefined);
  return made !== undefined && Date.now() - made.mtimeMs > 5000 ? 0 : undefined;
}
