import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Every name that goes through the Telemetry port, without the prefix. */
type Metric = { readonly kind: 'counter' | 'gauge' | 'seconds'; readonly labels: readonly string[]; readonly help: string };

const prefix = 'elastic_runtime_';

export const metrics: Readonly<Record<string, Metric>> = {
  controller_reconcile_seconds: { kind: 'seconds', labels: ['controller'], help: 'Time of one reconcile.' },
  controller_reconciles_total: {
    kind: 'counter',
    labels: ['controller', 'outcome'],
    help: 'Reconciles by outcome: done, requeue (went well, looks again later), retry (went wrong).',
  },
  controller_reconcile_exceptions_total: { kind: 'counter', labels: ['controller'], help: 'Reconciles that threw: programming errors.' },
  workqueue_depth: { kind: 'gauge', labels: ['name'], help: 'Keys that wait for a worker.' },
  workqueue_adds_total: { kind: 'counter', labels: ['name'], help: 'Keys put into the queue.' },
  workqueue_retries_total: { kind: 'counter', labels: ['name'], help: 'Keys put back after a failure, with backoff.' },
  workqueue_queue_duration_seconds: { kind: 'seconds', labels: ['name'], help: 'Time that a key waited for a worker.' },
  workqueue_work_duration_seconds: { kind: 'seconds', labels: ['name'], help: 'Time that a worker held a key.' },
  reflector_lists_total: {
    kind: 'counter',
    labels: ['kind'],
    help: 'Complete lists of a kind; more than one means that a watch could not be resumed.',
  },
  reflector_objects: { kind: 'gauge', labels: ['kind'], help: 'Objects of a kind in the cache, as of its last complete list.' },
  reflector_troubles_total: { kind: 'counter', labels: ['kind'], help: 'Lists and watches that failed, broke or stalled.' },
  store_handler_errors_total: { kind: 'counter', labels: ['kind'], help: 'Handlers of changes that threw: programming errors.' },
  expectations_timed_out_total: { kind: 'counter', labels: ['kind'], help: 'Own writes that the cache did not show in time.' },
  applies_total: {
    kind: 'counter',
    labels: ['manager', 'kind', 'outcome'],
    help: 'Server-side applies by field manager and outcome: skipped (already so), unchanged, changed, or the error.',
  },
  events_dropped_total: {
    kind: 'counter',
    labels: ['why'],
    help: 'Kubernetes events that were not written: too-many, queue-full, or the error.',
  },
  leader: { kind: 'gauge', labels: [], help: '1 on the replica that acts.' },
  broker_requests_total: { kind: 'counter', labels: ['status'], help: 'Requests of node agents by HTTP status.' },
  plan_usd_per_hour: { kind: 'gauge', labels: ['runtime'], help: 'Price of the nodes that the last plan launches, US dollars an hour.' },
  plan_lower_bound_usd_per_hour: {
    kind: 'gauge',
    labels: ['runtime'],
    help: 'What no plan for the same pods could cost less than, US dollars an hour.',
  },
  plan_gap_ratio: {
    kind: 'gauge',
    labels: ['runtime'],
    help: 'How far the last plan is above the lower bound of its cost: 0.02 is two per cent.',
  },
  agent_polls_total: { kind: 'counter', labels: ['outcome'], help: "A node agent's requests to the broker: ok, or the error." },
  agent_reports_total: { kind: 'counter', labels: ['outcome'], help: "A node agent's writes of its report: ok, or the error." },
  agent_exceptions_total: { kind: 'counter', labels: ['loop'], help: 'Turns of a node agent that threw: programming errors.' },
  agent_log_chunks_total: { kind: 'counter', labels: [], help: 'Pieces of logs that a node agent has stored.' },
  agent_log_failures_total: { kind: 'counter', labels: [], help: 'Pieces of logs that could not be read or stored, and are tried again.' },
  agent_log_gaps_total: { kind: 'counter', labels: [], help: 'Places where a log was gone before it could be read.' },
  agent_grow_failures_total: { kind: 'counter', labels: [], help: 'File systems that could not be made as large as their disk.' },
  audit_records_total: {
    kind: 'counter',
    labels: ['result'],
    help: 'Audit records: written before their call was done, or late (their call failed for it).',
  },
  audit_pending_records: { kind: 'gauge', labels: [], help: 'Audit records that wait to be written.' },
  audit_refusing: { kind: 'gauge', labels: [], help: '1 while no AWS call is made because its record could not be written.' },
  aws_queue_wait_seconds: { kind: 'seconds', labels: ['api'], help: "Time that a call waited for a token of its account's bucket." },
  aws_queue_waiting: { kind: 'gauge', labels: ['api'], help: "Calls that wait for a token of their account's bucket." },
  aws_throttled_total: { kind: 'counter', labels: ['api'], help: 'Calls that AWS refused for their rate.' },
  aws_calls_total: {
    kind: 'counter',
    labels: ['action', 'outcome'],
    help: 'Calls of AWS, one for each audit record: ok, the AWS error code, or no-answer.',
  },
};

const secondsBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

type Labels = Readonly<Record<string, string>>;

export type MetricSink = {
  /** Throws on a name, a kind or a label that is not in the table. */
  count(name: string, labels: Labels, value: number): void;
  gauge(name: string, labels: Labels, value: number): void;
  observe(name: string, labels: Labels, seconds: number): void;
  readonly contentType: string;
  /** All of them in Prometheus' text format. */
  text(): Promise<string>;
};

export function createMetricSink(): MetricSink {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  for (const [name, { kind, labels, help }] of Object.entries(metrics)) {
    const common = { name: `${prefix}${name}`, help, labelNames: [...labels], registers: [registry] };
    if (kind === 'counter') counters.set(name, new Counter(common));
    else if (kind === 'gauge') gauges.set(name, new Gauge(common));
    else histograms.set(name, new Histogram({ ...common, buckets: secondsBuckets }));
  }
  return {
    count: (name, labels, value) => known(counters, name, 'counter').inc(exact(name, labels), value),
    gauge: (name, labels, value) => known(gauges, name, 'gauge').set(exact(name, labels), value),
    observe: (name, labels, seconds) => known(histograms, name, 'seconds').observe(exact(name, labels), seconds),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}

function known<T>(of: ReadonlyMap<string, T>, name: string, kind: Metric['kind']): T {
  const found = of.get(name);
  if (found === undefined) throw new TypeError(`src/telemetry/metrics.ts has no metric ${name} of kind ${kind}`);
  return found;
}

/** A series with a label missing would be another one than with it. */
function exact(name: string, labels: Labels): Labels {
  const expected = metrics[name]?.labels ?? [];
  const given = Object.keys(labels);
  if (given.length !== expected.length || !expected.every((label) => label in labels))
    throw new TypeError(`metric ${name} takes the labels ${expected.join(', ') || '(none)'}, not ${given.join(', ') || '(none)'}`);
  return labels;
}
