import type { AwsPort, Caller } from '../../ports/aws/index.ts';
import { err, type Result } from '../../ports/result.ts';
import { type AccessFailure, awsFailure } from './failure.ts';

/** Whose keys they are; that they are valid. Keys that AWS does not know any more are no case for another try. */
export async function whoAmI(
  aws: AwsPort,
  caller: Caller,
): Promise<Result<{ readonly account: string; readonly arn: string }, AccessFailure>> {
  const who = await aws.sts.getCallerIdentity(caller);
  if (who.ok) return who;
  const { identity, chain } = caller.grant;
  const failure = awsFailure({ identity, chain, action: 'sts:GetCallerIdentity', resource: '*' }, who.error);
  return err({ ...failure, transient: failure.transient && who.error.kind !== 'Expired' });
}
