import { createAccessLog } from '../agent/accesses.ts';
import { runNodeAgent } from '../agent/controller.ts';
import { defaultAgentSettings } from '../agent/settings.ts';
import { createBrokerHandler } from '../broker/handler.ts';
import type { AuditRecord, Grant } from '../ports/aws/index.ts';
import { type BrokerAnswer, type BrokerClient, type BrokerError, brokerAudience, nodeAgentServiceAccount } from '../ports/broker.ts';
import { type HostPort, type InterruptionNotice, type LogHandle, type LogPod } from '../ports/host.ts';
import { err, ok, type Result } from '../ports/result.ts';
import type { AwsAccount, InstanceState } from './aws/index.ts';
import { kubernetesFor, type PodLog, type SimulatedKubernetes } from './kubernetes/cluster.ts';
import { kindNamed } from './kubernetes/kinds.ts';
import type { SimulatedOperator } from './operator.ts';
import type { SimulatedProcess, World } from './world.ts';

const gib = 1024 ** 3;
const namespace = 'elastic-system';
const dataDevice = '/dev/xvda';

export type SimulatedAgents = {
  readonly audit: readonly AuditRecord[];
  /** What EC2 tells a machine in its metadata. */
  notice(instance: InstanceState, endsAt: number): void;
  /** All that run, at once; their kubelets start them again. */
  crash(): void;
};

type Machine = {
  readonly instance: InstanceState;
  state: string | undefined;
  journal: string;
  fileSystemGiB: number;
  notice: InterruptionNotice | undefined;
};

type Parts = {
  readonly world: World;
  readonly kubernetes: SimulatedKubernetes;
  readonly account: AwsAccount;
  readonly operator: SimulatedOperator;
};

/** One node agent per machine on which its DaemonSet's pod runs: production's agent and broker over machines in memory. */
export function runAgents(parts: Parts): SimulatedAgents {
  const { world, kubernetes } = parts;
  const audit: AuditRecord[] = [];
  const machines = new Map<string, Machine>();
  const running = new Map<string, SimulatedProcess>();
  deployDaemonSet(kubernetes);
  kubernetes.server.store.subscribe((kind, { type, object }) => {
    if (kind.kind !== 'Pod' || !object.metadata.name.startsWith(nodeAgentServiceAccount)) return;
    const { uid, name } = object.metadata;
    const node = String(object.spec?.['nodeName'] ?? '');
    const alive = type !== 'Deleted' && (object.status as { readonly phase?: string } | undefined)?.phase === 'Running';
    if (alive && !running.has(uid)) running.set(uid, start(node, `${namespace}/${name}`));
    if (!alive && running.has(uid)) stop(uid);
  });
  kubernetes.machines.onLost((node) => {
    for (const [uid, process] of running) if (process.name.startsWith(`agent ${node}#`)) stop(uid);
  });

  function stop(uid: string): void {
    running.get(uid)?.crash();
    running.delete(uid);
  }

  function start(node: string, podKey: string): SimulatedProcess {
    const machine = machines.get(node) ?? machineOf(parts, node);
    machines.set(node, machine);
    const process = world.startProcess(`agent ${node}`);
    const settings = { ...defaultAgentSettings, scanMs: 15_000, watchMs: 20_000, pollMs: 20_000, chunkMs: 30_000, minPollMs: 8_000 };
    const telemetry = { log: () => undefined, count: () => undefined, gauge: () => undefined, observeSeconds: () => undefined };
    const host = hostOf(parts, node, machine);
    const sink = { record: (record: AuditRecord) => void audit.push(record) };
    const accesses = createAccessLog({ sink, host, clock: process.clock, random: process.random, telemetry, settings });
    const aws = parts.account.awsFor(process, accesses.audit);
    const broker = brokerClient(parts, process, podKey, (keys) => aws.sts.staticGrant(keys.identity, keys));
    void runNodeAgent(
      {
        broker,
        host,
        kubernetes: kubernetesFor(kubernetes, process),
        s3: () => aws.s3,
        accesses,
        clock: process.clock,
        random: process.random,
        telemetry,
        settings,
      },
      new AbortController().signal,
    );
    // A crashed agent is started again by its kubelet, with the state that it left on the disk.
    process.onCrash(() => {
      const uid = [...running].find(([, other]) => other === process)?.[0];
      if (uid === undefined) return;
      world.schedule(2_000, `${process.name} restarts`, () => {
        if (running.get(uid) === process && kubernetes.machines.state(node) === 'running') running.set(uid, start(node, podKey));
      });
    });
    return process;
  }

  return {
    audit,
    crash() {
      for (const process of running.values()) process.crash();
    },
    notice(instance, endsAt) {
      const machine = machines.get(instance.privateDnsName);
      if (machine !== undefined) machine.notice = { kind: 'SpotInterruption', at: new Date(endsAt).toISOString() };
    },
  };
}

