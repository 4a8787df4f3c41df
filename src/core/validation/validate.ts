import { schemas } from '../../api/generated/schemas.ts';
import type { ElasticKind } from '../../api/schema.ts';
import { applyDefaults } from './defaults.ts';
import { prune } from './prune.ts';
import { equal } from './rule.ts';
import { visitRules } from './sites.ts';
import { below, type Fault, structuralFaults } from './structure.ts';

/** A fault and the object that has it, `<kind> <namespace>/<name>`. */
export type Violation = Fault & { readonly object: string };

type Manifest = {
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
};

/**
 * What the API server would refuse in an object of ours: the schema first; the rules only where the schema holds, since they
 * are written for values of the right type. Defaults and pruning are applied before, to `old` too.
 * With `old` it is an update: transition rules are judged, and a rule that the same old value broke already is let pass
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting).
 */
export function validateObject(kind: ElasticKind, object: Manifest, old?: Manifest): readonly Violation[] {
  const [now, before] = [stored(kind, object), old === undefined ? undefined : stored(kind, old)];
  const faults = [...metadataFaults(object), ...structuralFaults(schemas[kind], now, '')];
  const found = faults.length > 0 ? faults : ruleFaults(kind, now, before);
  const { namespace, name } = object.metadata ?? {};
  const id = typeof name === 'string' && name !== '' ? name : '(no name)';
  const label = typeof namespace === 'string' ? `${kind} ${namespace}/${id}` : `${kind} ${id}`;
  return found.map((fault) => ({ ...fault, object: label }));
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

function ruleFaults(kind: ElasticKind, object: unknown, old: unknown): readonly Fault[] {
  const faults: Fault[] = [];
  visitRules(kind, { field: '', schema: schemas[kind], self: object, before: old }, (rule, { field, self, before }) => {
    const isKnown = before !== undefined;
    const isTransition = rule.cel.includes('oldSelf');
    if ((isTransition && !isKnown) || rule.check(self, before)) return;
    if (!isTransition && isKnown && equal(self, before)) return;
    faults.push({
      ...(rule.fieldPath === undefined ? { field, value: self } : fieldOf(self, field, rule.fieldPath.slice(1))),
      message: rule.reason === undefined ? rule.message : `Required value: ${rule.message}`,
    });
  });
  return faults;
}

function fieldOf(self: unknown, field: string, path: string): Pick<Fault, 'field' | 'value'> {
  let [value, at] = [self, field];
  for (const name of path.split('.')) [value, at] = [(value as Readonly<Record<string, unknown>> | undefined)?.[name], below(at, name)];
  return { field: at, value };
}
