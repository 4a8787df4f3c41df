import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runNodeAgent } from '../../src/agent/controller.ts';
import type { ElasticNode } from '../../src/api/generated/types.ts';
import type { KubernetesObject, Stored } from '../../src/api/kubernetes.ts';
import type { BrokerAnswer, BrokerError } from '../../src/ports/broker.ts';
import type { ApplyOptions, KubernetesPort } from '../../src/ports/kubernetes.ts';
import { err, ok, type Result } from '../../src/ports/result.ts';
import { fakeClock, fakeRandom, recordedTelemetry } from '../machinery/support/fakes.ts';
import { accessLog } from './support/accesses.ts';
import { answerOf, memoryBucket, podOf } from './support/bucket.ts';
import { type MemoryHost, memoryHost } from './support/host.ts';

type Applied = {
  readonly report: NonNullable<ElasticNode['status']>['report'];
  readonly object: ElasticNode;
  readonly options: ApplyOptions;
};

function setup(host: MemoryHost = memoryHost(), clock = fakeClock()) {
  const bucket = memoryBucket();
  const applied: Applied[] = [];
  const world = { answer: ok(answerOf([])) as Result<BrokerAnswer, BrokerError>, polls: 0, reportFails: false };
  const kubernetes: Pick<KubernetesPort, 'apply'> = {
    async apply<T extends KubernetesObject>(_type: unknown, object: T, options: ApplyOptions) {
      if (world.reportFails) return err({ kind: 'Network', message: 'no answer' } as const);
      const node = object as unknown as ElasticNode;
      applied.push({ report: node.status?.report, object: node, options });
      return ok(object as Stored<T>);
    },
  };
  function start() {
    const stop = new AbortController();
    const done = runNodeAgent(
      {
        broker: {
          async poll() {
            world.polls += 1;
            return world.answer;
          },
        },
        host,
        kubernetes,
        s3: () => bucket,
        accesses: accessLog(host, clock),
        clock,
        random: fakeRandom(),
        telemetry: recordedTelemetry(),
      },
      stop.signal,
    );
    return async () => {
      stop.abort();
      await done;
    };
  }
  return { host, clock, bucket, applied, world, start };
}

const disk = { device: '/dev/nvme1n1', mountPath: '/var/lib/kubelet', sizeBytes: 50e9, usedPercent: 10, deviceBytes: 50e9 };

void test('the first report says what is there, as the field manager of the agent, on the status alone', async () => {
  const { host, clock, applied, start } = setup();
  host.fileSystemList = [disk];
  const stop = start();
  await clock.advance(1_000);
  const [first] = applied;
  assert.deepEqual(first?.options, { fieldManager: 'elastic-node-agent', force: true, subresource: 'status' });
  assert.deepEqual(Object.keys(first?.object ?? {}).sort(), ['apiVersion', 'kind', 'metadata', 'status']);
  assert.equal(first?.object.metadata.name, 'analytics-workers-x1');
  assert.deepEqual(applied.at(-1)?.report, {
    time: '2026-01-02T03:04:05Z',
    fileSystems: [{ device: '/dev/nvme1n1', mountPath: '/var/lib/kubelet', sizeBytes: 50e9, usedPercent: 10 }],
  });
  await stop();
});

void test('use is reported on a change of five points, and not on less', async () => {
  const { host, clock, applied, start } = setup();
  host.fileSystemList = [disk];
  const stop = start();
  await clock.advance(10_000);
  const before = applied.length;
  host.fileSystemList = [{ ...disk, usedPercent: 14.9 }];
  await clock.advance(600_000);
  assert.equal(applied.length, before, 'a node where nothing happens writes nothing');
  host.fileSystemList = [{ ...disk, usedPercent: 15.04 }];
  await clock.advance(6_000);
  assert.equal(applied.length, before + 1);
  assert.equal(applied.at(-1)?.report?.fileSystems?.[0]?.usedPercent, 15);
  await stop();
});

