import type { KubernetesObject } from '../api/kubernetes.ts';
import type { ObjectKey, ResourceType } from '../ports/kubernetes.ts';

export function apiVersionOf<T extends KubernetesObject>(type: ResourceType<T>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** `/api/v1/namespaces/x/pods`, `/apis/batch/v1/jobs`: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
export function collectionPath<T extends KubernetesObject>(type: ResourceType<T>, namespace: string | undefined): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = namespace === undefined || !type.namespaced ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${scope}/${type.plural}`;
}

export function objectPath<T extends KubernetesObject>(type: ResourceType<T>, key: ObjectKey, subresource?: string): string {
  if (type.namespaced && key.namespace === undefined) throw new Error(`${type.kind} ${key.name} is given without its namespace`);
  if (key.name === '') throw new Error(`${type.kind} is given without a name`);
  const path = `${collectionPath(type, key.namespace)}/${encodeURIComponent(key.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

export function query(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}
