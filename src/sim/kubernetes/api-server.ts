import { type ApplyOptions, type DeleteOptions } from '../../ports/kubernetes.ts';
import type { World } from '../world.ts';
import { admitCreate, admitUpdate } from './admission.ts';
import { applyConfiguration, nobody, type Owners, ownersAfterUpdate, readablePath } from './apply.ts';
import { createDeletion } from './deletion.ts';
import { type Answer, alreadyExists, conflict, invalid, modified, notFound } from './errors.ts';
import { difference, leafPaths } from './fieldpaths.ts';
import { at, copyJson, equalJson, type Fields, isFields, textAt } from './json.ts';
import { apiVersionOf, type Entity, type Kind } from './kinds.ts';
import { shapeOf } from './shapes.ts';
import { createStore, type HistoryWindow, keyOf, type Store } from './store.ts';
import type { SchemaRules } from './validation.ts';

type Subresource = 'status' | undefined;

/** The verbs of the simulated API server. Each is one instant: latency, lost replies and refusals are the port's. Answers are frozen and shared. */
export type ApiServer = {
  readonly world: World;
  readonly store: Store;
  get(kind: Kind, key: string): Answer<Entity>;
  create(kind: Kind, object: Fields, manager: string): Answer<Entity>;
  replace(kind: Kind, object: Fields, subresource: Subresource, manager: string): Answer<Entity>;
  /** `edit` gets the current object and answers the wanted one. */
  patch(kind: Kind, key: string, subresource: Subresource, manager: string, edit: (current: Entity) => Fields): Answer<Entity>;
  apply(kind: Kind, object: Fields, options: ApplyOptions): Answer<Entity>;
  delete(kind: Kind, key: string, options?: DeleteOptions): Answer<void>;
  /** For the cluster's own components (controllers, kubelets): any field, no ownership, undefined = leave it. */
  change(kind: Kind, key: string, edit: (current: Entity) => Fields | undefined): Entity | undefined;
};

