import type { AwsResult, Caller, CreateFleetRequest } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { type Authenticated, authorize } from './authorize.ts';
import { type Failure, failure } from './failures.ts';
import type { AccountState } from './state.ts';
import { noTemplate } from './templates.ts';

type At = { readonly state: AccountState; readonly caller: Authenticated; readonly region: string };
type Answer = Result<never, Failure>;

const wouldSucceed = failure('Other', 'DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');

/** A fleet's dry run looks at no template: what is launched from it is not asked. */
export function dryRunCreateFleet({ state, caller, region }: At, request: CreateFleetRequest): Answer {
  return err(authorize(state, caller, 'ec2.dryRunCreateFleet', request, region) ?? wouldSucceed);
}

export function dryRunRunInstances({ state, caller, region }: At, request: CreateFleetRequest): Answer {
  if (!state.templates.has(request.launchTemplate.id)) return err(noTemplate(request.launchTemplate.id));
  return err(authorize(state, caller, 'ec2.dryRunRunInstances', request, region) ?? wouldSucceed);
}

export function dryRunDeleteLaunchTemplate({ state, caller, region }: At, request: { readonly id: string }): Answer {
  if (!state.templates.has(request.id)) return err(noTemplate(request.id));
  return err(authorize(state, caller, 'ec2.dryRunDeleteLaunchTemplate', request, region) ?? wouldSucceed);
}

/** As the port says it: EC2's answer to a dry run is always an error. */
export function dryRun<R>(
  call: (caller: Caller, request: R) => Promise<AwsResult<never>>,
): (caller: Caller, request: R) => Promise<AwsResult<void>> {
  return async (caller, request) => {
    const answer = await call(caller, request);
    return !answer.ok && answer.error.code === wouldSucceed.code ? ok(undefined) : answer;
  };
}
