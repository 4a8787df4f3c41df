/** What CloudFormation calls for a stack's resources is asked with the rights of whoever started the operation (a forward access session). */
import { partitionOf } from '../../core/access/partitions.ts';
import { decidersOf, denialMessage, type RequestContext } from '../../core/policy/evaluate.ts';
import { type Authenticated, judge } from './authorize.ts';
import type { AccountState } from './state.ts';

export type TemplateResource = { readonly Type: string; readonly Properties: Readonly<Record<string, unknown>> };

/** `physicalId`: what Ref gives. */
export type MadeResource = {
  readonly type: string;
  readonly physicalId: string;
  readonly arn: string;
  readonly properties: TemplateResource['Properties'];
};

export type Forward = {
  readonly state: AccountState;
  readonly caller: Authenticated;
  /** The stack's, which its resources get, too. */
  readonly tags: Readonly<Record<string, string>>;
  readonly made: ReadonlyMap<string, MadeResource>;
};

/**
 * What CloudFormation does for one type of resource. Which calls that are is in `handlers` of the type's schema
 * (https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html); what is made or changed is read afterwards.
 */
export type Handlers = {
  make(forward: Forward, properties: TemplateResource['Properties']): { readonly physicalId: string; readonly arn: string };
  change(forward: Forward, was: MadeResource, properties: TemplateResource['Properties']): void;
  remove(forward: Forward, was: MadeResource): void;
};

/** Why a resource could not be made, changed or deleted: what the stack's event says. */
export class Refused extends Error {}

/** One call; refused where the caller may not make it. */
export function asks({ state, caller }: Forward, action: string, resource: string, context: RequestContext = {}): void {
  const via = { 'aws:CalledVia': ['cloudformation.amazonaws.com'], 'aws:ViaAWSService': 'true' };
  const asked = { action, resource, context: { ...context, ...via } };
  const evaluation = judge(state, caller, asked);
  if (evaluation.decision !== 'Allow') {
    const why = denialMessage({ principal: caller.principal, action, resource }, evaluation);
    throw new Refused(`${why} (Service: Iam, Status Code: 403)`);
  }
  state.forwarded.push({ ...asked, by: decidersOf(evaluation) });
}

export function exists(type: string, identifier: string): Refused {
  return new Refused(`Resource of type '${type}' with identifier '${identifier}' already exists.`);
}

export function iamArn({ spec }: AccountState, kind: string, path: string, name: string): string {
  return `arn:${partitionOf(spec.region)}:iam::${spec.accountId}:${kind}${path}${name}`;
}

export function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
