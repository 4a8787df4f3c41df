import type { Instance } from '../../ports/aws/index.ts';
import { ok, type Result } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import type { AccessFailure } from '../identity/failure.ts';
import type { NodeTools, NodeView } from './tools.ts';

/** What EC2 says of one instance, by its id whatever its tags; undefined: nothing (any more, or yet). */
export async function lookUpInstance(
  { context }: NodeTools,
  view: NodeView,
  instanceId: string,
): Promise<Result<Instance | undefined, AccessFailure>> {
  const found = await actAs(
    context,
    { runtime: view.runtime, identity: 'master', resource: 'nodes', node: view.node.metadata.name },
    { action: 'ec2:DescribeInstances', resource: instanceId },
    async (aws, caller) => {
      const answer = await aws.ec2.describeInstances(caller, { instanceIds: [instanceId] });
      return !answer.ok && answer.error.kind === 'NotFound' ? ok([]) : answer;
    },
  );
  return found.ok ? ok(found.value.find((instance) => instance.instanceId === instanceId)) : found;
}
