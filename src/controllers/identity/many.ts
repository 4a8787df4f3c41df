import { longestMessage } from '../draft.ts';
import { type AccessFailure, describeFailures, reportFailure } from './failure.ts';

/** Of so many status holds all: more than a job has connections. */
const mostReported = 40;

/** As a condition says it: all that failed, then what to do; where that would be cut, the first ones whole, each with its statements, and how many there are beside. */
export function describeMany(failures: readonly AccessFailure[]): string {
  const whole = describeFailures(failures);
  if (whole.length <= longestMessage) return whole;
  for (let count = failures.length - 1; count > 1; count -= 1) {
    const text = `${describeFailures(failures.slice(0, count))}${andMore(failures.length - count)}`;
    if (text.length <= longestMessage) return text;
  }
  return `${describeFailures(failures.slice(0, 1))}${andMore(failures.length - 1)}`;
}

function andMore(count: number): string {
  return count === 0 ? '' : `. … and ${count} more are refused: status.preflight.failed and kubectl-elastic why show them`;
}

/** As `status.preflight` holds it. */
export function reportMany(failures: readonly AccessFailure[]): Readonly<Record<string, unknown>> {
  const more = failures.length - mostReported;
  return { failed: failures.slice(0, mostReported).map(reportFailure), ...(more > 0 && { more }) };
}
