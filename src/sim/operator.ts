import { createApiPace } from '../controllers/api-pace.ts';
import { createOperator, type Operator } from '../controllers/start.ts';
import type { AuditRecord } from '../ports/aws/index.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { AwsAccount } from './aws/index.ts';
import { kubernetesFor, type SimulatedKubernetes } from './kubernetes/cluster.ts';
import { simulatedSealer } from './sealer.ts';
import { simulatedSettings } from './settings.ts';
import type { SimulatedProcess, World } from './world.ts';

export type SimulatedOperator = {
  /** The incarnation that runs now. */
  current(): { readonly process: SimulatedProcess; readonly operator: Operator };
  /** Audit of all incarnations, in order. */
  readonly audit: readonly AuditRecord[];
  /** Incarnations that died: calls they made may have left no audit record. */
  readonly died: ReadonlySet<string>;
  readonly logs: readonly string[];
  /** As last set, by name and labels: `plan_gap_ratio {"runtime":"finance/analytics"}` */
  readonly gauges: ReadonlyMap<string, number>;
};

/** How long a cluster takes to start a crashed pod again. */
const restartMs = 3_000;

/** Runs the operator's controllers as a process of the world, and starts them anew whenever they die. */
export function runOperator(
  world: World,
  kubernetes: SimulatedKubernetes,
  account: AwsAccount,
  options: { readonly nodeAgents: boolean; readonly keepLogs?: boolean },
): SimulatedOperator {
  const audit: AuditRecord[] = [];
  const died = new Set<string>();
  const logs: string[] = [];
  const gauges = new Map<string, number>();
  let current = start();

  function start(): { readonly process: SimulatedProcess; readonly operator: Operator } {
    const process = world.startProcess('operator');
    const voice = telemetry(world, process, { gauges, logs: options.keepLogs === true ? logs : undefined });
    const pace = createApiPace({ clock: process.clock, random: process.random, telemetry: voice });
    const operator = createOperator({
      pace,
      kubernetes: kubernetesFor(kubernetes, process),
      aws: (auditPort) => {
        const ports = new Map<string, ReturnType<AwsAccount['awsFor']>>();
        return (region) => {
          const port = ports.get(region) ?? account.awsFor(process, auditPort, region, pace);
          ports.set(region, port);
          return port;
        };
      },
      sealer: simulatedSealer,
      clock: process.clock,
      random: process.random,
      telemetry: voice,
      audit: { record: (record) => void audit.push(record) },
      settings: simulatedSettings(options.nodeAgents),
      instance: process.name,
    });
    process.onCrash(() => {
      died.add(process.name);
      world.schedule(restartMs, 'operator restarts', () => {
        current = start();
      });
    });
    const { signal } = new AbortController();
    void operator.runStores(signal);
    void operator.runControllers(signal);
    return { process, operator };
  }

  return { current: () => current, audit, died, logs, gauges };
}

function telemetry(
  world: World,
  process: SimulatedProcess,
  { gauges, logs }: { readonly gauges: Map<string, number>; readonly logs: string[] | undefined },
): Telemetry {
  return {
    log(level, message, fields) {
      if (fields?.['error'] instanceof Error && level === 'error') world.trace.add(`${process.name} error ${fields['error'].message}`);
      logs?.push(
        `${world.now()} ${process.name} ${level} ${message} ${JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.stack : value))}`,
      );
    },
    count: () => undefined,
    gauge: (name, value, labels = {}) => void gauges.set(`${name} ${JSON.stringify(labels)}`, value),
    observeSeconds: () => undefined,
  };
}