function deployDaemonSet({ server }: SimulatedKubernetes): void {
  server.create(kindNamed('ServiceAccount'), { metadata: { name: nodeAgentServiceAccount, namespace } }, 'helm');
  const labels = { app: nodeAgentServiceAccount };
  server.create(
    kindNamed('DaemonSet'),
    {
      metadata: { name: nodeAgentServiceAccount, namespace },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: nodeAgentServiceAccount,
            hostNetwork: true,
            // Only where the operator has matched the machine to its intent.
            affinity: {
              nodeAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: {
                  nodeSelectorTerms: [{ matchExpressions: [{ key: 'runtime.node-restriction.kubernetes.io/uid', operator: 'Exists' }] }],
                },
              },
            },
            tolerations: [{ operator: 'Exists' }],
            containers: [
              {
                name: 'agent',
                image: 'elastic-runtime-operator:simulated',
                args: ['node-agent'],
                resources: { requests: { cpu: '50m', memory: '96Mi' } },
              },
            ],
          },
        },
      },
    },
    'helm',
  );
}

function machineOf({ account }: Parts, node: string): Machine {
  const instance = account.instances().find(({ privateDnsName }) => privateDnsName === node);
  if (instance === undefined) throw new Error(`no instance is ${node}`);
  return { instance, state: undefined, journal: '', fileSystemGiB: volumeGiB(account, instance), notice: undefined };
}

function volumeGiB(account: AwsAccount, instance: InstanceState): number {
  const volume = instance.volumeIds.map((id) => account.volume(id)).find((found) => found !== undefined);
  return volume === undefined ? 0 : account.volumeSize(volume);
}

function hostOf({ kubernetes, account }: Parts, node: string, machine: Machine): HostPort {
  const logs = (pod: LogPod): readonly PodLog[] => kubernetes.podLogs(node).filter(({ uid }) => uid === pod.uid);
  const fileOf = (log: PodLog): string => log.path.split('/').at(-1) ?? '';
  const idOf = (log: PodLog): string => `${log.uid} ${log.path}`;
  const missing = { kind: 'NotFound', message: 'gone' } as const;
  return {
    async listLogPods() {
      const pods = new Map(kubernetes.podLogs(node).map((log) => [log.uid, { namespace: log.namespace, name: log.pod, uid: log.uid }]));
      return ok([...pods.values()]);
    },
    async listLogFiles(pod) {
      const files = logs(pod).map((log) => ({ container: log.container, file: fileOf(log), id: idOf(log) }));
      return files.length === 0 ? err(missing) : ok(files);
    },
    async openLogFile(pod, file) {
      const log = logs(pod).find((one) => idOf(one) === file.id);
      if (log === undefined) return err(missing);
      const now = (): PodLog => [...logs(pod), ...kubernetes.removedLogs(pod.uid)].find((one) => idOf(one) === file.id) ?? log;
      return ok(handleOf(now, file.id));
    },
    async fileSystems() {
      const usedGiB = 4 + kubernetes.bytesWritten(node) / gib;
      const sizeBytes = machine.fileSystemGiB * gib;
      const usedPercent = Math.min(100, Math.round((usedGiB / machine.fileSystemGiB) * 1000) / 10);
      return ok([{ device: dataDevice, mountPath: '/', sizeBytes, usedPercent, deviceBytes: volumeGiB(account, machine.instance) * gib }]);
    },
    async growFileSystem() {
      machine.fileSystemGiB = volumeGiB(account, machine.instance);
      return ok(undefined);
    },
    interruption: async () => ok(machine.notice),
    async powerOff() {
      account.shutDown(machine.instance.instanceId);
      return ok(undefined);
    },
    loadState: async () => ok(machine.state),
    async saveState(text) {
      machine.state = text;
      return ok(undefined);
    },
    loadJournal: async () => ok(machine.journal),
    async appendJournal(line) {
      machine.journal += line;
      return ok(undefined);
    },
    async saveJournal(text) {
      machine.journal = text;
      return ok(undefined);
    },
  };
}

