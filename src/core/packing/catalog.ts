import { malformed, type Parsed, parsed } from '../quantity/outcome.ts';
import type { InstanceType, Offering } from './problem.ts';

/** Types and offerings for a PackingProblem, read from a catalog file. */
export type Catalog = {
  readonly region: string;
  readonly zones: readonly string[];
  readonly types: readonly InstanceType[];
  readonly offerings: readonly Offering[];
};

export type CatalogOptions = {
  /** What the machine keeps for itself; default nothing: whole capacity is usable. */
  readonly reserve?: (type: CatalogType) => InstanceType['reserved'];
  /** Default all. */
  readonly accept?: (type: CatalogType) => boolean;
};

/** One entry of `types`. */
export type CatalogType = {
  readonly name: string;
  readonly vcpu: number;
  readonly memoryMiB: number;
  readonly arch: readonly string[];
  readonly gpus: number;
  readonly gpuName?: string;
  readonly accelerators?: readonly string[];
  readonly maxPods: number;
  readonly nvmeGiB: number;
  readonly burstable: boolean;
  readonly bareMetal: boolean;
  readonly hypervisor?: string;
  readonly onDemandUsdPerHour: number;
  readonly spotUsdPerHour?: number;
  readonly ebsMaxAttachments?: number;
};

/**
 * Reads the text of a catalog: `{"region", "zones"?, "types": [...]}`. Zones default to `<region>a`, `b`, `c`; every type is sold in each
 * zone on demand, and as spot where it has `spotUsdPerHour`. A fault names the type and the field.
 */
