import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { flagsOf, iam, variants } from '../cli/support/iam-variants.ts';
import { ensurePython } from '../gate/moto.ts';
import { defaultRolesBody } from './default-roles-body.ts';

/** AWS's own linter, which knows the resource schemas and the Service Authorization Reference; informational findings included. `clean`: it ran and found nothing. */
async function lint(files: readonly string[]): Promise<string> {
  const checks = ['--include-checks', 'I', 'W', 'E', '--regions', 'us-east-1'];
  try {
    const { stdout, stderr } = await promisify(execFile)(await ensurePython(), [
      '-c',
      'import sys; from cfnlint.runner import main; sys.exit(main())',
      ...checks,
      '--',
      ...files,
    ]);
    return `${stdout}${stderr}` === '' ? 'clean' : `${stdout}${stderr}`;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as { readonly stdout?: string; readonly stderr?: string; readonly message: string };
    return `${stdout}${stderr}${message}`;
  }
}

async function written<T>(texts: readonly string[], use: (files: readonly string[]) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'iam-template-'));
  try {
    const files = texts.map((_, index) => join(folder, `${index}.yaml`));
    await Promise.all(files.map((file, index) => writeFile(file, texts[index] ?? '')));
    return await use(files);
  } finally {
    await rm(folder, { recursive: true });
  }
}

void test('the linter has nothing to say of any template', async () => {
  const texts = await Promise.all(Object.values(variants).map(async (variant) => (await iam(variant.files, flagsOf(variant))).out));
  assert.equal(await written(texts, lint), 'clean');
});

void test('nor of the stack of default roles that the operator makes', async () => {
  assert.equal(await written([defaultRolesBody()], lint), 'clean');
});

void test('the linter would have something to say: an action that is none, a resource of another kind', async () => {
  const { out } = await iam(variants['finance']?.files ?? {});
  const typo = out.replace('ec2:TerminateInstances', 'ec2:TerminateInstance');
  const misplaced = out.replace('EnableKeyRotation: true', 'EnableKeyRotation: perhaps');
  const said = await written([typo, misplaced], lint);
  assert.match(said, /W3037/);
  assert.match(said, /E3012/);
});
