import type { FieldProblem } from './errors.ts';
import { at, equalJson, type Fields, isFields, textAt } from './json.ts';
import type { Entity, Kind } from './kinds.ts';

/** Schema, defaults and rules of the custom resources; given by whoever composes the simulation, so that they are those of core/validation. */
export type SchemaRules = {
  applyDefaults(kind: string, object: Fields): Fields;
  prune(kind: string, object: Fields): Fields;
  validateObject(
    kind: string,
    object: Fields,
    old?: Fields,
  ): readonly { readonly field: string; readonly value?: unknown; readonly message: string }[];
};

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const QUALIFIED_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

/** Names and labels of every object (apimachinery pkg/util/validation), and that finalizers are not added to what is being deleted. */
export function metadataProblems(kind: Kind, object: Fields, old: Entity | undefined): readonly FieldProblem[] {
  const metadata = isFields(object.metadata) ? object.metadata : {};
  const problems: FieldProblem[] = [];
  const name = textAt(metadata, 'name');
  if (name === '' && !kind.custom)
    problems.push({ field: 'metadata.name', message: 'Required value: name or generateName is required', reason: 'FieldValueRequired' });
  else if (!kind.custom && !kind.plural.includes('role') && !nameFits(kind, name)) {
    problems.push({ field: 'metadata.name', value: name, message: 'a lowercase RFC 1123 name is required' });
  }
  for (const [key, value] of Object.entries(isFields(metadata.labels) ? metadata.labels : {})) {
    problems.push(...keyProblems('metadata.labels', key));
    if (typeof value !== 'string' || value.length > 63 || !LABEL_VALUE.test(value)) {
      problems.push({ field: 'metadata.labels', value, message: 'must be a valid label value of at most 63 characters' });
    }
  }
  for (const [key, value] of Object.entries(isFields(metadata.annotations) ? metadata.annotations : {})) {
    problems.push(...keyProblems('metadata.annotations', key));
    if (typeof value !== 'string') problems.push({ field: 'metadata.annotations', value, message: 'must be a string' });
  }
  if (old?.metadata.deletionTimestamp !== undefined) {
    const before = old.metadata.finalizers ?? [];
    const added = (Array.isArray(metadata.finalizers) ? metadata.finalizers : []).filter(
      (entry: unknown) => !before.includes(String(entry)),
    );
    if (added.length > 0) {
      const message = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
      problems.push({ field: 'metadata.finalizers', message: `Forbidden: ${message}`, reason: 'FieldValueForbidden' });
    }
  }
  return problems;
}

function nameFits(kind: Kind, name: string): boolean {
  const short = kind.kind === 'Namespace' || kind.kind === 'Service' || kind.kind === 'Job';
  return name.length <= (short ? 63 : 253) && (kind.kind === 'Namespace' || kind.kind === 'Service' ? LABEL : SUBDOMAIN).test(name);
}

function keyProblems(field: string, key: string): readonly FieldProblem[] {
  const slash = key.indexOf('/');
  const [prefix, name] = slash < 0 ? [undefined, key] : [key.slice(0, slash), key.slice(slash + 1)];
  const good = name.length <= 63 && QUALIFIED_NAME.test(name) && (prefix === undefined || (prefix.length <= 253 && SUBDOMAIN.test(prefix)));
  return good
    ? []
    : [{ field, value: key, message: 'must be a qualified name of at most 63 characters with an optional DNS subdomain prefix' }];
}

/** What updates of Kubernetes' own kinds may not change (ValidatePodUpdate, ValidateJobSpecUpdate, ValidateSecretUpdate of Kubernetes 1.35). */
export function updateProblems(kind: Kind, next: Fields, old: Entity): readonly FieldProblem[] {
  switch (kind.kind) {
    case 'Pod':
      return equalJson(fixedPodFields(next.spec), fixedPodFields(old.spec))
        ? []
        : [
            {
              field: 'spec',
              message: 'Forbidden: pod updates may not change fields other than `spec.containers[*].image`',
              reason: 'FieldValueForbidden',
            },
          ];
    case 'Job':
      return jobUpdateProblems(isFields(next.spec) ? next.spec : {}, old);
    case 'Secret':
      return equalJson(next.type, old.type) ? frozenData(next, old) : [immutable('type', next.type)];
    case 'ConfigMap':
      return frozenData(next, old);
    case 'PriorityClass':
      return equalJson(next.value, old.value) ? [] : [immutable('value', next.value)];
    default:
      return [];
  }
}

function immutable(field: string, value?: unknown): FieldProblem {
  return { field, ...(value === undefined ? {} : { value }), message: 'field is immutable' };
}

function frozenData(next: Fields, old: Entity): readonly FieldProblem[] {
  if (old.immutable !== true) return [];
  return ['data', 'binaryData', 'immutable']
    .filter((field) => !equalJson(next[field], old[field]))
    .map((field) => ({ field, message: 'Forbidden: field is immutable when `immutable` is set', reason: 'FieldValueForbidden' }));
}

function fixedPodFields(spec: unknown): unknown {
  if (!isFields(spec)) return spec;
  const withoutImages = (list: unknown): unknown =>
    Array.isArray(list) ? list.map((container: Fields) => ({ ...container, image: undefined })) : list;
  return {
    ...spec,
    containers: withoutImages(spec.containers),
    initContainers: withoutImages(spec.initContainers),
    tolerations: undefined,
    schedulingGates: undefined,
    activeDeadlineSeconds: undefined,
  };
}

function jobUpdateProblems(spec: Fields, old: Entity): readonly FieldProblem[] {
  const before = old.spec ?? {};
  const problems: FieldProblem[] = [];
  for (const field of ['selector', 'completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy']) {
    if (!equalJson(spec[field], before[field])) problems.push(immutable(`spec.${field}`, spec[field]));
  }
  // Elastic: an Indexed job may be resized where completions follow parallelism.
  const resized = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism;
  if (!equalJson(spec.completions, before.completions) && !resized) problems.push(immutable('spec.completions', spec.completions));
  // Placement may change while the job is suspended and has never started.
  const placeable = before.suspend === true && at(old, 'status', 'startTime') === undefined;
  if (!equalJson(fixedTemplate(spec.template, placeable), fixedTemplate(before.template, placeable)))
    problems.push(immutable('spec.template'));
  return problems;
}

function fixedTemplate(template: unknown, placeable: boolean): unknown {
  if (!placeable || !isFields(template)) return template;
  const spec = isFields(template.spec) ? template.spec : {};
  const { nodeAffinity: _, ...affinity } = isFields(spec.affinity) ? spec.affinity : {};
  return {
    ...template,
    metadata: undefined,
    spec: {
      ...spec,
      nodeSelector: undefined,
      tolerations: undefined,
      schedulingGates: undefined,
      affinity: Object.keys(affinity).length === 0 ? undefined : affinity,
    },
  };
}
