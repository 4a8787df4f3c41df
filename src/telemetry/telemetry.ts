import { type DestinationStream, destination, pino, stdTimeFunctions } from 'pino';
import type { AuditPort } from '../ports/aws/audit.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { createMetricSink, type MetricSink } from './metrics.ts';
import { redact, redactText } from './redact.ts';

export type TelemetryOptions = {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Fields of every line. */
  readonly base?: Readonly<Record<string, string>>;
  /** Default stdout, written synchronously: nothing is lost when the process ends. */
  readonly stream?: DestinationStream;
  /** Throw on a metric that is not in the table: tests. Else it is logged once and left out: a wrong name must not end an operator. */
  readonly strict?: boolean;
};

export type ProcessTelemetry = Telemetry & {
  /** One line for each record, whatever the level, with `"audit": true`. */
  readonly audit: AuditPort;
  readonly metrics: Pick<MetricSink, 'contentType' | 'text'>;
};

/** Logs as JSON lines, metrics for Prometheus, the audit between the logs. */
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

  return {
    log: (level, message, fields = {}) => logger[level](redact(fields), redactText(message)),
    count: (name, labels = {}, value = 1) => measure(name, () => sink.count(name, labels, value)),
    gauge: (name, value, labels = {}) => measure(name, () => sink.gauge(name, labels, value)),
    observeSeconds: (name, seconds, labels = {}) => measure(name, () => sink.observe(name, labels, seconds)),
    audit: {
      record(record) {
        const { action, outcome } = record;
        measure('aws_calls_total', () => sink.count('aws_calls_total', { action, outcome }, 1));
        const line = { level: 'info', ...(redact(record) as object), audit: true, message: `${record.identity} ${action} ${outcome}` };
        stream.write(`${JSON.stringify({ ...line, ...options.base })}\n`);
      },
    },
    metrics: sink,
  };
}
