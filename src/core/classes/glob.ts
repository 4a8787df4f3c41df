/**
 * Whether a pattern of a class covers a value. `*` stands for any letters (none, too) of one segment: it goes past no `/` and no `:`, so that
 * `s3://acme/*` is not `s3://acme2/x` and a `*` for an account or a bucket cannot reach into what comes after it. Only as the last letter of the
 * pattern it stands for all that follows. Everything else stands for itself. The admission policies say the same in CEL
 * (helm/.../class-policy.yaml); a test holds the two together.
 */
export function covers(pattern: string, value: string): boolean {
  return expressionOf(pattern).test(value);
}

const compiled = new Map<string, RegExp>();

function expressionOf(pattern: string): RegExp {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const open = pattern.endsWith('*');
  const body = (open ? pattern.slice(0, -1) : pattern).replaceAll(/[.+()?[\]{}^$|\\]/g, String.raw`\$&`).replaceAll('*', '[^/:]*');
  const made = new RegExp(`^${body}${open ? '.*' : ''}$`, 'su');
  // Patterns come from a handful of classes; one that changes all the time must not fill memory.
  if (compiled.size > 4096) compiled.clear();
  compiled.set(pattern, made);
  return made;
}
