/**
 * A decision is an ordered list of small rules: the first one with a verdict decides, and its id and reason are what explain, the condition, the event and
 * the log line say.
 */
export type Verdict<Value> = { readonly value: Value; readonly reason: string };

export type Rule<Subject, Value> = {
  /** Stable: people and programs may search for it. */
  readonly id: string;
  readonly judge: (subject: Subject) => Verdict<Value> | undefined;
};

export type Decision<Value> = { readonly value: Value; readonly rule: string };

/** Throws where no rule has a verdict: the last rule of a list always has one. */
export function decide<Subject, Value>(rules: readonly Rule<Subject, Value>[], subject: Subject): Decision<Value> {
  for (const { id, judge } of rules) {
    const verdict = judge(subject);
    if (verdict !== undefined) return { value: verdict.value, rule: `${id}: ${verdict.reason}` };
  }
  throw new Error(`no rule decides; tried ${rules.map(({ id }) => id).join(', ')}`);
}

/** A rule that refuses: nothing, or what is wrong. */
export type Check<Subject, Problem> = (subject: Subject) => Problem | undefined;

/** The first thing that is wrong. */
export function firstProblem<Subject, Problem>(checks: readonly Check<Subject, Problem>[], subject: Subject): Problem | undefined {
  for (const check of checks) {
    const problem = check(subject);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
