import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remedyText } from '../../../src/core/preflight/missing.ts';
import { judgePodsPath, type PodsPath, trustRemedy } from '../../../src/core/preflight/pods-path.ts';

/* What a role's trust policy says of pods: let in, refused, or known to nobody but the pod. */

const account = '111122223333';
const role = (name: string): string => `arn:aws:iam::${account}:role/${name}`;
const issuer = 'oidc.eks.us-east-1.amazonaws.com/id/ABC';
const providerArn = `arn:aws:iam::${account}:oidc-provider/${issuer}`;
const worker = 'system:serviceaccount:finance:analytics-worker';
const master = 'system:serviceaccount:finance:analytics-master';

const byToken: PodsPath = {
  by: 'webIdentity',
  roleArn: role('worker'),
  subjects: [worker, master],
  audience: 'sts.amazonaws.com',
  providerArn,
  issuer: `https://${issuer}`,
};
const byWorker: PodsPath = { by: 'worker', roleArn: role('orders'), workerArn: role('worker'), providerArn, externalId: false };
const withId: PodsPath = { ...byWorker, externalId: true };

const pods = (sub: unknown, more: object = {}) => ({
  Effect: 'Allow',
  Principal: { Federated: providerArn },
  Action: 'sts:AssumeRoleWithWebIdentity',
  Condition: { StringEquals: { [`${issuer}:aud`]: 'sts.amazonaws.com', [`${issuer}:sub`]: sub }, ...more },
});
const assume = (principal: string, Condition?: object) => ({
  Effect: 'Allow',
  Principal: { AWS: principal },
  Action: 'sts:AssumeRole',
  ...(Condition && { Condition }),
});
const denyFrom = { NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } };
const deny = (Condition: object) => ({
  Effect: 'Deny',
  Principal: '*',
  Action: ['sts:AssumeRole', 'sts:AssumeRoleWithWebIdentity'],
  Condition,
});

const now = Date.parse('2026-11-02T08:00:00Z');

