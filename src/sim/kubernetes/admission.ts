import { between } from '../faults.ts';
import { applyBuiltInDefaults, defaultTolerations } from './defaults.ts';
import { type Answer, forbidden, invalid, namespaceTerminating, notFound } from './errors.ts';
import { at, equalJson, type Fields, isFields, textAt } from './json.ts';
import { type Entity, type Kind, kindNamed } from './kinds.ts';
import type { Store } from './store.ts';
import { timestamp } from './time.ts';
import { metadataProblems, type SchemaRules, updateProblems } from './validation.ts';

const namespaces = kindNamed('Namespace');
const serviceAccounts = kindNamed('ServiceAccount');
const priorityClasses = kindNamed('PriorityClass');

const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** Five characters, as the API server and the job controller add them to a generated name. */
export function randomSuffix(store: Store): string {
  return Array.from({ length: 5 }, () => LETTERS[Math.floor(store.world.random.next() * LETTERS.length)]).join('');
}

/** Turns a decoded object into one that may be stored for the first time: identity, defaults, what admission adds, validation. Changes its argument. */
export function admitCreate(store: Store, rules: SchemaRules, kind: Kind, object: Fields): Answer<Entity> {
  const given = isFields(object.metadata) ? object.metadata : {};
  const generated = typeof given.generateName === 'string' ? given.generateName + randomSuffix(store) : '';
  const name = textAt(given, 'name') || generated;
  const namespace = kind.namespaced ? textAt(given, 'namespace') : undefined;
  const allowed = checkNamespace(store, kind, name, namespace);
  if (!allowed.ok) return allowed;
  const {
    deletionTimestamp: _,
    deletionGracePeriodSeconds: __,
    managedFields: ___,
    generateName: ____,
    resourceVersion: _____,
    ...kept
  } = given;
  object.metadata = {
    ...kept,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid: store.world.random.uuid(),
    creationTimestamp: timestamp(store.world.now()),
    ...(kind.generation ? { generation: 1 } : {}),
  };
  const completed = withoutEmptyMetadata(complete(rules, kind, object));
  resetStatus(kind, completed);
  const admitted = admitKind(store, kind, completed);
  if (!admitted.ok) return admitted;
  const problems = [...metadataProblems(kind, completed, undefined), ...(kind.custom ? rules.validateObject(kind.kind, completed) : [])];
  return problems.length > 0 ? invalid(kind, name, problems) : { ok: true, value: completed as Entity };
}

/** The same for an object that replaces `old`. What the call cannot have changed has been judged when it was written. */
export function admitUpdate(rules: SchemaRules, kind: Kind, next: Fields, old: Entity, subresource: 'status' | undefined): Answer<Entity> {
  if (subresource === 'status') return kind.custom ? admitStatus(rules, kind, next, old) : { ok: true, value: next as Entity };
  const problems = [...metadataProblems(kind, next, old)];
  let completed = withoutEmptyMetadata(next);
  if (!equalJson({ ...next, metadata: undefined }, { ...old, metadata: undefined })) {
    completed = complete(rules, kind, completed);
    problems.push(...updateProblems(kind, completed, old), ...(kind.custom ? rules.validateObject(kind.kind, completed, old) : []));
  }
  return problems.length > 0 ? invalid(kind, old.metadata.name, problems) : { ok: true, value: completed as Entity };
}

/** Our rules speak of spec only (they are transitions and bounds of what people write): of status, its schema is judged. */
function admitStatus(rules: SchemaRules, kind: Kind, next: Fields, old: Entity): Answer<Entity> {
  const { status } = complete(rules, kind, { metadata: next.metadata, status: next.status });
  const problems = rules.validateObject(kind.kind, { metadata: next.metadata, status }).filter(({ field }) => field.startsWith('status'));
  if (problems.length > 0) return invalid(kind, old.metadata.name, problems);
  return { ok: true, value: { ...next, ...(status === undefined ? {} : { status }) } as Entity };
}

/** Lists and maps of metadata are left out where they are empty, as Go's encoder leaves them out. */
function withoutEmptyMetadata(object: Fields): Fields {
  const metadata = Object.entries(isFields(object.metadata) ? object.metadata : {}).filter(
    ([, value]) => typeof value !== 'object' || value === null || Object.keys(value).length > 0,
  );
  return { ...object, metadata: Object.fromEntries(metadata) };
}

