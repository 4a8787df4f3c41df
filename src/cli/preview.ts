import { gunzipSync } from 'node:zlib';
import { ok, type Result } from '../ports/result.ts';
import { type ClusterFlags, withCluster } from './cluster.ts';
import { askFor, fetchObject, type ObjectsIo, type OpenedObject, userName } from './objects.ts';
import { printable, table } from './table.ts';

export type PreviewArguments = ClusterFlags & {
  readonly job: string;
  readonly connection: string;
  readonly rows: number;
  readonly output: 'table' | 'json';
};

/** More than any few rows are long. */
const headBytes = 256 * 1024;

/**
 * `kubectl-elastic preview JOB CONNECTION`: what lies at a connection's location, and the first rows of the first object with lines in it, read under the identity
 * of the Design rule. Answers the exit code: 0 shown, 1 refused, 2 wrong usage.
 */
export function runPreview(given: PreviewArguments, io: ObjectsIo): Promise<number> {
  return withCluster(given, io, async (cluster) => {
    const person = await userName(cluster);
    const answer = person.ok
      ? await askFor(cluster, io, { kind: 'Preview', job: given.job, connection: given.connection, requestedBy: person.value })
      : person;
    if (!answer.ok) {
      io.stderr(answer.error);
      return 1;
    }
    const { identity, chain, objects, more } = answer.value;
    const read = await firstRows(objects, given.rows, io, identity);
    const first = read.ok ? read.value : undefined;
    if (given.output === 'json') {
      const listed = objects.map(({ name, size }) => ({ name, size }));
      io.stdout(JSON.stringify({ identity, chain, objects: listed, more, ...(first !== undefined && first) }, undefined, 2));
      return said(read, io);
    }
    io.stdout(
      `as ${identity}${chain.length === 0 ? '' : ` (${chain.join(' -> ')})`}: ${objects.length}${more ? ' or more' : ''} object(s)\n`,
    );
    io.stdout(
      table(
        ['BYTES', 'OBJECT'],
        objects.map(({ name, size }) => [String(size), name]),
      ),
    );
    if (first !== undefined) io.stdout(['', first.object, ...first.rows].map(shownLine).join('\n'));
    else if (read.ok && objects.length > 0) io.stdout('\nnone of them holds lines of text: rows of binary formats are not shown');
    return said(read, io);
  });
}

/** What lies there is shown all the same. */
function said(read: Result<unknown, string>, io: ObjectsIo): number {
  if (read.ok) return 0;
  io.stderr(read.error);
  return 1;
}

async function firstRows(
  objects: readonly OpenedObject[],
  rows: number,
  io: ObjectsIo,
  identity: string,
): Promise<Result<{ readonly object: string; readonly rows: readonly string[] } | undefined, string>> {
  for (const object of objects.slice(0, 3)) {
    const { name, size } = object;
    const head = await fetchObject(io, object, identity, Math.min(size, headBytes));
    if (!head.ok) return head;
    const text = textOf(head.value);
    if (text === undefined) continue;
    const lines = text.split(/\r?\n/);
    const whole =
      size <= head.value.byteLength ? lines.filter((line, index) => line !== '' || index < lines.length - 1) : lines.slice(0, -1);
    return ok({ object: name, rows: whole.slice(0, rows) });
  }
  return ok(undefined);
}

/** Undefined for what is no text: a NUL, or bytes that are no UTF-8. */
function textOf(head: Uint8Array): string | undefined {
  const bytes = head[0] === 0x1f && head[1] === 0x8b ? inflated(head) : head;
  if (bytes === undefined || bytes.includes(0)) return undefined;
  // The last character may be cut.
  const text = new TextDecoder('utf-8').decode(bytes);
  return text.slice(0, -4).includes('\uFFFD') ? undefined : text;
}

/** Columns may be parted by tabs. */
function shownLine(line: string): string {
  return line.split('\t').map(printable).join('\t');
}

/** The head of a gzip file has no end: what there is of it is enough. One that grows beyond measure is none to look at. */
function inflated(head: Uint8Array): Uint8Array | undefined {
  try {
    return gunzipSync(head, { finishFlush: 2, maxOutputLength: 64 * headBytes });
  } catch {
    return undefined;
  }
}
