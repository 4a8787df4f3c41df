import type { Schema } from '../../api/schema.ts';
import { fieldSchema } from './defaults.ts';
import { equal } from './rule.ts';
import { below, identity } from './structure.ts';

/** A place in an object where a rule applies, with the value that was there before; `before` is undefined where there was none. */
export type Site = { readonly field: string; readonly schema: Schema; readonly self: unknown; readonly before: unknown };

type Json = Readonly<Record<string, unknown>>;

/** Every place of the object that a rule's path names: `spec.connections[].name` is one for each connection. */
export function sitesOf(path: string, root: Site): readonly Site[] {
  const steps = path.split(/\.|(?=\[\])|(?=\{\})/).filter((step) => step !== '');
  return steps.reduce<readonly Site[]>((sites, step) => sites.flatMap((site) => children(site, step)), [root]);
}

function children(site: Site, step: string): readonly Site[] {
  if (step === '[]') return items(site);
  if (step === '{}') return entries(site);
  return field(site, step, below(site.field, step));
}

function entries(site: Site): readonly Site[] {
  return Object.keys((site.self ?? {}) as Json).flatMap((name) => field(site, name, `${site.field}[${name}]`));
}

function field(site: Site, name: string, at: string): readonly Site[] {
  const schema = fieldSchema(site.schema, name);
  const self = ownValue(site.self, name);
  if (schema === undefined || self === undefined || self === null) return [];
  return [{ field: at, schema, self, before: ownValue(site.before, name) }];
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
