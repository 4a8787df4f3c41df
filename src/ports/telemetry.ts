/** Logs and metrics, as a port. Field values must never hold a secret. */
export type Telemetry = {
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Adds `value` (default 1) to a counter. */
  count(name: string, labels?: Readonly<Record<string, string>>, value?: number): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  observeSeconds(name: string, seconds: number, labels?: Readonly<Record<string, string>>): void;
};
