import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

/** Which room of src/ may import which: DESIGN section 2. The composition roots may import all. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  api: [],
  core: ['api'],
  ports: ['api', 'core'],
  machinery: ['ports', 'api'],
  controllers: ['api', 'core', 'ports', 'machinery'],
  kube: ['api', 'ports'],
  aws: ['api', 'ports'],
  telemetry: ['api', 'ports'],
  agent: ['api', 'core', 'ports', 'machinery'],
  broker: ['api', 'core', 'ports'],
  sim: ['api', 'core', 'ports', 'machinery', 'controllers', 'agent', 'broker'],
  config: [],
  cli: ['config', 'sim', 'core', 'api', 'ports'],
};
const roots = new Set(['src/main.ts', 'src/agent/main.ts', 'src/cli/main.ts']);

/** Packages with one importer, and built-ins that a pure or simulated room must not touch. */
const packageRooms: readonly { readonly pattern: RegExp; readonly rooms: readonly string[] }[] = [
  { pattern: /^@kubernetes\/client-node/, rooms: ['kube'] },
  { pattern: /^undici$/, rooms: ['kube'] },
  { pattern: /^@(aws-sdk|smithy)\//, rooms: ['aws'] },
  { pattern: /^p-queue$/, rooms: ['aws'] },
  { pattern: /^(pino|prom-client)$/, rooms: ['telemetry'] },
  { pattern: /^commander$/, rooms: ['cli'] },
];
/** Rooms that see the outside world through ports only; `node:crypto` for hashing, `node:buffer` and `node:zlib` for bytes have no effects. */
const withoutEffects = new Set(['api', 'core', 'ports', 'machinery', 'controllers', 'sim']);
const harmlessBuiltins = new Set(['node:crypto', 'node:buffer']);
const forbiddenGlobals =
  /\b(setTimeout|setInterval|Date\.now|Math\.random|process\.(env|exit|argv)|performance\.now|fetch)\s*[(.[]|\bnew Date\(\)|crypto\.subtle|randomUUID|randomBytes/;

type Source = {
  readonly file: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly { readonly target: string; readonly typeOnly: boolean }[];
};

function sources(): readonly Source[] {
  return readdirSync('src', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => {
      const file = relative('.', join(entry.parentPath, entry.name));
      const text = readFileSync(file, 'utf8');
      const imports = [...text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)].map((match) => ({
        target: match[2] ?? '',
        typeOnly: match[1] !== undefined,
      }));
      return { file, room: file.split('/')[1] ?? '', text, imports };
    });
}

function roomOf(file: string, target: string): string {
  return relative('.', resolve(dirname(file), target)).split('/')[1] ?? '';
}

void test('rooms import only what DESIGN allows', () => {
  const wrong: string[] = [];
  for (const source of sources()) {
    if (roots.has(source.file)) continue;
    const rooms = allowed[source.room];
    if (rooms === undefined) {
      wrong.push(`${source.file}: no such room "${source.room}"`);
      continue;
    }
    for (const { target, typeOnly } of source.imports) {
      if (!target.startsWith('.')) continue;
      const room = roomOf(source.file, target);
      if (room === source.room) continue;
      if (!rooms.includes(room)) wrong.push(`${source.file} imports ${room}`);
      if (source.room === 'ports' && room === 'core' && !typeOnly) wrong.push(`${source.file} imports more than types of core`);
    }
  }
  assert.deepEqual(wrong, []);
});

void test('each outside package has one room that imports it, and rooms without effects import no built-in that has some', () => {
  const wrong: string[] = [];
  for (const source of sources()) {
    if (roots.has(source.file)) continue;
    for (const { target } of source.imports) {
      if (target.startsWith('.')) continue;
      const rule = packageRooms.find(({ pattern }) => pattern.test(target));
      if (rule !== undefined && !rule.rooms.includes(source.room)) wrong.push(`${source.file} imports ${target}`);
      if (target.startsWith('node:') && withoutEffects.has(source.room) && !harmlessBuiltins.has(target))
        wrong.push(`${source.file} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

void test('rooms without effects use no clock, randomness or environment of their own', () => {
  const wrong: string[] = [];
  for (const source of sources()) {
    if (!withoutEffects.has(source.room) || source.file === 'src/sim/drain.ts') continue;
    for (const [index, line] of source.text.split('\n').entries()) {
      const code = line.replace(/\/\/.*$/, '').replace(/^\s*\*.*$/, '');
      if (forbiddenGlobals.test(code)) wrong.push(`${source.file}:${index + 1}: ${line.trim()}`);
    }
  }
  assert.deepEqual(wrong, []);
});
