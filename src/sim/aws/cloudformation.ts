/** CloudFormation in the account: stacks make and delete real roles, policies and instance profiles, step by step, and roll back. */

import { partitionOf } from '../../core/access/partitions.ts';
import type { StackEventView, StackRequest, StackView, Tags } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { between } from '../faults.ts';
import { type Authenticated, authorize } from './authorize.ts';
import { type Forward, type MadeResource, Refused, type TemplateResource } from './cloudformation-forward.ts';
import { changeResource, deleteResource, makeResource, resolved } from './cloudformation-resources.ts';
import { visibleFrom } from './ec2.ts';
import { type Failure, failure, invalid } from './failures.ts';
import { type AccountState, standing } from './state.ts';

type At = { readonly state: AccountState; readonly caller: Authenticated; readonly region: string };
type Template = {
  readonly Resources: Readonly<Record<string, TemplateResource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
};

export type StackState = {
  readonly stackId: string;
  readonly name: string;
  readonly visibleAt: number;
  /** Newest first. */
  readonly events: StackEventView[];
  readonly made: Map<string, MadeResource>;
  template: Template;
  body: string;
  tags: Tags;
  status: string;
  statusReason?: string;
  outputs: Readonly<Record<string, string>>;
  changedAt: number;
  token: string;
};

export function createStack({ state, caller, region }: At, request: StackRequest): Result<{ readonly stackId: string }, Failure> {
  const refused = authorize(state, caller, 'cloudFormation.createStack', request, region) ?? wrongRequest(request);
  if (refused !== undefined) return err(refused);
  const known = state.stackTokens.get(request.clientRequestToken);
  if (known !== undefined)
    return known.startsWith(`create ${request.name} `) ? ok({ stackId: known.split(' ')[2] ?? '' }) : err(tokenTaken);
  if (standing(state, request.name) !== undefined)
    return err(failure('AlreadyExists', 'AlreadyExistsException', `Stack [${request.name}] already exists`));
  const stackId = stackIdOf(state, region, request.name);
  state.stackTokens.set(request.clientRequestToken, `create ${request.name} ${stackId}`);
  const stack: StackState = {
    stackId,
    name: request.name,
    visibleAt: visibleFrom(state),
    events: [],
    made: new Map(),
    template: JSON.parse(request.templateBody) as Template,
    body: request.templateBody,
    tags: request.tags,
    status: '',
    outputs: {},
    changedAt: 0,
    token: request.clientRequestToken,
  };
  state.stacks.set(stackId, stack);
  become(state, stack, 'CREATE_IN_PROGRESS', 'User Initiated');
  const forward = forwardOf(state, caller, stack);
  const steps = inOrder(stack.template).map(([logicalId, resource]) => () => {
    event(stack, logicalId, resource.Type, 'CREATE_IN_PROGRESS');
    const made = makeResource(forward, resource);
    stack.made.set(logicalId, made);
    event(stack, logicalId, resource.Type, 'CREATE_COMPLETE', made.physicalId);
  });
  run(state, stack, 'CREATE', inOrder(stack.template), steps, {
    done: () => {
      stack.outputs = outputsOf(stack);
      become(state, stack, 'CREATE_COMPLETE');
    },
    failed: (logicalId) => {
      become(
        state,
        stack,
        'ROLLBACK_IN_PROGRESS',
        `The following resource(s) failed to create: [${logicalId}]. Rollback requested by user.`,
      );
      removeAll(state, stack, forward, 'ROLLBACK');
    },
  });
  return ok({ stackId });
}

export function describeStack({ state, caller, region }: At, request: { readonly name: string }): Result<StackView, Failure> {
  const refused = authorize(state, caller, 'cloudFormation.describeStack', request, region);
  if (refused !== undefined) return err(refused);
  const stack = found(state, request.name);
  if (stack === undefined || stack.visibleAt > state.world.now()) return err(noStack(request.name));
  const { stackId, name, status, statusReason, tags, outputs, changedAt } = stack;
  return ok({ stackId, name, status, ...(statusReason !== undefined && { statusReason }), tags, outputs, changedAt });
}

export function describeStackEvents(
  { state, caller, region }: At,
  request: { readonly name: string },
): Result<readonly StackEventView[], Failure> {
  const refused = authorize(state, caller, 'cloudFormation.describeStackEvents', request, region);
  if (refused !== undefined) return err(refused);
  const stack = found(state, request.name);
  return stack === undefined ? err(noStack(request.name)) : ok(stack.events.slice(0, 100));
}

