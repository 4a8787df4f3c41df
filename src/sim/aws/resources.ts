import { namedByCall, resourceOfArn } from '../../core/access/arn-locations.ts';
import type { DescribeRequest } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { type Authenticated, authorize } from './authorize.ts';
import { type Failure, failure } from './failures.ts';
import type { AccountState } from './state.ts';

/** Each service has its own word for what is not there; most say this one. */
const notFound: Readonly<Record<string, string>> = {
  aoss: 'NOT_FOUND',
  athena: 'InvalidRequestException',
  glue: 'EntityNotFoundException',
  kafka: 'NotFoundException',
  'neptune-db': 'DBClusterNotFoundFault',
  redshift: 'ClusterNotFound',
  s3tables: 'NotFoundException',
  sns: 'NotFoundException',
  sqs: 'QueueDoesNotExist',
};

export function describeResource(
  { state, caller, region }: { readonly state: AccountState; readonly caller: Authenticated; readonly region: string },
  request: DescribeRequest,
): Result<void, Failure> {
  const refused = authorize(state, caller, 'resources.describe', request, region);
  if (refused !== undefined) return err(refused);
  if (state.resources.has(request.arn) || state.resources.has(partOf(request))) return ok(undefined);
  const code = notFound[request.arn.split(':')[2] ?? ''] ?? 'ResourceNotFoundException';
  return err(failure('NotFound', code, `Requested resource not found: ${request.arn}`));
}

/** What stands for the whole, where AWS shows no more than that. */
function partOf({ arn, action }: DescribeRequest): string {
  return resourceOfArn(arn)?.kind.describe.part === undefined ? arn : namedByCall(arn, action);
}
