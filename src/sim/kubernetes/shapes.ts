import { schemas } from '../../api/generated/schemas.ts';
import type { ElasticKind, Schema } from '../../api/schema.ts';
import type { Kind } from './kinds.ts';

/**
 * What server-side apply must know of a field: whether it is one value, a set, a list of items with keys, or a map of fields.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
 */
export type Shape =
  | { readonly merge: 'atomic' }
  | { readonly merge: 'set' }
  | { readonly merge: 'keyed'; readonly keys: readonly string[]; readonly item: Shape }
  | { readonly merge: 'fields'; child(name: string): Shape };

const atomic: Shape = { merge: 'atomic' };
const set: Shape = { merge: 'set' };
/** A map or a plain value, whatever it turns out to be; its lists are atomic. */
const open: Shape = { merge: 'fields', child: () => open };

/** Of Kubernetes' own kinds: markers `+listType`, `+listMapKey`, `+mapType` and `+structType` of k8s.io/api v0.35, by field name. */
const keyedLists: Readonly<Record<string, readonly string[]>> = {
  ownerReferences: ['uid'],
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  schedulingGates: ['name'],
  addresses: ['type'],
  conditions: ['type'],
};
const atomicFields: ReadonlySet<string> = new Set([
  'nodeSelector',
  'selector',
  'labelSelector',
  'namespaceSelector',
  'secretRef',
  'configMapKeyRef',
  'secretKeyRef',
  'fieldRef',
  'resourceFieldRef',
  'valueFrom',
]);

function builtIn(kind: Kind): Shape {
  function fieldOf(parent: string, name: string): Shape {
    if (name === 'finalizers') return set;
    // JobStatus.conditions is +listType=atomic.
    if (kind.kind === 'Job' && parent === 'status' && name === 'conditions') return atomic;
    if (name === 'ports') {
      const item = fields('port');
      return { merge: 'keyed', keys: kind.kind === 'Service' ? ['port', 'protocol'] : ['containerPort', 'protocol'], item };
    }
    // Labels and annotations may be named like any field.
    if (parent === 'labels' || parent === 'annotations' || parent === 'data' || parent === 'matchLabels') return open;
    const keys = Object.hasOwn(keyedLists, name) ? keyedLists[name] : undefined;
    if (keys !== undefined) return { merge: 'keyed', keys, item: fields(name) };
    // Selectors of Jobs, Services and budgets are atomic as a whole.
    return atomicFields.has(name) ? atomic : fields(name);
  }
  function fields(name: string): Shape {
    return { merge: 'fields', child: (child) => fieldOf(name, child) };
  }
  return fields('');
}

const metadata: Shape = {
  merge: 'fields',
  child: (name) => {
    if (name === 'finalizers') return set;
    return name === 'ownerReferences' ? { merge: 'keyed', keys: ['uid'], item: open } : open;
  },
};

function fromSchema(schema: Schema | undefined): Shape {
  if (schema === undefined) return open;
  if (schema.items !== undefined) {
    const type = schema['x-kubernetes-list-type'] ?? 'atomic';
    if (type !== 'map') return type === 'set' ? set : atomic;
    return { merge: 'keyed', keys: schema['x-kubernetes-list-map-keys'] ?? [], item: fromSchema(schema.items) };
  }
  const children = new Map<string, Shape>();
  return {
    merge: 'fields',
    child(name) {
      let shape = children.get(name);
      if (shape === undefined) {
        const own = schema.properties !== undefined && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
        shape = fromSchema(own ?? schema.additionalProperties);
        children.set(name, shape);
      }
      return shape;
    },
  };
}

const known = new Map<Kind, Shape>();

/** The shape of a kind's objects. */
export function shapeOf(kind: Kind): Shape {
  let shape = known.get(kind);
  if (shape === undefined) {
    const body = kind.custom ? fromSchema(schemas[kind.kind as ElasticKind]) : builtIn(kind);
    const child = (name: string): Shape => {
      if (name === 'metadata') return metadata;
      return body.merge === 'fields' ? body.child(name) : open;
    };
    shape = { merge: 'fields', child };
    known.set(kind, shape);
  }
  return shape;
}
