import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

function run(...given: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['src/cli/main.ts', ...given], { encoding: 'utf8' });
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
}

void test('--version says which package and version', () => {
  const { name, version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly name: string; readonly version: string };
  assert.deepEqual(run('--version'), { status: 0, stdout: `${name} ${version}`, stderr: '' });
});

void test('an empty name is wrong usage, before any cluster is asked', () => {
  for (const given of [
    ['why', ''],
    ['logs', ''],
    ['preview', 'nightly', ''],
  ])
    assert.deepEqual(run(...given), { status: 2, stdout: '', stderr: 'error: a name is empty: give the name of an object' });
});

void test('a kubeconfig without anything in it is said to be so', () => {
  const { status, stderr } = run('why', 'nightly', '--kubeconfig', '/dev/null');
  assert.equal(status, 2);
  assert.equal(
    stderr,
    'no cluster: the kubeconfig is empty, or not of the form that kubectl writes: name one with --kubeconfig or $KUBECONFIG',
  );
});
