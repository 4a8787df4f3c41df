import { malformed, type Parsed, parsed, quoted } from '../quantity/outcome.ts';
import { type Comparison, comparisons } from './comparison.ts';
import { compilePattern, type Lookup, type Pattern, resolvePattern, wrongVariable } from './pattern.ts';

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

const form = /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/;

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html and the services' own lists: keys of type ArrayOf… */
const multivalued: ReadonlySet<string> = new Set([
  'aws:calledvia',
  'aws:principalorgpaths',
  'aws:principalservicenameslist',
  'aws:tagkeys',
  'kms:encryptioncontextkeys',
  'kms:grantoperations',
  'kms:resourcealiases',
  's3:requestobjecttagkeys',
  'sts:transitivetagkeys',
]);

export function parseConditions(block: unknown, variables: boolean): Parsed<readonly Condition[]> {
  if (block === undefined) return parsed([]);
  if (!isRecord(block)) return malformed('Condition must be an object');
  const conditions: Condition[] = [];
  for (const [name, keys] of Object.entries(block)) {
    const [, quantifier, operator = '', ifExists] = form.exec(name) ?? [];
    const comparison = Object.hasOwn(comparisons, operator) ? comparisons[operator] : undefined;
    if (comparison === undefined) return malformed(`Condition operator ${quoted(name)} is unknown`);
    if (operator === 'Null' && ifExists !== undefined) return malformed('Condition operator Null takes no IfExists');
    if (!isRecord(keys)) return malformed(`Condition.${name} must be an object`);
    const seen = new Set<string>();
    for (const [key, given] of Object.entries(keys)) {
      const lower = key.toLowerCase();
      const wrong =
        wrongKey(lower, operator, quantifier) ?? (seen.has(lower) ? 'stands there twice: key names are not case-sensitive' : undefined);
      if (wrong !== undefined) return malformed(`Condition.${name}: key ${quoted(key)} ${wrong}`);
      seen.add(lower);
      const values = parseValues(given, comparison, variables && comparison.variables, operator);
      if (!values.ok) return malformed(`Condition.${name}.${key}${values.reason}`);
      conditions.push({
        operator,
        ifExists: ifExists !== undefined,
        key: lower,
        values: values.value,
        ...(quantifier === undefined ? {} : { quantifier: quantifier === 'ForAllValues' ? quantifier : 'ForAnyValue' }),
      });
    }
  }
  return parsed(conditions);
}

/** Checks of AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html */
function wrongKey(key: string, operator: string, quantifier: string | undefined): string | undefined {
  if (!/^[^:]+:.+$/s.test(key)) return 'is not service:name';
  if (key.includes('${')) return 'holds a policy variable: variables are for values';
  if (/^[a-z0-9-]+:(resourcetag|requesttag|principaltag)$/.test(key) || key === 'kms:encryptioncontext')
    return 'needs a key behind a slash or colon';
  if (/^[a-z0-9-]+:(resourcetag|requesttag|principaltag)\/$/.test(key) || key === 'kms:encryptioncontext:') return 'ends before its key';
  if (multivalued.has(key) && quantifier === undefined && operator !== 'Null')
    return 'has several values: it needs ForAllValues or ForAnyValue';
  return undefined;
}

function parseValues(given: unknown, comparison: Comparison, variables: boolean, operator: string): Parsed<readonly Pattern[]> {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (!list.every((value) => ['string', 'number', 'boolean'].includes(typeof value))) return malformed(' must be a string or a list');
  if (new Set(list.map((value) => typeof value)).size > 1) return malformed(': values of several types');
  if (list.length > 1 && (operator === 'Bool' || operator === 'Null')) return malformed(': true and false do not go together');
  const values: Pattern[] = [];
  for (const value of list) {
    const text = String(value);
    const reason = comparison.check?.(text) ?? (variables ? wrongVariable(text) : undefined);
    if (reason !== undefined) return malformed(`: ${quoted(text)} ${reason}`);
    values.push(compilePattern(text, comparison.wildcards ? 'glob' : 'literal', variables));
  }
  return parsed(values);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Whether a condition holds. A policy variable that the request does not have equals and resembles nothing, so a negated operator does hold
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-no-value).
 */
export function conditionHolds(condition: Condition, context: ContextMap, lookup: Lookup): boolean {
  const comparison = comparisons[condition.operator];
  if (comparison === undefined) throw new Error(`condition operator ${condition.operator}`);
  const given = context.get(condition.key);
  const list = given === undefined ? [] : typeof given === 'string' ? [given] : given;
  if (condition.operator === 'Null') return holdsNull(condition, list);
  const matches = (item: string): boolean => condition.values.some((value) => matchesValue(comparison, value, item, lookup));
  if (condition.quantifier !== undefined) return holdsForSet(condition, comparison.negated, list, matches);
  if (list.length === 0) return condition.ifExists || comparison.negated;
  // Two tags whose keys differ in case only are one key with two values here: then all must match, so that nothing is allowed by chance.
  return comparison.negated ? !list.some(matches) : list.every(matches);
}

/** "true": the key is absent; "false": it is there and not null. A set operator makes it true or false whatever the request has ("Null with qualifier"). */
function holdsNull(condition: Condition, list: readonly string[]): boolean {
  if (condition.quantifier !== undefined) return condition.quantifier === 'ForAllValues';
  return condition.values.some((value) => (value.text.toLowerCase() === 'true') === (list.length === 0));
}

function matchesValue(comparison: Comparison, value: Pattern, item: string, lookup: Lookup): boolean {
  const resolved = resolvePattern(value, lookup);
  return resolved !== undefined && comparison.matches(resolved, item);
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html */
function holdsForSet(condition: Condition, negated: boolean, given: readonly string[], matches: (item: string) => boolean): boolean {
  const all = condition.quantifier === 'ForAllValues';
  // A key that resolves to nothing (an empty string) counts as absent.
  const list = given.filter((item) => item !== '');
  if (list.length === 0) return all || condition.ifExists;
  return all ? list.every((item) => matches(item) !== negated) : list.some((item) => matches(item) !== negated);
}
