import type { Applier } from '../../machinery/applier.ts';
import type { Expectations } from '../../machinery/expectations.ts';
import type { OperatorContext } from '../context.ts';
import type { AccessFailure } from '../identity/failure.ts';

/** What every step of the runtime controller works with. */
export type RuntimeTools = {
  readonly context: OperatorContext;
  readonly applier: Applier;
  readonly expectations: Expectations;
  /** Init scripts by runtime and spec. */
  readonly scripts: Map<string, string>;
  /** By uid: when the certificate is to be looked at next, by the monotonic clock. */
  readonly certificates: Map<string, number>;
  /** By uid: when the default roles were last found as they should be. */
  readonly roles: Map<string, LastLook>;
  /** By uid: since when the stack of a runtime in teardown is not to be seen, and why its deletion failed. */
  readonly rolesMissing: Map<string, number>;
  readonly rolesBlocked: Map<string, string>;
  /** Of the cluster's tokens, once it is known. */
  readonly issuer: { value: string | undefined };
  /** By uid: when Secrets and accounts were last looked after. */
  readonly upkept: Map<string, LastLook>;
  /** By uid: whether the identities could be had. */
  readonly looks: Map<string, Look>;
};

/** When something was last looked after, by the monotonic clock, and of which resolved spec (its digest). */
export type LastLook = { readonly spec: string; readonly at: number };

/** When the identities are to be looked at next, by the monotonic clock, and what was refused the last time. */
export type Look = { readonly dueAt: number; readonly failures: readonly AccessFailure[] };

/** Verdict of one step: go on with the next one, or stop here and say why. */
export type StepVerdict =
  | { readonly go: true; readonly lookAgainMs?: number }
  /** Nothing will change without somebody's change; looked at again now and then all the same. */
  | { readonly stalled: string; readonly message: string; readonly afterMs?: number }
  /** Worth another try soon; `afterMs`: nothing went wrong, something takes its time. */
  | { readonly again: string; readonly message: string; readonly afterMs?: number };

export const go = { go: true } satisfies StepVerdict;
