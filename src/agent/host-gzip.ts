import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { HostResult, LogHandle } from '../ports/host.ts';
import { err, ok } from '../ports/result.ts';

/**
 * A log that kubelet has compressed, read as what it was. Needed only where it was rotated twice while no agent ran. Read forwards in one go; going back
 * begins anew, so that no file is ever whole in memory.
 */
export function gunzipped(file: FileHandle, id: string): LogHandle {
  let reader: Reader | undefined;

  return {
    id,
    async size() {
      return await attemptRead(async () => {
        // RFC 1952: the last four bytes are the length of what was compressed, modulo 2^32.
        const { size } = await file.stat();
        const trailer = Buffer.alloc(4);
        await file.read(trailer, 0, 4, Math.max(0, size - 4));
        return trailer.readUInt32LE(0);
      });
    },
    async read(offset, maxBytes) {
      return await attemptRead(async () => {
        if (reader === undefined || reader.offset > offset) {
          reader?.end();
          reader = openReader(file);
        }
        const current = reader;
        // One that has failed is of no more use.
        reader = undefined;
        await current.read(offset - current.offset, false);
        const bytes = await current.read(maxBytes, true);
        reader = current;
        return bytes;
      });
    },
    async close() {
      reader?.end();
      await file.close();
    },
  };
}

type Reader = { readonly offset: number; read(bytes: number, keep: boolean): Promise<Buffer>; end(): void };

function openReader(file: FileHandle): Reader {
  const source = Readable.from(blocks(file));
  const unzipped = source.pipe(createGunzip());
  source.on('error', (error) => unzipped.destroy(error));
  const chunks = unzipped[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0;
  return {
    get offset() {
      return offset;
    },
    async read(bytes, keep) {
      const kept: Buffer[] = [];
      let wanted = bytes;
      while (wanted > 0) {
        if (rest.length === 0) {
          const next = await chunks.next();
          if (next.done === true) break;
          rest = next.value as Buffer;
        }
        const taken = rest.subarray(0, wanted);
        rest = rest.subarray(taken.length);
        wanted -= taken.length;
        if (keep) kept.push(taken);
      }
      offset += bytes - wanted;
      return Buffer.concat(kept);
    },
    end() {
      source.destroy();
      unzipped.destroy();
    },
  };
}

/** A stream of the handle's own would close it at its end. */
async function* blocks(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const buffer = Buffer.alloc(blockBytes);
    const { bytesRead } = await file.read(buffer, 0, blockBytes, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

const blockBytes = 65_536;

async function attemptRead<T>(call: () => Promise<T>): Promise<HostResult<T>> {
  try {
    return ok(await call());
  } catch (thrown) {
    return err({ kind: 'Failed', message: thrown instanceof Error ? thrown.message : String(thrown) });
  }
}
