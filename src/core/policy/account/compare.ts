import type { ConditionBlock, PolicyDocument, PolicyStatement } from '../document.ts';
import { statementsOf } from './roles.ts';

/** Where two sets of documents say different things. `statement`: its Sid, or `statement N`. */
export type Difference =
  | { readonly kind: 'missing' | 'extra'; readonly statement: string; readonly detail: string }
  /** A statement of that Sid is there and says something else. */
  | { readonly kind: 'changed'; readonly statement: string; readonly detail: string };

/** One permission: an effect, for a principal, on an action and a resource, under one condition. */
type Grain = { readonly key: string; readonly shown: string };

const externalIdKey = 'sts:ExternalId';

/**
 * What the documents allow and deny, whichever policies it is spread over and in whatever order it is written: `wanted` against `found`. Values of external
 * IDs are secrets: that there is one is compared, its value is not, and is never shown.
 */
export function compareDocuments(wanted: readonly PolicyDocument[], found: readonly PolicyDocument[]): readonly Difference[] {
  // Before this version `${` begins no variable: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
  const old = new Set<PolicyStatement>();
  const copies = (document: PolicyDocument): readonly PolicyStatement[] => {
    const statements = statementsOf(document).map((statement) => ({ ...statement }));
    if (document.Version !== '2012-10-17') for (const statement of statements) old.add(statement);
    return statements;
  };
  const wantedStatements = wanted.flatMap(copies);
  const foundStatements = found.flatMap(copies);
  const grainsOf = (statement: PolicyStatement): readonly Grain[] => grainsIn(statement, old.has(statement));
  const there = new Set(foundStatements.flatMap((statement) => grainsOf(statement).map(({ key }) => key)));
  const asked = new Set(wantedStatements.flatMap((statement) => grainsOf(statement).map(({ key }) => key)));
  const bySid = new Map<string, PolicyStatement[]>();
  for (const statement of foundStatements)
    if (statement.Sid !== undefined) bySid.set(statement.Sid, [...(bySid.get(statement.Sid) ?? []), statement]);
  const differences: Difference[] = [];
  const told = new Set<PolicyStatement>();
  for (const [index, statement] of wantedStatements.entries()) {
    const grains = grainsOf(statement);
    const lacking = grains.filter(({ key }) => !there.has(key));
    if (lacking.length === 0) continue;
    const name = statement.Sid ?? `statement ${index + 1}`;
    const counterparts = (statement.Sid === undefined ? [] : (bySid.get(statement.Sid) ?? [])).filter((one) => !told.has(one));
    if (counterparts.length === 0) {
      const detail = lacking.length === grains.length ? shown(grains) : `lacks ${shown(lacking)}`;
      differences.push({ kind: 'missing', statement: name, detail });
      continue;
    }
    for (const one of counterparts) told.add(one);
    const extra = counterparts.flatMap(grainsOf).filter(({ key }) => !asked.has(key));
    const more = extra.length === 0 ? '' : `; has instead ${shown(extra)}`;
    differences.push({ kind: 'changed', statement: name, detail: `lacks ${shown(lacking)}${more}` });
  }
  for (const [index, statement] of foundStatements.entries()) {
    if (told.has(statement)) continue;
    const extra = grainsOf(statement).filter(({ key }) => !asked.has(key));
    if (extra.length > 0) differences.push({ kind: 'extra', statement: statement.Sid ?? `statement ${index + 1}`, detail: shown(extra) });
  }
  return differences;
}

