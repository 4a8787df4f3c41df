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
  /** The field below the path that the message is about, such as `.max` or `.staging.uri`. */
  readonly fieldPath?: string;
  /** A field is missing: the API server says "Required value" before the message. */
  readonly reason?: 'FieldValueRequired';
  /** The same judgement as `cel`; oldSelf is given where the CEL names it. */
  readonly check: (self: unknown, oldSelf: unknown) => boolean;
};

type Row<Self> = Omit<Rule, 'check' | 'kind' | 'paths'> & { readonly check: (self: Self, oldSelf: Self) => boolean };

/** A row whose check is written for the type that the schema guarantees at its paths. */
export function rule<Self>(kind: ElasticKind, paths: string | readonly string[], row: Row<Self>): Rule {
  return {
    ...row,
    kind,
    paths: typeof paths === 'string' ? [paths] : paths,
    check: (self, oldSelf) => row.check(self as Self, oldSelf as Self),
  };
}

/** The text must match; the pattern is one of patterns.ts. */
export function textRule(kind: ElasticKind, paths: string | readonly string[], pattern: string, message: string): Rule {
  const expression = new RegExp(pattern, 'u');
  return rule<string>(kind, paths, { cel: `self.matches(r"${pattern}")`, message, check: (self) => expression.test(self) });
}

/** A required field that keeps its value for the life of the object. */
export function immutableRule(kind: ElasticKind, paths: string | readonly string[], message: string): Rule {
  return rule<unknown>(kind, paths, { cel: 'self == oldSelf', message, check: equal });
}

/** A field below `path` that is neither changed nor added nor removed. */
export function frozenFieldRule(kind: ElasticKind, path: string, field: string, message: string): Rule {
  return rule<Readonly<Record<string, unknown>>>(kind, path, {
    cel: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
    message,
    fieldPath: `.${field}`,
    check: (self, oldSelf) => equal(self[field], oldSelf[field]),
  });
}

/** JSON equality: the order of keys does not count; null and absent are the same. */
export function equal(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object')
    return (left ?? undefined) === (right ?? undefined);
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => equal(item, right[index]));
  }
  const [one, other] = [left as Record<string, unknown>, right as Record<string, unknown>];
  return (
    Object.keys(one).every((key) => equal(one[key], other[key])) &&
    Object.keys(other).every((key) => Object.hasOwn(one, key) || equal(undefined, other[key]))
  );
}
