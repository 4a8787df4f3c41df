import assert from 'node:assert/strict';
import { appendFile, chmod, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseMounts } from '../../src/agent/host-devices.ts';
import { hostFiles } from '../../src/agent/host-files.ts';
import { defaultAgentSettings } from '../../src/agent/settings.ts';
import { createShipper } from '../../src/agent/shipper.ts';
import { parseState } from '../../src/agent/state.ts';
import { fakeClock, fakeRandom, recordedTelemetry } from '../machinery/support/fakes.ts';
import { accessLog } from './support/accesses.ts';
import { answerOf, memoryBucket, podOf } from './support/bucket.ts';
import { memoryHost } from './support/host.ts';

let root: string;
const pod = { namespace: 'finance', name: 'p1', uid: 'p1' };
const line = (count: number): string => `2026-01-02T03:04:05.${String(count).padStart(9, '0')}Z stdout F ${'t'.repeat(60)}\n`;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'host-'));
});
after(() => rm(root, { recursive: true }));

async function directory(name: string) {
  const logDirectory = join(root, name);
  const main = join(logDirectory, 'finance_p1_p1', 'main');
  await mkdir(main, { recursive: true });
  return { main, files: hostFiles({ logDirectory, stateFile: join(root, name, 'state', 'state.json') }), logDirectory };
}

void test('pods and files are read from the paths that kubelet makes', async () => {
  const { main, files, logDirectory } = await directory('list');
  await mkdir(join(logDirectory, 'lost+found'));
  await writeFile(join(main, '0.log'), 'text');
  await symlink('/etc/hostname', join(main, '1.log'));
  await symlink(main, join(main, '..', 'linked'));
  assert.deepEqual(await files.listLogPods(), { ok: true, value: [pod] });
  const listed = await files.listLogFiles(pod);
  assert.ok(listed.ok);
  assert.deepEqual(
    listed.value.map(({ container, file }) => `${container}/${file}`),
    ['main/0.log'],
  );
  const linked = await files.openLogFile(pod, { container: 'main', file: '1.log', id: 'x' });
  assert.ok(!linked.ok, 'a link is not followed');
  const none = await files.listLogFiles({ ...pod, uid: 'p2' });
  assert.ok(!none.ok && none.error.kind === 'NotFound');
});

void test('a file keeps its id when it is renamed, and is read on when it was removed', async () => {
  const { main, files } = await directory('rename');
  await writeFile(join(main, '0.log'), 'first ');
  const [before] = await listed(files);
  assert.ok(before);
  const handle = await files.openLogFile(pod, before);
  assert.ok(handle.ok);
  await rename(join(main, '0.log'), join(main, '0.log.20260102-030405'));
  await writeFile(join(main, '0.log'), 'new');
  const after = await listed(files);
  assert.equal(after.find(({ file }) => file !== '0.log')?.id, before.id);
  assert.notEqual(after.find(({ file }) => file === '0.log')?.id, before.id);
  await appendFile(join(main, '0.log.20260102-030405'), 'second');
  await rm(join(main, '0.log.20260102-030405'));
  assert.deepEqual(await handle.value.size(), { ok: true, value: 12 });
  const read = await handle.value.read(3, 100);
  assert.equal(read.ok && Buffer.from(read.value).toString(), 'st second');
  await handle.value.close();
});

void test('a compressed file is read as what it was, forwards and back', async () => {
  const { main, files } = await directory('gzip');
  const text = Array.from({ length: 3_000 }, (_, count) => line(count)).join('');
  await writeFile(join(main, '0.log.20260102-030405.gz'), gzipSync(text));
  const [file] = await listed(files);
  assert.ok(file);
  const handle = await files.openLogFile(pod, file);
  assert.ok(handle.ok);
  assert.deepEqual(await handle.value.size(), { ok: true, value: text.length });
  for (const [offset, length] of [
    [0, 64],
    [100_000, 50],
    [150_000, 70_000],
    [7, 9],
    [text.length - 5, 100],
    [text.length, 10],
  ] as const) {
    const read = await handle.value.read(offset, length);
    assert.ok(read.ok);
    assert.equal(Buffer.from(read.value).toString(), text.slice(offset, offset + length));
  }
  await handle.value.close();
});

