import type { FileSystem, HostPort } from '../ports/host.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export type VolumeWatch = {
  /** The file systems as they are now; undefined where the machine did not tell. */
  look(): Promise<readonly FileSystem[] | undefined>;
};

/**
 * Grows a file system once its disk has grown. Sizes of file system and disk are never equal (metadata), so it is the disk's own change that counts; at the
 * agent's start each is grown once, which does nothing where there is nothing to do.
 */
export function createVolumeWatch(host: HostPort, telemetry: Telemetry): VolumeWatch {
  /** Size of the disk when its file system was last grown. */
  const grownAt = new Map<string, number>();

  async function grow({ device, deviceBytes }: FileSystem): Promise<boolean> {
    if (deviceBytes === undefined || (grownAt.get(device) ?? 0) >= deviceBytes) return false;
    const grown = await host.growFileSystem(device);
    if (!grown.ok && grown.error.kind !== 'Unsupported') {
      telemetry.count('agent_grow_failures_total');
      telemetry.log('warn', 'file system not grown', { device, reason: grown.error.message });
      return false;
    }
    grownAt.set(device, deviceBytes);
    return grown.ok;
  }

  return {
    async look() {
      const before = await host.fileSystems();
      if (!before.ok) return undefined;
      let changed = false;
      for (const fileSystem of before.value) if (await grow(fileSystem)) changed = true;
      if (!changed) return before.value;
      const after = await host.fileSystems();
      return after.ok ? after.value : before.value;
    },
  };
}