export function createApiServer(world: World, rules: SchemaRules, window: HistoryWindow): ApiServer {
  const store = createStore(world, window);
  const owners = new Map<string, Owners>();
  const applies = new Map<string, Map<string, Repeatable>>();
  const deletion = createDeletion(store, change);
  store.subscribe((_, change) => {
    if (change.type !== 'Deleted') return;
    owners.delete(change.object.metadata.uid);
    applies.delete(change.object.metadata.uid);
  });

  function get(kind: Kind, key: string): Answer<Entity> {
    const found = store.get(kind, key);
    return found === undefined ? notFound(kind, nameOf(key)) : { ok: true, value: found };
  }

  function create(kind: Kind, object: Fields, manager: string): Answer<Entity> {
    return insert(kind, object, (stored) => new Map([[`${manager}/Update`, leafPaths(stored, shapeOf(kind))]]));
  }

  function insert(kind: Kind, object: Fields, ownersOf: (stored: Entity) => Owners): Answer<Entity> {
    const copied = { ...copyJson(object), apiVersion: apiVersionOf(kind), kind: kind.kind };
    const admitted = admitCreate(store, rules, kind, copied);
    if (!admitted.ok) return admitted;
    const { name } = admitted.value.metadata;
    if (store.get(kind, keyOf(admitted.value.metadata)) !== undefined) return alreadyExists(kind, name);
    const stored = store.put(kind, admitted.value);
    owners.set(stored.metadata.uid, ownersOf(stored));
    return { ok: true, value: stored };
  }

  function replace(kind: Kind, object: Fields, subresource: Subresource, manager: string): Answer<Entity> {
    const name = String(at(object, 'metadata', 'name'));
    const uid = store.get(kind, keyFrom(kind, object))?.metadata.uid;
    if (uid !== undefined && at(object, 'metadata', 'resourceVersion') === undefined && (kind.custom || conditionalOnly.has(kind.kind))) {
      return invalid(kind, name, [{ field: 'metadata.resourceVersion', value: 0, message: 'must be specified for an update' }]);
    }
    const wantedUid = textAt(object, 'metadata', 'uid');
    if (uid !== undefined && wantedUid !== '' && wantedUid !== uid) return otherUid(kind, name, wantedUid, uid);
    return patch(kind, keyFrom(kind, object), subresource, manager, () => object);
  }

  function patch(kind: Kind, key: string, subresource: Subresource, manager: string, edit: (current: Entity) => Fields): Answer<Entity> {
    const current = store.get(kind, key);
    if (current === undefined) return notFound(kind, nameOf(key));
    const wanted = edit(current);
    const refused = checkPreconditions(kind, current, wanted, subresource);
    if (refused !== undefined) return refused;
    const admitted = admitUpdate(rules, kind, withFixedFields(kind, current, wanted, subresource), current, subresource);
    if (!admitted.ok) return admitted;
    if (equalJson(admitted.value, current)) return { ok: true, value: current };
    const known = owners.get(current.metadata.uid) ?? nobody;
    const owner = `${manager}/Update${subresource === undefined ? '' : '/status'}`;
    owners.set(current.metadata.uid, ownersAfterUpdate(known, owner, difference(current, admitted.value, shapeOf(kind))));
    return { ok: true, value: commit(kind, current, admitted.value) };
  }

  function apply(kind: Kind, object: Fields, options: ApplyOptions): Answer<Entity> {
    const { subresource, fieldManager } = options;
    const shape = shapeOf(kind);
    const key = keyFrom(kind, object);
    const owner = `${fieldManager}/Apply${subresource === undefined ? '' : '/status'}`;
    const current = store.get(kind, key);
    const last = current === undefined ? undefined : applies.get(current.metadata.uid)?.get(owner);
    if (current !== undefined && last?.version === current.metadata.resourceVersion && equalJson(last.object, object)) {
      return { ok: true, value: current };
    }
    const configuration = appliedFields(kind, object, subresource);
    if (current === undefined) {
      if (subresource !== undefined) return notFound(kind, nameOf(key));
      const uid = textAt(object, 'metadata', 'uid');
      if (uid !== '') {
        return conflict(kind, nameOf(key), `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`);
      }
      return remember(
        owner,
        object,
        insert(kind, configuration, () => new Map([[owner, leafPaths(configuration, shape)]])),
      );
    }
    const refused = checkPreconditions(kind, current, object, subresource);
    if (refused !== undefined) return refused;
    const known = owners.get(current.metadata.uid) ?? nobody;
    const applied = applyConfiguration({ current, applied: configuration, owners: known, owner, force: options.force ?? false, shape });
    if (!applied.ok) {
      const [first] = applied.conflicts;
      const message = `Apply failed with ${applied.conflicts.length} conflict${applied.conflicts.length === 1 ? '' : 's'}: conflict with "${first?.owner.split('/')[0]}": ${readablePath(first?.path ?? '')}`;
      const causes = applied.conflicts.map((each) => ({
        reason: 'FieldManagerConflict',
        field: readablePath(each.path),
        message: `conflict with "${each.owner.split('/')[0]}"`,
      }));
      return { ok: false, error: { kind: 'Conflict', reason: 'Conflict', message, causes } };
    }
    const admitted = admitUpdate(rules, kind, withFixedFields(kind, current, applied.object, subresource), current, subresource);
    if (!admitted.ok) return admitted;
    owners.set(current.metadata.uid, applied.owners);
    const unchanged = equalJson(admitted.value, current) && equalOwners(known, applied.owners);
    return remember(owner, object, { ok: true, value: unchanged ? current : commit(kind, current, admitted.value) });
  }

  /** Controllers apply the same over and over: as long as the object stays as it is, that changes nothing and need not be worked out again. */
  function remember(owner: string, object: Fields, answer: Answer<Entity>): Answer<Entity> {
    if (!answer.ok) return answer;
    const { uid, resourceVersion } = answer.value.metadata;
    if (store.findUid(uid) === undefined) return answer;
    const ofObject = applies.get(uid) ?? new Map<string, Repeatable>();
    applies.set(uid, ofObject.set(owner, { object, version: resourceVersion }));
    return answer;
  }

  function change(kind: Kind, key: string, edit: (current: Entity) => Fields | undefined): Entity | undefined {
    const current = store.get(kind, key);
    const next = current === undefined ? undefined : edit(current);
    if (current === undefined || next === undefined || equalJson(next, current)) return current;
    return finish(kind, current, next as Entity);
  }

  /** A client's write: generation counts changes of the spec. Binding a pod, or a controller's own mark, is none. */
  function commit(kind: Kind, current: Entity, next: Entity): Entity {
    const changedSpec = kind.generation && !equalJson(contentOf(next), contentOf(current));
    const generation = (current.metadata.generation ?? 0) + 1;
    const stamped = changedSpec ? { ...next, metadata: { ...next.metadata, generation } } : next;
    return finish(kind, current, stamped);
  }

  /** Stores the next state, or removes the object where nothing holds it back any more. */
  function finish(kind: Kind, current: Entity, next: Entity): Entity {
    if (!deletion.mayGo(kind, next)) return store.put(kind, next);
    store.remove(kind, keyOf(current.metadata));
    return next;
  }

  return { world, store, get, create, replace, patch, apply, change, delete: deletion.delete };
}

