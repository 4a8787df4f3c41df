import { principalsOf } from '../../core/access/roles.ts';
import type { NodeTools, NodeView } from './tools.ts';

/** In case that the word of a turn is lost with the worker that it was meant for. */
export const turnAgainMs = 5 * 60_000;

/**
 * Whether this node may be launched or ended now. Thousands that wait for EC2's buckets hold no worker: each is told when its turn has come, and runtimes
 * take turns.
 */
export function hasTurn(tools: NodeTools, { node, runtime }: NodeView, method: 'ec2.createFleet' | 'ec2.terminateInstances'): boolean {
  const { name, namespace = '' } = runtime.metadata;
  return tools.context.pace.turn({
    account: principalsOf(runtime).roles.master.split(':')[4] ?? '',
    region: runtime.spec.region,
    method,
    lane: `${namespace}/${name}`,
    ticket: node.metadata.name,
  });
}
