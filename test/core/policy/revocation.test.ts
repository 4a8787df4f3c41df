import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextRevocation, revokedBefore } from '../../../src/core/access/revocation.ts';
import type { Identity } from '../../../src/core/access/vocabulary.ts';
import { revocationDenies } from '../../../src/core/policy/revocation.ts';

const hour = (n: number): string => `2026-12-01T${String(n).padStart(2, '0')}:00:00Z`;
const of = (runtime?: string, connection?: string, identity?: Identity) => ({
  runtime: { spec: runtime === undefined ? {} : { accessRevokedBefore: runtime } } as Parameters<typeof revokedBefore>[0]['runtime'],
  connections: [{ name: 'lake', ...(connection !== undefined && { accessRevokedBefore: connection }) }, { name: 'other' }],
  ...(identity !== undefined && { identity }),
});

void test('a revocation counts from its moment on, for whom it is about', () => {
  const noon = Date.parse(hour(12));
  const rows: readonly [Parameters<typeof revokedBefore>[0], number | undefined, number | undefined, number?][] = [
    [of(), undefined, undefined],
    [of(hour(11)), 11, undefined],
    [of(hour(12)), 12, undefined],
    [of(hour(13)), undefined, 13],
    [of(hour(10), hour(11)), 11, undefined],
    [of(hour(10), hour(11), 'worker'), 10, undefined],
    [of(hour(10), hour(11), 'connectionRole:lake'), 11, undefined],
    [of(undefined, hour(11), 'connectionRole:other'), undefined, undefined],
    [of(undefined, hour(14), 'connectionRole:lake'), undefined, 14],
    [of('never'), undefined, undefined],
    [of('2026-12-01T10:59:59.001Z'), 11, undefined],
    [of('2026-12-01T12:00:00.001Z'), undefined, undefined, Date.parse(hour(12)) + 1000],
  ];
  for (const [input, past, next, exactly] of rows) {
    const at = (n: number | undefined) => (n === undefined ? undefined : Date.parse(hour(n)));
    assert.deepEqual([revokedBefore(input, noon), nextRevocation(input, noon)], [at(past), exactly ?? at(next)], JSON.stringify(input));
  }
});

void test('what is attached to roles that serve others too ends the sessions of this runtime only', () => {
  const roles = ['agent', 'operator', 'master', 'worker'].map((identity) => ({
    identity,
    roleArn: `arn:aws:iam::111122223333:role/${identity}`,
  }));
  const conditions = (agentProof: 'webIdentity' | 'x509') =>
    revocationDenies({ before: hour(10), runtimeUid: '0a1b2c3d-0000', roles, agentProof }).map(({ document }) => {
      const [statement] = [document.Statement].flat();
      return statement?.Condition;
    });
  const named = { DateLessThan: { 'aws:TokenIssueTime': hour(10) }, StringLike: { 'aws:userid': '*:0a1b2c3d.*' } };
  const all = { DateLessThan: { 'aws:TokenIssueTime': hour(10) } };
  assert.deepEqual(conditions('webIdentity'), [named, named, all, all]);
  assert.deepEqual(conditions('x509'), [all, named, all, all]);
});
