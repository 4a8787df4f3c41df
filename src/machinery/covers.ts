/** The comparison behind the applier: what a server-side apply would change, judged on the cached object. Pure. */

/**
 * Lists that several managers share: of these, only the desired elements are compared, found by their key (`undefined`: plain values).
 * (`x-kubernetes-list-map-keys` and `patchMergeKey` of the published API.)
 */
const sharedLists: Readonly<Record<string, string | undefined>> = {
  'metadata.ownerReferences': 'uid',
  'metadata.finalizers': undefined,
  'status.conditions': 'type',
};

/**
 * Whether every desired field has its desired value in `current`. Fields that are not desired do not matter, except below the `exact` paths.
 * An empty map is a value: `emptyDir: {}` says something. Where the server drops one (`labels: {}`), the applier's memory saves the second write.
 */
export function covers(current: unknown, desired: unknown, exact: readonly string[] = []): boolean {
  return compare(current, desired, '', exact.includes(''), exact);
}

function compare(current: unknown, desired: unknown, path: string, strict: boolean, exact: readonly string[]): boolean {
  if (isMissing(desired)) return isMissing(current) || !strict;
  if (Array.isArray(desired)) return Array.isArray(current) && compareLists(current, desired, path, strict, exact);
  if (!isMap(desired)) return current === desired;
  if (!isMap(current)) return false;
  for (const [key, value] of Object.entries(desired)) {
    // The cache knows an object's kind by where it is kept.
    if (path === '' && (key === 'apiVersion' || key === 'kind')) continue;
    const below = path === '' ? key : `${path}.${key}`;
    if (!compare(current[key], value, below, strict || exact.includes(below), exact)) return false;
  }
  return !strict || Object.entries(current).every(([key, value]) => key in desired || isMissing(value));
}

function compareLists(
  current: readonly unknown[],
  desired: readonly unknown[],
  path: string,
  strict: boolean,
  exact: readonly string[],
): boolean {
  if (path in sharedLists && !strict) {
    return desired.every((element) =>
      current.some((other) => sameElement(path, other, element) && compare(other, element, `${path}[]`, strict, exact)),
    );
  }
  return (
    current.length === desired.length && desired.every((element, index) => compare(current[index], element, `${path}[]`, strict, exact))
  );
}

/** Whether a field (or an element of a shared list) that was applied before is desired no more, and `current` still has it. */
export function dropsApplied(current: unknown, before: unknown, desired: unknown, path = ''): boolean {
  if (isMissing(current) || isMissing(before)) return false;
  if (isMissing(desired)) return true;
  if (Array.isArray(before)) {
    if (!(path in sharedLists) || !Array.isArray(current) || !Array.isArray(desired)) return false;
    return before.some(
      (element) =>
        !desired.some((other) => sameElement(path, other, element)) && current.some((other) => sameElement(path, other, element)),
    );
  }
  if (!isMap(before) || !isMap(current) || !isMap(desired)) return false;
  return Object.entries(before).some(([key, value]) =>
    dropsApplied(current[key], value, desired[key], path === '' ? key : `${path}.${key}`),
  );
}

/** Structural equality of JSON values. */
export function equals(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((element, index) => equals(element, b[index]));
  if (!isMap(a) || !isMap(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) if (!equals(a[key], b[key])) return false;
  return true;
}

function sameElement(path: string, a: unknown, b: unknown): boolean {
  const key = sharedLists[path];
  if (key === undefined) return a === b;
  return isMap(a) && isMap(b) && a[key] === b[key];
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMissing(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}
