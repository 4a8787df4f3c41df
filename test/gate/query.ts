/** Parameters of the query protocol as a tree: `Filter.1.Value.2=x` is found at Filter[0].Value[1]. */
export type Tree = { readonly [name: string]: Tree | string } | readonly (Tree | string)[];

export function parseQuery(body: string): { readonly action: string; readonly parameters: Tree } {
  const flat = new URLSearchParams(body);
  const action = flat.get('Action') ?? '';
  const root: Record<string, unknown> = {};
  for (const [name, value] of flat) {
    if (name === 'Action' || name === 'Version') continue;
    const path = name.split('.');
    let node = root;
    for (const part of path.slice(0, -1)) node = (node[part] ??= {}) as Record<string, unknown>;
    node[path.at(-1) ?? ''] = value;
  }
  return { action, parameters: withLists(root) };
}

/** Objects whose keys are all numbers are lists; the query protocol of STS puts them below `member`. */
function withLists(node: unknown): Tree {
  const entries = Object.entries(node as Record<string, unknown>).map(
    ([name, value]) => [name, typeof value === 'string' ? value : withLists(value)] as const,
  );
  if (entries.length > 0 && entries.every(([name]) => /^\d+$/.test(name))) {
    return entries.sort(([a], [b]) => Number(a) - Number(b)).map(([, value]) => value);
  }
  const only = entries[0];
  return entries.length === 1 && only?.[0] === 'member' && Array.isArray(only[1]) ? only[1] : Object.fromEntries(entries);
}

/** The text at a path; undefined where there is none. */
export function textAt(tree: Tree | string | undefined, ...path: readonly (string | number)[]): string | undefined {
  const found = at(tree, path);
  return typeof found === 'string' ? found : undefined;
}

/** The list at a path; empty where there is none. */
export function listAt(tree: Tree | string | undefined, ...path: readonly (string | number)[]): readonly (Tree | string)[] {
  const found = at(tree, path);
  return Array.isArray(found) ? found : [];
}

function at(tree: Tree | string | undefined, path: readonly (string | number)[]): Tree | string | undefined {
  let node = tree;
  for (const part of path) {
    if (typeof node !== 'object') return undefined;
    node = (node as Readonly<Record<string, Tree | string>>)[part];
  }
  return node;
}

/** `[{Key, Value}]` as a record. */
export function tagsAt(tree: Tree | string | undefined, ...path: readonly (string | number)[]): Readonly<Record<string, string>> {
  return Object.fromEntries(listAt(tree, ...path).map((tag) => [textAt(tag, 'Key') ?? '', textAt(tag, 'Value') ?? '']));
}
