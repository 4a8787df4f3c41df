import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compareDocuments } from '../../../src/core/policy/account/compare.ts';
import type { PolicyDocument, PolicyStatement } from '../../../src/core/policy/document.ts';

const document = (...statements: readonly PolicyStatement[]): PolicyDocument => ({ Version: '2012-10-17', Statement: statements });

const bucket = 'arn:aws:s3:::b';
const read: PolicyStatement = {
  Sid: 'Read',
  Effect: 'Allow',
  Action: ['s3:GetObject', 's3:ListBucket'],
  Resource: [bucket, `${bucket}/*`],
};

const same: readonly (readonly [why: string, one: readonly PolicyStatement[], other: readonly PolicyStatement[]])[] = [
  ['order of lists', [read], [{ ...read, Action: ['s3:ListBucket', 's3:GetObject'], Resource: [`${bucket}/*`, bucket] }]],
  ['letter case of actions', [read], [{ ...read, Action: ['S3:getobject', 's3:listbucket'] }]],
  ['other Sids', [read], [{ ...read, Sid: 'Whatever' }]],
  [
    'two statements for one',
    [read],
    [
      { ...read, Action: 's3:GetObject' },
      { ...read, Sid: 'List', Action: 's3:ListBucket' },
    ],
  ],
  ['a list of one', [{ ...read, Resource: [bucket] }], [{ ...read, Resource: bucket }]],
  [
    'order and case of conditions',
    [{ ...read, Condition: { StringEquals: { 'aws:PrincipalTag/Team': ['a', 'b'] }, Bool: { 'aws:SecureTransport': true } } }],
    [{ ...read, Condition: { Bool: { 'AWS:securetransport': 'true' }, StringEquals: { 'AWS:principaltag/Team': ['b', 'a'] } } }],
  ],
  [
    'an account and its root',
    [{ ...read, Principal: { AWS: '111122223333' } }],
    [{ ...read, Principal: { AWS: 'arn:aws:iam::111122223333:root' } }],
  ],
  [
    'an account of another partition and its root',
    [{ ...read, Principal: { AWS: '111122223333' } }],
    [{ ...read, Principal: { AWS: 'arn:aws-cn:iam::111122223333:root' } }],
  ],
  ['everybody', [{ ...read, Principal: '*' }], [{ ...read, Principal: { AWS: '*' } }]],
  [
    'whatever the external ID is',
    [{ ...read, Condition: { StringEquals: { 'sts:ExternalId': 'one' } } }],
    [{ ...read, Condition: { StringEquals: { 'sts:ExternalId': 'another' } } }],
  ],
];

for (const [why, one, other] of same) {
  test(`the same: ${why}`, () => {
    assert.deepEqual(compareDocuments([document(...one)], [document(...other)]), []);
    assert.deepEqual(compareDocuments([document(...other)], [document(...one)]), []);
  });
}

const different: readonly (readonly [why: string, found: readonly PolicyStatement[], kinds: readonly string[]])[] = [
  ['nothing there', [], ['missing Read']],
  ['an action less', [{ ...read, Action: 's3:GetObject' }], ['changed Read']],
  ['an action more', [{ ...read, Action: [...(read.Action as readonly string[]), 's3:PutObject'] }], ['extra Read']],
  ['another statement', [read, { Sid: 'More', Effect: 'Allow', Action: 's3:*', Resource: '*' }], ['extra More']],
  ['a condition that narrows', [{ ...read, Condition: { Bool: { 'aws:SecureTransport': 'true' } } }], ['changed Read']],
  ['the other effect', [{ ...read, Effect: 'Deny' }], ['changed Read']],
  ['another principal', [{ ...read, Principal: '*' }], ['changed Read']],
  [
    'all but these resources',
    [{ Sid: 'Read', Effect: 'Allow', Action: read.Action ?? '', NotResource: read.Resource ?? '' }],
    ['changed Read'],
  ],
  ['the tag in other letters', [{ ...read, Condition: { StringEquals: { 'aws:PrincipalTag/team': 'a' } } }], ['changed Read']],
];

