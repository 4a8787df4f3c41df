import type { ElasticRuntimeClass, NamespaceSelector } from '../../api/generated/types.ts';

type Labels = Readonly<Record<string, string>>;

/** The class that holds for runtimes which name none. */
export const defaultClassName = 'default';

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors: all of it must hold; an empty selector takes all. */
export function selects(selector: NamespaceSelector | undefined, labels: Labels): boolean {
  const has = (key: string): boolean => Object.hasOwn(labels, key);
  const exact = Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => has(key) && labels[key] === value);
  return (
    exact &&
    (selector?.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      if (operator === 'Exists') return has(key);
      if (operator === 'DoesNotExist') return !has(key);
      const among = has(key) && values.includes(labels[key] ?? '');
      return operator === 'In' ? among : !among;
    })
  );
}

export type Choice =
  /** No class in the whole cluster: nothing restricts. */
  | { readonly kind: 'none' }
  | { readonly kind: 'class'; readonly value: ElasticRuntimeClass }
  | { readonly kind: 'wrong'; readonly className: string | undefined; readonly message: string };

/** Which class holds for a runtime of this namespace. */
export function chooseClass(
  named: string | undefined,
  classes: readonly ElasticRuntimeClass[],
  namespace: { readonly name: string; readonly labels: Labels },
): Choice {
  const fitting = classes.filter(({ spec }) => selects(spec.namespaceSelector, namespace.labels)).map(({ metadata }) => metadata.name);
  const others = fitting.length === 0 ? 'no class is for this namespace: ask the platform team for one' : `name one of ${listed(fitting)}`;
  const found = classes.find(({ metadata }) => metadata.name === (named ?? defaultClassName));
  if (found === undefined) {
    if (named !== undefined) return { kind: 'wrong', className: named, message: `no ElasticRuntimeClass has this name; ${others}` };
    if (classes.length === 0) return { kind: 'none' };
    const message = `no class is named, and no ElasticRuntimeClass is named ${defaultClassName}; ${others}`;
    return { kind: 'wrong', className: undefined, message };
  }
  const { name } = found.metadata;
  if (fitting.includes(name)) return { kind: 'class', value: found };
  const message = `the namespaceSelector of ElasticRuntimeClass ${name} does not match the labels of namespace ${namespace.name}; ${others}`;
  return { kind: 'wrong', className: name, message };
}

export function listed(values: readonly string[]): string {
  const shown = values.slice(0, 8).join(', ');
  return values.length > 8 ? `${shown} and ${values.length - 8} more` : shown;
}
