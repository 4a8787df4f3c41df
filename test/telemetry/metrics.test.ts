import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { metrics } from '../../src/telemetry/metrics.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';

const kinds = { count: 'counter', gauge: 'gauge', observeSeconds: 'seconds' } as const;
const calls = globSync('src/**/*.ts').flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/telemetry\??\.(count|gauge|observeSeconds)\(\s*'([^']+)'/g)].map(([, method, name]) => ({
    file,
    kind: kinds[method as keyof typeof kinds],
    name: name ?? '',
  })),
);

test('every metric that the code records is in the table, with its kind, and the table has no other', () => {
  assert.ok(calls.length > 20, `only ${calls.length} calls found`);
  assert.deepEqual(
    calls.filter(({ name, kind }) => metrics[name]?.kind !== kind),
    [],
  );
  const recorded = new Set([
    ...calls.map(({ name }) => name),
    // By telemetry itself.
    'aws_calls_total',
    'audit_records_total',
    'audit_pending_records',
    'audit_refusing',
  ]);
  assert.deepEqual(
    Object.keys(metrics).filter((name) => !recorded.has(name)),
    [],
  );
});

test('names, units and help texts are as Prometheus wants them', () => {
  for (const [name, { kind, help }] of Object.entries(metrics)) {
    assert.match(name, /^[a-z][a-z0-9_]*$/);
    assert.equal(name.endsWith('_total'), kind === 'counter', name);
    assert.equal(name.endsWith('_seconds'), kind === 'seconds', name);
    assert.match(help, /^[A-Z0-9].{10,}\.$/, name);
  }
});

test('what is recorded comes out as text', async () => {
  const telemetry = createTelemetry({ level: 'info', strict: true, stream: { write() {} } });
  telemetry.count('controller_reconciles_total', { controller: 'job', outcome: 'done' });
  telemetry.count('controller_reconciles_total', { controller: 'job', outcome: 'done' }, 2);
  telemetry.gauge('leader', 1);
  telemetry.observeSeconds('controller_reconcile_seconds', 0.02, { controller: 'job' });
  const text = await telemetry.metrics.text();
  assert.match(text, /^elastic_runtime_controller_reconciles_total\{controller="job",outcome="done"\} 3$/m);
  assert.match(text, /^# HELP elastic_runtime_leader 1 on the replica that acts\.$/m);
  assert.match(text, /^elastic_runtime_leader 1$/m);
  assert.match(text, /^elastic_runtime_controller_reconcile_seconds_bucket\{le="0\.025",controller="job"\} 1$/m);
  assert.match(text, /^process_resident_memory_bytes \d+/m);
});

test('an unknown name, a wrong kind or other labels throw in tests and are logged once in production', () => {
  const strict = createTelemetry({ level: 'info', strict: true, stream: { write() {} } });
  assert.throws(() => strict.count('no_such_total'), /no metric no_such_total/);
  assert.throws(() => strict.gauge('workqueue_adds_total', 1, { name: 'job' }), /of kind gauge/);
  assert.throws(() => strict.count('workqueue_adds_total', { queue: 'job' }), /takes the labels name, not queue/);
  assert.throws(() => strict.count('workqueue_adds_total'), /takes the labels name, not \(none\)/);

  const lines: string[] = [];
  const lenient = createTelemetry({ level: 'info', stream: { write: (line) => void lines.push(line) } });
  lenient.count('no_such_total');
  lenient.count('no_such_total');
  assert.equal(lines.length, 1);
  assert.equal(JSON.parse(lines[0] ?? '').metric, 'no_such_total');
});
