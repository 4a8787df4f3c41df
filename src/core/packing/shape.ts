/**
 * The shape of what people write: lists where the Kubernetes API has lists, text where it has text. A manifest that kubectl would refuse is
 * refused here too, by field, before anything reads it. Meaning (operators, contradictions, amounts) is judged elsewhere.
 */
export type Shape = (value: unknown, path: string) => string | undefined;

type Json = Readonly<Record<string, unknown>>;

export const text: Shape = (value, path) => (typeof value === 'string' ? undefined : `${path}: expected text, not ${shown(value)}`);
export const truth: Shape = (value, path) =>
  typeof value === 'boolean' ? undefined : `${path}: expected true or false, not ${shown(value)}`;
export const quantity: Shape = (value, path) =>
  typeof value === 'string' || typeof value === 'number' ? undefined : `${path}: expected a quantity, not ${shown(value)}`;

export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Shape {
  return (value, path) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? undefined
      : `${path}: expected a whole number of at least ${least}${most < Number.MAX_SAFE_INTEGER ? ` and at most ${most}` : ''}, not ${shown(value)}`;
}

export function oneOf(...allowed: readonly string[]): Shape {
  return (value, path) =>
    typeof value === 'string' && allowed.includes(value) ? undefined : `${path}: expected ${allowed.join(' or ')}, not ${shown(value)}`;
}

export function listOf(each: Shape): Shape {
  return (value, path) => {
    if (!Array.isArray(value)) return `${path}: expected a list, not ${shown(value)}`;
    return first(value.entries(), (index, one) => each(one, `${path}[${index}]`));
  };
}

export function mapOf(each: Shape): Shape {
  return (value, path) =>
    isObject(value)
      ? first(Object.entries(value), (key, one) => each(one, `${path}[${key}]`))
      : `${path}: expected a map, not ${shown(value)}`;
}

/** Fields that are not named are none of our business; those that are may be absent. */
export function objectOf(fields: Readonly<Record<string, Shape>>): Shape {
  return (value, path) =>
    isObject(value)
      ? first(Object.entries(fields), (key, shape) => (value[key] === undefined ? undefined : shape(value[key], `${path}.${key}`)))
      : `${path}: expected an object, not ${shown(value)}`;
}

/** The same, and these fields must be there. */
function complete(names: readonly string[], shape: Shape): Shape {
  return (value, path) => {
    const missing = isObject(value) ? names.find((name) => value[name] === undefined) : undefined;
    return missing === undefined ? shape(value, path) : `${path}.${missing} is missing`;
  };
}

function first<Key, Value>(
  entries: Iterable<readonly [Key, Value]>,
  judge: (key: Key, value: Value) => string | undefined,
): string | undefined {
  for (const [key, value] of entries) {
    const fault = judge(key, value);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const written = JSON.stringify(value) ?? String(value);
  return written.length > 40 ? `${written.slice(0, 40)}…` : written;
}

const texts = listOf(text);
const requirement = objectOf({ key: text, operator: text, values: texts });
const requirements = listOf(requirement);
const labelSelector = objectOf({ matchLabels: mapOf(text), matchExpressions: requirements });
const nodeTerm = objectOf({ matchExpressions: requirements, matchFields: requirements });
const weight = whole(1, 100);
const podTerm = objectOf({
  topologyKey: text,
  labelSelector,
  namespaces: texts,
  namespaceSelector: labelSelector,
  matchLabelKeys: texts,
  mismatchLabelKeys: texts,
});
const podRules = objectOf({
  requiredDuringSchedulingIgnoredDuringExecution: listOf(podTerm),
  preferredDuringSchedulingIgnoredDuringExecution: listOf(complete(['podAffinityTerm'], objectOf({ weight, podAffinityTerm: podTerm }))),
});
const resources = objectOf({ requests: mapOf(quantity), limits: mapOf(quantity) });
const port = objectOf({ containerPort: whole(0, 65_535), hostPort: whole(0, 65_535), hostIP: text, protocol: oneOf('TCP', 'UDP', 'SCTP') });
const containers = listOf(objectOf({ resources, ports: listOf(port), restartPolicy: text }));

/** core/v1 PodSpec, as far as placing reads it. */
export const podSpecShape = objectOf({
  containers,
  initContainers: containers,
  resources,
  overhead: mapOf(quantity),
  hostNetwork: truth,
  nodeSelector: mapOf(text),
  affinity: objectOf({
    nodeAffinity: objectOf({
      requiredDuringSchedulingIgnoredDuringExecution: objectOf({ nodeSelectorTerms: listOf(nodeTerm) }),
      preferredDuringSchedulingIgnoredDuringExecution: listOf(complete(['preference'], objectOf({ weight, preference: nodeTerm }))),
    }),
    podAffinity: podRules,
    podAntiAffinity: podRules,
  }),
  tolerations: listOf(objectOf({ key: text, operator: text, value: text, effect: text })),
  topologySpreadConstraints: listOf(
    objectOf({
      topologyKey: text,
      whenUnsatisfiable: text,
      labelSelector,
      nodeAffinityPolicy: oneOf('Honor', 'Ignore'),
      nodeTaintsPolicy: oneOf('Honor', 'Ignore'),
      matchLabelKeys: texts,
    }),
  ),
});

/** A pool's part that people write: labels, taints and requirements. */
export const poolShape = objectOf({
  labels: mapOf(text),
  taints: listOf(
    complete(['key', 'effect'], objectOf({ key: text, value: text, effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute') })),
  ),
  requirements: listOf(objectOf({ key: text, operator: text, values: texts, minValues: whole(1, 50) })),
});
