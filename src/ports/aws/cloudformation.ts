import type { StackEventView, StackView } from '../../core/policy/cloudformation/stack.ts';
import type { Tags } from './ec2.ts';
import type { AwsResult } from './errors.ts';
import type { Caller } from './grant.ts';

export type { StackEventView, StackView };

export type StackRequest = {
  readonly name: string;
  /** JSON, at most 51,200 bytes. */
  readonly templateBody: string;
  /** On the stack, and by CloudFormation on whatever in it takes tags. */
  readonly tags: Tags;
  /** At most 128 characters: the same token is the same operation. */
  readonly clientRequestToken: string;
};

export type CloudFormationPort = {
  /** With CAPABILITY_NAMED_IAM; what fails is rolled back. A stack of that name: AlreadyExists. */
  createStack(caller: Caller, request: StackRequest): Promise<AwsResult<{ readonly stackId: string }>>;
  /** By name or stack id. A stack that is not there, or was deleted and is asked for by name: NotFound. */
  describeStack(caller: Caller, request: { readonly name: string }): Promise<AwsResult<StackView>>;
  /** `changed` false: the template is what the stack has. While another operation is under way: Throttled. */
  updateStack(caller: Caller, request: StackRequest): Promise<AwsResult<{ readonly changed: boolean }>>;
  /** Starts the deletion; deleting what is not there is a success (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html). */
  deleteStack(caller: Caller, request: { readonly name: string; readonly clientRequestToken: string }): Promise<AwsResult<void>>;
  /** The latest page, newest first. */
  describeStackEvents(caller: Caller, request: { readonly name: string }): Promise<AwsResult<readonly StackEventView[]>>;
};
