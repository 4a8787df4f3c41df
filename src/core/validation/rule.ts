import type { ElasticKind } from '../../api/schema.ts';

/**
 * One rule, judged twice: as CEL by the API server (scripts/generate.ts writes it into crds/), as `check` by our own code.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
 */
export type Rule = {
  readonly kind: ElasticKind;
  /** Schema paths: `spec.workers`, `spec.connections[].name` (items of a list), `spec.tags{}` (values of a map), '' (the whole object). */
  readonly paths: readonly string[];
  /** CEL, true = good. A rule that names oldSelf is judged on updates only. */
  readonly cel: string;
  /** What to do, for the author of the manifest. The field and its value are shown beside it. */
  readonly message: string;
  /** The field below the path that the message is about, such as `.max`. */
  readonly fieldPath?: string;
  /** The same judgement as `cel`; oldSelf is given where the CEL names it. */
  readonly check: (self: unknown, oldSelf: unknown) => boolean;
};

/** A row whose check is written for the type that the schema guarantees at its paths. */
export type RuleOf<Self> = Omit<Rule, 'check'> & { readonly check: (self: Self, oldSelf: Self) => boolean };

export function rule<Self>(row: RuleOf<Self>): Rule {
  return { ...row, check: (self, oldSelf) => row.check(self as Self, oldSelf as Self) };
}
