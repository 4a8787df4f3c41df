import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');

/** Program and first arguments of what the image runs. */
export type Programs = { readonly operator: readonly string[]; readonly nodeAgent: readonly string[] };

export async function programs(): Promise<Programs> {
  const node = [process.execPath, '--enable-source-maps'];
  return { operator: [...node, join(root, 'src/main.ts')], nodeAgent: [...node, join(root, 'src/agent/main.ts'), 'node-agent'] };
}
