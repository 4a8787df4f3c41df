import { type ElasticKind, elasticKinds, type Schema } from '../../api/schema.ts';
import { fieldSchema } from './defaults.ts';
import { equal, type Rule } from './rule.ts';
import { rules } from './rules/all.ts';
import { below, identity } from './structure.ts';

/** A place in an object, with the value that was there before; `before` is undefined where there was none. */
export type Site = { readonly field: string; readonly schema: Schema; readonly self: unknown; readonly before: unknown };

/** The rules of a kind by the steps of their paths: a field name, `[]` (items of a list) or `{}` (values of a map). */
type RuleTree = { readonly rules: Rule[]; readonly steps: Map<string, RuleTree> };
type Json = Readonly<Record<string, unknown>>;

const trees: ReadonlyMap<ElasticKind, RuleTree> = new Map(
  elasticKinds.map((kind) => [kind, treeOf(rules.filter((rule) => rule.kind === kind))]),
);

function treeOf(chosen: readonly Rule[]): RuleTree {
  const root: RuleTree = { rules: [], steps: new Map() };
  for (const rule of chosen) {
    for (const path of rule.paths) {
      let tree = root;
      for (const step of path.split(/\.|(?=\[\])|(?=\{\})/).filter((part) => part !== '')) {
        const next = tree.steps.get(step) ?? { rules: [], steps: new Map() };
        tree.steps.set(step, next);
        tree = next;
      }
      tree.rules.push(rule);
    }
  }
  return root;
}

/** Calls `visit` for every rule at every place of the object that the rule's paths name; one walk for all rules. */
export function visitRules(kind: ElasticKind, root: Site, visit: (rule: Rule, site: Site) => void): void {
  const tree = trees.get(kind);
  if (tree !== undefined) walk(tree, root, visit);
}

function walk(tree: RuleTree, site: Site, visit: (rule: Rule, site: Site) => void): void {
  for (const rule of tree.rules) visit(rule, site);
  for (const [step, next] of tree.steps) {
    if (step === '[]') for (const item of items(site)) walk(next, item, visit);
    else if (step === '{}') for (const name of Object.keys(site.self as Json)) walkField(next, site, name, `${site.field}[${name}]`, visit);
    else walkField(next, site, step, below(site.field, step), visit);
  }
}

function walkField(tree: RuleTree, site: Site, name: string, field: string, visit: (rule: Rule, site: Site) => void): void {
  const schema = fieldSchema(site.schema, name);
  const self = ownValue(site.self, name);
  if (schema === undefined || self === undefined || self === null) return;
  walk(tree, { field, schema, self, before: ownValue(site.before, name) }, visit);
}

function ownValue(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null && Object.hasOwn(object, name) ? (object as Json)[name] : undefined;
}

/** Items of keyed lists are compared with the old item of the same key; those of other lists have no old value. */
function items(site: Site): readonly Site[] {
  if (!Array.isArray(site.self)) return [];
  const earlier: readonly unknown[] = Array.isArray(site.before) && site.schema['x-kubernetes-list-type'] === 'map' ? site.before : [];
  return site.self.map((self: unknown, index) => ({
    field: `${site.field}[${index}]`,
    schema: site.schema.items ?? {},
    self,
    before: earlier.find((item) => equal(identity(site.schema, item), identity(site.schema, self))),
  }));
}
