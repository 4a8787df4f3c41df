import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditRecord } from '../../../src/ports/aws/index.ts';
import { type ServerProcess, serverProcess } from '../../controlplane/process.ts';
import type { ControlPlane } from '../../controlplane/start.ts';
import { waitFor } from '../../controlplane/wait.ts';

export const operatorIdentity = { serviceAccount: { namespace: 'elastic-system', name: 'elastic-runtime-operator' } } as const;

export type OperatorOptions = {
  readonly clusterName: string;
  readonly awsEndpoint: string;
  /** Program and first arguments. */
  readonly command: readonly string[];
  readonly kubeconfig: string;
  /** Undefined: no node agents. The same over restarts, as the Service's is. */
  readonly brokerPort: number | undefined;
  readonly leaderElection: boolean;
  readonly logFlushTimeout?: string;
};

export type LogLine = Readonly<Record<string, unknown>> & { readonly level: string; readonly message: string };

/** The operator as a process of its own; its log is kept over its restarts. */
export type OperatorProcess = {
  readonly pid: () => number | undefined;
  readonly logFile: string;
  start(): Promise<void>;
  /** By default as a crash would. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Why it ended by itself. */
  failure(): string | undefined;
  log(): readonly LogLine[];
  audit(): readonly AuditRecord[];
  /** Resident memory in MiB, now. */
  residentMiB(): number;
};

export function operatorProcess(controlPlane: ControlPlane, options: OperatorOptions): OperatorProcess {
  const { directory, binaries, endpoint, caPem } = controlPlane;
  const logFile = join(directory, 'operator.log');
  const flags = [
    `--cluster-name=${options.clusterName}`,
    '--operator-image=elastic-runtime-operator:test',
    '--kubernetes-version=1.35',
    `--cluster-endpoint=${endpoint}`,
    `--cluster-ca=${Buffer.from(caPem).toString('base64')}`,
    '--service-cidr=10.96.0.0/16',
    `--leader-election=${options.leaderElection}`,
    `--aws-endpoint=${options.awsEndpoint}`,
    '--health-address=127.0.0.1:0',
    '--garbage-period=10s',
    `--node-agents=${options.brokerPort !== undefined}`,
    ...(options.brokerPort !== undefined
      ? [
          `--broker-address=127.0.0.1:${options.brokerPort}`,
          `--broker-cert-file=${join(directory, 'serving.crt')}`,
          `--broker-key-file=${join(directory, 'serving.key')}`,
        ]
      : []),
    ...(options.logFlushTimeout === undefined ? [] : [`--log-flush-timeout=${options.logFlushTimeout}`]),
    `--kubeconfig=${options.kubeconfig}`,
  ];
  const child: ServerProcess = serverProcess(binaries.supervise, [...options.command, ...flags], logFile, directory);
  const lines = logReader(logFile);

  return {
    pid: () => child.pid,
    logFile,
    async start() {
      const before = lines().length;
      child.start();
      await waitFor('the operator serves', async () => {
        if (child.failure !== undefined) throw new Error(`the operator ${child.failure}`);
        return lines()
          .slice(before)
          .find(({ message }) => message === 'serving');
      });
    },
    kill: (signal) => child.kill(signal),
    failure: () => child.failure,
    log: lines,
    audit: () => lines().filter((line) => line['audit'] === true) as unknown as readonly AuditRecord[],
    residentMiB() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
    },
  };
}

/** The whole lines of a file that grows, as JSON; what is no JSON (a stack trace of Node's own) is shown as a message. */
function logReader(file: string): () => readonly LogLine[] {
  const lines: LogLine[] = [];
  let offset = 0;
  let rest = '';
  return () => {
    let descriptor: number;
    try {
      descriptor = openSync(file, 'r');
    } catch {
      return lines;
    }
    const buffer = Buffer.alloc(fstatSync(descriptor).size - offset);
    offset += readSync(descriptor, buffer, 0, buffer.length, offset);
    closeSync(descriptor);
    const parts = (rest + buffer.toString('latin1')).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) lines.push(parse(Buffer.from(part, 'latin1').toString()));
    return lines;
  };
}

function parse(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { level: 'none', message: line };
  }
}
