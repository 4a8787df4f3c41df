/** `node scripts/bundle.ts`: dist/operator.js, agent.js and cli.js, each one ESM file for Node 26 with a source map: what the image carries. */
import { existsSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const entries = { operator: 'src/main.ts', agent: 'src/agent/main.ts', cli: 'src/cli/main.ts' } as const;

export type Bundle = { readonly file: string; readonly bytes: number };

/** Bundles the named entries (default all that exist) into dist/, or a folder named by its absolute path; it must lie beside data/, as in the image. */
export async function bundle(
  names: readonly (keyof typeof entries)[] = ['operator', 'agent', 'cli'],
  outdir = join(root, 'dist'),
): Promise<readonly Bundle[]> {
  const chosen = names.filter((name) => existsSync(join(root, entries[name])));
  const result = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(chosen.map((name) => [name, entries[name]])),
    outdir,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    sourcemap: 'linked',
    sourcesContent: false,
    // Stack traces and metrics name functions.
    keepNames: true,
    legalComments: 'linked',
    metafile: true,
    logLevel: 'warning',
    // Packages that are CommonJS call require() for built-ins.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);",
    },
  });
  return Object.entries(result.metafile.outputs).flatMap(([file, { bytes }]) =>
    file.endsWith('.js') ? [{ file: join(root, file), bytes }] : [],
  );
}

if (import.meta.main) {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  for (const { file, bytes } of await bundle()) console.log(`${relative(root, file)}  ${(bytes / 1_048_576).toFixed(1)} MiB`);
}