/** Held open, a file can be read on after it was removed. */
function handleOf(current: () => PodLog, id: string): LogHandle {
  return {
    id,
    size: async () => ok(current().size),
    read: async (offset, maxBytes) => ok(current().read(offset, maxBytes)),
    close: async () => undefined,
  };
}

type SessionKeys = {
  readonly identity: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresAt: number;
  readonly sessionName: string;
  readonly chain: readonly string[];
};

const brokerTimeoutMs = 10_000;

/** The wire between agent and broker: two latencies, and no answer at all where the operator dies in between. */
function brokerClient(
  { world, kubernetes, operator }: Parts,
  process: SimulatedProcess,
  podKey: string,
  seal: (keys: SessionKeys) => Grant,
): BrokerClient {
  const brokers = new WeakMap<SimulatedProcess, ReturnType<typeof createBrokerHandler>>();
  let held: { readonly accessKeyId: string; readonly grant: Grant } | undefined;

  function handlerOf(current: ReturnType<SimulatedOperator['current']>): ReturnType<typeof createBrokerHandler> {
    const known = brokers.get(current.process);
    if (known !== undefined) return known;
    const { context } = current.operator;
    const { stores } = context;
    const made = createBrokerHandler({
      kubernetes: context.kubernetes,
      lookup: {
        node: (name) => stores.nodes.get(name),
        elasticNodes: (providerID) => stores.elasticNodes.byIndex('providerID', providerID),
        runtime: (key) => stores.runtimes.get(`${key.namespace}/${key.name}`),
        pods: (node) => stores.pods.byIndex('node', node),
        jobs: (key) => stores.jobs.byIndex('runtime', `${key.namespace}/${key.name}`),
      },
      obtain: (request) => context.grants.obtain(request),
      clock: current.process.clock,
      telemetry: context.telemetry,
    });
    brokers.set(current.process, made);
    return made;
  }

  async function ask(token: string): Promise<Result<BrokerAnswer, BrokerError>> {
    const current = operator.current();
    if (!current.process.alive()) return err({ kind: 'Network', message: 'connection refused' });
    const reply = await handlerOf(current).handle({ token, peer: process.name });
    if (reply.status !== 200)
      return err({ kind: reply.status === 429 ? 'RateLimited' : reply.status === 503 ? 'Unavailable' : 'Refused', message: reply.reason });
    const { grant } = reply.answer;
    const keys = await current.operator.context.aws(reply.answer.region).sts.exportGrant(grant);
    if (keys === undefined) return err({ kind: 'Unavailable', message: 'the grant has ended' });
    if (held?.accessKeyId !== keys.accessKeyId) {
      held = {
        accessKeyId: keys.accessKeyId,
        grant: seal({ ...keys, identity: grant.identity, expiresAt: grant.expiresAt, sessionName: grant.sessionName, chain: grant.chain }),
      };
    }
    return ok({ ...reply.answer, grant: held.grant });
  }

  return {
    poll: () =>
      new Promise((resolve) => {
        const token = kubernetes.tokens.project(podKey, brokerAudience, 3600);
        if (!token.ok) {
          resolve(err({ kind: 'Network', message: 'no token yet' }));
          return;
        }
        const cancel = process.clock.after(brokerTimeoutMs, () => resolve(err({ kind: 'Network', message: 'no answer' })));
        world.schedule(3, `${process.name} asks the broker`, () => {
          void ask(token.value.token).then((answer) => {
            world.schedule(3, `${process.name} hears the broker`, () => {
              cancel();
              if (process.alive()) resolve(answer);
            });
          });
        });
      }),
  };
}