const rows: readonly (readonly [string, PodsPath, readonly object[], string])[] = [
  ['both subjects named', byToken, [pods([worker, master])], 'trusted'],
  [
    'a pattern of subjects',
    byToken,
    [{ ...pods(''), Condition: { StringLike: { [`${issuer}:sub`]: 'system:serviceaccount:finance:*' } } }],
    'trusted',
  ],
  ['one statement for each', byToken, [pods(worker), pods(master)], 'trusted'],
  ['the driver is missing', byToken, [pods(worker)], `refused ${master}`],
  ['another namespace', byToken, [pods(['system:serviceaccount:sales:analytics-worker', master])], `refused ${worker}`],
  ['another audience', byToken, [pods([worker, master], { StringLike: { [`${issuer}:aud`]: 'other' } })], `refused ${worker}`],
  ['the operator alone', byToken, [assume(role('operator'))], `refused ${worker}`],
  [
    'another cluster',
    byToken,
    [{ ...pods([worker, master]), Principal: { Federated: providerArn.replace('ABC', 'DEF') } }],
    `refused ${worker}`,
  ],
  ['a deny of all web identities', byToken, [pods([worker, master]), deny({ Null: { [`${issuer}:sub`]: 'false' } })], `refused ${worker}`],
  ['a deny of somebody else', byToken, [pods([worker, master]), deny({ StringEquals: { [`${issuer}:sub`]: 'x' } })], 'trusted'],
  ['a network that only the pod is in', byToken, [pods([worker, master]), deny(denyFrom)], 'open aws:sourceip'],
  [
    'denied from a network that the pod may be in',
    byToken,
    [pods([worker, master]), deny({ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } })],
    'open aws:sourceip',
  ],
  ['a network that would not help', byToken, [pods([worker]), deny(denyFrom)], `refused ${master}`],
  ['allowed from a network only', byToken, [pods([worker, master], { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } })], 'open aws:sourceip'],
  [
    'allowed from everywhere, too',
    byToken,
    [pods([worker, master], { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }), pods([worker, master])],
    'trusted',
  ],
  [
    'an external ID, which a token cannot bring',
    byToken,
    [pods([worker, master], { StringLike: { 'sts:ExternalId': 'x' } })],
    `refused ${worker}`,
  ],
  [
    'session tags, which our tokens do not bring',
    byToken,
    [pods([worker, master], { StringLike: { 'aws:RequestTag/team': '*' } })],
    `refused ${worker}`,
  ],
  ['a principal that is gone', byToken, [pods([worker, master]), assume('AROAEXAMPLEID')], 'open AROAEXAMPLEID'],
  ['the worker role', byWorker, [assume(role('worker'))], 'trusted'],
  ['the account of the worker', byWorker, [assume(`arn:aws:iam::${account}:root`)], 'trusted'],
  ['the agent alone', byWorker, [assume(role('agent'))], `refused ${role('worker')}`],
  [
    'tags that the operator sends and pods do not have',
    byWorker,
    [assume(role('worker'), { StringEquals: { 'aws:PrincipalTag/elasticruntime.dev/actor': 'operator' } })],
    `refused ${role('worker')}`,
  ],
  [
    'a tag that the role itself may have',
    byWorker,
    [assume(role('worker'), { StringEquals: { 'aws:PrincipalTag/team': 'data' } })],
    'open aws:principaltag/team',
  ],
  ['encrypted calls only', byToken, [pods([worker, master], { Bool: { 'aws:SecureTransport': 'true' } })], 'trusted'],
  ['unencrypted calls denied', byWorker, [assume(role('worker')), deny({ Bool: { 'aws:SecureTransport': 'false' } })], 'trusted'],
  [
    'until a day that is past',
    byToken,
    [pods([worker, master], { DateLessThan: { 'aws:CurrentTime': '2020-01-01T00:00:00Z' } })],
    `refused ${worker}`,
  ],
  ['until a day to come', byWorker, [assume(role('worker'), { DateLessThan: { 'aws:CurrentTime': '2030-01-01T00:00:00Z' } })], 'trusted'],
  ['from a moment that is past', byToken, [pods([worker, master], { NumericGreaterThan: { 'aws:EpochTime': '1500000000' } })], 'trusted'],
  [
    'sessions by web identity denied',
    byWorker,
    [assume(role('worker')), deny({ Null: { 'aws:FederatedProvider': 'false' } })],
    `refused ${role('worker')}`,
  ],
  [
    'an external ID that nobody gives',
    byWorker,
    [assume(role('worker'), { StringEquals: { 'sts:ExternalId': 'x1' } })],
    `refused ${role('worker')}`,
  ],
  [
    'an external ID that the connection gives',
    withId,
    [assume(role('worker'), { StringEquals: { 'sts:ExternalId': ['x1', 'x2'] } })],
    'trusted',
  ],
  ['an external ID that is not asked for', withId, [assume(role('worker'))], 'trusted'],
];

for (const [what, path, Statement, expected] of rows) {
  void test(`${path.by}: ${what}: ${expected.split(' ')[0]}`, () => {
    const verdict = judgePodsPath(path, JSON.stringify({ Version: '2012-10-17', Statement }), now);
    const [kind = '', named = ''] = expected.split(' ');
    assert.equal(verdict.kind, kind, JSON.stringify(verdict));
    const said = verdict.kind === 'refused' ? verdict.who : verdict.kind === 'open' ? verdict.because : '';
    assert.ok(said.includes(named), said);
  });
}

void test('a document that is none leaves it open', () => assert.equal(judgePodsPath(byToken, 'no JSON', now).kind, 'open'));

void test('the remedy holds the generated statement for this way; a Deny is told as one', () => {
  const refused = { kind: 'refused', action: 'sts:AssumeRoleWithWebIdentity', who: worker, because: 'x', explicit: false } as const;
  const generated = [
    { Effect: 'Allow', Action: 'sts:AssumeRole' },
    { Sid: 'Pods', Effect: 'Allow', Action: 'sts:AssumeRoleWithWebIdentity' },
  ] as const;
  const text = remedyText(trustRemedy(refused, role('worker'), generated));
  assert.match(text, /Add to the trust policy of role worker \(arn:aws:iam::111122223333:role\/worker\): \{"Sid":"Pods"/);
  assert.ok(!text.includes('"sts:AssumeRole"'));
  assert.deepEqual(trustRemedy({ ...refused, explicit: true }, role('worker'), generated).add, []);
});
