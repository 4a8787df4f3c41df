import { equalJson, type Fields, isFields } from './json.ts';
import type { Shape } from './shapes.ts';

/**
 * Paths of leaf fields, as managed fields name them: `f:spec`, `k:{"name":"main"}`, `v:"finalizer"`, joined.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export const SEPARATOR = '\u001f';

/** Set for each object by the server; no manager owns them. */
const unowned: ReadonlySet<string> = new Set(
  ['apiVersion', 'kind']
    .map((name) => `f:${name}`)
    .concat(
      [
        'name',
        'namespace',
        'uid',
        'resourceVersion',
        'generation',
        'creationTimestamp',
        'deletionTimestamp',
        'deletionGracePeriodSeconds',
        'managedFields',
        'selfLink',
      ].map((name) => `f:metadata${SEPARATOR}f:${name}`),
    ),
);

function join(prefix: string, segment: string): string {
  return prefix === '' ? segment : `${prefix}${SEPARATOR}${segment}`;
}

/** The segment of an item of a keyed list. A port without a protocol is TCP. */
export function itemSegment(item: unknown, keys: readonly string[]): string {
  const fields: Fields = isFields(item) ? item : {};
  const key = Object.fromEntries(keys.map((name) => [name, fields[name] ?? (name === 'protocol' ? 'TCP' : '')]));
  return `k:${JSON.stringify(key)}`;
}

function itemsByKey(list: readonly unknown[], keys: readonly string[]): Map<string, unknown> {
  return new Map(list.map((item) => [itemSegment(item, keys), item]));
}

/** All leaf paths of a value; an item of a keyed list is a path of its own besides those of its fields. */
export function leafPaths(value: unknown, shape: Shape, prefix = '', into = new Set<string>()): Set<string> {
  if (shape.merge === 'keyed' && Array.isArray(value)) {
    for (const [segment, item] of itemsByKey(value, shape.keys)) {
      const path = join(prefix, segment);
      into.add(path);
      leafPaths(item, shape.item, path, into);
    }
  } else if (shape.merge === 'set' && Array.isArray(value)) {
    for (const item of value) into.add(join(prefix, `v:${JSON.stringify(item)}`));
  } else if (shape.merge === 'fields' && isFields(value)) {
    const names = Object.keys(value);
    if (names.length === 0 && prefix !== '') into.add(prefix);
    for (const name of names) {
      const path = join(prefix, `f:${name}`);
      if (!unowned.has(path)) leafPaths(value[name], shape.child(name), path, into);
    }
  } else {
    into.add(prefix);
  }
  return into;
}

export type Difference = { readonly changed: Set<string>; readonly removed: Set<string> };

/** Leaf paths that `next` adds or changes, and those of `current` that it lacks. */
export function difference(current: unknown, next: unknown, shape: Shape): Difference {
  const found: Difference = { changed: new Set(), removed: new Set() };
  compare(current, next, shape, '', found);
  return found;
}

function compare(current: unknown, next: unknown, shape: Shape, path: string, found: Difference): void {
  if (current === next || unowned.has(path)) return;
  if (current === undefined) {
    leafPaths(next, shape, path, found.changed);
  } else if (next === undefined) {
    leafPaths(current, shape, path, found.removed);
  } else if (shape.merge === 'fields' && isFields(current) && isFields(next)) {
    for (const name in next) compare(current[name], next[name], shape.child(name), join(path, `f:${name}`), found);
    for (const name in current) {
      if (next[name] === undefined) compare(current[name], undefined, shape.child(name), join(path, `f:${name}`), found);
    }
  } else if (shape.merge === 'keyed' && Array.isArray(current) && Array.isArray(next)) {
    const before = itemsByKey(current, shape.keys);
    const after = itemsByKey(next, shape.keys);
    for (const [segment, item] of after) {
      const itemPath = join(path, segment);
      if (!before.has(segment)) found.changed.add(itemPath);
      compare(before.get(segment), item, shape.item, itemPath, found);
    }
    for (const [segment, item] of before) {
      if (after.has(segment)) continue;
      found.removed.add(join(path, segment));
      compare(item, undefined, shape.item, join(path, segment), found);
    }
  } else if (shape.merge === 'set' && Array.isArray(current) && Array.isArray(next)) {
    for (const item of next) if (!current.includes(item)) found.changed.add(join(path, `v:${JSON.stringify(item)}`));
    for (const item of current) if (!next.includes(item)) found.removed.add(join(path, `v:${JSON.stringify(item)}`));
  } else if (!equalJson(current, next)) {
    found.changed.add(path);
  }
}
