import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { ResourceType } from '../ports/kubernetes.ts';
import { apiVersionOf } from './paths.ts';

/**
 * From parsed JSON to what is kept. Items of a list come without their kind: it is filled in, so that an object looks the same wherever it came from.
 * Kept without a check of every field: the API server has validated it against the same schema.
 */
export function decode<T extends KubernetesObject>(type: ResourceType<T>, value: unknown): Stored<T> {
  const { apiVersion, kind, ...rest } = value as Stored<T>;
  const whole = { apiVersion: apiVersion ?? apiVersionOf(type), kind: kind ?? type.kind, ...rest } as Stored<T>;
  return (type.trim === undefined ? whole : type.trim(whole)) as Stored<T>;
}

/** For the wire: with its kind, which apply demands. */
export function encode<T extends KubernetesObject>(type: ResourceType<T>, object: T): T {
  return { apiVersion: apiVersionOf(type), kind: type.kind, ...object };
}
