/** The log location, read as whoever the plan says polls it. */
import { s3Arn } from '../../core/access/partitions.ts';
import type { AwsPort, AwsResult, Caller } from '../../ports/aws/index.ts';
import { err, type Result } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import { type AccessFailure, awsFailure } from '../identity/failure.ts';
import { withKeys } from './credentials.ts';
import { type JobTools, type JobView, onBehalf } from './tools.ts';

/** One call at the log location. */
export async function asPoller<T>(
  tools: JobTools,
  view: JobView,
  call: { readonly action: string; readonly bucket: string; readonly key?: string },
  run: (aws: AwsPort, caller: Caller) => Promise<AwsResult<T>>,
): Promise<Result<T, AccessFailure>> {
  const polling = view.plan.rows.find(({ phase, resource }) => phase === 'Poll' && resource === 'log')?.identity ?? 'agent';
  const at = { action: call.action, resource: s3Arn(view.runtime.spec.region, call.bucket, call.key) };
  const connection = view.plan.connections.find(
    ({ authentication }) => authentication.kind === 'credentials' && authentication.identity === polling,
  );
  if (connection === undefined) return actAs(tools.context, onBehalf(view, polling, 'log'), at, run);
  return withKeys(tools, view, connection, 'log', async (aws, caller) => {
    const answer = await run(aws, caller);
    return answer.ok ? answer : err(awsFailure({ identity: caller.grant.identity, chain: [], ...at }, answer.error));
  });
}
