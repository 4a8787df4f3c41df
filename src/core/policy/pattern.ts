/**
 * Strings of policies with wildcards and policy variables.
 * - `*` any run of characters, `?` exactly one (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html)
 * - `${key}`, `${key, 'default'}`, `${*}`, `${?}`, `${$}` (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html)
 *
 * A value that a variable brings in is compared literally: its own `*` or `?` is no wildcard.
 */
export type Pattern = {
  /** As written. */
  readonly text: string;
  readonly parts: readonly (string | { readonly variable: string; readonly fallback?: string })[];
};

/** Looks a context key up (lower case). undefined: not in the request, or multivalued, which no variable may be. */
export type Lookup = (key: string) => string | undefined;

// Wildcards are kept as Unicode noncharacters, so that literal and inserted `*` and `?` cannot be taken for them.
const anyRun = '\uFDD0';
const anyRunInSegment = '\uFDD1';
const anyOne = '\uFDD2';
const anyOneInSegment = '\uFDD3';
const reserved = /[\uFDD0-\uFDD3]/g;

/**
 * - literal: no wildcards (StringEquals and the like)
 * - glob: wildcards match everything
 * - arn: in the first five segments a wildcard stays within its segment, except a `*` that ends one: it may run over the colon
 */
export type PatternKind = 'literal' | 'glob' | 'arn';

/** `variables: false` for documents of version 2008-10-17, where `${…}` is plain text. */
export function compilePattern(text: string, kind: PatternKind, variables = true): Pattern {
  const parts: (string | { variable: string; fallback?: string })[] = [];
  let literal = '';
  let colons = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    const end = variables && character === '$' && text[at + 1] === '{' ? text.indexOf('}', at) : -1;
    if (end > 0) {
      const inside = text.slice(at + 2, end);
      if (inside === '*' || inside === '?' || inside === '$') literal += inside;
      else {
        parts.push(literal);
        parts.push(variableOf(inside));
        literal = '';
      }
      at = end;
      continue;
    }
    if (character === ':') colons += 1;
    const inSegment = kind === 'arn' && colons < 5;
    if (kind !== 'literal' && character === '*') {
      const next = text[at + 1];
      literal += inSegment && next !== ':' && next !== undefined ? anyRunInSegment : anyRun;
    } else if (kind !== 'literal' && character === '?') literal += inSegment ? anyOneInSegment : anyOne;
    else literal += character.replace(reserved, '');
  }
  if (literal !== '' || parts.length === 0) parts.push(literal);
  return { text, parts };
}

/**
 * What is wrong with the variables of a text, said of it, as AWS's own check of policies has it
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html: missing brace, missing quote, space, empty variable).
 */
export function wrongVariable(text: string): string | undefined {
  for (let at = text.indexOf('${'); at >= 0; at = text.indexOf('${', at + 1)) {
    const end = text.indexOf('}', at);
    if (end < 0) return 'has a policy variable without its closing brace';
    const inside = text.slice(at + 2, end);
    const comma = inside.indexOf(',');
    const name = comma < 0 ? inside : inside.slice(0, comma);
    if (name === '') return 'has an empty policy variable';
    if (/\s/.test(name)) return 'has a policy variable with a space in its name';
    if (comma >= 0 && !/^\s*'[^']*'$/.test(inside.slice(comma + 1)))
      return 'has a policy variable whose default value is not in single quotes';
  }
  return undefined;
}

function variableOf(inside: string): { variable: string; fallback?: string } {
  const comma = inside.indexOf(',');
  const variable = (comma < 0 ? inside : inside.slice(0, comma)).trim().toLowerCase();
  const fallback = comma < 0 ? undefined : /^\s*'(.*)'\s*$/.exec(inside.slice(comma + 1))?.[1];
  return fallback === undefined ? { variable } : { variable, fallback };
}

/** The pattern with its variables filled in, or undefined where one is not in the request and has no default. */
export function resolvePattern(pattern: Pattern, lookup: Lookup): string | undefined {
  const only = pattern.parts[0];
  if (pattern.parts.length === 1 && typeof only === 'string') return only;
  let resolved = '';
  for (const part of pattern.parts) {
    if (typeof part === 'string') {
      resolved += part;
      continue;
    }
    const value = lookup(part.variable) ?? part.fallback;
    if (value === undefined) return undefined;
    resolved += value.replace(reserved, '');
  }
  return resolved;
}

/** Whether `text` matches a resolved pattern. */
export function matchesResolved(resolved: string, text: string): boolean {
  if (resolved === anyRun) return true;
  if (!/[\uFDD0-\uFDD3]/.test(resolved)) return resolved === text;
  return /[\uFDD1\uFDD3]/.test(resolved) ? matchesInSegments(resolved, text) : matchesGlob(resolved, text);
}

export function matchesPattern(pattern: Pattern, text: string, lookup: Lookup): boolean {
  const resolved = resolvePattern(pattern, lookup);
  return resolved !== undefined && matchesResolved(resolved, text);
}

function matchesGlob(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (pattern[p] === anyRun) {
      star = p;
      mark = t;
      p += 1;
    } else if (p < pattern.length && (pattern[p] === anyOne || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (star >= 0) {
      p = star + 1;
      mark += 1;
      t = mark;
    } else return false;
  }
  while (pattern[p] === anyRun) p += 1;
  return p === pattern.length;
}

/** With wildcards that stop at a colon the last star is not always the one to widen: all positions are carried along. */
function matchesInSegments(pattern: string, text: string): boolean {
  let reachable = new Set([0]);
  for (const symbol of pattern) {
    const next = new Set<number>();
    for (const at of reachable) {
      if (symbol === anyRun || symbol === anyRunInSegment) {
        next.add(at);
        const colon = symbol === anyRun ? -1 : text.indexOf(':', at);
        const end = colon < 0 ? text.length : colon;
        for (let t = at; t < end; t += 1) next.add(t + 1);
      } else if (at < text.length && (symbol === anyOne || (symbol === anyOneInSegment ? text[at] !== ':' : symbol === text[at]))) {
        next.add(at + 1);
      }
    }
    if (next.size === 0) return false;
    reachable = next;
  }
  return reachable.has(text.length);
}
