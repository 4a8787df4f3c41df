/**
 * The first key that stands twice in one object of a JSON text, undefined where none does. JSON.parse keeps the last one only: of two blocks of one
 * condition operator the first would be lost without a word. The text need not be valid.
 */
export function repeatedKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  // Strings, and what opens or closes; whatever else stands between them is of no interest here.
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[{}[\]]/gs)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token.endsWith(':')) {
      const key = keyOf(token);
      const keys = open.at(-1);
      if (key === undefined || keys === undefined) continue;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

/** Keys are compared unescaped. */
function keyOf(token: string): string | undefined {
  try {
    return String(JSON.parse(token.slice(0, token.lastIndexOf('"') + 1)));
  } catch {
    return undefined;
  }
}
