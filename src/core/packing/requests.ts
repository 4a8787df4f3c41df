import { parseBytes, parseCount, parseCpuMilli } from '../quantity/amounts.ts';
import { malformed, type Parsed, parsed } from '../quantity/outcome.ts';
import type { Container, PackingPod, PodSpec, ResourceList, ResourceRequirements } from './problem.ts';

/** Amounts in base units by resource name: millicores of cpu, bytes of memory and storage, counts of everything else. */
export type Amounts = ReadonlyMap<string, number>;

/** One attachment of a bound volume; EC2's limit per instance is the capacity of the same name. */
export const ATTACHMENTS = 'attachable-volumes-aws-ebs';

export function parseResources(list: ResourceList | undefined): Parsed<Amounts> {
  const amounts = new Map<string, number>();
  for (const [name, text] of Object.entries(list ?? {})) {
    const amount = parseResource(name, text);
    if (!amount.ok) return malformed(`${name}: ${amount.reason}`);
    amounts.set(name, amount.value);
  }
  return parsed(amounts);
}

const readBefore = new Map<string, Parsed<number>>();
// Clusters write the same few amounts over and over; a flood of others starts anew.
const MOST_READ = 4096;

function parseResource(name: string, text: string | number): Parsed<number> {
  const key = `${name}=${typeof text === 'string' ? '' : typeof text} ${text}`;
  let read = readBefore.get(key);
  if (read === undefined) {
    read = readResource(name, text);
    if (readBefore.size >= MOST_READ) readBefore.clear();
    readBefore.set(key, read);
  }
  return read;
}

function readResource(name: string, text: string | number): Parsed<number> {
  if (typeof text !== 'string' && typeof text !== 'number') return malformed('expected a quantity');
  if (name === 'cpu') return parseCpuMilli(text);
  if (name === 'memory' || name === 'ephemeral-storage' || name.startsWith('hugepages-')) return parseBytes(text);
  return parseCount(text);
}

/**
 * What a pod takes from its node, as kube-scheduler computes it (k8s.io/component-helpers/resource PodRequests): the containers and
 * sidecars together, or the most demanding moment of the init phase if that is more; pod-level requests replace that sum where given;
 * then the overhead of the runtime class. A limit without a request is the request, as the API server defaults it.
 */
export function podRequests(pod: PackingPod): Parsed<Amounts> {
  const steady = sumOfContainers(pod.spec);
  if (!steady.ok) return steady;
  const total = new Map(steady.value);
  const podLevel = podLevelRequests(pod.spec.resources, steady.value);
  if (!podLevel.ok) return malformed(`spec.resources: ${podLevel.reason}`);
  for (const [name, amount] of podLevel.value) total.set(name, amount);
  const overhead = parseResources(pod.spec.overhead);
  if (!overhead.ok) return malformed(`spec.overhead: ${overhead.reason}`);
  add(total, overhead.value);
  for (const [name, amount] of total) if (amount === 0) total.delete(name);
  total.set('pods', 1);
  const attachments = pod.volumes?.attachments ?? 0;
  if (!Number.isInteger(attachments) || attachments < 0) return malformed(`volumes.attachments: ${attachments} is not a count`);
  if (attachments > 0) total.set(ATTACHMENTS, attachments);
  return parsed(total);
}

function sumOfContainers(spec: PodSpec): Parsed<Amounts> {
  if (!Array.isArray(spec.containers)) return malformed('spec.containers: expected a list');
  const total = new Map<string, number>();
  for (const [index, container] of spec.containers.entries()) {
    const requests = requestsOf(container.resources);
    if (!requests.ok) return malformed(`spec.containers[${index}].resources: ${requests.reason}`);
    add(total, requests.value);
  }
  const sidecars = new Map<string, number>();
  const initPeak = new Map<string, number>();
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const requests = requestsOf(container.resources);
    if (!requests.ok) return malformed(`spec.initContainers[${index}].resources: ${requests.reason}`);
    if (container.restartPolicy === 'Always') {
      add(total, requests.value);
      add(sidecars, requests.value);
      raise(initPeak, sidecars);
    } else {
      const moment = new Map(requests.value);
      add(moment, sidecars);
      raise(initPeak, moment);
    }
  }
  raise(total, initPeak);
  return parsed(total);
}

function requestsOf(resources: ResourceRequirements | undefined): Parsed<Amounts> {
  if (resources === undefined) return parsed(new Map());
  const requests = parseResources(resources.requests);
  if (!requests.ok) return malformed(`requests.${requests.reason}`);
  if (resources.limits === undefined) return requests;
  const limits = parseResources(resources.limits);
  if (!limits.ok) return malformed(`limits.${limits.reason}`);
  for (const [name, amount] of requests.value) {
    if (amount > (limits.value.get(name) ?? Number.POSITIVE_INFINITY)) return malformed(`requests.${name}: exceeds its limit`);
  }
  return parsed(new Map([...limits.value, ...requests.value]));
}

/** https://kubernetes.io/docs/tasks/configure-pod-container/assign-pod-level-resources/, Limitations. */
function isPodLevel(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

/**
 * As the API server completes them (pkg/apis/core/v1/defaults.go, defaultPodRequests): a limit of the pod is its request only where no container requests the
 * resource; huge pages, which cannot be overcommitted, are taken from the limit all the same.
 */
function podLevelRequests(resources: ResourceRequirements | undefined, ofContainers: Amounts): Parsed<Amounts> {
  if (resources === undefined) return parsed(new Map());
  const other = [...Object.keys(resources.requests ?? {}), ...Object.keys(resources.limits ?? {})].find((name) => !isPodLevel(name));
  if (other !== undefined)
    return malformed(`${other}: only cpu, memory and hugepages- can be asked for by the pod; name it in a container`);
  const both = requestsOf(resources);
  if (!both.ok) return both;
  const named = new Set(Object.keys(resources.requests ?? {}));
  return parsed(new Map([...both.value].filter(([name]) => named.has(name) || !ofContainers.has(name) || name.startsWith('hugepages-'))));
}

export function add(total: Map<string, number>, amounts: Amounts): void {
  for (const [name, amount] of amounts) total.set(name, (total.get(name) ?? 0) + amount);
}

function raise(total: Map<string, number>, amounts: Amounts): void {
  for (const [name, amount] of amounts) if (amount > (total.get(name) ?? 0)) total.set(name, amount);
}

/** Host ports as resources of one each: a port bound on all addresses takes it on every address that any pod names. */
export type HostPort = { readonly protocol: string; readonly port: number; readonly address: string };

export function hostPorts(spec: PodSpec): readonly HostPort[] {
  const found = new Map<string, HostPort>();
  const sidecars = (spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...spec.containers, ...sidecars] satisfies readonly Container[]) {
    for (const entry of container.ports ?? []) {
      // The API server defaults hostPort to containerPort in a pod of the host's network.
      const port = entry.hostPort ?? (spec.hostNetwork === true ? entry.containerPort : undefined) ?? 0;
      if (port <= 0) continue;
      const host: HostPort = { protocol: entry.protocol ?? 'TCP', port, address: entry.hostIP || ANY_ADDRESS };
      found.set(`${host.protocol}/${host.port}/${host.address}`, host);
    }
  }
  return [...found.values()];
}

export const ANY_ADDRESS = '0.0.0.0';
