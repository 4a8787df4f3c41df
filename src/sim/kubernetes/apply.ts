import { difference, itemSegment, leafPaths, SEPARATOR } from './fieldpaths.ts';
import { equalJson, type Fields, isFields } from './json.ts';
import type { Shape } from './shapes.ts';

/** Who owns which leaf fields of one object: `<manager>/Apply`, `<manager>/Update`, with `/status` for that subresource. */
export type Owners = ReadonlyMap<string, ReadonlySet<string>>;

export const nobody: Owners = new Map();

export type ApplyRequest = {
  /** Undefined where the object is being made. */
  readonly current: Fields | undefined;
  readonly applied: Fields;
  readonly owners: Owners;
  readonly owner: string;
  readonly force: boolean;
  readonly shape: Shape;
};

type Conflict = { readonly owner: string; readonly path: string };

export type Applied =
  | { readonly ok: true; readonly object: Fields; readonly owners: Owners }
  | { readonly ok: false; readonly conflicts: readonly Conflict[] };

/**
 * Server-side apply (sigs.k8s.io/structured-merge-diff): sets what is applied, takes away what this owner applied before and no longer does
 * unless another one owns it too, and refuses to change what others own unless forced.
 */
export function applyConfiguration(request: ApplyRequest): Applied {
  const { current, applied, owners, owner, force, shape } = request;
  const wanted = leafPaths(applied, shape);
  const merged = current === undefined ? applied : (merge(current, applied, shape) as Fields);
  const { changed } = difference(current ?? {}, merged, shape);
  const next = new Map<string, ReadonlySet<string>>();
  const conflicts: Conflict[] = [];
  for (const [other, paths] of owners) {
    if (other === owner) continue;
    const lost = [...paths].filter((path) => changed.has(path) && wanted.has(path));
    for (const path of lost) conflicts.push({ owner: other, path });
    next.set(other, lost.length === 0 ? paths : without(paths, lost));
  }
  if (conflicts.length > 0 && !force) return { ok: false, conflicts };
  const dropped = [...(owners.get(owner) ?? [])].filter((path) => !wanted.has(path));
  let object = merged;
  for (const path of dropped) {
    // An empty map that was applied may have got members since.
    const shared = ownsBelow(wanted, path) || [...next.values()].some((paths) => paths.has(path) || ownsBelow(paths, path));
    if (!shared) object = (removePath(object, path.split(SEPARATOR), shape) ?? {}) as Fields;
  }
  // A map that was left empty above may be applied as an empty one.
  if (dropped.length > 0) object = merge(object, applied, shape) as Fields;
  next.set(owner, wanted);
  return { ok: true, object, owners: dropEmpty(next) };
}

/** Ownership after a write that is not an apply: what it changed is the writer's, what it removed is nobody's. */
export function ownersAfterUpdate(
  owners: Owners,
  owner: string,
  change: { readonly changed: ReadonlySet<string>; readonly removed: ReadonlySet<string> },
): Owners {
  const next = new Map<string, ReadonlySet<string>>();
  for (const [other, paths] of owners) {
    const lost = [...paths].filter((path) => change.removed.has(path) || (other !== owner && change.changed.has(path)));
    next.set(other, lost.length === 0 ? paths : without(paths, lost));
  }
  if (change.changed.size > 0) next.set(owner, new Set([...(next.get(owner) ?? []), ...change.changed]));
  return dropEmpty(next);
}

function dropEmpty(owners: Map<string, ReadonlySet<string>>): Owners {
  for (const [owner, paths] of owners) if (paths.size === 0) owners.delete(owner);
  return owners;
}

function without(paths: ReadonlySet<string>, lost: readonly string[]): ReadonlySet<string> {
  const rest = new Set(paths);
  for (const path of lost) rest.delete(path);
  return rest;
}

function ownsBelow(paths: ReadonlySet<string>, path: string): boolean {
  const prefix = `${path}${SEPARATOR}`;
  for (const owned of paths) if (owned.startsWith(prefix)) return true;
  return false;
}

function merge(current: unknown, applied: unknown, shape: Shape): unknown {
  if (shape.merge === 'fields' && isFields(current) && isFields(applied)) {
    const result: Fields = { ...current };
    for (const [name, value] of Object.entries(applied)) {
      result[name] = current[name] === undefined ? value : merge(current[name], value, shape.child(name));
    }
    return result;
  }
  if (shape.merge === 'keyed' && Array.isArray(current) && Array.isArray(applied)) {
    const { keys, item } = shape;
    const incoming = new Map(applied.map((entry: unknown) => [itemSegment(entry, keys), entry]));
    const kept = current.map((entry: unknown) => {
      const segment = itemSegment(entry, keys);
      const update = incoming.get(segment);
      incoming.delete(segment);
      return update === undefined ? entry : merge(entry, update, item);
    });
    return [...kept, ...incoming.values()];
  }
  if (shape.merge === 'set' && Array.isArray(current) && Array.isArray(applied)) {
    return [...current, ...applied.filter((entry: unknown) => !current.includes(entry))];
  }
  return applied;
}

/** Without the leaf or item at the path; a map or list that it leaves empty goes too. */
function removePath(value: unknown, path: readonly string[], shape: Shape): unknown {
  const [segment, ...rest] = path;
  if (segment === undefined) return undefined;
  if (shape.merge === 'fields' && isFields(value) && segment.startsWith('f:')) {
    const name = segment.slice(2);
    const { [name]: child, ...others } = value;
    if (child === undefined) return value;
    const left = removePath(child, rest, shape.child(name));
    if (left !== undefined) return { ...value, [name]: left };
    return Object.keys(others).length === 0 ? undefined : others;
  }
  if (!Array.isArray(value)) return value;
  const left = value.flatMap((entry: unknown) => {
    if (shape.merge === 'set') return segment === `v:${JSON.stringify(entry)}` ? [] : [entry];
    if (shape.merge !== 'keyed' || itemSegment(entry, shape.keys) !== segment) return [entry];
    const kept = removePath(entry, rest, shape.item);
    return kept === undefined ? [] : [kept];
  });
  if (left.length === 0) return undefined;
  return equalJson(left, value) ? value : left;
}

/** `.spec.replicas`, `.spec.containers[name="main"].image`, as conflict messages write a path. */
export function readablePath(path: string): string {
  return path
    .split(SEPARATOR)
    .map((segment) => {
      if (segment.startsWith('f:')) return `.${segment.slice(2)}`;
      if (segment.startsWith('v:')) return `[${segment.slice(2)}]`;
      const key = JSON.parse(segment.slice(2)) as Fields;
      return `[${Object.entries(key)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    })
    .join('');
}
