import type { ElasticRuntime, ElasticRuntimeClass, ElasticRuntimeSpec, RuntimeDefaults } from '../../api/generated/types.ts';
import { sharedFolder } from '../access/own-folders.ts';
import { validateObject } from '../validation/validate.ts';
import { classDefaultFields, hasPath, immutableFields, requiredFields } from './builtin.ts';
import { fillIn, under, type WrittenSpec } from './merge.ts';
import { type Pins, pinsOf, pinViolations } from './pins.ts';
import { type Choice, chooseClass } from './select.ts';
import { type ClassViolation, type Found, formatClassViolation, namespaceViolations, violationsOf, withoutClass } from './violations.ts';

/** A runtime as it is stored. Every ElasticRuntime is one, too. */
export type WrittenRuntime = Omit<ElasticRuntime, 'spec'> & { readonly spec: WrittenSpec };

export type NamespaceFacts = { readonly name: string; readonly labels: Readonly<Record<string, string>> };

/** What holds for a runtime. */
export type Resolution = {
  /** The author's fields, under them the class's, under them the built-in ones. Where something is violated, as far as it can be told. */
  readonly spec: ElasticRuntimeSpec;
  /** Undefined: no class holds. */
  readonly class: ElasticRuntimeClass | undefined;
  /** Nothing of a runtime with any of these is begun. */
  readonly violations: readonly ClassViolation[];
  /** Paths below `spec` that nobody gives, such as `staging.uri`: empty in `spec`. Each is a violation, too. */
  readonly absent: readonly string[];
};

/**
 * What holds for a runtime: its class, the spec with the class's defaults, and what the class does not allow. Where the cluster has no class at all,
 * nothing restricts but what needs a class to be allowed (X.509). What is immutable stays as the runtime was begun with, whatever a class says now;
 * where a class is gone or a runtime is being deleted, the identities that it had stand in for the class's.
 */
export function resolveRuntime(runtime: WrittenRuntime, classes: readonly ElasticRuntimeClass[], namespace: NamespaceFacts): Resolution {
  const choice = chooseClass(runtime.spec.runtimeClassName, classes, namespace);
  const ofClass = choice.kind === 'class' ? choice.value : undefined;
  const className = ofClass?.metadata.name;
  const pins = pinsOf(runtime);
  const given = asBegun(runtime, ofClass?.spec.defaults ?? {}, pins);
  const absent = requiredFields.filter((path) => !hasPath(given, path));
  const lost =
    choice.kind === 'wrong' || runtime.metadata.deletionTimestamp !== undefined || absent.some((path) => path.startsWith('identities.'));
  const partial = lost
    ? asBegun(runtime, { ...ofClass?.spec.defaults, ...(pins.identities && { identities: pins.identities }) }, pins)
    : given;
  // Without its class it cannot be told what is missing.
  const missing = choice.kind === 'wrong' ? [] : absent.map((path) => ({ className, ...missingField(path, className) }));
  // What is missing is as if it were empty: nothing is begun with it, and nobody reads it.
  const spec = under(partial, absent.length === 0 ? {} : NOTHING) as unknown as ElasticRuntimeSpec;
  const judged = [
    ...namespaceViolations(spec, namespace),
    ...(choice.kind === 'class'
      ? violationsOf(spec, choice.value)
      : choice.kind === 'none'
        ? withoutClass(spec)
        : [unclassed(runtime, choice)]),
  ].filter(({ field }) => !absent.some((path) => field === `spec.${path}`));
  const moved = pinViolations(runtime.spec, pins).map((found) => ({ ...found, className: undefined }));
  const faults = faulty(runtime, partial, className);
  const violations = [...judged, ...moved, ...missing, ...faults, ...(faults.some(isOfLogs) ? [] : oneFolder({ ...runtime, spec }))];
  return { spec, class: ofClass, violations, absent };
}

function asBegun(runtime: WrittenRuntime, defaults: RuntimeDefaults, pins: Pins): Partial<ElasticRuntimeSpec> {
  const kept = immutableFields.flatMap((field) => (pins[field] === undefined ? [] : [[field, pins[field]] as const]));
  return { ...fillIn(runtime.spec, defaults), ...Object.fromEntries(kept) };
}

const NOTHING = {
  organization: '',
  region: '',
  identities: { agent: { roleArn: '' }, operator: { roleArn: '' } },
  staging: { uri: '', kmsKeyArn: '' },
  logs: { uri: '', kmsKeyArn: '' },
  workers: { max: 0 },
} as const;

function missingField(path: string, className: string | undefined): Found {
  const what = path === 'network' ? 'say where nodes are started' : 'must be given';
  const message = `${what}: write it in the runtime, or in the defaults of ${className === undefined ? 'an ElasticRuntimeClass' : 'the class'}`;
  return { field: `spec.${path}`, value: '', message };
}

function unclassed({ spec }: WrittenRuntime, { className, message }: Extract<Choice, { readonly kind: 'wrong' }>): ClassViolation {
  return { className, field: 'spec.runtimeClassName', value: spec.runtimeClassName ?? '', message };
}

/** One sentence for a condition; undefined where nothing is violated. */
export function stalledBy({ violations }: Pick<Resolution, 'violations'>): string | undefined {
  return violations.length === 0 ? undefined : violations.map(formatClassViolation).join('; ');
}

/** Of which the namespace is a part: no rule of the API server's can tell. */
function oneFolder(runtime: ElasticRuntime): readonly ClassViolation[] {
  const problem = sharedFolder(runtime);
  if (problem === undefined) return [];
  const { field, value, message, remedy } = problem;
  return [{ className: undefined, field: `spec.${field}`, value, message: `${message}: ${remedy}` }];
}

function isOfLogs({ field }: ClassViolation): boolean {
  return field === 'spec.logs.uri';
}

/** What the API server could not judge, since the class or the built-in defaults bring a part of it. */
function faulty(runtime: WrittenRuntime, spec: object, className: string | undefined): readonly ClassViolation[] {
  // Whether the author names the class or not, what nobody gives is said already.
  const named = { ...spec, runtimeClassName: runtime.spec.runtimeClassName ?? className ?? 'default' };
  const faults = validateObject('ElasticRuntime', { metadata: runtime.metadata, spec: named }).filter(({ field }) =>
    classDefaultFields.some((name) => field === `spec.${name}` || field.startsWith(`spec.${name}.`) || field.startsWith(`spec.${name}[`)),
  );
  return faults.map(({ field, message, value }) => ({
    className,
    field,
    value: typeof value === 'string' || typeof value === 'number' ? String(value) : '',
    message: `${message} (after defaults)`,
  }));
}
