import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PolicyUse, parsePolicy } from '../../../src/core/policy/document.ts';

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
const good = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' };
const refused: readonly (readonly [document: unknown, use: PolicyUse, reason: string])[] = [
  ['{', 'identity', 'policy: not JSON'],
  [[], 'identity', 'policy: a policy must be an object'],
  [{ Version: '2012-10-17' }, 'identity', 'policy: Statement is missing'],
  [{ Version: '2012-10-18', Statement: good }, 'identity', 'policy: Version must be 2012-10-17 or 2008-10-17'],
  [{ Statements: [good] }, 'identity', 'policy: unknown element "Statements"'],
  [{ Statement: { ...good, Effect: 'allow' } }, 'identity', 'policy: statement 1: Effect must be Allow or Deny, not "allow"'],
  [{ Statement: [good, { ...good, Sid: 'Two', Actions: '*' }] }, 'identity', 'policy: statement 2 (Two): unknown element "Actions"'],
  [{ Statement: { ...good, NotAction: '*' } }, 'identity', 'policy: statement 1: has both Action and NotAction'],
  [{ Statement: { Effect: 'Allow', Resource: '*' } }, 'identity', 'policy: statement 1: needs Action or NotAction'],
  [{ Statement: { Effect: 'Allow', Action: '*' } }, 'identity', 'policy: statement 1: needs Resource or NotResource'],
  [{ Statement: { ...good, Principal: '*' } }, 'identity', 'policy: statement 1: an identity-based policy has no Principal'],
  [{ Statement: good }, 'resource', 'policy: statement 1: needs Principal'],
  [{ Statement: { ...good, Principal: '*' } }, 'trust', 'policy: statement 1: a trust policy has no Resource'],
  [{ Statement: { ...good, Action: [] } }, 'identity', 'policy: statement 1: Action is empty'],
  [{ Statement: { ...good, Action: 'GetObject' } }, 'identity', 'policy: statement 1: Action "GetObject" is not service:Action'],
  [{ Statement: { ...good, Resource: 'bucket/*' } }, 'identity', 'policy: statement 1: Resource "bucket/*" is neither an ARN nor "*"'],
  [{ Statement: { ...good, Resource: 7 } }, 'identity', 'policy: statement 1: Resource must be a string or a list of strings'],
  [{ Statement: { ...good, Sid: 'two words' } }, 'identity', 'policy: statement 1 (two words): Sid may hold letters and digits only'],
  [
    {
      Statement: [
        { ...good, Sid: 'A' },
        { ...good, Sid: 'A' },
      ],
    },
    'identity',
    'policy: Sid "A" is used twice',
  ],
  [
    { Statement: { ...good, Condition: { StringIs: { a: 'b' } } } },
    'identity',
    'policy: statement 1: Condition operator "StringIs" is unknown',
  ],
  [
    { Statement: { ...good, Condition: { NullIfExists: { a: 'true' } } } },
    'identity',
    'policy: statement 1: Condition operator Null takes no IfExists',
  ],
  [
    { Statement: { ...good, Condition: { StringEquals: 'a' } } },
    'identity',
    'policy: statement 1: Condition.StringEquals must be an object',
  ],
  [
    { Statement: { ...good, Condition: { StringEquals: { 'x:a': {} } } } },
    'identity',
    'policy: statement 1: Condition.StringEquals.x:a must be a string or a list',
  ],
  [
    { Statement: { ...good, Condition: { NumericEquals: { 'x:a': 'x' } } } },
    'identity',
    'policy: statement 1: Condition.NumericEquals.x:a: "x" is no number',
  ],
  [
    { Statement: { ...good, Condition: { DateLessThan: { 'x:a': 'today' } } } },
    'identity',
    'policy: statement 1: Condition.DateLessThan.x:a: "today" is no date',
  ],
  [
    { Statement: { ...good, Condition: { IpAddress: { 'x:a': '300.0.0.1' } } } },
    'identity',
    'policy: statement 1: Condition.IpAddress.x:a: "300.0.0.1" is no IP address or CIDR block',
  ],
  [
    { Statement: { ...good, Condition: { Bool: { 'x:a': 'yes' } } } },
    'identity',
    'policy: statement 1: Condition.Bool.x:a: "yes" is neither true nor false',
  ],
  [
    { Statement: { ...good, Principal: { AWS: 'arn:aws:iam::111122223333:role/team-*' } } },
    'resource',
    'policy: statement 1: Principal.AWS "arn:aws:iam::111122223333:role/team-*" is neither an account nor a principal\'s ARN (no part of it may be a wildcard)',
  ],
  [{ Statement: { ...good, Principal: { Robot: 'x' } } }, 'resource', 'policy: statement 1: Principal.Robot is no kind of principal'],
  [
    { Statement: { ...good, Principal: { CanonicalUser: '79a59df9' } } },
    'resource',
    'policy: statement 1: Principal.CanonicalUser cannot be judged: name the account by its number instead',
  ],
  [
    '{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"a:b":"true"},"B\\u006fol":{"c:d":"true"}}}}',
    'identity',
    'policy: "Bool" stands twice in one object, so that one of them would be lost',
  ],
  [
    { Statement: { ...good, NotPrincipal: { AWS: '*' } } },
    'resource',
    'policy: statement 1: NotPrincipal with Allow would allow everyone else',
  ],
];

for (const [document, use, reason] of refused) {
  test(`refused: ${reason}`, () => assert.deepEqual(parsePolicy(document, use), { ok: false, reason }));
}

test('JSON text, a single statement and lists of one are all taken', () => {
  for (const document of [
    JSON.stringify({ Statement: good }),
    { Statement: [good] },
    { Statement: { ...good, Action: ['s3:GetObject'] } },
  ]) {
    assert.equal(parsePolicy(document, 'identity').ok, true);
  }
});
