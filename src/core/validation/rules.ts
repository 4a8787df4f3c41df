import type { Rule } from './rule.ts';

/** Every rule of every kind, in the order of the API's documentation. */
export const rules: readonly Rule[] = [];
