import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { err, ok, type Result } from '../../ports/result.ts';

/** Files as the init container needs them. A failure is an error code (ENOENT): messages would name paths, which say nothing to a job's author. */
export type CredentialFiles = {
  read(path: string): Promise<Result<string, string>>;
  /** Whole or not at all; over what was there. */
  write(path: string, text: string): Promise<Result<void, string>>;
  /** Names in a directory; none where it is not there. */
  list(directory: string): Promise<Result<readonly string[], string>>;
  remove(path: string): Promise<Result<void, string>>;
};

/**
 * Readable for everybody: the job's containers may run as any user, which is not known here. "Everybody" are the containers of this one pod that have the
 * memory volume mounted, and they are meant to read it.
 */
const mode = 0o444;

export function diskFiles(): CredentialFiles {
  return {
    read: (path) => attempt(() => readFile(path, 'utf8')),
    write: (path, text) =>
      attempt(async () => {
        await mkdir(dirname(path), { recursive: true });
        const temporary = join(dirname(path), `.${process.pid}.tmp`);
        await rm(temporary, { force: true });
        await writeFile(temporary, text, { mode, flag: 'wx' });
        // The process's umask may have taken some of it away.
        await chmod(temporary, mode);
        await rename(temporary, path);
      }),
    async list(directory) {
      const names = await attempt(() => readdir(directory));
      return names.ok || names.error !== 'ENOENT' ? names : ok([]);
    },
    remove: (path) => attempt(() => rm(path, { force: true })),
  };
}

async function attempt<T>(call: () => Promise<T>): Promise<Result<T, string>> {
  try {
    return ok(await call());
  } catch (thrown) {
    return err((thrown as NodeJS.ErrnoException).code ?? 'EIO');
  }
}