function grainsIn(statement: PolicyStatement, isOld: boolean): readonly Grain[] {
  const conditions = canonicalConditions(statement.Condition);
  const version = isOld && JSON.stringify(statement).includes('${') ? '; its version knows no policy variables' : '';
  const texts = conditions.map(([operator, key, values]) => `${operator} ${key} ${values.join(', ')}`);
  const under = `${texts.length === 0 ? '' : ` if ${texts.join(' and ')}`}${version}`;
  const actions = elements(statement, 'Action').map(([name, action]) => [name, action.toLowerCase(), action] as const);
  const grains: Grain[] = [];
  for (const [principalElement, principal] of principalsOf(statement)) {
    for (const [actionElement, action, actionShown] of actions) {
      for (const [resourceElement, resource] of elements(statement, 'Resource')) {
        const key = JSON.stringify([
          statement.Effect,
          principalElement,
          principal,
          actionElement,
          action,
          resourceElement,
          resource,
          conditions,
          version,
        ]);
        const who =
          principal === ''
            ? ''
            : ` to ${principalElement === 'NotPrincipal' ? 'all but ' : ''}${shownElement(principalElement, principal)}`;
        const what = `${actionElement === 'NotAction' ? 'all but ' : ''}${shownElement(actionElement, actionShown)}`;
        const on =
          resource === '' ? '' : ` on ${resourceElement === 'NotResource' ? 'all but ' : ''}${shownElement(resourceElement, resource)}`;
        grains.push({ key, shown: `${statement.Effect} ${what}${on}${who}${under}` });
      }
    }
  }
  return grains;
}

/** An element's values one by one. What is excepted (`Not…`) belongs together: the list is one value, as JSON. */
function elements(statement: PolicyStatement, name: 'Action' | 'Resource'): readonly (readonly [element: string, value: string])[] {
  const excepted = statement[`Not${name}`];
  if (excepted !== undefined) return [[`Not${name}`, JSON.stringify([...new Set([excepted].flat())].sort())]];
  const given = statement[name];
  return given === undefined ? [[name, '']] : [...new Set([given].flat())].map((value) => [name, value]);
}

function shownElement(element: string, value: string): string {
  return element.startsWith('Not') ? (JSON.parse(value) as readonly string[]).join(', ') : value;
}

function principalsOf({ Principal, NotPrincipal }: PolicyStatement): readonly (readonly [element: string, value: string])[] {
  const flat = (principal: NonNullable<PolicyStatement['Principal']>): readonly string[] =>
    principal === '*'
      ? ['*']
      : Object.entries(principal).flatMap(([kind, values]) => [values].flat().map((value) => canonicalPrincipal(kind, value)));
  if (NotPrincipal !== undefined) return [['NotPrincipal', JSON.stringify(flat(NotPrincipal).toSorted())]];
  return Principal === undefined ? [['Principal', '']] : flat(Principal).map((value) => ['Principal', value]);
}

/** `*` is `{"AWS": "*"}`; an account's root is its number. */
function canonicalPrincipal(kind: string, value: string): string {
  if (kind !== 'AWS') return value;
  return /^arn:[a-z-]+:iam::(\d{12}):root$/.exec(value)?.[1] ?? value;
}

type Condition = readonly [operator: string, key: string, values: readonly string[]];

function canonicalConditions(condition: ConditionBlock | undefined): readonly Condition[] {
  const blocks = Object.entries(condition ?? {}).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, value]): Condition => {
      const values = [...new Set([value].flat().map(String))].sort();
      const isSecret = key.toLowerCase() === externalIdKey.toLowerCase();
      return [operator, canonicalKey(key), isSecret ? values.map((text) => hidden(operator, text)) : values];
    }),
  );
  return blocks.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** What is not shown of an external ID is which one it is. */
function hidden(operator: string, text: string): string {
  return /like/i.test(operator) && /[*?]/.test(text) ? '(external IDs of a pattern)' : '(external ID)';
}

/** Names of condition keys are in any case; the tag's own name, after the slash, is not. */
function canonicalKey(key: string): string {
  const cut = key.indexOf('/');
  return cut < 0 ? key.toLowerCase() : key.slice(0, cut).toLowerCase() + key.slice(cut);
}

const most = 3;

function shown(grains: readonly Grain[]): string {
  const texts = grains.slice(0, most).map((grain) => grain.shown);
  return grains.length > most ? `${texts.join('; ')}; and ${grains.length - most} more` : texts.join('; ');
}
