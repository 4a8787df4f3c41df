import { parseAllDocuments } from 'yaml';
import type { ElasticRuntimeClass } from '../api/generated/types.ts';
import type { Namespace } from '../api/kubernetes.ts';
import { under } from '../core/classes/merge.ts';
import { chooseClass } from '../core/classes/select.ts';
import type {
  CapacityType,
  LaunchCaps,
  PackingPod,
  PackingPool,
  PackingProblem,
  PodSpec,
  PoolRequirement,
  Taint,
} from '../core/packing/problem.ts';
import { podRequests } from '../core/packing/requests.ts';
import { objectOf, poolShape, quantity, type Shape, whole } from '../core/packing/shape.ts';
import { validatePod } from '../core/packing/validate.ts';
import { parseBytes, parseCpuMilli } from '../core/quantity/amounts.ts';
import { malformed, type Parsed, parsed } from '../core/quantity/outcome.ts';
import { formatViolation, validateObject } from '../core/validation/validate.ts';

type Json = Readonly<Record<string, unknown>>;
export type RuntimePools = { readonly pools: readonly PackingPool[]; readonly limits: NonNullable<PackingProblem['limits']> };

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function documents(text: string): Parsed<readonly Json[]> {
  const found: Json[] = [];
  for (const [index, document] of parseAllDocuments(text).entries()) {
    const [fault] = document.errors;
    if (fault !== undefined) return malformed(`document ${index + 1}: ${fault.message.split('\n')[0]}`);
    let value: unknown;
    try {
      value = withoutNull(document.toJS({ maxAliasCount: 100 }));
    } catch (error) {
      return malformed(`document ${index + 1}: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (value === null || value === undefined) continue;
    if (!isObject(value)) return malformed(`document ${index + 1}: expected a Kubernetes object`);
    if (value['kind'] === 'List' || Array.isArray(value['items'])) {
      if (!Array.isArray(value['items'])) return malformed(`document ${index + 1}: List.items must be a list`);
      for (const item of value['items']) found.push(isObject(item) ? item : { kind: 'nothing' });
    } else found.push(value);
  }
  return parsed(found);
}

/** A field without a value is as good as absent, as the API server sees it. Entries of lists stay. */
function withoutNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNull);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, one]) => (one === null ? [] : [[key, withoutNull(one)]])));
}

/** Pods to be placed, and of each DaemonSet the pod that a node of its own would get. */
export type ReadPods = { readonly pods: readonly PackingPod[]; readonly daemons: readonly PackingPod[] };

/**
 * Pod manifests: YAML documents, a JSON List, or both. Pods that run are placed anew. Left out are those that the scheduler leaves out:
 * finished ones, those that are being deleted, and static pods, which belong to their node.
 */
export function readPods(text: string): Parsed<ReadPods> {
  const read = documents(text);
  if (!read.ok) return read;
  const pods: PackingPod[] = [];
  const daemons = new Map<string, PackingPod>();
  for (const [index, object] of read.value.entries()) {
    const one = readPod(object, index);
    if (!one.ok) return one;
    const owner = ownerOf(object);
    if (owner?.kind === 'DaemonSet') daemons.set(`${one.value.namespace}/${owner.name}`, daemonPod(one.value));
    else if (owner?.kind !== 'Node' && !isGone(object)) pods.push(one.value);
  }
  for (const daemon of daemons.values()) {
    const requests = podRequests(daemon);
    const fault = validatePod(daemon) ?? (requests.ok ? undefined : requests.reason);
    if (fault !== undefined) return malformed(`pod ${daemon.key}: ${fault}`);
  }
  return parsed({ pods, daemons: [...daemons.values()] });
}

function readPod(object: Json, index: number): Parsed<PackingPod> {
  // Items of a PodList carry no kind.
  if (object['kind'] !== undefined && object['kind'] !== 'Pod')
    return malformed(`object ${index + 1}: expected a Pod, not ${String(object['kind'])}`);
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const name = metadata['name'] ?? metadata['generateName'];
  if (typeof name !== 'string' || name === '') return malformed(`object ${index + 1}: metadata.name is missing`);
  const namespace = typeof metadata['namespace'] === 'string' ? metadata['namespace'] : 'default';
  const spec = object['spec'];
  if (!isObject(spec) || !Array.isArray(spec['containers'])) return malformed(`pod ${namespace}/${name}: spec.containers must be a list`);
  const labels = metadata['labels'] ?? {};
  if (!isObject(labels) || Object.values(labels).some((value) => typeof value !== 'string'))
    return malformed(`pod ${namespace}/${name}: metadata.labels must map names to text`);
  const priority = spec['priority'];
  return parsed({
    key: `${namespace}/${name}`,
    namespace,
    labels: labels as Readonly<Record<string, string>>,
    spec: spec as unknown as PodSpec,
    ...(typeof priority === 'number' ? { priority } : {}),
  });
}

function isGone({ metadata, status }: Json): boolean {
  const phase = isObject(status) ? status['phase'] : undefined;
  return phase === 'Succeeded' || phase === 'Failed' || (isObject(metadata) && metadata['deletionTimestamp'] !== undefined);
}

function ownerOf({ metadata }: Json): { readonly kind: unknown; readonly name: string } | undefined {
  const owners = isObject(metadata) ? metadata['ownerReferences'] : undefined;
  const owner = Array.isArray(owners) ? owners.find((one) => isObject(one) && one['controller'] === true) : undefined;
  return owner === undefined ? undefined : { kind: owner['kind'], name: String(owner['name']) };
}

/** The controller puts the node's name in place of the required node affinity of its template; other nodes get theirs. */
function daemonPod(pod: PackingPod): PackingPod {
  const { affinity: _affinity, ...spec } = pod.spec;
  return { ...pod, spec };
}

/** The worker pools and limits of the one ElasticRuntime in the text. */
export function readRuntime(text: string): Parsed<RuntimePools> {
  const read = documents(text);
  if (!read.ok) return read;
  const runtimes = read.value.filter((object) => object['kind'] === 'ElasticRuntime');
  const [runtime, second] = runtimes;
  if (runtime === undefined) return malformed('no ElasticRuntime found');
  if (second !== undefined) return malformed('more than one ElasticRuntime found');
  const held = withClass(runtime, read.value);
  if (!held.ok) return held;
  const spec = held.value;
  const workers = isObject(spec['workers']) ? spec['workers'] : {};
  const fault = poolShape(workers, 'spec.workers') ?? workersNumbers(workers, 'spec.workers');
  if (fault !== undefined) return malformed(fault);
  const usd = amount(workers['maxUsdPerHour']);
  if (workers['maxUsdPerHour'] !== undefined && usd === undefined)
    return malformed(`spec.workers.maxUsdPerHour: ${JSON.stringify(workers['maxUsdPerHour'])} is not an amount`);
  const [min, max] = ['min', 'max'].map((field) => workers[field]);
  if (typeof min === 'number' && typeof max === 'number' && min > max)
    return malformed(`spec.workers.min: ${min} must not be above max, ${max}`);
  const limits = { ...(typeof max === 'number' ? { nodes: max } : {}), ...(usd === undefined ? {} : { usdPerHour: usd }) };
  const given = workers['pools'] ?? [];
  if (!Array.isArray(given)) return malformed('spec.workers.pools must be a list');
  const sources: readonly unknown[] = given.length > 0 ? given : [{ name: 'workers' }];
  const pools: PackingPool[] = [];
  for (const [index, source] of sources.entries()) {
    const path = `spec.workers.pools[${index}]`;
    if (!isObject(source) || typeof source['name'] !== 'string') return malformed(`${path}.name is missing`);
    if (pools.some((pool) => pool.name === source['name'])) return malformed(`${path}.name: ${source['name']} occurs twice`);
    const fault = poolShape(source, path) ?? poolNumbers(source, path);
    if (fault !== undefined) return malformed(fault);
    // The operator keeps the least of nodes in the first pool.
    const least = index === 0 && typeof min === 'number' ? { minNodes: min } : {};
    pools.push({ ...poolOf(source, workers), ...least });
  }
  return parsed({ pools, limits });
}

/** The spec with what its class gives, where the text has classes. */
function withClass(runtime: Json, objects: readonly Json[]): Parsed<Json> {
  const spec = isObject(runtime['spec']) ? runtime['spec'] : {};
  const ofKind = (kind: string) => objects.filter((object) => object['kind'] === kind);
  const classes = ofKind('ElasticRuntimeClass') as unknown as readonly ElasticRuntimeClass[];
  if (classes.length === 0) return parsed(spec);
  const faulty = classes.map((one) => validateObject('ElasticRuntimeClass', one)).flat()[0];
  if (faulty !== undefined) return malformed(formatViolation(faulty));
  const { namespace: name = 'default' } = (runtime['metadata'] ?? {}) as { readonly namespace?: string };
  const space = (ofKind('Namespace') as unknown as readonly Namespace[]).find(({ metadata }) => metadata.name === name);
  const named = typeof spec['runtimeClassName'] === 'string' ? spec['runtimeClassName'] : undefined;
  const choice = chooseClass(named, classes, { name, labels: space?.metadata.labels ?? {} });
  if (choice.kind === 'wrong') return malformed(`spec.runtimeClassName: ${choice.message}`);
  const defaults = choice.kind === 'class' ? (choice.value.spec.defaults?.workers ?? {}) : {};
  // Before it is said what is wrong with them, the workers may be anything.
  return parsed(isObject(spec['workers'] ?? {}) ? { ...spec, workers: under((spec['workers'] ?? {}) as Json, defaults) } : spec);
}

const percent = whole(0, 100);
const count = whole(0);
const usdPerHour: Shape = (value, path) => (amount(value) === undefined ? `${path}: ${JSON.stringify(value)} is not an amount` : undefined);
const poolNumbers = objectOf({
  weight: whole(0, 100),
  max: count,
  spotPercent: percent,
  limits: objectOf({ nodes: count, vcpus: count, cpu: size(parseCpuMilli), memory: size(parseBytes), maxUsdPerHour: usdPerHour }),
});
function size(parse: typeof parseBytes): Shape {
  return (value, path) => {
    const read = quantity(value, path) ?? parse(value as string | number);
    return typeof read === 'string' ? read : read.ok ? undefined : `${path}: ${read.reason}`;
  };
}

/** `cpu` and `memory` as in an ElasticRuntime's pools. */
function sizesOf({ vcpus, cpu, memory }: Json): Pick<LaunchCaps, 'vcpus' | 'memoryGiB'> {
  const [milli, bytes] = [parseCpuMilli((cpu ?? '') as string), parseBytes((memory ?? '') as string)];
  return {
    ...(typeof vcpus === 'number' ? { vcpus } : milli.ok ? { vcpus: milli.value / 1000 } : {}),
    ...(bytes.ok ? { memoryGiB: bytes.value / 2 ** 30 } : {}),
  };
}

const workersNumbers = objectOf({ min: count, max: count, spotPercent: percent });

function amount(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : undefined;
}

/** A pool's fields, with those of `workers` as defaults; the spot share is one over all pools that do not set their own. */
function poolOf(source: Json, workers: Json): PackingPool {
  const own = source['spotPercent'];
  const spotPercent = own ?? workers['spotPercent'] ?? 0;
  const limits = isObject(source['limits']) ? source['limits'] : {};
  const usd = amount(limits['maxUsdPerHour']);
  const nodes = limits['nodes'] ?? source['max'];
  const onDemandOnly: PoolRequirement = { key: 'karpenter.sh/capacity-type', operator: 'In', values: ['on-demand' satisfies CapacityType] };
  return {
    name: String(source['name']),
    ...(typeof source['weight'] === 'number' ? { weight: source['weight'] } : {}),
    ...(isObject(source['labels']) ? { labels: source['labels'] as Readonly<Record<string, string>> } : {}),
    ...(Array.isArray(source['taints']) ? { taints: source['taints'] as readonly Taint[] } : {}),
    requirements: [
      ...((source['requirements'] ?? workers['requirements'] ?? []) as readonly PoolRequirement[]),
      ...(spotPercent === 0 ? [onDemandOnly] : []),
    ],
    limits: {
      ...(typeof nodes === 'number' ? { nodes } : {}),
      ...sizesOf(limits),
      ...(usd === undefined ? {} : { usdPerHour: usd }),
    },
    ...(typeof spotPercent === 'number' && spotPercent > 0
      ? { spotPercent, spotShareGroup: own === undefined ? 'workers' : String(source['name']) }
      : {}),
  };
}
