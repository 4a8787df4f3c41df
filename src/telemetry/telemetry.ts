import { type DestinationStream, destination, pino, stdTimeFunctions } from 'pino';
import type { AuditRecord } from '../ports/aws/audit.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { fileSink, stdoutSink } from './audit-sinks.ts';
import { type AuditSink, type AuditStream, createAuditStream } from './audit-stream.ts';
import { createMetricSink, type MetricSink } from './metrics.ts';
import { redact, redactText } from './redact.ts';
import { systemClock } from './system.ts';

export type TelemetryOptions = {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Fields of every line. */
  readonly base?: Readonly<Record<string, string>>;
  /** Default stdout, written synchronously: nothing is lost when the process ends. */
  readonly stream?: DestinationStream;
  /** Where the audit goes: a file of its own. Default: among the log lines. */
  readonly auditFile?: string;
  /** Throw on a metric that is not in the table: tests. Else it is logged once and left out: a wrong name must not end an operator. */
  readonly strict?: boolean;
};

export type ProcessTelemetry = Telemetry & {
  /** One line for each record, whatever the level, with `"audit": true`. */
  readonly audit: AuditStream;
  readonly metrics: Pick<MetricSink, 'contentType' | 'text'>;
};

/** Logs as JSON lines, metrics for Prometheus, the audit between the logs or in a file of its own. Throws where that file cannot be opened. */
export function createTelemetry(options: TelemetryOptions): ProcessTelemetry {
  const stream = options.stream ?? destination({ fd: 1, sync: true });
  const logger = pino(
    {
      level: options.level,
      base: options.base ?? {},
      messageKey: 'message',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  const sink = createMetricSink();
  const complained = new Set<string>();

  function measure(name: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      if (options.strict === true) throw error;
      if (complained.has(name)) return;
      complained.add(name);
      logger.error({ metric: name, error: redact(error) }, 'a metric was not recorded');
    }
  }

  let refusal: string | undefined;
  const lines = createAuditStream({
    sink: auditSink(options),
    clock: systemClock(),
    lineOf: (record) => auditLine(record, options.base),
    onState(state) {
      measure('audit_pending_records', () => sink.gauge('audit_pending_records', {}, state.pending));
      if (state.refusal === refusal || (state.refusal !== undefined && refusal !== undefined)) return;
      refusal = state.refusal;
      measure('audit_refusing', () => sink.gauge('audit_refusing', {}, refusal === undefined ? 0 : 1));
      // On its own stream: the one of the logs may be the one that is broken.
      process.stderr.write(`audit: ${refusal === undefined ? 'records are written again' : `no AWS call is made: ${refusal}`}\n`);
    },
  });
  const audit: AuditStream = {
    ...lines,
    async record(record) {
      const { action, outcome } = record;
      measure('aws_calls_total', () => sink.count('aws_calls_total', { action, outcome }, 1));
      try {
        await lines.record(record);
        measure('audit_records_total', () => sink.count('audit_records_total', { result: 'written' }, 1));
      } catch (error) {
        measure('audit_records_total', () => sink.count('audit_records_total', { result: 'late' }, 1));
        throw error;
      }
    },
  };

  return {
    log: (level, message, fields = {}) => logger[level](redact(fields), redactText(message)),
    count: (name, labels = {}, value = 1) => measure(name, () => sink.count(name, labels, value)),
    gauge: (name, value, labels = {}) => measure(name, () => sink.gauge(name, labels, value)),
    observeSeconds: (name, seconds, labels = {}) => measure(name, () => sink.observe(name, labels, seconds)),
    audit,
    metrics: sink,
  };
}

function auditSink({ auditFile, stream }: TelemetryOptions): AuditSink {
  if (auditFile !== undefined) return fileSink(auditFile, Date.now);
  if (stream === undefined) return stdoutSink();
  return {
    name: 'stream',
    batchBytes: 0,
    write(bytes) {
      stream.write(bytes.toString());
      return bytes.length;
    },
  };
}

function auditLine(record: AuditRecord, base: TelemetryOptions['base']): string {
  const line = { level: 'info', ...(redact(record) as object), audit: true };
  return JSON.stringify({ ...line, message: `${record.identity} ${record.action} ${record.outcome}`, ...base });
}
