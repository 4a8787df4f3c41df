import { accountOf } from '../../core/policy/principal.ts';
import type { SimulationProbe } from '../../core/preflight/probes.ts';
import { judgeSimulation } from '../../core/preflight/simulation.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { type AccessFailure, awsFailure } from './failure.ts';
import type { GrantRequest } from './grants.ts';
import type { ProofOf } from './prove.ts';
import type { Proof } from './verifications.ts';

/**
 * Asks IAM whether a role may do what it will do (https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html). It answers of the role's
 * policies, its boundary and the organization's; what the operator may not ask, or IAM cannot know, is said and fails nothing.
 */
export async function proveMay(
  context: Pick<OperatorContext, 'aws' | 'grants'>,
  { runtime }: ProofOf,
  { identity, of, roleArn, questions }: SimulationProbe,
  request: GrantRequest,
): Promise<Result<Proof, AccessFailure>> {
  const open = (why: string): string => `what ${of} may do: ${why}`;
  const home = accountOf(runtime.spec.identities.operator.roleArn);
  if (accountOf(roleArn) !== home)
    return ok({ notVerified: [open(`${roleArn} lies in another account than the operator role (${home}), whose IAM does not know it`)] });
  const caller = await context.grants.obtain(request);
  if (!caller.ok) return caller;
  const { chain } = caller.value.grant;
  const { iam } = context.aws(runtime.spec.region);
  const notVerified: string[] = [];
  for (const question of questions) {
    const answer = await iam.simulatePrincipalPolicy(caller.value, question);
    if (!answer.ok) {
      const failure = awsFailure({ identity, chain, action: 'iam:SimulatePrincipalPolicy', resource: roleArn }, answer.error);
      if (failure.transient) return err(failure);
      const why = open(`the operator's iam:SimulatePrincipalPolicy was answered ${failure.code}: ${failure.message}`);
      return ok({ notVerified: [why], refused: failure });
    }
    const verdict = judgeSimulation(question, answer.value);
    if (verdict.kind === 'open') notVerified.push(open(verdict.because));
    if (verdict.kind !== 'denied') continue;
    const { action, message, requestId } = verdict;
    const asRole = of === 'operator' ? chain : [...chain, roleArn];
    return err({
      identity: of,
      chain: asRole,
      action,
      resource: question.resource,
      code: 'SimulatedAccessDenied',
      message,
      ...(requestId !== undefined && { requestId }),
      transient: false,
    });
  }
  return ok({ notVerified });
}
