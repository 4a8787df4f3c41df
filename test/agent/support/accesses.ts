import { type AccessLog, createAccessLog } from '../../../src/agent/accesses.ts';
import { type AgentSettings, defaultAgentSettings } from '../../../src/agent/settings.ts';
import { auditOf } from '../../../src/core/policy/audit.ts';
import type { AuditRecord, S3Port } from '../../../src/ports/aws/index.ts';
import { recordOf } from '../../../src/ports/aws/record.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import { fakeRandom, recordedTelemetry } from '../../machinery/support/fakes.ts';
import type { Bucket } from './bucket.ts';
import type { MemoryHost } from './host.ts';

export type RecordedAccesses = AccessLog & {
  /** What went on to the agent's stream. */
  readonly streamed: AuditRecord[];
  /** As the adapter does: a call is done when its record is accepted. */
  recording(bucket: Bucket): Pick<S3Port, 'putObject'>;
};

export function accessLog(host: MemoryHost, clock: Clock, settings: Partial<AgentSettings> = {}): RecordedAccesses {
  const streamed: AuditRecord[] = [];
  const log = createAccessLog({
    sink: { record: (record) => void streamed.push(record) },
    host,
    clock,
    random: fakeRandom(),
    telemetry: recordedTelemetry(),
    settings: { ...defaultAgentSettings, ...settings },
  });
  return {
    ...log,
    streamed,
    recording: (bucket) => ({
      async putObject(caller, request) {
        const answer = await bucket.putObject(caller, request);
        const { identity, chain, sessionName } = caller.grant;
        await log.audit.record(
          recordOf({
            subject: caller.subject,
            identity,
            chain,
            sessionName,
            ...auditOf('s3.putObject', request, 'us-east-1'),
            endedAt: clock.now(),
            durationMs: 20,
            result: answer.ok ? { ok: true } : { ok: false, code: answer.error.code, unanswered: answer.error.kind === 'Network' },
            ...(answer.ok && { requestId: `request-${streamed.length + 1}` }),
          }),
        );
        return answer;
      },
    }),
  };
}
