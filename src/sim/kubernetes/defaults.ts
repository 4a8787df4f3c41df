import { at, type Fields, isFields, textAt } from './json.ts';
import type { Kind } from './kinds.ts';

/** The defaults that the API server writes into Kubernetes' own kinds (pkg/apis/<group>/v1/defaults.go), as far as someone reads them. Changes its argument. */
export function applyBuiltInDefaults(kind: Kind, object: Fields): void {
  const spec = isFields(object.spec) ? object.spec : undefined;
  switch (kind.kind) {
    case 'Pod':
      if (spec !== undefined) defaultPodSpec(spec);
      break;
    case 'Job':
      if (spec !== undefined) defaultJobSpec(spec);
      break;
    case 'DaemonSet':
      if (spec !== undefined) defaultTemplate(spec);
      break;
    case 'Service':
      if (spec !== undefined) defaultServiceSpec(spec);
      break;
    case 'Secret':
      object.type ??= 'Opaque';
      break;
    case 'Namespace':
      object.spec ??= { finalizers: ['kubernetes'] };
      break;
    case 'PriorityClass':
      object.preemptionPolicy ??= 'PreemptLowerPriority';
      break;
    default:
      break;
  }
}

function defaultTemplate(spec: Fields): void {
  const podSpec = at(spec, 'template', 'spec');
  if (isFields(podSpec)) defaultPodSpec(podSpec);
}

function defaultPodSpec(spec: Fields): void {
  spec.restartPolicy ??= 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.schedulerName ??= 'default-scheduler';
  spec.securityContext ??= {};
  for (const list of [spec.containers, spec.initContainers]) {
    if (Array.isArray(list)) for (const container of list) if (isFields(container)) defaultContainer(container);
  }
  for (const volume of Array.isArray(spec.volumes) ? spec.volumes : []) {
    for (const source of ['secret', 'configMap', 'projected', 'downwardAPI']) {
      const found = at(volume, source);
      if (isFields(found)) found.defaultMode ??= 0o644;
    }
  }
}

function defaultContainer(container: Fields): void {
  container.terminationMessagePath ??= '/dev/termination-log';
  container.terminationMessagePolicy ??= 'File';
  container.imagePullPolicy ??= pullPolicy(textAt(container, 'image'));
  container.resources ??= {};
  if (isFields(container.resources) && isFields(container.resources.limits)) {
    container.resources.requests = {
      ...container.resources.limits,
      ...(isFields(container.resources.requests) ? container.resources.requests : {}),
    };
  }
  for (const port of Array.isArray(container.ports) ? container.ports : []) if (isFields(port)) port.protocol ??= 'TCP';
}

function pullPolicy(image: string): string {
  const tag = /:([^/:@]+)$/.exec(image.replace(/@.*$/, ''))?.[1];
  return image.includes('@') || (tag !== undefined && tag !== 'latest') ? 'IfNotPresent' : 'Always';
}

function defaultJobSpec(spec: Fields): void {
  // A job without both runs one pod to its end (defaults.go of batch/v1).
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2_147_483_647;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  defaultTemplate(spec);
}

function defaultServiceSpec(spec: Fields): void {
  spec.type ??= 'ClusterIP';
  spec.sessionAffinity ??= 'None';
  spec.ipFamilyPolicy ??= 'SingleStack';
  spec.internalTrafficPolicy ??= 'Cluster';
  for (const port of Array.isArray(spec.ports) ? spec.ports : []) {
    if (!isFields(port)) continue;
    port.protocol ??= 'TCP';
    port.targetPort ??= port.port;
  }
}

/** What admission plugins add to every pod: DefaultTolerationSeconds. */
export function defaultTolerations(spec: Fields): void {
  const tolerations: unknown[] = Array.isArray(spec.tolerations) ? spec.tolerations : [];
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    const tolerated = tolerations.some((toleration) => {
      const [own, effect] = [at(toleration, 'key'), at(toleration, 'effect')];
      return (own === key || own === undefined) && (effect === 'NoExecute' || effect === undefined);
    });
    if (!tolerated) tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
  }
  spec.tolerations = tolerations;
}
