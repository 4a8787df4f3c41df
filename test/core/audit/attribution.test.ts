import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessRow } from '../../../src/core/access/vocabulary.ts';
import { type Attributed, accessNote } from '../../../src/core/audit/attribution.ts';

const row = (phase: AccessRow['phase'], resource: AccessRow['resource'], identity: AccessRow['identity']): AccessRow => ({
  phase,
  resource,
  identity,
  action: 'read',
  via: 'AssumeRole',
  chain: [],
  rule: `${phase} ${resource} as ${identity}`,
});

const plan = {
  rows: [
    row('Design', 'connection:orders', 'connectionRole:orders'),
    row('Run', 'connection:orders', 'connectionRole:orders'),
    row('Run', 'staging', 'connectionRole:orders'),
    row('Run', 'dependencies', 'operator'),
    row('Complete', 'log:agent', 'agent'),
    row('Poll', 'log', 'agent'),
  ],
};

const table: readonly (readonly [what: string, call: Attributed, expected: string])[] = [
  [
    'a connection, by the access that it is verified for',
    { plan, identity: 'connectionRole:orders', resource: 'connection:orders' },
    'Run',
  ],
  ['staging of a job', { plan, identity: 'connectionRole:orders', resource: 'staging' }, 'Run'],
  ['staging of a runtime', { identity: 'worker', resource: 'staging' }, 'Create'],
  ['staging as somebody whom the plan does not name', { plan, identity: 'master', resource: 'staging' }, 'none'],
  ['staging of a job that is over', { plan, identity: 'operator', resource: 'staging' }, 'Complete'],
  ['staging as operator, of no job', { identity: 'operator', resource: 'staging' }, 'none'],
  ['polling', { plan, identity: 'agent', resource: 'log' }, 'Poll'],
  ['the agent of a job, without a resource', { plan, identity: 'agent' }, 'Complete'],
  ['the operator of a job, without a resource', { plan, identity: 'operator' }, 'Run'],
  ['nodes', { identity: 'master' }, 'Run'],
  ['volumes', { identity: 'worker' }, 'Run'],
  ['cluster resources', { identity: 'operator' }, 'Create'],
  ['cluster info', { identity: 'operator', resource: 'cluster-info' }, 'Create'],
  ['the init script', { identity: 'master', resource: 'init-script' }, 'Create'],
  ['a node agent', { identity: 'master', nodeAgent: true }, 'Run'],
  ['a resource that no plan has', { plan, identity: 'worker', resource: 'connection:other' }, 'none'],
];

for (const [what, call, expected] of table) {
  void test(`attributed: ${what}`, () => {
    const note = accessNote(call);
    assert.equal(note?.phase ?? 'none', expected);
    if (note !== undefined) assert.match(note.rule, /\S/);
  });
}
