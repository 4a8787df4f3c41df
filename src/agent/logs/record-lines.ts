import { isRecord, type Recorded } from '../../core/audit/records.ts';

/** A line of a container's log, as the runtime writes it: time, stream, whole or a part, text. */
const logLine = /^\S+ (?:stdout|stderr) F (.*)$/;

/** The audit records among the lines of a log. */
export function recordsIn(log: Uint8Array): readonly Recorded[] {
  return new TextDecoder()
    .decode(log)
    .split('\n')
    .flatMap((line) => {
      const [, text = ''] = logLine.exec(line) ?? [];
      if (!text.startsWith('{')) return [];
      try {
        const value: unknown = JSON.parse(text);
        return typeof value === 'object' && value !== null && 'audit' in value && value.audit === true && isRecord(value) ? [value] : [];
      } catch {
        return [];
      }
    });
}
