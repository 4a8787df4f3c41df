import { inAccount } from '../../core/access/arn-locations.ts';
import { accountOf } from '../../core/policy/principal.ts';
import {
  judgeLocation,
  judgeSide,
  type LocationProbe,
  locationQuestions,
  locationSides,
  lookAt,
  notAnswered,
  notSeen,
  type Seen,
  type Side,
  type SideVerdict,
  wantsSample,
  whomToAsk,
} from '../../core/preflight/location.ts';
import type { AwsPort, Caller, SimulatedDecision } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { type AccessFailure, awsFailure } from './failure.ts';
import type { GrantRequest } from './grants.ts';
import type { ProofOf } from './prove.ts';
import type { Proof } from './verifications.ts';
import { whoAmI } from './who.ts';

type Context = Pick<OperatorContext, 'aws' | 'grants'>;

/**
 * A location that is an ARN: seen with a harmless call as the identity itself, and IAM asked, as operator or in another account as itself, what its role or its keys' user may do there. Where neither can say, that is
 * told and fails nothing.
 */
export async function proveLocation(
  context: Context,
  of: ProofOf,
  planned: LocationProbe,
  ask: (principalArn: string) => GrantRequest,
  { aws, caller }: { readonly aws: AwsPort; readonly caller: Caller },
): Promise<Result<Proof, AccessFailure>> {
  const who = await whoCalls(aws, caller);
  if (!who.ok) return who;
  const account = accountOf(who.value);
  const probe = { ...planned, at: inAccount(planned.at, account) };
  const seen = await look(aws, caller, probe, account);
  if (!seen.ok) return seen;
  const { sides, isUnanswered, refused: unasked } = await askIam(context, of, probe, { ask, arn: who.value, caller });
  const sample = wantsSample(probe, seen.value, sides.read);
  const answer = sample === undefined ? undefined : await aws.resources.describe(caller, { action: sample, arn: probe.at.arn });
  const { identity, chain } = caller.grant;
  const tried =
    answer?.ok === false ? awsFailure({ identity, chain, action: sample ?? '', resource: probe.at.arn }, answer.error) : undefined;
  if (tried?.transient === true) return err(tried);
  const request = tried?.requestId === undefined ? '' : ` [request ${tried.requestId}]`;
  const refused =
    tried === undefined ? {} : { refused: `${tried.action} as ${identity} was answered ${tried.code}: ${tried.message}${request}` };
  const verdict = judgeLocation(probe, seen.value, sides, answer === undefined ? undefined : refused);
  if ('refused' in verdict) return err({ identity, chain, transient: false, ...verdict.refused });
  return ok({
    ...(verdict.notVerified !== undefined && { notVerified: [verdict.notVerified] }),
    ...(isUnanswered && { isUnanswered }),
    ...(unasked && { refused: unasked }),
  });
}

/** ARN of the role; of keys STS knows whose they are, which also says whether they are valid. */
async function whoCalls(aws: AwsPort, caller: Caller): Promise<Result<string, AccessFailure>> {
  const role = caller.grant.chain.at(-1);
  if (role !== undefined) return ok(role);
  const who = await whoAmI(aws, caller);
  return who.ok ? ok(who.value.arn) : who;
}

async function look(aws: AwsPort, caller: Caller, { at }: LocationProbe, account: string): Promise<Result<Seen, AccessFailure>> {
  const look = lookAt(at, account);
  if ('because' in look) return ok({ kind: 'unseen', because: look.because });
  const { action } = look;
  const answer = await aws.resources.describe(caller, { action, arn: at.arn });
  if (answer.ok) return ok({ kind: 'there' });
  const { identity, chain } = caller.grant;
  const failure = awsFailure({ identity, chain, action, resource: at.arn }, answer.error);
  return failure.transient ? err(failure) : ok(notSeen(at, account, failure, answer.error.kind === 'NotFound'));
}

/** `isUnanswered`: IAM may answer in a minute. */
type Asked = {
  readonly sides: Readonly<Partial<Record<Side, SideVerdict>>>;
  readonly isUnanswered: boolean;
  readonly refused?: AccessFailure;
};

async function askIam(
  context: Context,
  { runtime }: ProofOf,
  probe: LocationProbe,
  who: { readonly arn: string; readonly caller: Caller; readonly ask: (principalArn: string) => GrantRequest },
): Promise<Asked> {
  const sides = locationSides(probe);
  const all = (because: string, isUnanswered = false, refused?: AccessFailure): Asked => ({
    sides: Object.fromEntries(sides.map((side): readonly [Side, SideVerdict] => [side, { kind: 'open', because }])),
    isUnanswered,
    ...(refused && { refused }),
  });
  const whom = whomToAsk(probe.identity, who.arn, accountOf(runtime.spec.identities.operator.roleArn));
  if ('because' in whom) return all(whom.because);
  const { principalArn } = whom;
  const caller: Result<Caller, AccessFailure> = whom.as === 'itself' ? ok(who.caller) : await context.grants.obtain(who.ask(principalArn));
  if (!caller.ok)
    return all(`the operator role could not be had to ask IAM: ${caller.error.code}: ${caller.error.message}`, caller.error.transient);
  const { iam } = context.aws(runtime.spec.region);
  const verdicts: [Side, SideVerdict][] = [];
  for (const side of sides) {
    const questions = locationQuestions(probe, principalArn, side);
    const answers: (readonly SimulatedDecision[])[] = [];
    for (const question of questions) {
      const answer = await iam.simulatePrincipalPolicy(caller.value, question);
      // Also where IAM gives no answer: it is one endpoint for the world, and jobs do not depend on it.
      if (!answer.ok) {
        const { identity, chain } = caller.value.grant;
        const refused = awsFailure({ identity, chain, action: 'iam:SimulatePrincipalPolicy', resource: principalArn }, answer.error);
        return all(notAnswered({ ...probe, ...whom }, `${answer.error.code}: ${answer.error.message}`), refused.transient, refused);
      }
      answers.push(answer.value);
    }
    verdicts.push([side, judgeSide(probe, principalArn, questions, answers)]);
  }
  return { sides: Object.fromEntries(verdicts), isUnanswered: false };
}
