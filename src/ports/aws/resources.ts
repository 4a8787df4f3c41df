import type { DescribeAction } from '../../core/access/resources/kind.ts';
import type { AwsResult } from './errors.ts';
import type { Caller } from './grant.ts';

/** `arn`: of the resource. Of an action that goes by a name (Athena, Firehose) it is one of the caller's own account. */
export type DescribeRequest = { readonly action: DescribeAction; readonly arn: string };

/** Resources of services that this product has no business in but to see that they are there. */
export type ResourcesPort = {
  /** Nothing of the answer is kept. NotFound: there is none; of another account AWS says so, too, to whoever may not see it. */
  describe(caller: Caller, request: DescribeRequest): Promise<AwsResult<void>>;
};
