import { execFile } from 'node:child_process';
import { readFile, realpath, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { FileSystem, HostPort, HostResult } from '../ports/host.ts';
import { err, ok } from '../ports/result.ts';
import { attempt } from './host-files.ts';

export type HostDevicesOptions = {
  /** Mount table of the machine: /proc/1/mounts where its processes are visible. */
  readonly mountTable: string;
  /** Under which its file systems are reached: /proc/1/root */
  readonly root: string;
  /**
   * What goes before a command to run it on the machine, e.g. `nsenter --target 1 --mount --`. Undefined: nothing is run there, so nothing is grown and
   * nothing powered off (an agent started by hand must not end somebody's machine).
   */
  readonly command: readonly string[] | undefined;
};

type Mount = { readonly device: string; readonly path: string; readonly type: string };

const growable: ReadonlySet<string> = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs']);
const commandTimeoutMs = 60_000;
const run = promisify(execFile);

/** The part of the machine that is disks, and its power. */
export function hostDevices(options: HostDevicesOptions): Pick<HostPort, 'fileSystems' | 'growFileSystem' | 'powerOff'> {
  async function mounts(): Promise<readonly Mount[]> {
    return parseMounts(await readFile(options.mountTable, 'utf8'));
  }

  async function onMachine(...command: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
    const [file = '', ...before] = [...(options.command ?? []), ...command];
    try {
      const { stdout } = await run(file, before, { timeout: commandTimeoutMs });
      return { code: 0, output: stdout };
    } catch (thrown) {
      const { code, stdout = '', stderr = '', message } = thrown as { code?: unknown; stdout?: string; stderr?: string; message: string };
      if (typeof code !== 'number') throw new Error(`${command[0]}: ${message}`, { cause: thrown });
      return { code, output: `${stdout}${stderr}`.trim() };
    }
  }

  async function growPartition(device: string): Promise<void> {
    const disk = await diskOf(device);
    if (disk?.partition === undefined) return;
    const { code, output } = await onMachine('growpart', `/dev/${disk.name}`, disk.partition);
    // 1 and NOCHANGE: it is as large as it can be.
    if (code !== 0 && !output.includes('NOCHANGE')) throw new Error(`growpart ${device}: ${output}`);
  }

  async function grow(device: string): Promise<void> {
    const mount = (await mounts()).find((one) => one.device === device);
    if (mount === undefined) throw new Error(`${device} is not mounted`);
    await growPartition(device);
    const command = growCommand(mount);
    const { code, output } = await onMachine(...command);
    if (code !== 0) throw new Error(`${command.join(' ')}: ${output}`);
  }

  return {
    async fileSystems() {
      return await attempt(async () => {
        const found: FileSystem[] = [];
        for (const mount of await mounts()) {
          const one = await attempt(() => describe(mount, options.root));
          if (one.ok) found.push(one.value);
        }
        return found;
      });
    },
    async growFileSystem(device) {
      return options.command === undefined ? unsupported : await attempt(() => grow(device));
    },
    async powerOff() {
      if (options.command === undefined) return unsupported;
      // In order where the machine can; at once where it cannot (https://docs.kernel.org/admin-guide/sysrq.html).
      const ordered = await attempt(() => onMachine('systemctl', 'poweroff'));
      if (ordered.ok && ordered.value.code === 0) return ok(undefined);
      return await attempt(() => writeFile('/proc/sysrq-trigger', 'o'));
    },
  };
}

const unsupported: HostResult<never> = err({ kind: 'Unsupported', message: 'the agent may run nothing on this machine' });

/** Each device once, at its shortest path; binds of the same device are left out. */
export function parseMounts(table: string): readonly Mount[] {
  const byDevice = new Map<string, Mount>();
  for (const line of table.split('\n')) {
    const [device, path, type] = line.split(' ').map(unescapeMount);
    if (device === undefined || path === undefined || type === undefined || !device.startsWith('/dev/') || !growable.has(type)) continue;
    const known = byDevice.get(device);
    if (known === undefined || path.length < known.path.length) byDevice.set(device, { device, path, type });
  }
  return [...byDevice.values()];
}

/** proc(5): spaces and the like are octal escapes. */
function unescapeMount(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

async function describe({ device, path }: Mount, root: string): Promise<FileSystem> {
  const { blocks, bfree, bavail, bsize } = await statfs(join(root, path));
  const used = blocks - bfree;
  const usable = used + bavail;
  const deviceBytes = await sizeOfDisk(device);
  return {
    device,
    mountPath: path,
    sizeBytes: blocks * bsize,
    usedPercent: usable === 0 ? 0 : (used / usable) * 100,
    ...(deviceBytes !== undefined && { deviceBytes }),
  };
}

async function sizeOfDisk(device: string): Promise<number | undefined> {
  const disk = await diskOf(device);
  const sectors = disk && (await attempt(() => readFile(`/sys/class/block/${disk.name}/size`, 'utf8')));
  // Sectors of 512 bytes whatever the disk's own are (Documentation/ABI/stable/sysfs-block).
  return sectors?.ok ? Number(sectors.value) * 512 : undefined;
}

/** The disk of a partition, or the device itself. */
async function diskOf(device: string): Promise<{ readonly name: string; readonly partition?: string } | undefined> {
  const name = basename(await realpath(device).catch(() => device));
  const entry = await realpath(`/sys/class/block/${name}`).catch(() => undefined);
  if (entry === undefined) return undefined;
  const partition = await attempt(() => readFile(join(entry, 'partition'), 'utf8'));
  return partition.ok ? { name: basename(dirname(entry)), partition: partition.value.trim() } : { name };
}

/** An ext file system is named by its device, the others by where they are mounted. */
function growCommand({ device, path, type }: Mount): readonly string[] {
  if (type === 'xfs') return ['xfs_growfs', path];
  return type === 'btrfs' ? ['btrfs', 'filesystem', 'resize', 'max', path] : ['resize2fs', device];
}
