import type { AuditPort } from '../ports/aws/index.ts';
import type { Clock } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** The agent's log and audit: one JSON object a line. It has no metrics of its own to serve: what the operator must know is in the report. */
export function logLines(
  clock: Pick<Clock, 'now'>,
  write: (line: string) => void,
  level: 'debug' | 'info' = 'info',
): Telemetry & AuditPort {
  const time = (): string => new Date(clock.now()).toISOString();
  return {
    log(severity, message, fields) {
      if (severity === 'debug' && level !== 'debug') return;
      write(JSON.stringify({ time: time(), level: severity, message, ...fields }, plainErrors));
    },
    record: (audit) => write(JSON.stringify({ time: time(), level: 'info', message: 'audit', audit })),
    count() {},
    gauge() {},
    observeSeconds() {},
  };
}

/** An Error has no fields that JSON shows. */
function plainErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value;
}
