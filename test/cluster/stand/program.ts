import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from '../../../scripts/bundle.ts';

const root = join(import.meta.dirname, '../../..');

/** Program and first arguments of what the image runs. */
export type Programs = { readonly operator: readonly string[]; readonly nodeAgent: readonly string[] };

/** The bundles that the image carries, laid out as there, in a folder of their own: a killed operator comes back as the one that it was. */
export async function makePrograms(directory: string): Promise<Programs> {
  const image = join(directory, 'image');
  await mkdir(image);
  await symlink(join(root, 'data'), join(image, 'data'));
  await bundle(['operator', 'agent'], join(image, 'dist'));
  const node = [process.execPath];
  return { operator: [...node, join(image, 'dist/operator.js')], nodeAgent: [...node, join(image, 'dist/agent.js'), 'node-agent'] };
}
