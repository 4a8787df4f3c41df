import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Binaries, ensureBinaries } from './binaries.ts';
import { type ComponentName, componentCommands, componentNames, componentUsers } from './components.ts';
import { makeDirectory } from './directory.ts';
import { makeCredentialFiles } from './kubeconfig.ts';
import { type FakeNode, kwokConfiguration, kwokRoles, nodeManifest } from './kwok.ts';
import { freePorts } from './ports.ts';
import { type CommandResult, runCommand, type ServerProcess, serverProcess } from './process.ts';
import { type Answer, apiClient, type Impersonated } from './request.ts';
import { waitFor } from './wait.ts';

export type { ComponentName } from './components.ts';
export type { FakeNode } from './kwok.ts';
export type { CommandResult } from './process.ts';
export type { Answer } from './request.ts';

/** Who talks to the API server: a user with a client certificate, or a ServiceAccount with a token of one hour. */
export type Identity =
  | { readonly user: string; readonly groups?: readonly string[] }
  | { readonly serviceAccount: { readonly namespace: string; readonly name: string } };

export interface ControlPlaneOptions {
  /** Where the API server listens; default 127.0.0.1. */
  readonly address?: string;
  /** Issuer of the ServiceAccounts' tokens; default https://kubernetes.default.svc.cluster.local */
  readonly issuer?: string;
  /** Audiences of the API server itself; default: the issuer. */
  readonly audiences?: readonly string[];
  readonly apiServerFlags?: readonly string[];
  readonly controllerManagerFlags?: readonly string[];
}

interface TokenOptions {
  /** Default: those of the API server. */
  readonly audiences?: readonly string[];
  /** At least 600; default 3600. */
  readonly expirationSeconds?: number;
  /** Binds the token to a pod or another object. */
  readonly boundObjectRef?: { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid?: string };
}

interface CommandOptions {
  readonly stdin?: string;
  /** Default: the administrator. */
  readonly as?: Identity;
}

