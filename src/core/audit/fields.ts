/** Reading JSON that others have written. */
export type Fields = Readonly<Record<string, unknown>>;

export function fields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Of its fields those that are texts. */
export function textsOf(value: unknown): Readonly<Record<string, string>> | undefined {
  const all = fields(value);
  if (all === undefined) return undefined;
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => text(entry[1]) !== undefined));
}
