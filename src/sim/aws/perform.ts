import { auditOf } from '../../core/policy/audit.ts';
import type { AwsCalls, AwsMethod } from '../../core/policy/calls.ts';
import { accountOf, callerArn } from '../../core/policy/principal.ts';
import { err, type Result } from '../../ports/result.ts';
import { type Authenticated, authenticate, type Credentials, isFailure, serviceOf } from './authorize.ts';
import { type Failure, throttled } from './failures.ts';
import type { CallRecord } from './record.ts';
import type { AccountState } from './state.ts';
import { overRate } from './throttling.ts';

/** One request as it arrives at the account. */
export type Request<M extends AwsMethod> = {
  readonly method: M;
  readonly request: AwsCalls[M];
  /** The sending process. */
  readonly process: string;
  /** undefined: unsigned (AssumeRoleWithWebIdentity). */
  readonly credentials: Credentials | undefined;
};

export type Answer<T> = { readonly result: Result<T, Failure>; readonly requestId: string };

/** Authenticates, runs and records one signed call. Happens at one instant; the answer travels back through the process's network. */
export function perform<M extends AwsMethod, T>(
  state: AccountState,
  incoming: Request<M> & { readonly credentials: Credentials },
  run: (caller: Authenticated) => Result<T, Failure>,
): Answer<T> {
  const caller = authenticate(state, serviceOf(incoming.method), incoming.credentials);
  if (isFailure(caller)) return recorded(state, incoming, err(caller), unknownCaller(state, incoming.credentials));
  const over = overRate(state, accountOf(callerArn(caller.principal)), incoming.method);
  const result = over ? err(throttled(serviceOf(incoming.method))) : run(caller);
  return recorded(state, incoming, result, whoIs(caller, incoming.credentials));
}

export function performUnsigned<M extends AwsMethod, T>(
  state: AccountState,
  incoming: Request<M>,
  who: Pick<CallRecord, 'caller' | 'sessionName'>,
  run: () => Result<T, Failure>,
): Answer<T> {
  return recorded(state, incoming, run(), who);
}

/** Refused at the door; the account notes that it was. */
export function refuseBusy<M extends AwsMethod, T>(state: AccountState, incoming: Request<M>, sessionName: string): Answer<T> {
  const { credentials } = incoming;
  const caller = credentials === undefined ? undefined : authenticate(state, serviceOf(incoming.method), credentials);
  const who =
    credentials === undefined || caller === undefined || isFailure(caller)
      ? { caller: 'unauthenticated', sessionName, ...(credentials === undefined ? {} : unknownCaller(state, credentials)) }
      : whoIs(caller, credentials);
  return recorded(state, incoming, err(throttled(serviceOf(incoming.method))), who);
}

type Who = Pick<CallRecord, 'caller' | 'sessionName' | 'roleArn' | 'sessionTags'>;

function whoIs({ principal }: Authenticated, { accessKeyId }: Credentials): Who {
  const caller = callerArn(principal);
  if (principal.kind === 'user') return { caller, sessionName: accessKeyId.slice(-4) };
  return {
    caller,
    roleArn: principal.roleArn,
    sessionName: principal.sessionName,
    ...(principal.tags === undefined ? {} : { sessionTags: principal.tags }),
  };
}

/** Of credentials that are refused: the session that the key id names, where there is one. */
function unknownCaller(state: AccountState, { accessKeyId }: Credentials): Who {
  const principal = state.sessions.get(accessKeyId)?.principal;
  if (principal === undefined) return { caller: 'unauthenticated', sessionName: accessKeyId.slice(-4) };
  return { caller: 'unauthenticated', roleArn: principal.roleArn, sessionName: principal.sessionName };
}

function recorded<M extends AwsMethod, T>(state: AccountState, incoming: Request<M>, result: Result<T, Failure>, who: Who): Answer<T> {
  const requestId = nextRequestId(state);
  state.calls.push({
    time: state.world.now(),
    requestId,
    process: incoming.process,
    method: incoming.method,
    ...auditOf(incoming.method, incoming.request, state.spec.region),
    ...who,
    outcome: result.ok ? 'ok' : result.error.code,
    ...(result.ok ? {} : { message: result.error.message }),
    allowed: state.deciding.splice(0),
  });
  return { result, requestId };
}

/** Of the call that is being answered: for answers that say it. */
export function nextRequestId({ calls }: AccountState): string {
  return requestIdOf(calls.length + 1);
}

/** Counts up: a request's place in the account's record. */
function requestIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}
