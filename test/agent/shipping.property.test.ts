import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { defaultAgentSettings } from '../../src/agent/settings.ts';
import { createShipper, type Shipper } from '../../src/agent/shipper.ts';
import { formatState, parseState } from '../../src/agent/state.ts';
import { type FakeClock, fakeClock, fakeRandom, recordedTelemetry } from '../machinery/support/fakes.ts';
import { accessLog } from './support/accesses.ts';
import { answerOf, type Bucket, memoryBucket, noAnswer, podOf } from './support/bucket.ts';
import { type ContainerDirectory, type MemoryHost, memoryHost } from './support/host.ts';

const settings = { ...defaultAgentSettings, chunkBytes: 200, chunkMs: 1_000, settleMs: 2_000, backoff: { baseMs: 500, maxMs: 2_000 } };

type Step =
  | { readonly do: 'write'; readonly lines: number }
  | { readonly do: 'rename' | 'reopen' | 'rotate' | 'restart' | 'scan' | 'save' | 'ship' | 'crash' | 'switch' }
  | { readonly do: 'remove'; readonly kept?: number }
  | { readonly do: 'fault'; readonly when: 'before' | 'after' }
  | { readonly do: 'pause'; readonly ms: number };

function steps(...extra: readonly Step['do'][]): fc.Arbitrary<readonly Step[]> {
  const simple = (...names: readonly string[]): fc.Arbitrary<Step> => fc.constantFrom(...names).map((name) => ({ do: name }) as Step);
  return fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 1, max: 9 }).map((lines): Step => ({ do: 'write', lines })) },
      { weight: 3, arbitrary: simple('rename', 'reopen', 'rotate', 'switch') },
      { weight: 1, arbitrary: simple('restart') },
      { weight: 8, arbitrary: simple('scan', 'save', 'ship') },
      { weight: 2, arbitrary: fc.constantFrom('before', 'after').map((when): Step => ({ do: 'fault', when })) },
      { weight: 3, arbitrary: fc.integer({ min: 200, max: 4_000 }).map((ms): Step => ({ do: 'pause', ms })) },
      ...(extra.length > 0 ? [{ weight: 4, arbitrary: simple(...extra) }] : []),
    ),
    { minLength: 1, maxLength: 60 },
  );
}

type Run = {
  readonly host: MemoryHost;
  readonly bucket: Bucket;
  readonly clock: FakeClock;
  readonly log: ContainerDirectory;
  shipper: Shipper;
  lines: number;
};

function start(run: Omit<Run, 'shipper' | 'lines'>, finished = false): Shipper {
  const state = parseState(run.host.savedState);
  const { host, clock, bucket } = run;
  const shipper = createShipper({
    host,
    s3: () => bucket,
    accesses: accessLog(host, clock),
    clock,
    random: fakeRandom(),
    telemetry: recordedTelemetry(),
    settings,
    state: state.pods,
  });
  shipper.update(answerOf([podOf('p1', { finished })]));
  return shipper;
}

async function save({ shipper, host }: Run): Promise<void> {
  await host.saveState(formatState({ version: 1, renewal: undefined, pods: shipper.state() }));
}

async function take(run: Run, step: Step): Promise<void> {
  switch (step.do) {
    case 'write':
      for (let count = 0; count < step.lines; count += 1) run.log.write(line((run.lines += 1)));
      return;
    case 'rename':
      return run.log.rename();
    case 'reopen':
      return run.log.reopen();
    case 'rotate':
      return run.log.rotate();
    case 'restart':
      return run.log.restart();
    case 'remove':
      return run.log.keep(step.kept ?? 0);
    case 'scan':
      return run.shipper.scan();
    case 'save':
      return save(run);
    case 'ship':
      // As the controller does: what is shipped was saved before.
      await run.shipper.scan();
      await save(run);
      await run.shipper.ship();
      return;
    case 'switch': {
      run.log.reopen();
      // Kubelet rotates what is large, never an empty file.
      run.log.write(line((run.lines += 1)));
      const finishSwitch = run.log.switchLate(line((run.lines += 1)), line((run.lines += 1)));
      await take(run, { do: 'ship' });
      return finishSwitch();
    }
    case 'crash':
      run.shipper = start(run);
      return;
    case 'fault':
      run.bucket.faults.push({ when: step.when, error: noAnswer });
      return;
    case 'pause':
      return run.clock.advance(step.ms);
  }
}