export function updateStack({ state, caller, region }: At, request: StackRequest): Result<{ readonly changed: boolean }, Failure> {
  const refused = authorize(state, caller, 'cloudFormation.updateStack', request, region) ?? wrongRequest(request);
  if (refused !== undefined) return err(refused);
  const stack = standing(state, request.name);
  if (stack === undefined) return err(noStack(request.name));
  const known = state.stackTokens.get(request.clientRequestToken);
  if (known !== undefined) return known === `update ${request.name}` ? ok({ changed: true }) : err(tokenTaken);
  if (stack.status.endsWith('_IN_PROGRESS')) return err(busy(stack, 'updated'));
  if (!['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE'].includes(stack.status))
    return err(invalid('ValidationError', `Stack:${stack.stackId} is in ${stack.status} state and can not be updated.`));
  if (stack.body === request.templateBody && same(stack.tags, request.tags)) return ok({ changed: false });
  state.stackTokens.set(request.clientRequestToken, `update ${request.name}`);
  const template = JSON.parse(request.templateBody) as Template;
  const before = { made: new Map(stack.made) };
  stack.token = request.clientRequestToken;
  become(state, stack, 'UPDATE_IN_PROGRESS', 'User Initiated');
  const forward = { ...forwardOf(state, caller, stack), tags: request.tags };
  const wanted = inOrder(template).filter(([id, resource]) => !same(stack.template.Resources[id], resource));
  const undone: (() => void)[] = [];
  const steps = wanted.map(([id, resource]) => () => {
    const was = stack.made.get(id);
    const old = stack.template.Resources[id];
    const made = was === undefined ? makeResource(forward, resource) : changeResource(forward, was, resource);
    stack.made.set(id, made);
    event(stack, id, resource.Type, was === undefined ? 'CREATE_COMPLETE' : 'UPDATE_COMPLETE', made.physicalId);
    undone.unshift(() => {
      if (was === undefined || old === undefined) deleteResource(forward, made);
      else changeResource(forward, made, old);
    });
  });
  run(state, stack, 'UPDATE', wanted, steps, {
    done: () => {
      const dropped = [...stack.made].filter(([id]) => template.Resources[id] === undefined);
      for (const [id, made] of dropped) {
        stack.made.delete(id);
        // What cannot be cleaned up is left behind, and the update is complete all the same.
        allowed(() => deleteResource(forward, made));
      }
      Object.assign(stack, { template, body: request.templateBody, tags: request.tags });
      stack.outputs = outputsOf(stack);
      become(state, stack, 'UPDATE_COMPLETE');
    },
    failed: (logicalId) => {
      become(state, stack, 'UPDATE_ROLLBACK_IN_PROGRESS', `The following resource(s) failed to update: [${logicalId}].`);
      later(state, stack, () => {
        const restored = undone.every((undo) => allowed(undo));
        stack.made.clear();
        for (const [id, made] of before.made) stack.made.set(id, made);
        become(state, stack, restored ? 'UPDATE_ROLLBACK_COMPLETE' : 'UPDATE_ROLLBACK_FAILED');
      });
    },
  });
  return ok({ changed: true });
}

export function deleteStack(
  { state, caller, region }: At,
  request: { readonly name: string; readonly clientRequestToken: string },
): Result<void, Failure> {
  const refused = authorize(state, caller, 'cloudFormation.deleteStack', request, region);
  if (refused !== undefined) return err(refused);
  const stack = standing(state, request.name);
  if (stack === undefined || stack.status === 'DELETE_IN_PROGRESS') return ok(undefined);
  if (stack.status.endsWith('_IN_PROGRESS')) return err(busy(stack, 'deleted'));
  stack.token = request.clientRequestToken;
  become(state, stack, 'DELETE_IN_PROGRESS', 'User Initiated');
  removeAll(state, stack, forwardOf(state, caller, stack), 'DELETE');
  return ok(undefined);
}

/** Made by somebody else: empty, and complete. */
export function placeStack(state: AccountState, name: string, tags: Tags): void {
  const stackId = stackIdOf(state, state.spec.region, name);
  const empty = {
    visibleAt: 0,
    events: [],
    made: new Map(),
    template: { Resources: {} },
    body: '',
    outputs: {},
    changedAt: state.world.now(),
    token: '',
  };
  state.stacks.set(stackId, { ...empty, stackId, name, tags, status: 'CREATE_COMPLETE' });
}

/** As its owner might: at once, with all that it made. */
export function removeStack(state: AccountState, name: string): void {
  const stack = standing(state, name);
  if (stack === undefined) return;
  for (const { arn } of stack.made.values()) for (const made of [state.roles, state.profiles, state.managedPolicies]) made.delete(arn);
  become(state, stack, 'DELETE_COMPLETE');
}

function stackIdOf({ spec, random }: AccountState, region: string, name: string): string {
  return `arn:${partitionOf(region)}:cloudformation:${region}:${spec.accountId}:stack/${name}/${random.uuid()}`;
}

