import { malformed, type Parsed, parsed, quoted } from '../quantity/outcome.ts';
import { type Comparison, comparisons } from './comparison.ts';
import { compilePattern, type Lookup, type Pattern, resolvePattern } from './pattern.ts';

/**
 * One operator over one key (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).
 * All conditions of a statement must hold; the values of one are alternatives (for a negated operator: none may match).
 */
export type Condition = {
  readonly quantifier?: 'ForAllValues' | 'ForAnyValue';
  readonly operator: string;
  readonly ifExists: boolean;
  /** Lower case: key names are not case-sensitive. */
  readonly key: string;
  readonly values: readonly Pattern[];
};

/** Request context: keys in lower case; a list = a multivalued key. */
export type ContextMap = ReadonlyMap<string, string | readonly string[]>;

export function parseConditions(block: unknown, variables: boolean): Parsed<readonly Condition[]> {
  if (block === undefined) return parsed([]);
  if (typeof block !== 'object' || block === null || Array.isArray(block)) return malformed('Condition must be an object');
  const conditions: Condition[] = [];
  for (const [name, keys] of Object.entries(block)) {
    const form = /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/.exec(name);
    const comparison = form === null ? undefined : comparisons[form[2] ?? ''];
    if (form === null || comparison === undefined) return malformed(`Condition operator ${quoted(name)} is unknown`);
    const operator = form[2] ?? '';
    if (operator === 'Null' && form[3] !== undefined) return malformed('Condition operator Null takes no IfExists');
    if (typeof keys !== 'object' || keys === null || Array.isArray(keys)) return malformed(`Condition.${name} must be an object`);
    for (const [key, given] of Object.entries(keys)) {
      const list: readonly unknown[] = Array.isArray(given) ? given : [given];
      const values: Pattern[] = [];
      for (const value of list) {
        if (!['string', 'number', 'boolean'].includes(typeof value))
          return malformed(`Condition.${name}.${key} must be a string or a list`);
        const text = String(value);
        const reason = comparison.check?.(text);
        if (reason !== undefined) return malformed(`Condition.${name}.${key}: ${quoted(text)} ${reason}`);
        values.push(compilePattern(text, comparison.wildcards ? 'glob' : 'literal', variables && comparison.variables));
      }
      const quantifier = form[1] as 'ForAllValues' | 'ForAnyValue' | undefined;
      conditions.push({
        operator,
        ifExists: form[3] !== undefined,
        key: key.toLowerCase(),
        values,
        ...(quantifier === undefined ? {} : { quantifier }),
      });
    }
  }
  return parsed(conditions);
}

/**
 * Whether a condition holds. `void`: it names a policy variable that the request does not have, under a negated operator: AWS calls
 * such a statement invalid, so an Allow does not apply; a Deny does, to err on the safe side.
 */
export function conditionHolds(condition: Condition, context: ContextMap, lookup: Lookup): boolean | 'void' {
  const comparison = comparisons[condition.operator];
  if (comparison === undefined) throw new Error(`condition operator ${condition.operator}`);
  const given = context.get(condition.key);
  const list = given === undefined ? [] : typeof given === 'string' ? [given] : given;
  if (condition.operator === 'Null') return holdsNull(condition, list);
  if (condition.quantifier !== undefined) return holdsForSet(condition, comparison, list, lookup);
  if (list.length === 0) return condition.ifExists || comparison.negated;
  return matchesSome(condition, comparison, list, lookup);
}

/** "true": the key is absent; "false": it is there and not null. */
function holdsNull(condition: Condition, list: readonly string[]): boolean {
  return condition.values.some((value) => (value.text.toLowerCase() === 'true') === (list.length === 0));
}

function matchesSome(condition: Condition, comparison: Comparison, list: readonly string[], lookup: Lookup): boolean | 'void' {
  let unresolved = false;
  for (const value of condition.values) {
    const resolved = resolvePattern(value, lookup);
    if (resolved === undefined) unresolved = true;
    else if (list.some((item) => comparison.matches(resolved, item))) return !comparison.negated;
  }
  if (comparison.negated && unresolved) return 'void';
  return comparison.negated;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html */
function holdsForSet(condition: Condition, comparison: Comparison, given: readonly string[], lookup: Lookup): boolean | 'void' {
  const all = condition.quantifier === 'ForAllValues';
  // A key that resolves to nothing (an empty string) counts as absent.
  const list = given.filter((item) => item !== '');
  if (list.length === 0) return all || condition.ifExists;
  const verdicts = list.map((item) => matchesSome(condition, comparison, [item], lookup));
  if (verdicts.includes('void')) return 'void';
  return all ? verdicts.every((verdict) => verdict === true) : verdicts.includes(true);
}
