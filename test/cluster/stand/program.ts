import { bundle } from '../../../scripts/bundle.ts';

/** Program and first arguments of what the image runs. */
export type Programs = { readonly operator: readonly string[]; readonly nodeAgent: readonly string[] };

let made: Promise<Programs> | undefined;

/** The bundles that the image carries, made once for each test process. */
export function programs(): Promise<Programs> {
  made ??= makeBundles();
  return made;
}

async function makeBundles(): Promise<Programs> {
  const files = await bundle(['operator', 'agent']);
  const fileOf = (name: string): string => files.find(({ file }) => file.endsWith(`/${name}.js`))?.file ?? '';
  const node = [process.execPath, '--enable-source-maps'];
  return { operator: [...node, fileOf('operator')], nodeAgent: [...node, fileOf('agent'), 'node-agent'] };
}