void test('a file system is grown when its disk has grown, and its size reported', async () => {
  const { host, clock, applied, start } = setup();
  host.fileSystemList = [disk];
  const stop = start();
  await clock.advance(60_000);
  assert.deepEqual(host.grown, ['/dev/nvme1n1'], 'once at the start');
  host.fileSystemList = [{ ...disk, deviceBytes: 60e9 }];
  await clock.advance(60_000);
  assert.deepEqual(host.grown, ['/dev/nvme1n1', '/dev/nvme1n1']);
  assert.equal(applied.at(-1)?.report?.fileSystems?.[0]?.sizeBytes, 60e9);
  await stop();
});

void test('an interruption is reported within seconds, though an upload hangs', async () => {
  const { host, clock, applied, bucket, world, start } = setup();
  host.container('p1', 'main').write('x'.repeat(2_000_000));
  world.answer = ok(answerOf([podOf('p1')]));
  bucket.putObject = () => new Promise(() => {});
  start();
  await clock.advance(30_000);
  host.notice = { kind: 'SpotInterruption', at: '2026-01-02T03:06:05Z', detail: 'terminate' };
  await clock.advance(6_000);
  assert.deepEqual(applied.at(-1)?.report?.interruption, host.notice);
});

void test('a finished pod is flushed and reported in the time that its job waits for', async () => {
  const { host, clock, applied, bucket, world, start } = setup();
  const log = host.container('p1', 'main');
  world.answer = ok(answerOf([podOf('p1')]));
  const stop = start();
  log.write('working\n');
  await clock.advance(60_000);
  log.write('done\n');
  world.answer = ok(answerOf([podOf('p1', { finished: true })]));
  await clock.advance(20_000);
  assert.equal(bucket.joined('logs/p1/main'), 'working\ndone\n');
  assert.deepEqual(applied.at(-1)?.report?.logs, { p1: { shippedBytes: 13, pendingBytes: 0, missingBytes: 0, flushed: true } });
  world.answer = ok(answerOf([]));
  await clock.advance(120_000);
  assert.equal(applied.at(-1)?.report?.logs, undefined, 'a pod that is gone leaves the report');
  await stop();
});

void test('a pod that is new here is reported within seconds: who ends the node would not wait for its log otherwise', async () => {
  const { host, clock, applied, world, start } = setup();
  const stop = start();
  host.container('p1', 'main').write('first line\n');
  world.answer = ok(answerOf([podOf('p1')]));
  await clock.advance(40_000);
  assert.deepEqual(Object.keys(applied.at(-1)?.report?.logs ?? {}), ['p1']);
  const before = applied.length;
  host.container('p2', 'main').write('first line\n');
  world.answer = ok(answerOf([podOf('p1'), podOf('p2')]));
  await clock.advance(16_000);
  assert.equal(applied.length, before + 1);
  assert.deepEqual(Object.keys(applied.at(-1)?.report?.logs ?? {}), ['p1', 'p2']);
  await stop();
});

void test('bytes shipped are reported once a minute', async () => {
  const { host, clock, applied, world, start } = setup();
  const log = host.container('p1', 'main');
  world.answer = ok(answerOf([podOf('p1')]));
  const stop = start();
  await clock.advance(60_000);
  const before = applied.length;
  for (let second = 0; second < 300; second += 1) {
    log.write('line\n');
    await clock.advance(1_000);
  }
  const reports = applied.length - before;
  assert.ok(reports >= 4 && reports <= 6, `${reports} reports in five minutes`);
  await stop();
});

void test('a report that fails is tried again with patience', async () => {
  const { host, clock, applied, world, start } = setup();
  const stop = start();
  await clock.advance(10_000);
  const before = applied.length;
  world.reportFails = true;
  host.notice = { kind: 'RebalanceRecommendation' };
  await clock.advance(30_000);
  world.reportFails = false;
  await clock.advance(60_000);
  assert.equal(applied.length, before + 1);
  assert.equal(applied.at(-1)?.report?.interruption?.kind, 'RebalanceRecommendation');
  await stop();
});