for (const [why, found, kinds] of different) {
  test(`different: ${why}`, () => {
    const differences = compareDocuments([document(read)], [document(...found)]);
    assert.deepEqual(
      differences.map(({ kind, statement }) => `${kind} ${statement}`),
      kinds,
    );
  });
}

test('an external ID that is not asked for is a difference, and its value is never shown', () => {
  const asked = { ...read, Condition: { StringEquals: { 'sts:ExternalId': 'a-secret-value' } } };
  for (const differences of [
    compareDocuments([document(asked)], [document(read)]),
    compareDocuments([document(read)], [document(asked)]),
  ]) {
    assert.equal(differences.length, 1);
    assert.ok(!JSON.stringify(differences).includes('a-secret-value'));
  }
});

const names = fc.constantFrom('a', 'b', 'c', 'd');
const alike: readonly (readonly [why: string, one: PolicyStatement, other: PolicyStatement])[] = [
  [
    'two values and one with a comma',
    { ...read, Condition: { StringEquals: { 'aws:PrincipalTag/team': ['a', 'b'] } } },
    { ...read, Condition: { StringEquals: { 'aws:PrincipalTag/team': 'a, b' } } },
  ],
  [
    'a value that reads like two conditions',
    { ...read, Condition: { StringEquals: { 'k:a': '1 and StringEquals k:b 2' } } },
    { ...read, Condition: { StringEquals: { 'k:a': '1', 'k:b': '2' } } },
  ],
  [
    'what is excepted, two and one with a comma',
    { Sid: 'Read', Effect: 'Allow', Action: 's3:GetObject', NotResource: [`${bucket}/x`, bucket] },
    { Sid: 'Read', Effect: 'Allow', Action: 's3:GetObject', NotResource: `${bucket}, ${bucket}/x` },
  ],
  [
    'one external ID and another one besides',
    { ...read, Condition: { StringEquals: { 'sts:ExternalId': 'ours' } } },
    { ...read, Condition: { StringEquals: { 'sts:ExternalId': ['ours', 'theirs'] } } },
  ],
  [
    'an external ID and a pattern',
    { ...read, Condition: { StringLike: { 'sts:ExternalId': 'ours' } } },
    { ...read, Condition: { StringLike: { 'sts:ExternalId': '*' } } },
  ],
];

for (const [why, one, other] of alike)
  test(`a difference: ${why}`, () => {
    const told = compareDocuments([document(one)], [document(other)]);
    assert.notDeepEqual(told, []);
    assert.doesNotMatch(JSON.stringify(told), /ours|theirs/);
  });

test('a difference: the version that knows no policy variables', () => {
  const own: PolicyStatement = { ...read, Resource: `${bucket}/\${aws:username}/*` };
  const old: PolicyDocument = { Version: '2008-10-17', Statement: [own] };
  assert.notDeepEqual(compareDocuments([document(own)], [old]), []);
  assert.deepEqual(compareDocuments([document(read)], [{ Version: '2008-10-17', Statement: [read] }]), []);
});

const statements = fc.array(
  fc.record({
    Effect: fc.constantFrom('Allow' as const, 'Deny' as const),
    Action: fc.uniqueArray(
      names.map((name) => `s3:${name}`),
      { minLength: 1, maxLength: 3 },
    ),
    Resource: fc.uniqueArray(
      names.map((name) => `arn:aws:s3:::${name}`),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  { minLength: 1, maxLength: 4 },
);

/** The meaning, said the long way: every (effect, action, resource). */
const meaning = (list: readonly PolicyStatement[]): string =>
  [
    ...new Set(
      list.flatMap(({ Effect, Action = [], Resource = [] }) =>
        [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${Effect} ${action} ${resource}`)),
      ),
    ),
  ]
    .toSorted()
    .join('\n');

test('property: there is a difference exactly where the meaning differs', () => {
  fc.assert(
    fc.property(statements, statements, (one, other) => {
      assert.equal(compareDocuments([document(...one)], [document(...other)]).length === 0, meaning(one) === meaning(other));
    }),
    { numRuns: 500 },
  );
});
