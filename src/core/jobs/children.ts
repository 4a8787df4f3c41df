/**
 * The children of one attempt: a master Job of one pod, an Indexed worker Job that is as elastic as completions = parallelism allows
 * (https://kubernetes.io/docs/concepts/workloads/controllers/job/#elastic-indexed-jobs), and a headless Service. Made suspended: they are released
 * when access is verified, dependencies are staged and capacity is reserved.
 */
import type { Container, Job, ObjectMeta, PodSpec, PodTemplate, Service } from '../../api/kubernetes.ts';
import { annotations, labels, managedBy, taints } from '../../api/labels.ts';
import { attemptNames, masterHostname, serviceAccountNames } from './names.ts';
import type { SlotRole } from './slots.ts';
import type { Wiring } from './wiring.ts';

export type ChildrenInput = {
  readonly job: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly runtime: { readonly name: string; readonly uid: string };
  readonly attempt: number;
  readonly priorityClassName?: string | undefined;
};

export type Template = {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
};

/** Node label that a reservation sets: `job.node-restriction.kubernetes.io/<job uid>` = attempt. Kubelets cannot set labels of this suffix. */
export function reservationLabel(jobUid: string): string {
  return `job.node-restriction.kubernetes.io/${jobUid}`;
}

export function masterJob(input: ChildrenInput, template: Template, wiring: Wiring): Job {
  const spec = podTemplate(input, 'master', template, wiring);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: childMeta(input, 'master', attemptNames(input.job.name, input.attempt).master),
    spec: {
      suspend: true,
      parallelism: 1,
      completions: 1,
      backoffLimit: 0,
      template: { ...spec, spec: { ...spec.spec, hostname: masterHostname } },
    },
  };
}

export function workerJob(input: ChildrenInput, template: Template, wiring: Wiring, count: number): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: childMeta(input, 'worker', attemptNames(input.job.name, input.attempt).worker),
    spec: {
      suspend: true,
      parallelism: count,
      completions: count,
      completionMode: 'Indexed',
      backoffLimit: 0,
      // What infrastructure takes away comes back and is not counted; what fails by itself ends the attempt.
      podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }] },
      template: podTemplate(input, 'worker', template, wiring),
    },
  };
}

export function headlessService(input: ChildrenInput): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: childMeta(input, undefined, attemptNames(input.job.name, input.attempt).service),
    spec: {
      clusterIP: 'None',
      selector: { [labels.jobUid]: input.job.uid, [labels.attempt]: String(input.attempt) },
      // The workers look for a master that is not ready yet.
      publishNotReadyAddresses: true,
      ports: [{ name: 'any', port: 1, protocol: 'TCP' }],
    },
  };
}

function childMeta(input: ChildrenInput, role: SlotRole | undefined, name: string): ObjectMeta {
  return {
    name,
    namespace: input.job.namespace,
    labels: childLabels(input, role),
    ownerReferences: [
      {
        apiVersion: 'elasticruntime.dev/v1alpha1',
        kind: 'ElasticJob',
        name: input.job.name,
        uid: input.job.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  };
}

function childLabels(input: ChildrenInput, role: SlotRole | undefined): Readonly<Record<string, string>> {
  return {
    [labels.managedBy]: managedBy,
    [labels.runtime]: input.runtime.name,
    [labels.job]: input.job.name,
    [labels.jobUid]: input.job.uid,
    [labels.attempt]: String(input.attempt),
    ...(role && { [labels.role]: role }),
  };
}

function podTemplate(input: ChildrenInput, role: SlotRole, template: Template, wiring: Wiring): PodTemplate {
  const { spec, metadata } = template;
  const containers = spec.containers.map((container) => wire(container, wiring));
  const initContainers = [wiring.initContainer, ...(spec.initContainers ?? []).map((container) => wire(container, wiring))];
  return {
    metadata: {
      labels: { ...metadata?.labels, ...childLabels(input, role) },
      annotations: {
        ...metadata?.annotations,
        [annotations.irsaSkipContainers]: [...initContainers, ...containers].map(({ name }) => name).join(','),
        // Karpenter and cluster-autoscaler leave our pods and their nodes alone.
        [annotations.doNotDisrupt]: 'true',
        [annotations.safeToEvict]: 'false',
      },
    },
    spec: {
      ...spec,
      containers,
      initContainers,
      volumes: [...(spec.volumes ?? []), ...wiring.volumes],
      serviceAccountName: serviceAccountNames(input.runtime.name)[role],
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      restartPolicy: 'Never',
      subdomain: attemptNames(input.job.name, input.attempt).service,
      ...(input.priorityClassName !== undefined && { priorityClassName: input.priorityClassName }),
      affinity: withPlacement(spec.affinity, input, role),
      tolerations: [
        ...(spec.tolerations ?? []),
        { key: taints.runtime, operator: 'Equal', value: input.runtime.uid, effect: 'NoSchedule' },
      ],
    },
  };
}

function wire(container: Container, wiring: Wiring): Container {
  return {
    ...container,
    env: [...wiring.env, ...(container.env ?? [])],
    volumeMounts: [...(container.volumeMounts ?? []), ...wiring.mounts],
  };
}

type NodeTerm = { readonly matchExpressions?: readonly unknown[]; readonly matchFields?: readonly unknown[] };
type AffinityShape = {
  readonly nodeAffinity?: {
    readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms: readonly NodeTerm[] };
  };
};

/** Terms of a node selector are alternatives, so ours goes into each of them. */
function withPlacement(
  affinity: Readonly<Record<string, unknown>> | undefined,
  input: ChildrenInput,
  role: SlotRole,
): Readonly<Record<string, unknown>> {
  const own = [
    { key: labels.runtimeUid, operator: 'In', values: [input.runtime.uid] },
    { key: labels.nodeRole, operator: 'In', values: [role] },
    { key: reservationLabel(input.job.uid), operator: 'In', values: [String(input.attempt)] },
  ];
  const given = (affinity as AffinityShape | undefined)?.nodeAffinity;
  const terms = given?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
  return {
    ...affinity,
    nodeAffinity: {
      ...given,
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: terms.map((term) => ({ ...term, matchExpressions: [...(term.matchExpressions ?? []), ...own] })),
      },
    },
  };
}