void test('a file that is no gzip is an error, not an end', async () => {
  const { main, files } = await directory('broken');
  await writeFile(join(main, '0.log.20260102-030405.gz'), 'this is not compressed at all');
  const [file] = await listed(files);
  assert.ok(file);
  const handle = await files.openLogFile(pod, file);
  assert.ok(handle.ok);
  assert.equal((await handle.value.read(0, 10)).ok, false);
  assert.equal((await handle.value.read(0, 10)).ok, false);
  await handle.value.close();
});

void test('the state is saved whole, for its owner only, and read back', async () => {
  const { files, logDirectory } = await directory('state');
  assert.deepEqual(await files.loadState(), { ok: true, value: undefined });
  assert.ok((await files.saveState('one')).ok);
  assert.ok((await files.saveState('two')).ok);
  assert.deepEqual(await files.loadState(), { ok: true, value: 'two' });
  assert.equal((await stat(join(logDirectory, 'state', 'state.json'))).mode & 0o777, 0o600);
  assert.equal(await readFile(join(logDirectory, 'state', 'state.json'), 'utf8'), 'two');
});

void test('on a real disk: rotated, compressed, shipped over a restart, nothing twice and nothing missing', async () => {
  const { main, files } = await directory('ship');
  const bucket = memoryBucket();
  const clock = fakeClock();
  const host = { ...memoryHost(), ...files };
  const settings = { ...defaultAgentSettings, chunkBytes: 1_000 };
  let written = '';
  let count = 0;
  const write = async (lines: number): Promise<void> => {
    const text = Array.from({ length: lines }, () => line((count += 1))).join('');
    written += text;
    await appendFile(join(main, '0.log'), text);
  };
  const start = (pods: ReturnType<typeof parseState>['pods']) => {
    const shipper = createShipper({
      host,
      s3: () => bucket,
      accesses: accessLog(host, clock),
      clock,
      random: fakeRandom(),
      telemetry: recordedTelemetry(),
      settings,
      state: pods,
    });
    shipper.update(answerOf([podOf('p1')]));
    return shipper;
  };
  const first = start({});
  await write(25);
  await first.scan();
  const saved = first.state();
  await first.ship();
  await first.close();

  // While no agent runs: rotated twice, so that what it was reading is compressed now.
  await write(5);
  await rename(join(main, '0.log'), join(main, '0.log.20260102-030405'));
  await write(7);
  await writeFile(join(main, '0.log.20260102-030405.gz'), gzipSync(await readFile(join(main, '0.log.20260102-030405'))));
  await rm(join(main, '0.log.20260102-030405'));
  await rename(join(main, '0.log'), join(main, '0.log.20260102-040506'));
  await write(3);

  const second = start(saved);
  second.update(answerOf([podOf('p1', { finished: true })]));
  for (let round = 0; round < 12 && second.busy(); round += 1) {
    await second.scan();
    second.state();
    await second.ship();
    await clock.advance(2_000);
  }
  assert.equal(second.busy(), false);
  assert.equal(bucket.joined('logs/p1/main'), written);
});

void test('a directory that cannot be read is a failure, not an empty one', async () => {
  const { main, files } = await directory('locked');
  await writeFile(join(main, '0.log'), 'text');
  await chmod(main, 0o000);
  const answer = await files.listLogFiles(pod);
  await chmod(main, 0o755);
  // root may read everything
  if (process.getuid?.() !== 0) assert.ok(!answer.ok && answer.error.kind === 'Failed');
});

void test('the mount table: devices once, at their shortest path, growable file systems only', () => {
  const table = [
    'overlay / overlay rw,relatime 0 0',
    '/dev/nvme0n1p1 /var/lib/kubelet/pods/x/volume-subpaths/y xfs rw 0 0',
    '/dev/nvme0n1p1 / xfs rw,noatime 0 0',
    '/dev/nvme1n1 /var/lib/with\\040space ext4 rw 0 0',
    '/dev/loop3 /snap/core squashfs ro 0 0',
    'tmpfs /run tmpfs rw 0 0',
    '',
  ].join('\n');
  assert.deepEqual(parseMounts(table), [
    { device: '/dev/nvme0n1p1', path: '/', type: 'xfs' },
    { device: '/dev/nvme1n1', path: '/var/lib/with space', type: 'ext4' },
  ]);
});

async function listed(files: ReturnType<typeof hostFiles>) {
  const answer = await files.listLogFiles(pod);
  return answer.ok ? answer.value : [];
}
