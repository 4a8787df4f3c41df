/** What a parser answers: a value, or one sentence that says what is wrong with the text. Never an exception. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function malformed(reason: string): Parsed<never> {
  return { ok: false, reason };
}

/** The text as it goes into a reason: quoted, and cut so that a reason stays one line. */
export function quoted(text: unknown): string {
  const shown = typeof text === 'string' ? text : (JSON.stringify(text) ?? String(text));
  return JSON.stringify(shown.length > 40 ? `${shown.slice(0, 37)}...` : shown);
}
