import type { CreateFleetAnswer } from '../../ports/aws/index.ts';
import { type AccessFailure, describeFailures } from '../identity/failure.ts';
import { withRemedy } from '../identity/remedy.ts';
import type { NodeTools, NodeView } from './tools.ts';

/** Why a fleet has no instance: each reason once, though it is given for every offering; of a right that is missing who lacks it, and what to add. */
export async function describeFleetErrors(
  { context }: NodeTools,
  { runtime }: NodeView,
  errors: CreateFleetAnswer['errors'],
): Promise<string> {
  const said = new Map(errors.map(({ code, message }) => [`${code}: ${message}`, { code, message }]));
  const { agent, operator, master } = runtime.spec.identities;
  const failures: AccessFailure[] = [];
  const others: string[] = [];
  for (const [text, { code, message }] of said) {
    // The roles of a stack are nobody's to change.
    if (code !== 'UnauthorizedOperation' || master === undefined) others.push(text);
    else {
      const chain = [agent.roleArn, operator.roleArn, master.roleArn];
      const failure = { identity: 'master', chain, action: 'ec2:RunInstances', resource: '*', code, message, transient: false };
      failures.push(await withRemedy(context, { runtime, connections: [] }, {}, failure));
    }
  }
  const all = [...(failures.length === 0 ? [] : [describeFailures(failures)]), ...others];
  return all.length === 0 ? 'the fleet has no instance and gave no reason' : all.join('; ');
}
