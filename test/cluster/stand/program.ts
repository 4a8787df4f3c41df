import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');

export async function operatorProgram(): Promise<string> {
  return join(root, 'src/main.ts');
}