/** What was applied last, and the version that this led to. */
type Repeatable = { readonly object: Fields; readonly version: string };

/** Kinds of Kubernetes' own whose updates must name a resource version (AllowUnconditionalUpdate is false). */
const conditionalOnly: ReadonlySet<string> = new Set(['Lease', 'PodDisruptionBudget']);

function nameOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}

function keyFrom(kind: Kind, object: Fields): string {
  const name = String(at(object, 'metadata', 'name'));
  return kind.namespaced ? `${String(at(object, 'metadata', 'namespace'))}/${name}` : name;
}

/** The status subresource of a custom resource takes nothing of metadata but the version: another uid there is no obstacle. */
function checkPreconditions(kind: Kind, current: Entity, wanted: Fields, subresource: Subresource): Answer<never> | undefined {
  const { name, uid, resourceVersion } = current.metadata;
  const [wantedUid, wantedVersion] = [at(wanted, 'metadata', 'uid'), at(wanted, 'metadata', 'resourceVersion')];
  if (wantedVersion !== undefined && wantedVersion !== resourceVersion) return modified(kind, name);
  if (wantedUid === undefined || wantedUid === uid || (kind.custom && subresource === 'status')) return undefined;
  return invalid(kind, name, [{ field: 'metadata.uid', value: wantedUid, message: 'field is immutable' }]);
}

/** An update of a whole object that has been replaced by another one of its name. */
function otherUid(kind: Kind, name: string, wanted: string, found: string): Answer<never> {
  return conflict(kind, name, `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${found}`);
}

/** Metadata that no writer sets, and the half of the object that belongs to the other subresource, as they are. */
function withFixedFields(kind: Kind, current: Entity, wanted: Fields, subresource: Subresource): Fields {
  if (subresource === 'status') {
    const { status: _, ...rest } = current;
    return { ...rest, ...(wanted.status === undefined ? {} : { status: copyJson(wanted.status) }) };
  }
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds } =
    current.metadata;
  const { managedFields: _, ...given } = isFields(wanted.metadata) ? wanted.metadata : {};
  const fixed = { name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds };
  const { status, ...content } = wanted;
  const copied = { ...copyJson(content), apiVersion: current.apiVersion, kind: current.kind, metadata: copyJson({ ...given, ...fixed }) };
  if (!kind.status) return status === undefined ? copied : { ...copied, status: copyJson(status) };
  return current.status === undefined ? copied : { ...copied, status: current.status };
}

function appliedFields(kind: Kind, object: Fields, subresource: Subresource): Fields {
  const { metadata, status, ...rest } = object;
  if (subresource === 'status') {
    const { name, namespace } = isFields(metadata) ? metadata : {};
    return { metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, ...(status === undefined ? {} : { status }) };
  }
  return { ...rest, metadata, ...(kind.status || status === undefined ? {} : { status }) };
}

/** What generation counts changes of: all but metadata and, where it is a subresource, status. */
function contentOf(object: Fields): Fields {
  const { metadata: _, status: __, ...content } = object;
  return content;
}

function equalOwners(one: Owners, other: Owners): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [owner, paths] of one) {
    const others = other.get(owner);
    if (others === undefined || others.size !== paths.size) return false;
    for (const path of paths) if (!others.has(path)) return false;
  }
  return true;
}
