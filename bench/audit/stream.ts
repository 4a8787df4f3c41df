/**
 * The audit stream under load: 25,000 records offered at 5,000 a second into a file and a pipe; then by 100 calls at a time, each of which waits
 * for its record, as many as a file, a pipe, and a pipe whose reader takes 2 MB/s accept. For each: what was accepted, how long a record took, and that the reader has all of them.
 */
import { spawn } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AuditRecord } from '../../src/ports/aws/index.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';

const RATE = 5_000;
const SECONDS = 5;

const record: AuditRecord = {
  time: '2026-12-01T10:00:00.000Z',
  cluster: 'prod',
  namespace: 'finance',
  runtime: 'finance/analytics',
  job: 'finance/nightly-orders',
  phase: 'Run',
  planResource: 'connection:orders',
  rule: 'run-connection-role: the connection names a role of its own, assumed by the worker role',
  identity: 'connectionRole:orders',
  chain: ['agent', 'operator', 'worker', 'orders-reader'].map((role) => `arn:aws:iam::111122223333:role/acme-${role}`),
  sessionName: '01234567.89abcdef.connectionRole=orders',
  action: 's3:GetObject',
  resource: 'arn:aws:s3:::acme-orders/raw/2026/12/01/part-00000.parquet',
  outcome: 'ok',
  durationMs: 12,
};

/** In the child: offers, and says on stderr how it went. */
async function offer(file: string | undefined, rate: number): Promise<void> {
  const telemetry = createTelemetry({ level: 'info', ...(file !== undefined && { auditFile: file }) });
  const waits: number[] = [];
  let failed = 0;
  const one = async (number: number): Promise<void> => {
    const began = performance.now();
    try {
      await telemetry.audit.record({ ...record, requestId: String(number) });
    } catch {
      failed += 1;
    }
    waits.push(performance.now() - began);
  };
  const began = performance.now();
  const calls: Promise<void>[] = [];
  const total = RATE * SECONDS;
  if (rate === 0) {
    for (let from = 0; from < total; from += 100) await Promise.all(Array.from({ length: 100 }, (_, index) => one(from + index)));
  } else {
    while (calls.length < total) {
      const due = Math.min(total, Math.floor(((performance.now() - began) / 1000) * rate));
      while (calls.length < due) calls.push(one(calls.length));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(calls);
  }
  const seconds = (performance.now() - began) / 1000;
  waits.sort((a, b) => a - b);
  const at = (share: number): string => `${(waits[Math.floor(waits.length * share)] ?? 0).toFixed(1)} ms`;
  process.stderr.write(
    `${Math.round((waits.length - failed) / seconds)} records/s accepted, ${failed} failed; a record took ${at(0.5)} (median), ${at(0.99)} (99 %), ${at(0.9999)} (longest)`,
  );
}

async function measure(name: string, rate: number, sink: 'file' | 'quick' | 'slow'): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-audit-'));
  const file = join(directory, 'audit.jsonl');
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'offer', sink === 'file' ? file : '-', String(rate)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  let received = 0;
  if (sink === 'slow') {
    let bytes = 0;
    const began = performance.now();
    for await (const chunk of child.stdout) {
      bytes += (chunk as Buffer).length;
      // Lines, since a chunk ends anywhere.
      received += (chunk as Buffer).toString('latin1').split('\n').length - 1;
      const early = (bytes / 2e6) * 1000 - (performance.now() - began);
      if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
    }
  } else {
    for await (const _line of createInterface({ input: child.stdout })) received += 1;
    if (sink === 'file') for await (const _line of createInterface({ input: createReadStream(file) })) received += 1;
  }
  rmSync(directory, { recursive: true });
  console.log(`${name.padEnd(34)} ${said}; the reader has ${received} of ${RATE * SECONDS}`);
}

if (process.argv[2] === 'offer') {
  await offer(process.argv[3] === '-' ? undefined : process.argv[3], Number(process.argv[4]));
} else {
  await measure('5,000/s, file', RATE, 'file');
  await measure('5,000/s, pipe, quick reader', RATE, 'quick');
  await measure('100 calls at a time, file', 0, 'file');
  await measure('100 calls at a time, pipe', 0, 'quick');
  await measure('100 calls, pipe, reader at 2 MB/s', 0, 'slow');
}