export function parseCatalog(text: string, options: CatalogOptions = {}): Parsed<Catalog> {
  let source: unknown;
  try {
    source = JSON.parse(text);
  } catch (error) {
    return malformed(`the catalog is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return readCatalog(source, options);
}

export function readCatalog(source: unknown, options: CatalogOptions = {}): Parsed<Catalog> {
  if (!isObject(source)) return malformed('the catalog must be an object with "region" and "types"');
  const { region, zones, types } = source;
  if (typeof region !== 'string' || region === '') return malformed('the catalog has no "region"');
  const named = zones ?? ['a', 'b', 'c'].map((letter) => `${region}${letter}`);
  if (!Array.isArray(named) || named.length === 0 || !named.every((zone) => typeof zone === 'string' && zone !== '')) {
    return malformed('"zones" of the catalog must be a list of zone names');
  }
  const twice = named.find((zone, at) => named.indexOf(zone) < at);
  if (twice !== undefined) return malformed(`"zones" of the catalog: ${twice} occurs twice`);
  if (!Array.isArray(types) || types.length === 0) return malformed('"types" of the catalog must be a list of instance types');
  const read: CatalogType[] = [];
  const names = new Set<string>();
  for (const [index, entry] of types.entries()) {
    const fault = typeFault(entry);
    if (fault !== undefined)
      return malformed(`types[${index}]${isObject(entry) && typeof entry['name'] === 'string' ? ` (${entry['name']})` : ''}: ${fault}`);
    const type = entry as CatalogType;
    if (names.has(type.name)) return malformed(`types[${index}] (${type.name}): occurs twice`);
    names.add(type.name);
    if (options.accept?.(type) ?? true) read.push(type);
  }
  return parsed({
    region,
    zones: named,
    types: read.map((type) => instanceType(type, region, options)),
    offerings: read.flatMap((type) => named.flatMap((zone: string) => offeringsOf(type, zone))),
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeFault(entry: unknown): string | undefined {
  if (!isObject(entry)) return 'expected an object';
  if (typeof entry['name'] !== 'string' || entry['name'] === '') return 'has no name';
  for (const field of ['vcpu', 'memoryMiB', 'maxPods'] as const)
    if (!isPositive(entry[field])) return `${field} must be a number above 0, not ${JSON.stringify(entry[field])}`;
  for (const field of ['gpus', 'nvmeGiB', 'ebsMaxAttachments'] as const) {
    if (entry[field] !== undefined && !(isPositive(entry[field]) || entry[field] === 0))
      return `${field} must be a number, not ${JSON.stringify(entry[field])}`;
  }
  for (const field of ['vcpu', 'memoryMiB', 'maxPods', 'gpus', 'nvmeGiB', 'ebsMaxAttachments'] as const)
    if ((entry[field] as number) > LARGEST) return `${field} must be at most ${LARGEST}, not ${JSON.stringify(entry[field])}`;
  if (entry['onDemandUsdPerHour'] === undefined) return 'has no price: onDemandUsdPerHour is missing';
  for (const field of ['onDemandUsdPerHour', 'spotUsdPerHour'] as const) {
    if (entry[field] !== undefined && !isPositive(entry[field]))
      return `${field} must be a price above 0, not ${JSON.stringify(entry[field])}`;
  }
  if (entry['arch'] !== undefined && !(Array.isArray(entry['arch']) && entry['arch'].every((arch) => typeof arch === 'string')))
    return 'arch must be a list of texts';
  return undefined;
}

// A thousand times the largest machine in its finest unit (MiB): more is a slip of the pen.
const LARGEST = 1e11;

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function instanceType(type: CatalogType, region: string, options: CatalogOptions): InstanceType {
  const capacity: Record<string, string | number> = { cpu: type.vcpu, memory: `${type.memoryMiB}Mi`, pods: type.maxPods };
  if (type.gpus > 0) capacity[type.gpuName?.startsWith('AMD') ? 'amd.com/gpu' : 'nvidia.com/gpu'] = type.gpus;
  if (type.ebsMaxAttachments !== undefined) capacity['attachable-volumes-aws-ebs'] = type.ebsMaxAttachments;
  const reserved = options.reserve?.(type);
  return { name: type.name, capacity, labels: labelsOf(type, region), ...(reserved === undefined ? {} : { reserved }) };
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', arm64: 'arm64' };

/** The well-known labels and Karpenter's EC2 labels (karpenter.sh/docs/reference/instance-types). */
function labelsOf(type: CatalogType, region: string): Readonly<Record<string, string>> {
  const [family = '', size = ''] = type.name.split('.');
  const category = /^[a-z]+/.exec(family)?.[0] ?? family;
  const generation = /^[a-z-]+?(\d+)/.exec(family)?.[1];
  const arch = type.arch?.[0] ?? 'x86_64';
  const labels: Record<string, string> = {
    'kubernetes.io/arch': ARCHITECTURES[arch] ?? arch,
    'kubernetes.io/os': 'linux',
    'topology.kubernetes.io/region': region,
    'karpenter.k8s.aws/instance-category': category,
    'karpenter.k8s.aws/instance-family': family,
    'karpenter.k8s.aws/instance-size': size,
    'karpenter.k8s.aws/instance-cpu': String(type.vcpu),
    'karpenter.k8s.aws/instance-memory': String(type.memoryMiB),
    'karpenter.k8s.aws/instance-hypervisor': type.hypervisor ?? '',
  };
  if (generation !== undefined) labels['karpenter.k8s.aws/instance-generation'] = generation;
  if (type.nvmeGiB > 0) labels['karpenter.k8s.aws/instance-local-nvme'] = String(type.nvmeGiB);
  if (type.gpus > 0) {
    const [maker = '', ...model] = (type.gpuName ?? '').toLowerCase().split(' ');
    labels['karpenter.k8s.aws/instance-gpu-count'] = String(type.gpus);
    labels['karpenter.k8s.aws/instance-gpu-manufacturer'] = maker;
    labels['karpenter.k8s.aws/instance-gpu-name'] = model.join('-');
  }
  return labels;
}

function offeringsOf(type: CatalogType, zone: string): readonly Offering[] {
  const onDemand: Offering = { instanceType: type.name, zone, capacityType: 'on-demand', usdPerHour: type.onDemandUsdPerHour };
  if (type.spotUsdPerHour === undefined) return [onDemand];
  return [onDemand, { instanceType: type.name, zone, capacityType: 'spot', usdPerHour: type.spotUsdPerHour }];
}
