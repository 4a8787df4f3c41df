import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

/* docs/security.md names the test of each guard: the file is there, and has a test or a row of that name. */

const root = join(import.meta.dirname, '../..');
const lines = readFileSync(join(root, 'docs/security.md'), 'utf8').split('\n');

type Named = { readonly line: number; readonly path: string; readonly names: readonly string[] };

/** What is quoted after the path of a test, up to the next path or the end of the cell. */
function named(): readonly Named[] {
  return lines.flatMap((text, index) =>
    text.split(/(?=`test\/)/).flatMap((part) => {
      const path = /^`(test\/[^`]+)`/.exec(part)?.[1];
      if (path === undefined) return [];
      const [cell = ''] = part.slice(path.length + 2).split('|');
      const names = [...cell.matchAll(/"([^"]+)"|(?<![\p{L}])'([^']+)'/gu)].map(([, long, short]) => long ?? short ?? '');
      return [{ line: index + 1, path, names }];
    }),
  );
}

test('every test that the security page names is there', () => {
  const all = named();
  assert.ok(all.length > 40, `${all.length}`);
  const missing = all.flatMap(({ line, path, names }) => {
    const file = join(root, path);
    if (!existsSync(file)) return [`${line}: ${path}`];
    if (statSync(file).isDirectory()) return [];
    const source = readFileSync(file, 'utf8').replaceAll("\\'", "'");
    return names.filter((name) => !source.includes(name)).map((name) => `${line}: ${path}: ${name}`);
  });
  assert.deepEqual(missing, []);
});

test('every row of a guard names a test', () => {
  const start = lines.indexOf('## Guards');
  const end = lines.findIndex((text, index) => index > start && text.startsWith('## '));
  const rows = lines.slice(start, end).filter((text) => text.startsWith('| ') && !text.startsWith('| guard '));
  assert.ok(rows.length > 30, `${rows.length}`);
  assert.deepEqual(
    rows.filter((row) => !/`test\/[^`]+\.test\.ts`/.test(row)),
    [],
  );
});