void test('a pod that the broker has not named brings the next request forward', async () => {
  const { host, clock, world, start } = setup();
  const stop = start();
  await clock.advance(31_000);
  const before = world.polls;
  await clock.advance(5_000);
  assert.equal(world.polls, before);
  host.container('p1', 'main');
  await clock.advance(3_000);
  assert.equal(world.polls, before + 1);
  await stop();
});

void test('after a restart the agent goes on from what it has saved, before the broker has answered', async () => {
  const first = setup();
  const log = first.host.container('p1', 'main');
  first.world.answer = ok(answerOf([podOf('p1')]));
  const stop = first.start();
  log.write('one\n');
  await first.clock.advance(60_000);
  await stop();
  assert.equal(first.host.openHandles(), 0);
  const second = setup(first.host, first.clock);
  second.world.answer = err({ kind: 'Network', message: 'the operator is away' });
  const stopSecond = second.start();
  await second.clock.advance(5_000);
  assert.equal(first.host.openHandles(), 1, 'files are held open again, so that rotation loses none');
  log.rotate();
  log.write('two\n');
  await second.clock.advance(5_000);
  log.keep(0);
  second.world.answer = ok(answerOf([podOf('p1', { finished: true })]));
  await second.clock.advance(60_000);
  assert.equal(first.bucket.joined('logs/p1/main') + second.bucket.joined('logs/p1/main'), 'one\ntwo\n');
  assert.equal(second.applied.at(-1)?.report?.logs?.['p1'] !== undefined, true);
  await stopSecond();
});

void test('a node that nobody renews for its time ends itself; one that is renewed does not', async () => {
  const { host, clock, world, start } = setup();
  const stop = start();
  await clock.advance(2 * 3_600_000);
  assert.equal(host.poweredOff, 0);
  world.answer = err({ kind: 'Unavailable', message: 'status 503' });
  await clock.advance(3_500_000);
  assert.equal(host.poweredOff, 0);
  await clock.advance(160_000);
  assert.ok(host.poweredOff > 0);
  await stop();
});

void test('the time without renewal goes on over restarts of the agent, which first tries once more', async () => {
  const { host, clock, world, start } = setup();
  world.answer = ok(answerOf([], { terminateAfterSeconds: 600 }));
  const stop = start();
  await clock.advance(60_000);
  await stop();
  world.answer = err({ kind: 'Network', message: 'no answer' });
  await clock.advance(900_000);
  const stopSecond = start();
  await clock.advance(60_000);
  assert.equal(host.poweredOff, 0);
  await clock.advance(120_000);
  assert.ok(host.poweredOff > 0);
  await stopSecond();
});

void test('a node whose broker has never answered ends itself after an hour, and a wall clock that jumps ends none', async () => {
  const { host, clock, world, start } = setup();
  world.answer = err({ kind: 'Refused', message: 'status 403' });
  const stop = start();
  await clock.advance(60_000);
  clock.jump(86_400_000);
  await clock.advance(3_400_000);
  assert.equal(host.poweredOff, 0);
  await clock.advance(200_000);
  assert.ok(host.poweredOff > 0);
  await stop();
});

void test('0s switches the protection off', async () => {
  const { host, clock, world, start } = setup();
  world.answer = ok(answerOf([], { terminateAfterSeconds: 0 }));
  const stop = start();
  await clock.advance(60_000);
  world.answer = err({ kind: 'Network', message: 'no answer' });
  await clock.advance(2 * 3_600_000);
  assert.equal(host.poweredOff, 0);
  await stop();
});

void test('a broken state of an earlier run is as good as none', async () => {
  const { host, clock, bucket, world, start } = setup();
  host.savedState = '{"version":1,"pods":{"p1":{}}}';
  host.container('p1', 'main').write('text');
  world.answer = ok(answerOf([podOf('p1', { finished: true })]));
  const stop = start();
  await clock.advance(30_000);
  assert.equal(bucket.joined('logs/p1/main'), 'text');
  await stop();
});
