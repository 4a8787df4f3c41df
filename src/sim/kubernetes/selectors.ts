import type { KubernetesError } from '../../ports/kubernetes.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { at, isFields } from './json.ts';
import type { Entity } from './kinds.ts';

export type Predicate = (object: Entity) => boolean;

/** Label and field selectors of a list or watch (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/). */
export function selectorOf(options: {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}): Result<Predicate, KubernetesError> {
  const tests: Predicate[] = [];
  const { namespace } = options;
  if (namespace !== undefined) tests.push((object) => object.metadata.namespace === namespace);
  for (const part of splitTerms(options.labelSelector ?? '')) {
    const test = labelTerm(part);
    if (test === undefined) return err({ kind: 'Invalid', reason: 'BadRequest', message: `unable to parse requirement: ${part}` });
    tests.push((object) => test(object.metadata.labels ?? {}));
  }
  for (const part of (options.fieldSelector ?? '').split(',').filter((term) => term !== '')) {
    const match = /^([^=!]+)(=|==|!=)([^=]*)$/.exec(part);
    if (match === null) return err({ kind: 'Invalid', reason: 'BadRequest', message: `invalid selector: '${part}'` });
    const [, field = '', operator, value = ''] = match;
    const path = field.split('.');
    tests.push((object) => (fieldText(object, path) === value) === (operator !== '!='));
  }
  return ok((object) => tests.every((test) => test(object)));
}

function fieldText(object: Entity, path: readonly string[]): string {
  const value = at(object, ...path);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** Splits at commas that are not inside parentheses. */
function splitTerms(selector: string): readonly string[] {
  return selector
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '');
}

type LabelTest = (labels: Readonly<Record<string, string>>) => boolean;

function labelTerm(term: string): LabelTest | undefined {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const values = new Set(list.split(',').map((value) => value.trim()));
    return (labels) => values.has(labels[key] ?? '\0') === (operator === 'in');
  }
  const equality = /^([^=!\s]+)\s*(==|=|!=)\s*([^=!\s]*)$/.exec(term);
  if (equality !== null) {
    const [, key = '', operator, value] = equality;
    return (labels) => (labels[key] === value) === (operator !== '!=');
  }
  const existence = /^(!?)\s*([^=!\s()]+)$/.exec(term);
  if (existence === null) return undefined;
  const [, negated, key = ''] = existence;
  return (labels) => Object.hasOwn(labels, key) === (negated === '');
}

/** metav1.LabelSelector: an empty one matches everything, an absent one nothing. */
export function matchesLabelSelector(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  if (!isFields(selector)) return false;
  const { matchLabels, matchExpressions } = selector;
  if (isFields(matchLabels) && !Object.entries(matchLabels).every(([key, value]) => labels[key] === value)) return false;
  return !Array.isArray(matchExpressions) || matchExpressions.every((expression) => matchesExpression(expression, labels));
}

/** One requirement of a label selector or of a node selector term (Gt and Lt are the latter's). */
export function matchesExpression(expression: unknown, labels: Readonly<Record<string, string>>): boolean {
  if (!isFields(expression)) return false;
  const key = String(expression['key']);
  const values = Array.isArray(expression['values']) ? expression['values'].map(String) : [];
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (expression['operator']) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}
