import { schemas } from '../../api/generated/schemas.ts';
import type { ElasticKind, Schema } from '../../api/schema.ts';
import { applyDefaults, fieldSchema } from './defaults.ts';
import { prune } from './prune.ts';
import { equal, type Rule } from './rule.ts';
import { rules } from './rules/all.ts';
import { below, type Fault, identity, structuralFaults } from './structure.ts';

/** A fault and the object that has it, `<kind> <namespace>/<name>`. */
export type Violation = Fault & { readonly object: string };

type Manifest = { readonly metadata?: { readonly name?: string; readonly namespace?: string } };
type Json = Readonly<Record<string, unknown>>;

/**
 * What the API server would refuse in an object of ours: the schema first; the rules only where the schema holds, since they
 * are written for values of the right type. Defaults and pruning are applied before, to `old` too.
 * With `old` it is an update: transition rules are judged, and a rule that the same old value broke already is let pass
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting).
 */
export function validateObject(kind: ElasticKind, object: Manifest, old?: Manifest): readonly Violation[] {
  const [now, before] = [stored(kind, object), old === undefined ? undefined : stored(kind, old)];
  const faults = [...metadataFaults(object), ...structuralFaults(schemas[kind], now, '')];
  const found = faults.length > 0 ? faults : rules.filter((rule) => rule.kind === kind).flatMap((rule) => ruleFaults(rule, now, before));
  const name = [object.metadata?.namespace, object.metadata?.name ?? '(no name)'].filter((part) => part !== undefined).join('/');
  return found.map((fault) => ({ ...fault, object: `${kind} ${name}` }));
}

/** `ElasticJob finance/nightly: spec.workers.min: 5: min must not be above max`. Values of more than a line are left out. */
export function formatViolation(violation: Violation): string {
  const value = JSON.stringify(violation.value);
  const shown = value === undefined || (typeof violation.value === 'object' && value.length > 60) || value.length > 200 ? '' : `${value}: `;
  return `${violation.object}: ${violation.field === '' ? '' : `${violation.field}: `}${shown}${violation.message}`;
}

function stored(kind: ElasticKind, object: Manifest): Manifest {
  return applyDefaults(kind, prune(kind, object));
}

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function metadataFaults(object: Manifest): readonly Fault[] {
  const name: unknown = object.metadata?.name;
  if (name === undefined || name === '') return [{ field: 'metadata.name', value: name, message: 'Required value: name is required' }];
  if (typeof name === 'string' && name.length <= 253 && DNS_SUBDOMAIN.test(name)) return [];
  return [
    {
      field: 'metadata.name',
      value: name,
      message: 'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, - or .',
    },
  ];
}

/** A place where a rule applies, with the value that was there before; `before` is undefined where there was none. */
type Site = { readonly field: string; readonly schema: Schema; readonly self: unknown; readonly before: unknown };

function ruleFaults(rule: Rule, object: unknown, old: unknown): readonly Fault[] {
  const isTransition = /\boldSelf\b/.test(rule.cel);
  return rule.paths.flatMap((path) => {
    const root: Site = { field: '', schema: schemas[rule.kind], self: object, before: old };
    return sitesOf(
      path.split(/\.|(?=\[\])|(?=\{\})/).filter((step) => step !== ''),
      root,
    ).flatMap((site): readonly Fault[] => {
      const known = site.before !== undefined;
      if (isTransition ? !known : known && equal(site.self, site.before)) return [];
      if (rule.check(site.self, site.before)) return [];
      const field = rule.fieldPath === undefined ? site.field : below(site.field, rule.fieldPath.slice(1));
      return [{ field, value: at(site.self, rule.fieldPath?.slice(1)), message: rule.message }];
    });
  });
}

function at(self: unknown, name: string | undefined): unknown {
  return name === undefined ? self : (self as Json)[name];
}

/** `spec.tags{}` -> spec tags {} */
function stepsOf(path: string): readonly string[] {
  return path.split(/\.|(?=\[\])|(?=\{\})/).filter((step) => step !== '');
}

function sitesOf(steps: readonly string[], site: Site): readonly Site[] {
  const [step, ...rest] = steps;
  if (step === undefined) return [site];
  return childrenOf(step, site).flatMap((child) => sitesOf(rest, child));
}

function childrenOf(step: string, site: Site): readonly Site[] {
  if (step === '[]') return itemsOf(site);
  if (typeof site.self !== 'object' || site.self === null) return [];
  const now = site.self as Json;
  const before = (site.before ?? {}) as Json;
  return (step === '{}' ? Object.keys(now) : [step]).flatMap((name) => {
    const schema = fieldSchema(site.schema, name);
    const self = Object.hasOwn(now, name) ? now[name] : undefined;
    return self === undefined || self === null || schema === undefined
      ? []
      : [
          {
            field: step === '{}' ? `${site.field}.${name}` : below(site.field, name),
            schema,
            self,
            before: Object.hasOwn(before, name) ? before[name] : undefined,
          },
        ];
  });
}

/** Items of keyed lists are compared with the old item of the same key; those of other lists have no old value. */
function itemsOf(site: Site): readonly Site[] {
  if (!Array.isArray(site.self)) return [];
  const earlier: readonly unknown[] = Array.isArray(site.before) && site.schema['x-kubernetes-list-type'] === 'map' ? site.before : [];
  return site.self.map((self: unknown, index) => ({
    field: `${site.field}[${index}]`,
    schema: site.schema.items ?? {},
    self,
    before: earlier.find((item) => equal(identity(site.schema, item), identity(site.schema, self))),
  }));
}
