import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runSimulate } from '../../src/cli/simulate.ts';
import type { SimulationResult } from '../../src/sim/simulate.ts';

const FINANCE = readFileSync(new URL('../../examples/finance.yaml', import.meta.url), 'utf8');
/** The runtime and the job with indirect connections, which is the shortest. */
const SHORT = FINANCE.split('\n---\n')
  .filter((text) => !text.includes('name: nightly-orders,') && !text.includes('name: hourly-clicks,'))
  .join('\n---\n');
const ACCOUNT = '\n---\napiVersion: simulation.elasticruntime.dev/v1alpha1\nkind: SimulatedAccount\nmetadata: { name: account }\nspec: ';

async function simulated(text: string, hours = 2) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runSimulate(
    { files: ['all.yaml'], seed: 1, hours, faults: 'none', output: 'json' },
    {
      readFile: () => Promise.resolve(text),
      readDir: () => Promise.resolve(undefined),
      stdin: () => Promise.resolve(''),
      stdout: (line) => out.push(line),
      stderr: (line) => err.push(line),
    },
  );
  const { jobs = [], nodes } = JSON.parse(out.join('\n') || '{}') as Partial<SimulationResult>;
  return { code, jobs, nodes, err: err.join('\n') };
}

const annotated = (name: string, value: string) =>
  SHORT.replace('template: { spec:', `template: { metadata: { annotations: { simulation.elasticruntime.dev/${name}: "${value}" } }, spec:`);

const ANSWERS: readonly (readonly [name: string, text: string, code: number, phase: string, reason: string | undefined])[] = [
  ['all is well', SHORT, 0, 'Succeeded', undefined],
  ['the namespace is there already', SHORT.slice(SHORT.indexOf('\n---\n')), 0, 'Succeeded', undefined],
  ['no namespace is named', SHORT.slice(SHORT.indexOf('\n---\n')).replaceAll(', namespace: finance', ''), 0, 'Succeeded', undefined],
  ['the template says that it fails', annotated('exit-code', '3'), 0, 'Failed', 'PodFailed'],
  [
    'its deadline says that it ends',
    annotated('duration', '1h').replace('connections:', 'activeDeadlineSeconds: 60\n  connections:'),
    0,
    'Failed',
    'DeadlineExceeded',
  ],
  [
    'it waits for somebody',
    SHORT.replace('spec:\n  runtime: analytics', 'spec:\n  suspend: true\n  runtime: analytics'),
    0,
    'Suspended',
    undefined,
  ],
  ['its runtime starts none', SHORT.replace('organization: acme', 'organization: acme\n  suspend: true'), 0, 'Pending', 'RuntimeSuspended'],
  ['a bucket is missing', `${SHORT}${ACCOUNT}{ buckets: [{ name: acme-staging, absent: true }] }`, 1, 'Pending', 'RuntimeNotReady'],
  ['no machine is large enough', SHORT.replace('cpu: "1"', 'cpu: "4000"'), 1, 'Waiting', 'GangIncomplete'],
  ['the account has no instances', `${SHORT}${ACCOUNT}{ capacity: [{ instances: 0 }] }`, 1, 'Waiting', 'InsufficientCapacity'],
  ['one zone has none', `${SHORT}${ACCOUNT}{ capacity: [{ zone: us-east-1a, instances: 0 }] }`, 0, 'Succeeded', undefined],
  ['it takes longer than the simulation', annotated('duration', '5h'), 1, 'Running', undefined],
];

for (const [name, text, code, phase, reason] of ANSWERS) {
  test(`exit ${code}: ${name}`, async () => {
    const answer = await simulated(text);
    assert.deepEqual([answer.err, answer.code, answer.jobs[0]?.phase, answer.jobs[0]?.reason], ['', code, phase, reason]);
  });
}

test('a runtime that asks for nodes without a job gets them', async () => {
  const { code, nodes } = await simulated(
    SHORT.split('\n---\n').slice(0, 6).join('\n---\n').replace('min: 0\n    max: 40', 'min: 2\n    max: 40'),
  );
  assert.deepEqual([code, nodes], [0, { launched: 2, terminated: 0, orphans: 0 }]);
});

const WRONG: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ['nothing', '', /^simulate: all\.yaml: no ElasticRuntime: there is nothing to simulate$/],
  [
    'a duration that is none',
    annotated('duration', '5 minutes'),
    /ElasticJob finance\/crm-sync: spec\.master\.template\.metadata\.annotations\.simulation\.elasticruntime\.dev\/duration: "5 minutes": use a duration/,
  ],
  ['an exit code that is none', annotated('exit-code', 'boo'), /exit-code: "boo": use a whole number from 0 to 255/],
  ['writes that are no number', annotated('writes-gib-per-hour', '20Gi'), /writes-gib-per-hour: "20Gi": use a number of GiB/],
  ['an amount of memory that is none', SHORT.replace('memory: 4Gi', 'memory: 4 GB'), /requests\.memory: "4 GB": .*should match/],
  ['two accounts', `${SHORT}${ACCOUNT}{}${ACCOUNT.replace('name: account', 'name: other')}{}`, /2 documents of kind SimulatedAccount/],
];

for (const [name, text, message] of WRONG) {
  test(`refused: ${name}`, async () => {
    const { code, err } = await simulated(text);
    assert.equal(code, 2);
    assert.match(err, message);
  });
}

test('who reads nothing more is told nothing more', () => {
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  // The reader has gone long before there is anything to read.
  const { stderr } = spawnSync('sh', ['-c', `"${process.execPath}" "${main}" simulate -f - | true`], { input: SHORT, encoding: 'utf8' });
  assert.equal(stderr, '');
});
