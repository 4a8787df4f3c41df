import type { Node, Stored } from '../../api/kubernetes.ts';
import { type InstanceNames, isNamedAs } from '../../core/nodes/node-name.ts';
import { parseTime } from '../../machinery/time.ts';
import { describeFailure } from '../identity/failure.ts';
import { machineOf } from './machine.ts';
import { lookUpInstance } from './own-instance.ts';
import type { NodeTools, NodeVerdict, NodeView } from './tools.ts';

/** A name that EC2 does not say yet, or claims that are all wrong: looked at again, so that it is told what became of it. */
const lookAgainMs = 30_000;

/** The Node that is the intent's instance: the one that was registered, or of those that claim its provider id the one that has its name. */
export async function identify(tools: NodeTools, view: NodeView): Promise<{ readonly node: Stored<Node> } | NodeVerdict> {
  const machine = machineOf(tools.context.stores.nodes, view.draft.value());
  if ('node' in machine) return machine;
  const { instanceId, nodeName } = view.draft.value();
  if (nodeName !== undefined) return { abandon: 'NodeGone', message: `node ${nodeName} was deleted from the cluster` };
  if (machine.claims.length === 0 || instanceId === undefined) return missing(tools, view);
  const [first, second] = machine.claims;
  if (tools.context.settings.nodeNames === 'Any') {
    if (first !== undefined && second === undefined) return { node: first };
    return disbelieved(tools, view, 'ProviderIdClaimedTwice', `nodes ${namesOf(machine.claims)} all say that they are ${instanceId}`);
  }
  const names = await namesInEc2(tools, view, instanceId);
  if ('again' in names) return names;
  const named = machine.claims.filter(({ metadata }) => isNamedAs(metadata.name, names));
  const [node] = named;
  // One name with two domains: a machine has one, and nobody can tell which.
  if (node !== undefined && named.length === 1) return { node };
  return disbelieved(tools, view, 'NodeNameMismatch', mismatch(view, machine.claims, names));
}

/** Asked of EC2 once for each instance that joins: a private DNS name does not change while its instance lives. */
async function namesInEc2(tools: NodeTools, view: NodeView, instanceId: string): Promise<InstanceNames | { readonly again: string }> {
  const { hostNames } = tools;
  const known = hostNames.get(instanceId);
  if (known !== undefined) return { instanceId, privateDnsName: known };
  const found = await lookUpInstance(tools, view, instanceId);
  if (!found.ok) {
    const message = describeFailure(found.error);
    view.draft.condition('Registered', false, 'NameUnknown', `whether the node that joined is this instance is not known: ${message}`);
    return { again: message };
  }
  const privateDnsName = found.value?.privateDnsName;
  if (privateDnsName === undefined) return { instanceId };
  hostNames.set(instanceId, privateDnsName);
  return { instanceId, privateDnsName };
}

function mismatch(view: NodeView, claims: readonly Stored<Node>[], { instanceId, privateDnsName }: InstanceNames): string {
  const { providerID } = view.draft.value();
  const says = claims.length === 1 ? `node ${namesOf(claims)} says that it is` : `nodes ${namesOf(claims)} say that they are`;
  const name = privateDnsName === undefined ? `EC2 knows by no name but ${instanceId}` : `name is ${privateDnsName} or ${instanceId}`;
  return (
    `${says} ${providerID}, ${privateDnsName === undefined ? 'which' : 'whose'} ${name}: it gets no pod. ` +
    'Where machines are named in another way, set --node-names=Any (chart: operator.nodeNames)'
  );
}

function missing(tools: NodeTools, view: NodeView): NodeVerdict {
  const { draft } = view;
  const left = timeLeft(tools, view);
  if (left <= 0)
    return {
      abandon: 'NotRegistered',
      message: `instance ${draft.value().instanceId} did not join the cluster in time: its user data, subnet, security groups and node role decide that`,
    };
  draft.condition('Registered', false, 'Waiting', 'the instance has not joined the cluster yet');
  return { wait: 'registration', afterMs: left };
}

function disbelieved(
  tools: NodeTools,
  view: NodeView,
  reason: 'NodeNameMismatch' | 'ProviderIdClaimedTwice',
  message: string,
): NodeVerdict {
  const left = timeLeft(tools, view);
  if (left <= 0) return { abandon: reason, message };
  view.draft.condition('Registered', false, reason, message);
  return { wait: 'registration', afterMs: Math.min(left, lookAgainMs) };
}

function timeLeft({ context }: NodeTools, { draft }: NodeView): number {
  const launched = parseTime(draft.value().launchTime) ?? context.clock.now();
  return launched + context.settings.registrationTimeoutMs - context.clock.now();
}

function namesOf(claims: readonly Stored<Node>[]): string {
  return claims
    .map(({ metadata }) => metadata.name)
    .sort()
    .join(', ');
}
