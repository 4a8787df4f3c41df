import type { AwsPort, AwsResult, Caller } from '../../ports/aws/index.ts';
import { err, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { type AccessFailure, awsFailure } from './failure.ts';
import type { GrantRequest } from './grants.ts';

/** One AWS call as an identity: obtains the grant, makes the call, drops the grant where AWS no longer honours it. */
export async function actAs<T>(
  context: Pick<OperatorContext, 'aws' | 'grants'>,
  request: GrantRequest,
  call: { readonly action: string; readonly resource: string },
  run: (aws: AwsPort, caller: Caller) => Promise<AwsResult<T>>,
): Promise<Result<T, AccessFailure>> {
  const caller = await context.grants.obtain(request);
  if (!caller.ok) return caller;
  const answer = await run(context.aws(request.runtime.spec.region), caller.value);
  if (answer.ok) return answer;
  if (answer.error.kind === 'AccessDenied' || answer.error.kind === 'Expired') context.grants.drop(caller.value.grant);
  return err(awsFailure({ identity: request.identity, chain: caller.value.grant.chain, ...call }, answer.error));
}