/** In reverse order; what is left after a failure stays in the stack, for the next try. */
function removeAll(state: AccountState, stack: StackState, forward: Forward, operation: 'DELETE' | 'ROLLBACK'): void {
  const order = [...stack.made].reverse();
  const failed: string[] = [];
  const next = (): void => {
    const entry = order.shift();
    if (entry === undefined) {
      const why = failed.length === 0 ? undefined : `The following resource(s) failed to delete: [${failed.join(', ')}]. `;
      become(state, stack, `${operation}_${failed.length === 0 ? 'COMPLETE' : 'FAILED'}`, why);
      return;
    }
    const [logicalId, made] = entry;
    later(state, stack, () => {
      try {
        troubled(state);
        deleteResource(forward, made);
        stack.made.delete(logicalId);
        event(stack, logicalId, made.type, 'DELETE_COMPLETE', made.physicalId);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        failed.push(logicalId);
        event(stack, logicalId, made.type, 'DELETE_FAILED', made.physicalId, error.message);
      }
      next();
    });
  };
  next();
}

type Ends = { readonly done: () => void; readonly failed: (logicalId: string) => void };

function run(
  state: AccountState,
  stack: StackState,
  operation: 'CREATE' | 'UPDATE',
  resources: readonly (readonly [string, TemplateResource])[],
  steps: readonly (() => void)[],
  ends: Ends,
): void {
  const next = (index: number): void => {
    const [step, resource] = [steps[index], resources[index]];
    later(state, stack, () => {
      if (step === undefined || resource === undefined) {
        ends.done();
        return;
      }
      try {
        troubled(state);
        step();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        event(stack, resource[0], resource[1].Type, `${operation}_FAILED`, undefined, error.message);
        ends.failed(resource[0]);
        return;
      }
      next(index + 1);
    });
  };
  next(0);
}

function allowed(step: () => void): boolean {
  try {
    step();
    return true;
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

function later(state: AccountState, stack: StackState, step: () => void): void {
  state.world.schedule(between(state.random, 1_000, 12_000), `aws stack ${stack.name} ${stack.status}`, step);
}

/** Now and then IAM is busy even for CloudFormation, which then gives up. */
function troubled({ world }: AccountState): void {
  if (world.faults.happens('stackTrouble')) throw new Refused('Rate exceeded (Service: Iam, Status Code: 400)');
}

/** What is referred to comes first. */
function inOrder({ Resources }: Template): readonly (readonly [string, TemplateResource])[] {
  const left = new Map(Object.entries(Resources));
  const order: [string, TemplateResource][] = [];
  while (left.size > 0) {
    const ready = [...left].find(([, resource]) => ![...left.keys()].some((id) => refersTo(resource, id)));
    if (ready === undefined) throw new Error('resources that refer to each other in a circle');
    left.delete(ready[0]);
    order.push(ready);
  }
  return order;
}

function refersTo(resource: TemplateResource, id: string): boolean {
  const text = JSON.stringify(resource);
  return text.includes(`{"Ref":"${id}"}`) || text.includes(`{"Fn::GetAtt":["${id}",`);
}

function become(state: AccountState, stack: StackState, status: string, reason?: string): void {
  stack.status = status;
  stack.changedAt = state.world.now();
  if (reason === undefined) delete stack.statusReason;
  else stack.statusReason = reason;
  event(stack, stack.name, 'AWS::CloudFormation::Stack', status, stack.stackId, reason);
}

function event(stack: StackState, logicalId: string, resourceType: string, status: string, physicalId?: string, reason?: string): void {
  const told = { ...(physicalId !== undefined && { physicalId }), ...(reason !== undefined && { reason }) };
  stack.events.unshift({ logicalId, resourceType, status, token: stack.token, ...told });
}

function outputsOf({ template, made }: StackState): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(template.Outputs ?? {}).map(([key, { Value }]) => [key, String(resolved(Value, made))]));
}

function forwardOf(state: AccountState, caller: Authenticated, stack: StackState): Forward {
  return { state, caller, tags: stack.tags, made: stack.made };
}

/** By name the one that is not deleted, by id any. */
function found(state: AccountState, nameOrId: string): StackState | undefined {
  return state.stacks.get(nameOrId) ?? standing(state, nameOrId);
}

const tokenTaken = failure('IdempotentMismatch', 'TokenAlreadyExistsException', 'Token already exists for another operation');

function noStack(name: string): Failure {
  return failure('NotFound', 'ValidationError', `Stack with id ${name} does not exist`);
}

function busy({ stackId, status }: StackState, verb: string): Failure {
  return failure('Throttled', 'ValidationError', `Stack:${stackId} is in ${status} state and can not be ${verb}.`);
}

function wrongRequest({ name, templateBody }: StackRequest): Failure | undefined {
  if (!/^[a-zA-Z][-a-zA-Z0-9]{0,127}$/.test(name))
    return invalid('ValidationError', `1 validation error detected: Value '${name}' at 'stackName' failed to satisfy constraint`);
  if (Buffer.byteLength(templateBody) > 51_200)
    return invalid(
      'ValidationError',
      "Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200",
    );
  return undefined;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