export interface ControlPlane {
  /** https://address:port */
  readonly endpoint: string;
  readonly caPem: string;
  readonly issuer: string;
  /** The administrator's. */
  readonly kubeconfigPath: string;
  /** Certificates, kubeconfigs, data and `<component>.log`; gone after stop. */
  readonly directory: string;
  readonly binaries: Binaries;
  /** Writes a kubeconfig file (once for each identity) and returns its path. */
  kubeconfigFor(identity: Identity): Promise<string>;
  tokenFor(serviceAccount: { readonly namespace: string; readonly name: string }, options?: TokenOptions): Promise<string>;
  /** The keys that sign ServiceAccounts' tokens, as the API server publishes them. */
  jwks(): Promise<{ readonly keys: readonly Readonly<Record<string, string>>[] }>;
  /** One call as the administrator, or as somebody else by his leave, without kubectl: every answer is returned, whatever its status. */
  call(method: string, path: string, body?: unknown, as?: Impersonated): Promise<Answer>;
  /** Never throws; `code` is the program's. */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  helm(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Registers a node that kwok runs; nothing where it is there already. It becomes Ready soon after; its Lease is renewed every ten seconds. */
  joinNode(node: FakeNode): Promise<void>;
  /** Nothing where it is gone already. */
  deleteNode(name: string): Promise<void>;
  /** The process ids of what runs. */
  pids(): Readonly<Partial<Record<ComponentName, number>>>;
  /** Ends a component, by default as a crash would, and waits until it is gone. */
  kill(component: ComponentName, signal?: NodeJS.Signals): Promise<void>;
  /** Starts a component that was killed; for etcd and the API server, waits until the API server is ready. */
  start(component: ComponentName): Promise<void>;
  restart(component: ComponentName): Promise<void>;
  /** Ends every process and removes the directory. */
  stop(): Promise<void>;
}

/**
 * A whole Kubernetes control plane as child processes: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and kwok in place of
 * kubelets. Ready when the API server is and the controllers have made the default ServiceAccount. The first call ever builds the programs.
 *
 * @throws naming the log file of the component that failed; the directory is kept then
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const binaries = await ensureBinaries();
  const directory = await makeDirectory();
  const address = options.address ?? '127.0.0.1';
  const issuer = options.issuer ?? 'https://kubernetes.default.svc.cluster.local';
  const [apiPort = 0, etcdPort = 0, etcdPeerPort = 0] = await freePorts(3, address);
  const endpoint = `https://${address}:${apiPort}`;

  const files = await makeCredentialFiles(binaries.certs, directory, endpoint);
  const kubeconfigPath = await files.forUser('admin', 'admin', ['system:masters']);
  for (const [component, user] of Object.entries(componentUsers)) await files.forUser(component, user, []);
  await writeFile(join(directory, 'kwok.yaml'), await kwokConfiguration(binaries.stages));
  const api = apiClient(endpoint, await files.credentialsOf('admin'));

  const commands = componentCommands({
    binaries,
    directory,
    address,
    etcdPort,
    etcdPeerPort,
    apiPort,
    issuer,
    audiences: options.audiences ?? [issuer],
    apiServerFlags: options.apiServerFlags ?? [],
    controllerManagerFlags: options.controllerManagerFlags ?? [],
  });
  const processOf = (name: ComponentName) => serverProcess(binaries.supervise, commands[name], join(directory, `${name}.log`), directory);
  const processes = Object.fromEntries(componentNames.map((name) => [name, processOf(name)])) as Record<ComponentName, ServerProcess>;
  const kubeconfigs = new Map<string, Promise<string>>();

  async function makeKubeconfig(key: string, identity: Identity): Promise<string> {
    const name = `identity-${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
    if ('user' in identity) return files.forUser(name, identity.user, identity.groups ?? []);
    return files.forToken(name, await controlPlane.tokenFor(identity.serviceAccount));
  }

  async function command(program: string, args: readonly string[], { stdin, as }: CommandOptions = {}): Promise<CommandResult> {
    const kubeconfig = as === undefined ? kubeconfigPath : await controlPlane.kubeconfigFor(as);
    return runCommand(program, args, { KUBECONFIG: kubeconfig, HOME: directory }, stdin);
  }

  async function apiServerReady(): Promise<void> {
    await waitFor('kube-apiserver ready', async () => {
      failOnDeath('etcd', 'kube-apiserver');
      const answer = await api.call('GET', '/readyz').catch(() => undefined);
      return answer?.status === 200 ? true : undefined;
    });
  }

  function failOnDeath(...names: readonly ComponentName[]): void {
    for (const name of names) {
      const failure = processes[name].failure;
      if (failure !== undefined) throw new Error(`${name} ${failure}`);
    }
  }

  async function expect(status: readonly number[], method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await api.call(method, path, body);
    if (!status.includes(answer.status)) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async function killAll(): Promise<void> {
    api.close();
    await Promise.all(Object.values(processes).map((component) => component.kill()));
  }

  const controlPlane: ControlPlane = {
    endpoint,
    caPem: files.caPem,
    issuer,
    kubeconfigPath,
    directory,
    binaries,
    kubeconfigFor(identity) {
      const key = JSON.stringify(identity);
      const made = kubeconfigs.get(key) ?? makeKubeconfig(key, identity);
      kubeconfigs.set(key, made);
      return made;
    },
    async tokenFor({ namespace, name }, { audiences = [], expirationSeconds = 3600, boundObjectRef } = {}) {
      const body = await expect([201], 'POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences, expirationSeconds, boundObjectRef },
      });
      return (body as { status: { token: string } }).status.token;
    },
    async jwks() {
      return (await expect([200], 'GET', '/openid/v1/jwks')) as Awaited<ReturnType<ControlPlane['jwks']>>;
    },
    call: api.call,
    kubectl: (args, commandOptions) => command(binaries.kubectl, args, commandOptions),
    helm: (args, commandOptions) => command(binaries.helm, args, commandOptions),
    async joinNode(node) {
      await expect([201, 409], 'POST', '/api/v1/nodes', nodeManifest(node));
    },
    async deleteNode(name) {
      await expect([200, 202, 404], 'DELETE', `/api/v1/nodes/${name}`);
    },
    pids() {
      return Object.fromEntries(componentNames.flatMap((name) => (processes[name].pid === undefined ? [] : [[name, processes[name].pid]])));
    },
    kill: (component, signal) => processes[component].kill(signal),
    async start(component) {
      // A new kwok is another holder and would wait until the Leases of the old one have run out.
      if (component === 'kwok') await expect([200], 'DELETE', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases');
      processes[component].start();
      if (component === 'etcd' || component === 'kube-apiserver') await apiServerReady();
    },
    async restart(component) {
      await controlPlane.kill(component);
      await controlPlane.start(component);
    },
    async stop() {
      await killAll();
      await rm(directory, { recursive: true, force: true });
    },
  };

  try {
    processes.etcd.start();
    processes['kube-apiserver'].start();
    await apiServerReady();
    for (const role of kwokRoles) await expect([201], 'POST', `/apis/${role.apiVersion}/${role.kind.toLowerCase()}s`, role);
    for (const name of ['kube-controller-manager', 'kube-scheduler', 'kwok'] as const) processes[name].start();
    await waitFor('the default ServiceAccount', async () => {
      failOnDeath(...componentNames);
      const answer = await api.call('GET', '/api/v1/namespaces/default/serviceaccounts/default');
      return answer.status === 200 ? true : undefined;
    });
    return controlPlane;
  } catch (error) {
    await killAll();
    throw new Error(`the control plane did not start; its files: ${directory}`, { cause: error });
  }
}
