import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../../src/api/kubernetes.ts';
import { labels, operatorNamespace } from '../../../src/api/labels.ts';
import type { AuditRecord } from '../../../src/ports/aws/index.ts';
import { brokerAudience, nodeAgentServiceAccount } from '../../../src/ports/broker.ts';
import { type ServerProcess, serverProcess } from '../../controlplane/process.ts';
import type { ControlPlane } from '../../controlplane/start.ts';
import { retried, waitFor } from '../../controlplane/wait.ts';
import type { Machine } from './joiner.ts';

export type AgentsOptions = {
  /** Program and arguments of a node agent. */
  readonly command: readonly string[];
  readonly awsEndpoint: string;
  /** https://HOST:PORT */
  readonly brokerEndpoint: string;
};

/** The node agents: one process for each machine, with a log directory that is filled as the machine's containers would. */
export type NodeAgents = {
  joined(machine: Machine): void;
  left(machine: Machine): void;
  audit(): Promise<readonly AuditRecord[]>;
  /** What the pods of jobs have written, byte for byte. */
  written(): readonly Written[];
  failure(): unknown;
  close(): Promise<void>;
};

type Running = { readonly directory: string; process?: ServerProcess; gone: boolean };
type Written = { readonly pod: StoredPod; readonly text: string };
type StoredPod = Pod & { readonly metadata: { readonly uid: string; readonly name: string; readonly namespace: string } };

const agentSettings = {
  pollMs: 2_500,
  idlePollMs: 2_500,
  minPollMs: 2_500,
  scanMs: 200,
  watchMs: 1_000,
  chunkMs: 1_000,
  settleMs: 1_000,
  reportMs: 1_000,
};

const linesPerPod = 5;

export function startNodeAgents(controlPlane: ControlPlane, options: AgentsOptions): NodeAgents {
  const running = new Map<string, Running>();
  /** By uid. */
  const written = new Map<string, Written>();
  const logFiles: string[] = [];
  const starting = new Set<Promise<void>>();
  const closing = new AbortController();
  let failure: unknown;
  const filling = fill();

  async function podsOf(query: string): Promise<readonly StoredPod[]> {
    const { body } = await controlPlane.call('GET', `/api/v1/pods?${query}`);
    return (body as { readonly items?: readonly StoredPod[] }).items ?? [];
  }

  async function start(machine: Machine, agent: Running): Promise<void> {
    // The DaemonSet's own pod: its token is bound to it and to the node.
    const selector = encodeURIComponent('app.kubernetes.io/component=node-agent');
    const field = encodeURIComponent(`spec.nodeName=${machine.nodeName}`);
    const pod = await waitFor(`the node agent's pod on ${machine.nodeName}`, async () =>
      agent.gone ? null : (await podsOf(`labelSelector=${selector}&fieldSelector=${field}`))[0],
    );
    if (pod === null || agent.gone) return;
    const { directory } = agent;
    await mkdir(join(directory, 'pods'), { recursive: true });
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name, uid: pod.metadata.uid };
    const account = { namespace: operatorNamespace, name: nodeAgentServiceAccount };
    const brokerToken = await controlPlane.tokenFor(account, { audiences: [brokerAudience], boundObjectRef });
    const token = await controlPlane.tokenFor(account, { boundObjectRef });
    await writeFile(join(directory, 'broker-token'), brokerToken, { mode: 0o600 });
    await writeFile(join(directory, 'kubeconfig'), kubeconfig(controlPlane, token), { mode: 0o600 });
    await writeFile(join(directory, 'mounts'), '');
    if (agent.gone) return;
    const environment = {
      KUBECONFIG: join(directory, 'kubeconfig'),
      NODE_NAME: machine.nodeName,
      ELASTIC_BROKER_URL: options.brokerEndpoint,
      ELASTIC_BROKER_CA: join(controlPlane.directory, 'ca.crt'),
      ELASTIC_BROKER_TOKEN: join(directory, 'broker-token'),
      ELASTIC_LOG_DIRECTORY: join(directory, 'pods'),
      ELASTIC_STATE_FILE: join(directory, 'state.json'),
      ELASTIC_MOUNT_TABLE: join(directory, 'mounts'),
      ELASTIC_AGENT_SETTINGS: JSON.stringify(agentSettings),
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_ENDPOINT_URL: options.awsEndpoint,
    };
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const logFile = join(directory, 'agent.log');
    agent.process = serverProcess(controlPlane.binaries.supervise, ['env', ...variables, ...options.command], logFile, directory);
    logFiles.push(logFile);
    agent.process.start();
  }

  /** Containers write a line now and then while they run; what their last words are, a kubelet would have stored before it says that they ended. */
  async function fill(): Promise<void> {
    while (!closing.signal.aborted) {
      const pods = running.size === 0 ? [] : await podsOf(`labelSelector=${encodeURIComponent(labels.jobUid)}`).catch(() => []);
      for (const pod of pods) await write(pod);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }

  async function write(pod: StoredPod): Promise<void> {
    const agent = running.get(pod.spec.nodeName ?? '');
    if (agent === undefined || !runs(pod)) return;
    const { uid, name, namespace } = pod.metadata;
    const before = written.get(uid)?.text ?? '';
    const lines = before.split('\n').length;
    if (lines > linesPerPod) return;
    // It may have ended since the list was made, and its log been taken for whole.
    const [now] = await podsOf(`fieldSelector=${encodeURIComponent(`metadata.name=${name},metadata.namespace=${namespace}`)}`).catch(
      () => [],
    );
    if (now?.metadata.uid !== uid || !runs(now)) return;
    const directory = join(agent.directory, 'pods', `${namespace}_${name}_${uid}`, 'main');
    const line = `${new Date().toISOString()} stdout F ${name} line ${lines}\n`;
    await mkdir(directory, { recursive: true });
    await appendFile(join(directory, '0.log'), line);
    written.set(uid, { pod: now, text: before + line });
  }

  return {
    joined(machine) {
      const agent: Running = { directory: join(controlPlane.directory, 'nodes', machine.nodeName), gone: false };
      running.set(machine.nodeName, agent);
      const work = retried(`the node agent of ${machine.nodeName} starts`, () => start(machine, agent)).catch((error: unknown) => {
        if (!agent.gone && !closing.signal.aborted) failure ??= error;
      });
      starting.add(work);
    },
    left(machine) {
      const agent = running.get(machine.nodeName);
      if (agent === undefined) return;
      agent.gone = true;
      running.delete(machine.nodeName);
      void agent.process?.kill();
    },
    async audit() {
      const texts = await Promise.all(logFiles.map((file) => readFile(file, 'utf8')));
      return texts.flatMap((text) => text.split('\n').flatMap((line) => auditIn(line)));
    },
    written: () => [...written.values()],
    failure: () => failure,
    async close() {
      closing.abort();
      for (const agent of running.values()) agent.gone = true;
      await Promise.allSettled([...starting, filling]);
      await Promise.all([...running.values()].map((agent) => agent.process?.kill()));
    },
  };
}

function runs({ status, metadata }: StoredPod): boolean {
  return status?.phase === 'Running' && metadata.deletionTimestamp === undefined;
}

function auditIn(line: string): readonly AuditRecord[] {
  if (!line.includes('"audit":')) return [];
  const parsed = JSON.parse(line) as { readonly audit: AuditRecord | true };
  return [parsed.audit === true ? (parsed as unknown as AuditRecord) : parsed.audit];
}

function kubeconfig({ endpoint, caPem }: ControlPlane, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: endpoint, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } }],
    users: [{ name: 'agent', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'agent' } }],
    'current-context': 'test',
  });
}
