import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePorts } from '../../controlplane/ports.ts';
import { type Answer, type ControlPlane, startControlPlane } from '../../controlplane/start.ts';
import { waitFor } from '../../controlplane/wait.ts';
import { type Gate, startGate } from '../../gate/gate.ts';
import { startMoto } from '../../gate/moto.ts';
import { type Account, createFittingAccount } from './account.ts';
import { type NodeAgents, startNodeAgents } from './agents.ts';
import { installChart } from './chart.ts';
import { type Interposer, startInterposer } from './interposer.ts';
import { type Joiner, startJoiner } from './joiner.ts';
import { type Manifest, toYaml } from './manifests.ts';
import { type OperatorProcess, operatorIdentity, operatorProcess } from './operator.ts';
import { makePrograms } from './program.ts';

export const clusterName = 'stand';

export type StandOptions = {
  /** Default false: one replica that acts at once after a kill. */
  readonly leaderElection?: boolean;
  /** Whether something stands between the operator and the world that can end it in the middle of an effect. */
  readonly interposed?: boolean;
  /** Whether node agents run: a process for each machine, and the operator's broker. Default false. */
  readonly nodeAgents?: boolean;
  readonly apiServerFlags?: readonly string[];
};

/** The whole product on real parts, but for the machines: a control plane, an emulated AWS behind its gate, the operator as its own process. */
export type Stand = {
  readonly controlPlane: ControlPlane;
  readonly gate: Gate;
  readonly account: Account;
  readonly joiner: Joiner;
  readonly operator: OperatorProcess;
  readonly agents: NodeAgents | undefined;
  readonly interposer: Interposer | undefined;
  /** The emulator without the gate: for looking at the outcome. */
  readonly awsOwnerEndpoint: string;
  kubectl(...args: readonly string[]): Promise<string>;
  /** Writes them to a file, for `kubectl apply -f` and `kubectl delete -f`. */
  file(name: string, manifests: readonly Manifest[]): Promise<string>;
  /** Makes the account fit and applies them; returns them as applied, and their file. */
  apply(name: string, manifests: readonly Manifest[]): Promise<{ readonly manifests: readonly Manifest[]; readonly file: string }>;
  /** The object, or undefined where there is none. */
  get<T>(path: string): Promise<T | undefined>;
  list<T>(path: string): Promise<readonly T[]>;
  /** As waitFor; where the time is up, the error says how things stand. */
  until<T>(what: string, probe: () => Promise<T | undefined>, seconds?: number): Promise<T>;
  stop(): Promise<void>;
};

export async function startStand(options: StandOptions = {}): Promise<Stand> {
  const [controlPlane, moto] = await Promise.all([startControlPlane({ apiServerFlags: options.apiServerFlags ?? [] }), startMoto()]);
  const closing: (() => Promise<void> | void)[] = [() => moto.stop(), () => controlPlane.stop()];
  async function stop(): Promise<void> {
    for (const close of closing.splice(0).reverse()) await close();
  }
  try {
    const gate = await startGate({
      moto,
      issuer: controlPlane.issuer,
      jwks: async () => await controlPlane.jwks(),
    });
    closing.push(() => gate.close());
    const withAgents = options.nodeAgents ?? false;
    await installChart(controlPlane, { clusterName, nodeAgents: withAgents });
    const commands = await makePrograms(controlPlane.directory);
    const kubeconfig = await controlPlane.kubeconfigFor(operatorIdentity);
    const interposer = options.interposed === true ? await startInterposer(controlPlane, gate, kubeconfig) : undefined;
    if (interposer !== undefined) closing.push(() => interposer.close());
    const [brokerPort] = withAgents ? await freePorts(1, '127.0.0.1') : [];
    const brokerEndpoint = `https://127.0.0.1:${brokerPort}`;
    const agents = withAgents
      ? startNodeAgents(controlPlane, { command: commands.nodeAgent, awsEndpoint: gate.endpoint, brokerEndpoint })
      : undefined;
    if (agents !== undefined) closing.push(() => agents.close());
    const joiner = startJoiner(controlPlane, gate, agents);
    closing.push(() => joiner.close());
    const operator = operatorProcess(controlPlane, {
      clusterName,
      awsEndpoint: interposer?.awsEndpoint ?? gate.endpoint,
      command: commands.operator,
      kubeconfig: interposer?.kubeconfig ?? kubeconfig,
      brokerPort,
      leaderElection: options.leaderElection ?? false,
    });
    closing.push(() => operator.kill());
    await operator.start();
    const account = createFittingAccount(gate, { clusterName, issuer: controlPlane.issuer });
    return createStand({ controlPlane, gate, account, joiner, operator, agents, interposer, awsOwnerEndpoint: moto.endpoint, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

type Parts = Pick<
  Stand,
  'controlPlane' | 'gate' | 'account' | 'joiner' | 'operator' | 'agents' | 'interposer' | 'awsOwnerEndpoint' | 'stop'
>;

function createStand(parts: Parts): Stand {
  const { controlPlane, account } = parts;
  async function kubectl(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await controlPlane.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }
  /** The API server puts readers off while it fills the cache of a new kind. */
  function read(path: string): Promise<Answer> {
    return waitFor(`GET ${path}`, async () => {
      const answer = await controlPlane.call('GET', path);
      if (answer.status === 200 || answer.status === 404) return answer;
      if (answer.status === 429) return undefined;
      throw new Error(`GET ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    });
  }
  async function file(name: string, manifests: readonly Manifest[]): Promise<string> {
    const path = join(controlPlane.directory, `${name}.yaml`);
    await writeFile(path, toYaml(manifests));
    return path;
  }
  return {
    ...parts,
    kubectl,
    file,
    async apply(name, manifests) {
      const fitting = await account.fit(manifests);
      const path = await file(name, fitting);
      await kubectl('apply', '-f', path);
      return { manifests: fitting, file: path };
    },
    async until(what, probe, seconds) {
      try {
        return await waitFor(what, probe, seconds);
      } catch (error) {
        const objects = await controlPlane.kubectl(['get', 'ejob,ert,enode,nodes,jobs,pods', '-A', '-o', 'wide']);
        const jobs = await controlPlane.kubectl([
          'get',
          'ejob,ert,enode',
          '-A',
          '-o',
          'jsonpath={range .items[*]}{.metadata.name} {.status}{"\\n"}{end}',
        ]);
        const troubles = [parts.joiner.failure(), parts.agents?.failure()].filter((one) => one !== undefined).map(String);
        const lines = parts.operator.log().filter((line) => line['audit'] !== true);
        const log = lines.slice(-40).map((line) => JSON.stringify(line).slice(0, 600));
        throw new Error([String(error), ...troubles, objects.stdout, jobs.stdout.slice(0, 6000), ...log].join('\n'), { cause: error });
      }
    },
    async get<T>(path: string) {
      const { status, body } = await read(path);
      return status === 404 ? undefined : (body as T);
    },
    async list<T>(path: string) {
      return ((await read(path)).body as { readonly items: readonly T[] }).items;
    },
  };
}
