import { nodeTags, tagMismatch } from '../../core/nodes/tags.ts';
import { nodes } from '../../ports/resources.ts';
import { ok } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import { describeFailure } from '../identity/failure.ts';
import { tagOwnerOf } from '../runtime/tag-owner.ts';
import { findInstance, mayHaveInstance } from './launch.ts';
import { lookUpInstance } from './own-instance.ts';
import { go, type NodeTools, type NodeVerdict, type NodeView } from './tools.ts';
import { hasTurn, turnAgainMs } from './turn.ts';

const pollMs = 5_000;

/** Ends the intent's instance, by id, after the tag guard; then its Node. Done only when EC2 says that it is ending or gone. */
export async function terminate(tools: NodeTools, view: NodeView): Promise<NodeVerdict> {
  const { node, draft } = view;
  if (draft.value().instanceId !== undefined || mayHaveInstance(node.status, node.spec.attempt)) {
    // Once ended, it is only looked at.
    const asked = draft.value().phase === 'Terminating';
    if (!asked && !hasTurn(tools, view, 'ec2.terminateInstances')) return { wait: 'its turn in front of EC2', afterMs: turnAgainMs };
    const ended = await endInstances(tools, view);
    if (!('go' in ended)) return ended;
  }
  const name = draft.value().nodeName;
  if (name === undefined) return go;
  const deleted = await tools.context.kubernetes.delete(nodes, { name });
  return deleted.ok || deleted.error.kind === 'NotFound' ? go : { again: `node ${name}: ${deleted.error.message}` };
}

/** By tag, not by the id alone: a second instance, from a reply that was lost, would be found and ended too. */
async function endInstances(tools: NodeTools, view: NodeView): Promise<NodeVerdict> {
  const found = await findInstance(tools, view);
  if (!found.ok) return blocked(view, describeFailure(found.error));
  const guard = nodeTags(tagOwnerOf(view.runtime, tools.context.settings.clusterName), view.node.metadata.uid);
  const alive = found.value.filter(({ state }) => state !== 'shutting-down' && state !== 'terminated');
  if (alive.length === 0) return (await stillThere(tools, view)) ?? settled(tools, view, found.value.length > 0);
  for (const instance of alive) {
    const mismatch = tagMismatch(guard, instance.tags);
    if (mismatch !== undefined) return blocked(view, `instance ${instance.instanceId} is left alone: ${mismatch}`);
  }
  const instanceIds = alive.map(({ instanceId }) => instanceId);
  const ended = await actAs(
    tools.context,
    { runtime: view.runtime, identity: 'master', resource: 'nodes', node: view.node.metadata.name },
    { action: 'ec2:TerminateInstances', resource: instanceIds.join(',') },
    async (aws, caller) => {
      const answer = await aws.ec2.terminateInstances(caller, { instanceIds });
      return !answer.ok && answer.error.kind === 'NotFound' ? ok(undefined) : answer;
    },
  );
  if (!ended.ok) return blocked(view, describeFailure(ended.error));
  view.draft.set({ phase: 'Terminating' });
  return { wait: 'termination', afterMs: pollMs };
}

/** An instance that is known by its id, alive, and not found by its tags: somebody changed those. It is left alone, and said. */
async function stillThere(tools: NodeTools, view: NodeView): Promise<NodeVerdict | undefined> {
  const { instanceId } = view.draft.value();
  if (instanceId === undefined) return undefined;
  const found = await lookUpInstance(tools, view, instanceId);
  if (!found.ok) return blocked(view, describeFailure(found.error));
  const alive = found.value;
  if (alive === undefined || alive.state === 'shutting-down' || alive.state === 'terminated') return undefined;
  const guard = nodeTags(tagOwnerOf(view.runtime, tools.context.settings.clusterName), view.node.metadata.uid);
  const mismatch = tagMismatch(guard, alive.tags);
  // Tags as they should be: the list was behind.
  return mismatch === undefined
    ? { wait: 'termination', afterMs: pollMs }
    : blocked(view, `instance ${instanceId} is left alone: ${mismatch}`);
}

/** An instance that was just launched may not be listed yet (EC2 is eventually consistent): an unseen one is looked for a while. */
const visibilityMs = 60_000;

function settled(tools: NodeTools, view: NodeView, seen: boolean): NodeVerdict {
  if (seen) return go;
  const { node } = view;
  const begun = Date.parse(node.status?.launchTime ?? node.status?.lastLaunch?.time ?? node.metadata.creationTimestamp);
  const left = begun + visibilityMs - tools.context.clock.now();
  return left <= 0 ? go : { wait: 'an instance that may not be listed yet', afterMs: Math.min(left, pollMs) };
}

function blocked(view: NodeView, message: string): NodeVerdict {
  view.draft.condition('Terminated', false, 'TerminationBlocked', message);
  return { again: message };
}
