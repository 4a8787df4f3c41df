import type { ElasticRuntime, RuntimeDefaults } from '../../api/generated/types.ts';
import { equal } from '../validation/rule.ts';
import { immutableFields } from './builtin.ts';
import type { WrittenSpec } from './merge.ts';
import type { Found } from './violations.ts';

/**
 * With what a runtime was begun: stands in its status (`internal.pinned`) before the first thing of it is made in AWS. Classes change and go; what is
 * there is found, read and ended with these.
 */
export type Pins = Pick<RuntimeDefaults, (typeof immutableFields)[number] | 'identities'>;

export function pinsOf({ status }: { readonly status?: ElasticRuntime['status'] }): Pins {
  return (status?.internal as { readonly pinned?: Pins } | undefined)?.pinned ?? {};
}

/** What the author says now, though the runtime was begun with something else that a class gave. The schema judges what the author said before. */
export function pinViolations(written: WrittenSpec, pins: Pins): readonly Found[] {
  return immutableFields.flatMap((field): readonly Found[] => {
    const [said, was] = [written[field], pins[field]];
    if (said === undefined || was === undefined || says(was, said)) return [];
    const message = `${field} is immutable, and this runtime was begun with ${shown(was)}: write that or leave it out; make a new runtime for another`;
    return [{ field: `spec.${field}`, value: shown(said), message }];
  });
}

/** Everything that is said of it is the same. */
function says(was: unknown, said: unknown): boolean {
  if (typeof said !== 'object' || said === null || typeof was !== 'object' || was === null) return equal(was, said);
  return Object.entries(said).every(([key, value]) => equal((was as Readonly<Record<string, unknown>>)[key], value));
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : Object.values(value as object).join(' with ');
}
