import assert from 'node:assert/strict';
import type { KubernetesPort } from '../../../../src/ports/kubernetes.ts';
import { joinNode } from '../../../../src/sim/kubernetes/cluster.ts';
import { type ControlPlane } from '../../../controlplane/start.ts';
import { waitFor } from '../../../controlplane/wait.ts';
import { type Bed, bed } from '../bed.ts';

/** One of the two clusters that the script is played to. */
export type Side = {
  readonly name: 'real' | 'simulated';
  readonly port: KubernetesPort;
  /** Looks again and again until there is an answer. */
  until<T>(what: string, look: () => Promise<T | undefined>): Promise<T>;
  join(
    name: string,
    labels: Readonly<Record<string, string>>,
    taints?: readonly { readonly key: string; readonly effect: string }[],
  ): Promise<void>;
};

export function realSide(cluster: ControlPlane, port: KubernetesPort): Side {
  return {
    name: 'real',
    port,
    until: waitFor,
    join: (name, labels, taints = []) => cluster.joinNode({ name, labels, taints, providerID: `aws:///us-east-1a/i-${name}` }),
  };
}

export async function simulatedSide(): Promise<Side> {
  const at = await bed({ seed: 7 });
  return {
    name: 'simulated',
    port: livePort(at),
    async until(what, look) {
      for (let attempt = 0; attempt < 2000; attempt += 1) {
        const found = await look();
        if (found !== undefined) return found;
        await at.pass(100);
      }
      return assert.fail(`${what} never came`);
    },
    async join(name, labels, taints = []) {
      joinNode(at.kubernetes, {
        name,
        labels,
        taints,
        providerID: `aws:///us-east-1a/i-${name}`,
        capacity: { cpu: '4', memory: '16Gi', pods: '110' },
        zone: 'us-east-1a',
      });
    },
  };
}

/** The port with virtual time passing while an answer is waited for. Watches last until time passes otherwise. */
function livePort(at: Bed): KubernetesPort {
  const { port } = at;
  const answer = <T>(call: Promise<T>): Promise<T> => at.answer(call);
  return {
    get: (...call) => answer(port.get(...call)),
    list: (...call) => answer(port.list(...call)),
    watch: (...call) => port.watch(...call),
    create: (...call) => answer(port.create(...call)),
    replace: (...call) => answer(port.replace(...call)),
    mergePatch: (...call) => answer(port.mergePatch(...call)),
    apply: (...call) => answer(port.apply(...call)),
    delete: (...call) => answer(port.delete(...call)),
    evict: (...call) => answer(port.evict(...call)),
    requestToken: (...call) => answer(port.requestToken(...call)),
    reviewToken: (...call) => answer(port.reviewToken(...call)),
  };
}