/** As the container runtime writes it: a time first, so that no two lines are equal. */
function line(count: number): string {
  return `2026-01-02T03:04:05.${String(count).padStart(9, '0')}Z stdout F line ${count} ${'x'.repeat(count % 40)}\n`;
}

function linesOf(text: string): readonly number[] {
  return [...text.matchAll(/Z stdout F line (\d+) x*\n/g)].map(([, count]) => Number(count));
}

async function runSteps(script: readonly Step[]): Promise<Run> {
  const host = memoryHost();
  const parts = { host, bucket: memoryBucket(), clock: fakeClock(), log: host.container('p1', 'main') };
  const run: Run = { ...parts, shipper: start(parts), lines: 0 };
  for (const step of script) await take(run, step);
  return run;
}

async function finish(run: Run): Promise<void> {
  run.log.reopen();
  run.bucket.faults.length = 0;
  run.shipper.update(answerOf([podOf('p1', { finished: true })]));
  for (let round = 0; round < 60 && run.shipper.busy(); round += 1) {
    await take(run, { do: 'ship' });
    await run.clock.advance(2_000);
  }
  assert.equal(run.shipper.busy(), false, 'the log is flushed');
  const [report] = Object.values(run.shipper.report());
  assert.deepEqual({ pending: report?.pendingBytes, flushed: report?.flushed }, { pending: 0, flushed: true });
}

void test('whatever is written, rotated, shipped, refused and crashed: the chunks joined are what was written', async () => {
  await fc.assert(
    fc.asyncProperty(steps('crash'), async (script) => {
      const run = await runSteps(script);
      await finish(run);
      assert.equal(run.bucket.joined('logs/p1/main'), run.log.written());
      assert.equal(Object.values(run.shipper.report())[0]?.shippedBytes, Buffer.byteLength(run.log.written()));
    }),
    { seed: 41, numRuns: 500 },
  );
});

void test('files removed while they are held open are shipped all the same', async () => {
  await fc.assert(
    fc.asyncProperty(steps(), async (script) => {
      // The agent looks after every step, as it does every two seconds; kubelet keeps the newest files only.
      const watched = script.flatMap((step): readonly Step[] => [step, { do: 'scan' }, { do: 'remove', kept: 2 }]);
      const rotations = script.filter(({ do: name }) => name === 'rotate' || name === 'rename' || name === 'switch').length;
      fc.pre(rotations <= 8);
      const run = await runSteps(watched);
      await finish(run);
      assert.equal(run.bucket.joined('logs/p1/main'), run.log.written());
    }),
    { seed: 42, numRuns: 400 },
  );
});

void test('what kubelet removes while the agent is down is missing; nothing is there twice or out of order', async () => {
  let gaps = 0;
  await fc.assert(
    fc.asyncProperty(steps('crash', 'remove'), async (script) => {
      const run = await runSteps(script);
      await finish(run);
      const numbers = linesOf(run.bucket.joined('logs/p1/main'));
      assert.deepEqual(
        numbers,
        [...new Set(numbers)].sort((one, other) => one - other),
      );
      const everShipped = new Set(run.bucket.puts.flatMap(({ request }) => linesOf(Buffer.from(request.body).toString())));
      assert.deepEqual(everShipped.difference(new Set(numbers)), new Set(), 'what was in the bucket once is there at the end');
      if (numbers.length < run.lines) gaps += 1;
    }),
    { seed: 43, numRuns: 500 },
  );
  assert.ok(gaps > 10, 'the runs do lose files');
});
