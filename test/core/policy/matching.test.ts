import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyStatement } from '../../../src/core/policy/document.ts';
import type { Principal } from '../../../src/core/policy/principal.ts';
import { covers, decide, holds, policy, session, user } from './helpers.ts';

type Row = readonly [why: string, statement: Omit<PolicyStatement, 'Effect'>, action: string, resource: string, expected: boolean];

function table(name: string, rows: readonly Row[]): void {
  for (const [why, statement, action, resource, expected] of rows) {
    test(`${name}: ${why}`, () => assert.equal(covers(statement, action, resource), expected));
  }
}

const object = 'arn:aws:s3:::bucket/a/b';
const on = (Action: string | readonly string[], Resource: string | readonly string[] = '*') => ({ Action, Resource });

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
table('Action', [
  ['exact', on('s3:GetObject'), 's3:GetObject', object, true],
  ['not case-sensitive', on('S3:getobject'), 's3:GetObject', object, true],
  ['a prefix is not enough', on('s3:Get'), 's3:GetObject', object, false],
  ['* within', on('s3:Get*'), 's3:GetObject', object, true],
  ['* in front', on('iam:*AccessKey*'), 'iam:CreateAccessKey', '*', true],
  ['? is one', on('s3:Ge?Object'), 's3:GetObject', object, true],
  ['all of a service', on('s3:*'), 's3:DeleteObject', object, true],
  ['another service', on('s3:*'), 'sts:AssumeRole', '*', false],
  ['everything', on('*'), 'sts:AssumeRole', '*', true],
  ['one of several', on(['s3:PutObject', 's3:GetObject']), 's3:GetObject', object, true],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html
table('NotAction', [
  ['everything else', { NotAction: 'iam:*', Resource: '*' }, 's3:GetObject', object, true],
  ['what it names', { NotAction: 'iam:*', Resource: '*' }, 'iam:PassRole', '*', false],
  ['one of several', { NotAction: ['iam:*', 'sts:*'], Resource: '*' }, 'sts:AssumeRole', '*', false],
  ['not case-sensitive', { NotAction: 'IAM:passrole', Resource: '*' }, 'iam:PassRole', '*', false],
  ['with a resource', { NotAction: 's3:DeleteBucket', Resource: 'arn:aws:s3:::*' }, 's3:GetObject', object, true],
  [
    'with a resource that does not match',
    { NotAction: 's3:DeleteBucket', Resource: 'arn:aws:s3:::*' },
    'iam:PassRole',
    'arn:aws:iam::111122223333:role/x',
    false,
  ],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
table('Resource', [
  ['exact', on('s3:GetObject', object), 's3:GetObject', object, true],
  ['case-sensitive', on('s3:GetObject', 'arn:aws:s3:::Bucket/a/b'), 's3:GetObject', object, false],
  ['* crosses slashes', on('s3:GetObject', 'arn:aws:s3:::bucket/*'), 's3:GetObject', object, true],
  [
    '* in the middle',
    on('s3:GetObject', 'arn:aws:s3:::bucket/*/test/*'),
    's3:GetObject',
    'arn:aws:s3:::bucket/1/2/test/3/object.jpg',
    true,
  ],
  ['several *', on('s3:GetObject', 'arn:aws:s3:::bucket/*/test/*'), 's3:GetObject', 'arn:aws:s3:::bucket/1-test/2/object.jpg', false],
  ['? is one character', on('s3:GetObject', 'arn:aws:s3:::bucket/?/b'), 's3:GetObject', object, true],
  ['? is not none', on('s3:GetObject', 'arn:aws:s3:::bucket/a/b?'), 's3:GetObject', object, false],
  ['a longer bucket name is another bucket', on('s3:GetObject', 'arn:aws:s3:::bucket/*'), 's3:GetObject', 'arn:aws:s3:::bucket2/a', false],
  ['a * that ends the ARN crosses colons', on('s3:GetObject', 'arn:aws:s3:*'), 's3:GetObject', object, true],
  [
    'a * that ends a segment crosses colons',
    on('ec2:RunInstances', 'arn:aws:ec2:*:instance/i-1'),
    'ec2:RunInstances',
    'arn:aws:ec2:us-east-1:111122223333:instance/i-1',
    true,
  ],
  [
    'a * within a segment does not',
    on('ec2:RunInstances', 'arn:aws:ec2:us*3333:instance/i-1'),
    'ec2:RunInstances',
    'arn:aws:ec2:us-east-1:111122223333:instance/i-1',
    false,
  ],
  [
    'the resource part may hold colons',
    on('logs:PutLogEvents', 'arn:aws:logs:us-east-1:111122223333:log-group:a*z'),
    'logs:PutLogEvents',
    'arn:aws:logs:us-east-1:111122223333:log-group:a:b:z',
    true,
  ],
  [
    'an empty segment is no wildcard',
    on('ec2:RunInstances', 'arn:aws:ec2:us-east-1::instance/i-1'),
    'ec2:RunInstances',
    'arn:aws:ec2:us-east-1:111122223333:instance/i-1',
    false,
  ],
  [
    'any region and account',
    on('ec2:RunInstances', 'arn:aws:ec2:*:*:instance/*'),
    'ec2:RunInstances',
    'arn:aws:ec2:us-east-1:111122223333:instance/i-1',
    true,
  ],
  ['an action without a resource needs *', on('ec2:DescribeInstances', 'arn:aws:ec2:*:*:instance/*'), 'ec2:DescribeInstances', '*', false],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notresource.html
table('NotResource', [
  ['everything else', { Action: 's3:*', NotResource: 'arn:aws:s3:::secret/*' }, 's3:GetObject', object, true],
  ['what it names', { Action: 's3:*', NotResource: 'arn:aws:s3:::secret/*' }, 's3:GetObject', 'arn:aws:s3:::secret/x', false],
  [
    'one of several',
    { Action: 's3:*', NotResource: ['arn:aws:s3:::secret', 'arn:aws:s3:::secret/*'] },
    's3:ListBucket',
    'arn:aws:s3:::secret',
    false,
  ],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
const untagged: Principal = { kind: 'user', arn: 'arn:aws:iam::111122223333:user/bob' };
const home = on('s3:GetObject', 'arn:aws:s3:::bucket/${aws:username}/*');
const variables: readonly (readonly [why: string, actual: () => boolean, expected: boolean])[] = [
  ['in a resource', () => covers(home, 's3:GetObject', 'arn:aws:s3:::bucket/alice/x', user), true],
  ['of somebody else', () => covers(home, 's3:GetObject', 'arn:aws:s3:::bucket/bob/x', user), false],
  [
    'names are not case-sensitive',
    () => covers(on('s3:GetObject', 'arn:aws:s3:::bucket/${AWS:UserName}/*'), 's3:GetObject', 'arn:aws:s3:::bucket/alice/x'),
    true,
  ],
  [
    'of a session: a role has no aws:username, so nothing matches',
    () => covers(home, 's3:GetObject', 'arn:aws:s3:::bucket/alice/x', session),
    false,
  ],
  [
    'a principal tag',
    () =>
      covers(on('s3:GetObject', 'arn:aws:s3:::bucket/${aws:PrincipalTag/team}/*'), 's3:GetObject', 'arn:aws:s3:::bucket/blue/x', session),
    true,
  ],
  [
    'in a condition',
    () => holds({ StringEquals: { 'aws:ResourceTag/team': '${aws:PrincipalTag/team}' } }, { 'aws:ResourceTag/team': 'blue' }),
    true,
  ],
  [
    'in a condition, another value',
    () => holds({ StringEquals: { 'aws:ResourceTag/team': '${aws:PrincipalTag/team}' } }, { 'aws:ResourceTag/team': 'red' }),
    false,
  ],
  [
    'a default value',
    () =>
      holds(
        { StringEquals: { 'aws:ResourceTag/team': "${aws:PrincipalTag/team, 'company-wide'}" } },
        { 'aws:ResourceTag/team': 'company-wide' },
        untagged,
      ),
    true,
  ],
  [
    'a default value yields to the real one',
    () =>
      holds({ StringEquals: { 'aws:ResourceTag/team': "${aws:PrincipalTag/team, 'company-wide'}" } }, { 'aws:ResourceTag/team': 'blue' }),
    true,
  ],
  [
    'unresolved: does not match',
    () => holds({ StringEquals: { 'aws:ResourceTag/team': '${aws:PrincipalTag/team}' } }, { 'aws:ResourceTag/team': '' }, untagged),
    false,
  ],
  [
    'unresolved under a negated operator: it resembles nothing, so the condition holds',
    () => holds({ StringNotEquals: { 'aws:ResourceTag/team': '${aws:PrincipalTag/team}' } }, { 'aws:ResourceTag/team': 'red' }, untagged),
    true,
  ],
  [
    'unresolved under a negated operator: a Deny applies',
    () =>
      decide({
        principal: untagged,
        context: { 'aws:ResourceTag/team': 'red' },
        identityPolicies: [
          policy({
            Effect: 'Deny',
            Action: '*',
            Resource: '*',
            Condition: { StringNotEquals: { 'aws:ResourceTag/team': '${aws:PrincipalTag/team}' } },
          }),
        ],
      }) === 'ExplicitDeny',
    true,
  ],
  [
    'unresolved in a set: a Deny applies',
    () =>
      decide({
        principal: untagged,
        context: { 'aws:TagKeys': ['red'] },
        identityPolicies: [
          policy({
            Effect: 'Deny',
            Action: '*',
            Resource: '*',
            Condition: { 'ForAllValues:StringNotEquals': { 'aws:TagKeys': '${aws:PrincipalTag/team}' } },
          }),
        ],
      }) === 'ExplicitDeny',
    true,
  ],
  ['a literal asterisk', () => holds({ StringLike: { 's3:prefix': 'a${*}*' } }, { 's3:prefix': 'a*b' }), true],
  ['a literal asterisk is no wildcard', () => holds({ StringLike: { 's3:prefix': 'a${*}' } }, { 's3:prefix': 'ab' }), false],
  ['a literal question mark and dollar', () => holds({ StringLike: { 's3:prefix': '${?}${$}' } }, { 's3:prefix': '?$' }), true],
  [
    'a wildcard that a value brings in is none',
    () => holds({ StringLike: { 's3:prefix': '${aws:PrincipalTag/team}' } }, { 's3:prefix': 'blue' }, { ...user, tags: { team: '*' } }),
    false,
  ],
  [
    'a multivalued key is no variable',
    () => holds({ StringEquals: { 's3:prefix': '${aws:TagKeys}' } }, { 's3:prefix': 'env', 'aws:TagKeys': ['env'] }),
    false,
  ],
  [
    'not in numbers: the value is refused',
    () => {
      try {
        return holds({ NumericEquals: { 's3:max-keys': '${aws:username}' } }, {});
      } catch {
        return true;
      }
    },
    true,
  ],
  [
    'plain text in version 2008-10-17',
    () =>
      decide({
        resource: 'arn:aws:s3:::bucket/alice/x',
        identityPolicies: [policy({ Effect: 'Allow', ...home }, 'identity', '2008-10-17')],
      }) === 'Allow',
    false,
  ],
];
for (const [why, actual, expected] of variables) test(`policy variables: ${why}`, () => assert.equal(actual(), expected));
