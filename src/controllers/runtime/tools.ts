import type { Applier } from '../../machinery/applier.ts';
import type { Expectations } from '../../machinery/expectations.ts';
import type { OperatorContext } from '../context.ts';

/** What every step of the runtime controller works with. */
export type RuntimeTools = {
  readonly context: OperatorContext;
  readonly applier: Applier;
  readonly expectations: Expectations;
  /** By uid: when Secrets and accounts were last looked after. */
  /** Init scripts by runtime and spec. */
  readonly scripts: Map<string, string>;
  readonly upkept: Map<string, { readonly generation: number | undefined; readonly at: number }>;
};

/** Verdict of one step: go on with the next one, or stop here and say why. */
export type StepVerdict =
  | { readonly go: true }
  /** Nothing will change without somebody's change; looked at again now and then all the same. */
  | { readonly stalled: string; readonly message: string }
  /** Worth another try soon. */
  | { readonly again: string; readonly message: string };

export const go = { go: true } satisfies StepVerdict;