function complete(rules: SchemaRules, kind: Kind, object: Fields): Fields {
  if (kind.custom) return rules.applyDefaults(kind.kind, rules.prune(kind.kind, object));
  applyBuiltInDefaults(kind, object);
  return object;
}

function checkNamespace(store: Store, kind: Kind, name: string, namespace: string | undefined): Answer<void> {
  if (namespace === undefined) return { ok: true, value: undefined };
  const found = store.get(namespaces, namespace);
  if (found === undefined) return notFound(namespaces, namespace);
  return found.metadata.deletionTimestamp === undefined ? { ok: true, value: undefined } : namespaceTerminating(kind, name, namespace);
}

function resetStatus(kind: Kind, object: Fields): void {
  if (!kind.status || kind.kind === 'Node') return;
  delete object.status;
  if (kind.kind === 'Pod') object.status = { phase: 'Pending', qosClass: qosClass(object) };
  else if (!kind.custom) object.status = { ...initialStatus[kind.kind] };
}

/** Of kinds whose status has fields that are always there. */
const initialStatus: Readonly<Record<string, Fields>> = {
  Namespace: { phase: 'Active' },
  Service: { loadBalancer: {} },
  PodDisruptionBudget: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
  DaemonSet: { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
};

function qosClass(pod: Fields): string {
  const containers = at(pod, 'spec', 'containers');
  const resources = (Array.isArray(containers) ? containers : []).map((container) => at(container, 'resources'));
  if (resources.every((each) => at(each, 'requests') === undefined && at(each, 'limits') === undefined)) return 'BestEffort';
  const guaranteed = resources.every((each) =>
    ['cpu', 'memory'].every((name) => at(each, 'limits', name) !== undefined && at(each, 'limits', name) === at(each, 'requests', name)),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function admitKind(store: Store, kind: Kind, object: Fields): Answer<void> {
  if (kind.kind === 'Pod') return admitPod(store, kind, object);
  if (kind.kind === 'Job') generateSelector(object);
  if (kind.kind === 'Service' && isFields(object.spec) && object.spec.type === 'ClusterIP') {
    const { random } = store.world;
    object.spec.clusterIP ??= `10.96.${between(random, 0, 255)}.${between(random, 1, 254)}`;
    object.spec.clusterIPs ??= [object.spec.clusterIP];
    object.spec.ipFamilies ??= ['IPv4'];
  }
  return { ok: true, value: undefined };
}

/** ServiceAccount, Priority and DefaultTolerationSeconds, as far as pods can be told apart by them. */
function admitPod(store: Store, kind: Kind, pod: Fields): Answer<void> {
  const spec = isFields(pod.spec) ? pod.spec : {};
  const name = String(at(pod, 'metadata', 'name'));
  const namespace = String(at(pod, 'metadata', 'namespace'));
  const account = textAt(spec, 'serviceAccountName') || 'default';
  if (store.get(serviceAccounts, `${namespace}/${account}`) === undefined) {
    return forbidden(kind, name, `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`);
  }
  spec.serviceAccountName = account;
  spec.enableServiceLinks ??= true;
  defaultTolerations(spec);
  if (typeof spec.priorityClassName === 'string' && spec.priorityClassName !== '') {
    const known = systemPriorities[spec.priorityClassName] ?? store.get(priorityClasses, spec.priorityClassName)?.value;
    if (known === undefined) return forbidden(kind, name, `no PriorityClass with name ${spec.priorityClassName} was found`);
    spec.priority = known;
  }
  spec.priority ??= 0;
  spec.preemptionPolicy ??= 'PreemptLowerPriority';
  return { ok: true, value: undefined };
}

const systemPriorities: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

/** generateSelector of pkg/registry/batch/job/strategy.go. */
function generateSelector(job: Fields): void {
  const spec = isFields(job.spec) ? job.spec : {};
  const template = isFields(spec.template) ? spec.template : {};
  if (spec.manualSelector === true) return;
  const uid = String(at(job, 'metadata', 'uid'));
  const name = String(at(job, 'metadata', 'name'));
  const metadata = isFields(template.metadata) ? template.metadata : {};
  metadata.labels = {
    ...(isFields(metadata.labels) ? metadata.labels : {}),
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  };
  template.metadata = metadata;
  const own = at(job, 'metadata', 'labels');
  if (isFields(job.metadata) && (!isFields(own) || Object.keys(own).length === 0)) job.metadata.labels = { ...(metadata.labels as Fields) };
  spec.selector = { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } };
}
