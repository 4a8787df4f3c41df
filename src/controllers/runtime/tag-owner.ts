import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import type { TagOwner } from '../../core/nodes/tags.ts';

/** Whose the things in AWS are: what their tags say. */
export function tagOwnerOf(runtime: Stored<ElasticRuntime>, cluster: string): TagOwner {
  const { name, namespace = '', uid } = runtime.metadata;
  return { cluster, organization: runtime.spec.organization, namespace, runtime: name, runtimeUid: uid };
}
