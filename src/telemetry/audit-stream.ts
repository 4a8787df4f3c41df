import type { AuditPort } from '../ports/aws/audit.ts';
import type { Clock } from '../ports/clock.ts';

/** Where lines end up. `write` takes some of the bytes (at least one) and answers how many, or throws an error with a `code`. */
export type AuditSink = {
  /** Shown in messages: `stdout`, or the file's path. */
  readonly name: string;
  /** Most bytes of one write. A single longer line is handed over whole all the same. */
  readonly batchBytes: number;
  write(bytes: Buffer): number | Promise<number>;
  /** Writes all of it at once, as well as it can: the process ends. */
  writeSync?(bytes: Buffer): void;
};

export type AuditStream = Required<AuditPort> & {
  /** Records that wait to be written. */
  pending(): number;
  /** Resolves when nothing waits, or after `patienceMs`. */
  flush(): Promise<void>;
  /** Writes what waits, synchronously: for the `exit` event. A record under way may then be there twice. */
  drain(): void;
};

export type AuditStreamOptions = {
  readonly sink: AuditSink;
  readonly clock: Clock;
  readonly lineOf: (record: Parameters<AuditPort['record']>[0]) => string;
  /** How long a call waits for its record to be written before it fails. Default 10 s. */
  readonly patienceMs?: number;
  /** So many records may wait; then no call is made. Calls under way are far fewer. Default 10,000. */
  readonly mostPending?: number;
  readonly onState?: (state: { readonly pending: number; readonly refusal: string | undefined }) => void;
};

type Waiting = { readonly line: string; readonly done: () => void; readonly cancel: () => void };

/** A reader that is slow for a moment (EAGAIN) is asked again soon; a disk that is full is not worth asking all the time. */
const busyMs = 5;
const brokenMs = 1_000;

/**
 * Records in order, each line whole, none lost: `record` resolves when its line is written, so a slow reader slows the calls down. Where nothing can
 * be written (a full disk, a closed pipe) calls under way fail after `patienceMs`, further ones are refused before they are made, and what waits is
 * written as soon as the sink takes it again.
 */
export function createAuditStream(options: AuditStreamOptions): AuditStream {
  const { sink, clock, lineOf } = options;
  const patienceMs = options.patienceMs ?? 10_000;
  const mostPending = options.mostPending ?? 10_000;
  let queue: Waiting[] = [];
  /** Being written: the rest of a batch that the sink took in part. */
  let underWay: { readonly batch: readonly Waiting[]; rest: Buffer } | undefined;
  let pumping = false;
  let broken: string | undefined;
  let idlers: (() => void)[] = [];

  function pending(): number {
    return queue.length + (underWay?.batch.length ?? 0);
  }

  function refusal(): string | undefined {
    if (broken !== undefined) return `${sink.name}: ${broken}; ${pending()} record(s) wait`;
    return pending() >= mostPending ? `${sink.name} does not keep up: ${pending()} record(s) wait` : undefined;
  }

  function tell(): void {
    options.onState?.({ pending: pending(), refusal: refusal() });
  }

  function nextBatch(): NonNullable<typeof underWay> | undefined {
    let bytes = 0;
    let count = 0;
    for (const { line } of queue) {
      const size = Buffer.byteLength(line);
      if (count > 0 && bytes + size > sink.batchBytes) break;
      bytes += size;
      count += 1;
    }
    if (count === 0) return undefined;
    const batch = queue.slice(0, count);
    queue = queue.slice(count);
    return { batch, rest: Buffer.from(batch.map(({ line }) => line).join('')) };
  }

  function took(bytes: number): void {
    if (underWay === undefined) return;
    broken = undefined;
    underWay.rest = underWay.rest.subarray(bytes);
    if (underWay.rest.length > 0) return;
    const { batch } = underWay;
    underWay = undefined;
    for (const { done } of batch) done();
  }

  /** Milliseconds to wait before the next try. */
  function failed(error: unknown): number {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EAGAIN') return busyMs;
    broken = code ?? message;
    return brokenMs;
  }

  /** Goes on without a pause of its own as long as the sink answers at once. */
  function pump(): void {
    if (pumping) return;
    pumping = true;
    for (;;) {
      underWay ??= nextBatch();
      if (underWay === undefined) break;
      try {
        const answer = sink.write(underWay.rest);
        if (typeof answer !== 'number') {
          void answer.then(took, failed).then((waitMs) => {
            tell();
            again(waitMs ?? 0);
          });
          return;
        }
        took(answer);
      } catch (error) {
        again(failed(error));
        tell();
        return;
      }
    }
    pumping = false;
    tell();
    for (const idler of idlers.splice(0)) idler();
  }

  function again(waitMs: number): void {
    const go = (): void => {
      pumping = false;
      pump();
    };
    if (waitMs === 0) go();
    else clock.after(waitMs, go);
  }

  return {
    pending,
    refusal,
    record(record) {
      const line = `${lineOf(record)}\n`;
      return new Promise((resolve, reject) => {
        let settled = false;
        const cancel = clock.after(patienceMs, () => {
          settled = true;
          reject(
            new Error(
              `${sink.name}: ${broken ?? `not written within ${patienceMs / 1000} s`}; the record is kept and written as soon as that is possible`,
            ),
          );
        });
        queue.push({
          line,
          cancel,
          done: () => {
            cancel();
            if (!settled) resolve();
          },
        });
        pump();
      });
    },
    flush() {
      if (pending() === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const cancel = clock.after(patienceMs, resolve);
        idlers.push(() => {
          cancel();
          resolve();
        });
      });
    },
    drain() {
      const rest = [underWay?.rest ?? Buffer.alloc(0), Buffer.from(queue.map(({ line }) => line).join(''))];
      for (const { cancel } of [...(underWay?.batch ?? []), ...queue]) cancel();
      queue = [];
      underWay = undefined;
      const bytes = Buffer.concat(rest);
      if (bytes.length > 0) sink.writeSync?.(bytes);
      idlers = [];
    },
  };
}
