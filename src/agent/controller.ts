import type { S3Port } from '../ports/aws/index.ts';
import type { BrokerAnswer, BrokerClient } from '../ports/broker.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { FileSystem, HostPort, InterruptionNotice } from '../ports/host.ts';
import type { KubernetesPort } from '../ports/kubernetes.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { AccessLog } from './accesses.ts';
import { createInterruptionWatch } from './interruption.ts';
import { createLoop } from './loop.ts';
import { createRenewal } from './renewal.ts';
import { createReporter } from './report.ts';
import { type AgentSettings, defaultAgentSettings } from './settings.ts';
import { createShipper } from './shipper.ts';
import { formatState, parseState } from './state.ts';
import { createVolumeWatch } from './volumes.ts';

export type AgentOptions = {
  readonly broker: BrokerClient;
  readonly host: HostPort;
  readonly kubernetes: Pick<KubernetesPort, 'apply'>;
  readonly s3: (region: string) => Pick<S3Port, 'putObject'>;
  /** Of the calls of `s3`. */
  readonly accesses: AccessLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly settings?: Partial<AgentSettings>;
};

/**
 * The node agent, until `signal` aborts: asks the broker who it is and what runs here, ships logs, watches disks and notices, reports, and ends the node
 * when nobody renews it. Four loops, so that a slow upload holds up no interruption notice.
 */
export async function runNodeAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const { host, accesses, clock, random, telemetry } = options;
  const settings = { ...defaultAgentSettings, ...options.settings };
  const loaded = await host.loadState();
  if (!loaded.ok) telemetry.log('warn', 'no state of an earlier run', { reason: loaded.error.message });
  await accesses.restore();
  const restored = parseState(loaded.ok ? loaded.value : undefined);
  let saved = '';
  let wantsPoll = false;
  let polledAt = Number.NEGATIVE_INFINITY;

  const renewal = createRenewal(clock, restored.renewal, settings.terminateAfterMs);
  const shipper = createShipper({ host, s3: options.s3, accesses, clock, random, telemetry, settings, state: restored.pods });
  const reporter = createReporter({ kubernetes: options.kubernetes, clock, telemetry, random, settings });
  const interruptions = createInterruptionWatch(host, telemetry);
  const volumes = createVolumeWatch(host, telemetry);
  let answer: BrokerAnswer | undefined;
  let fileSystems: readonly FileSystem[] = [];
  let interruption: InterruptionNotice | undefined;

  const polling = createLoop({ name: 'poll', clock, telemetry, retryMs: settings.pollMs, turn: poll });
  const shipping = createLoop({ name: 'ship', clock, telemetry, retryMs: settings.scanMs, turn: ship });
  const watching = createLoop({ name: 'watch', clock, telemetry, retryMs: settings.watchMs, turn: watch });
  const reporting = createLoop({ name: 'report', clock, telemetry, retryMs: settings.watchMs, turn: report });
  await Promise.all([polling, shipping, watching, reporting].map((loop) => loop.run(signal)));
  await save();
  await shipper.close();

  async function poll(): Promise<number> {
    polledAt = clock.monotonic();
    wantsPoll = false;
    const polled = await options.broker.poll();
    telemetry.count('agent_polls_total', { outcome: polled.ok ? 'ok' : polled.error.kind });
    if (polled.ok) {
      answer = polled.value;
      renewal.renewed(answer.terminateAfterSeconds * 1000);
      shipper.update(answer);
      shipping.wake();
      return shipper.busy() ? settings.pollMs : settings.idlePollMs;
    }
    telemetry.log('warn', 'the broker did not answer', { reason: `${polled.error.kind}: ${polled.error.message}` });
    if (renewal.expired()) await endNode();
    return Math.max(settings.pollMs, (polled.error.retryAfterSeconds ?? 0) * 1000);
  }

  async function endNode(): Promise<void> {
    telemetry.log('error', 'the operator has not renewed this node in time: it ends itself');
    const ended = await host.powerOff();
    if (!ended.ok) telemetry.log('error', 'the node could not be powered off', { reason: ended.error.message });
  }

  async function ship(): Promise<number> {
    await shipper.scan();
    await save();
    const { needsSession, newPod } = await shipper.ship();
    wantsPoll ||= needsSession || newPod;
    if (wantsPoll && clock.monotonic() - polledAt >= settings.minPollMs) polling.wake();
    reporting.wake();
    return settings.scanMs;
  }

  async function save(): Promise<void> {
    const text = formatState({ version: 1, renewal: renewal.state(), pods: shipper.state() });
    if (text === saved) return;
    const written = await host.saveState(text);
    if (written.ok) saved = text;
    else telemetry.log('warn', 'state not saved', { reason: written.error.message });
  }

  async function watch(): Promise<number> {
    interruption = await interruptions.look();
    fileSystems = (await volumes.look()) ?? fileSystems;
    reporting.wake();
    return settings.watchMs;
  }

  async function report(): Promise<number> {
    if (answer !== undefined)
      await reporter.report(answer.node, { fileSystems, interruption, logs: shipper.report(), accesses: shipper.accesses() });
    return settings.watchMs;
  }
}
