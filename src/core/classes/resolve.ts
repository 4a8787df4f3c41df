import type { ElasticRuntime, ElasticRuntimeClass, ElasticRuntimeSpec } from '../../api/generated/types.ts';
import { validateObject } from '../validation/validate.ts';
import { classDefaultFields } from './builtin.ts';
import { fillIn, type WrittenSpec } from './merge.ts';
import { chooseClass } from './select.ts';
import { type ClassViolation, formatClassViolation, namespaceViolations, violationsOf, withoutClass } from './violations.ts';

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
};

/**
 * What holds for a runtime: its class, the spec with the class's defaults, and what the class does not allow. Where the cluster has no class at all,
 * nothing restricts but what needs a class to be allowed (X.509).
 */
export function resolveRuntime(runtime: WrittenRuntime, classes: readonly ElasticRuntimeClass[], namespace: NamespaceFacts): Resolution {
  const choice = chooseClass(runtime.spec.runtimeClassName, classes, namespace);
  const ofNamespace = namespaceViolations(runtime.spec, namespace);
  if (choice.kind === 'class') {
    const spec = fillIn(runtime.spec, choice.value.spec.defaults ?? {});
    const violations = [...ofNamespace, ...violationsOf(spec, choice.value), ...incomplete(runtime, spec, choice.value.metadata.name)];
    return { spec, class: choice.value, violations };
  }
  const spec = fillIn(runtime.spec, {});
  const unclassed: readonly ClassViolation[] =
    choice.kind === 'none'
      ? withoutClass(spec)
      : [
          {
            className: choice.className,
            field: 'spec.runtimeClassName',
            value: runtime.spec.runtimeClassName ?? '',
            message: choice.message,
          },
        ];
  return { spec, class: undefined, violations: [...ofNamespace, ...unclassed, ...incomplete(runtime, spec, undefined)] };
}

/** One sentence for a condition; undefined where nothing is violated. */
export function stalledBy({ violations }: Pick<Resolution, 'violations'>): string | undefined {
  return violations.length === 0 ? undefined : violations.map(formatClassViolation).join('; ');
}

/** What the API server could not judge, since the class or the built-in defaults bring a part of it. */
function incomplete(runtime: WrittenRuntime, spec: ElasticRuntimeSpec, className: string | undefined): readonly ClassViolation[] {
  const missing =
    (spec.network as ElasticRuntimeSpec['network'] | undefined) === undefined
      ? [{ className, field: 'spec.network', value: '', message: 'say where nodes are started: no class gives a default for it' }]
      : [];
  const faults = validateObject('ElasticRuntime', { metadata: runtime.metadata, spec }).filter(({ field }) =>
    classDefaultFields.some((name) => field === `spec.${name}` || field.startsWith(`spec.${name}.`) || field.startsWith(`spec.${name}[`)),
  );
  const merged = faults.map(({ field, message, value }) => ({
    className,
    field,
    value: typeof value === 'string' || typeof value === 'number' ? String(value) : '',
    message: `${message} (after defaults)`,
  }));
  return [...missing, ...merged];
}
