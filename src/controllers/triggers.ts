/**
 * Which changes of an object are news to whom. A controller's own status writes are no news to itself: it would answer a failure that it has just
 * recorded with another try, and its backoff would never hold.
 */
import type { ElasticJob, ElasticNode, ElasticRuntime } from '../api/generated/types.ts';
import type { KubernetesObject, Node, Stored } from '../api/kubernetes.ts';
import { equals } from '../machinery/covers.ts';
import type { StoreChange } from '../machinery/store.ts';

type When<T extends KubernetesObject> = (change: StoreChange<T>) => boolean;

function changedIn<T extends KubernetesObject>(look: (object: Stored<T>) => readonly unknown[]): When<T> {
  return ({ previous, current }) => {
    if (previous === undefined || current === undefined) return true;
    const before = look(previous);
    return !look(current).every((value, index) => equals(value, before[index]));
  };
}

/** What people and other controllers say of an object: everything but its status. */
function intent(object: KubernetesObject): readonly unknown[] {
  const { generation, deletionTimestamp, finalizers, labels, annotations } = object.metadata;
  return [generation, deletionTimestamp, finalizers, labels, annotations];
}

export const intentChanged: When<KubernetesObject> = changedIn(intent);

/** For a node's own controllers: the agent's report is news too. */
export const nodeIntentOrReport: When<ElasticNode> = changedIn((node) => [...intent(node), node.status?.report]);

/** For who ends it: what its agent still stores before it goes, and what it has recorded. */
export const nodeIntentOrFlush: When<ElasticNode> = changedIn((node) => [
  ...intent(node),
  node.status?.report?.accesses,
  node.metadata.deletionTimestamp === undefined ? undefined : node.status?.report?.logs,
]);

/** For those who give a job capacity. */
export const jobDemandChanged: When<ElasticJob> = changedIn((job) => [
  ...intent(job),
  job.status?.phase,
  job.status?.attempt?.number,
  job.status?.internal?.['cleaned'],
]);

/** For those who plan with nodes or wait for them. */
export const nodeMoved: When<ElasticNode> = changedIn((node) => [
  ...intent(node),
  node.status?.phase,
  node.status?.nodeName,
  node.status?.instanceId,
  node.status?.conditions?.find(({ type, status }) => type === 'Launched' && status === 'False')?.reason,
  node.status?.report?.interruption,
  node.status?.report?.logs,
]);

function standing({ metadata, status }: ElasticRuntime): readonly unknown[] {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return [...intent({ metadata }), ready, status?.idleSince, status?.launchTemplates, status?.internal?.['verified']];
}

/** For those who work on a runtime. */
export const runtimeMoved: When<ElasticRuntime> = changedIn(standing);

/** For the jobs that wait for it: they say why in its words. */
export const runtimeExplained: When<ElasticRuntime> = changedIn((runtime) => [
  ...standing(runtime),
  runtime.status?.conditions?.find(({ type, status }) => type === 'Ready' && status !== 'True')?.message,
]);

/** Heartbeats of a kubelet are no news. */
export const machineMoved: When<Node> = changedIn((node) => [
  node.metadata.labels,
  node.metadata.deletionTimestamp,
  node.spec,
  node.status?.allocatable,
  node.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
]);
