import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConditionBlock } from '../../../src/core/policy/document.ts';
import type { RequestContext } from '../../../src/core/policy/evaluate.ts';
import { holds } from './helpers.ts';

type Row = readonly [why: string, condition: ConditionBlock, context: RequestContext, expected: boolean];

function table(name: string, rows: readonly Row[]): void {
  for (const [why, condition, context, expected] of rows) {
    test(`${name}: ${why}`, () => assert.equal(holds(condition, context), expected));
  }
}

const key = 'aws:RequestTag/env';

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_String
table('String', [
  ['StringEquals is exact', { StringEquals: { [key]: 'prod' } }, { [key]: 'prod' }, true],
  ['StringEquals is case-sensitive', { StringEquals: { [key]: 'prod' } }, { [key]: 'Prod' }, false],
  ['StringEquals takes no wildcards', { StringEquals: { [key]: 'pr*' } }, { [key]: 'prod' }, false],
  ['an asterisk is itself for StringEquals', { StringEquals: { [key]: 'pr*' } }, { [key]: 'pr*' }, true],
  ['StringNotEquals', { StringNotEquals: { [key]: 'prod' } }, { [key]: 'dev' }, true],
  ['StringNotEquals of the same', { StringNotEquals: { [key]: 'prod' } }, { [key]: 'prod' }, false],
  ['StringEqualsIgnoreCase', { StringEqualsIgnoreCase: { [key]: 'PROD' } }, { [key]: 'prod' }, true],
  ['StringNotEqualsIgnoreCase', { StringNotEqualsIgnoreCase: { [key]: 'PROD' } }, { [key]: 'prod' }, false],
  ['StringLike with *', { StringLike: { [key]: 'pr*' } }, { [key]: 'prod' }, true],
  ['* matches nothing as well', { StringLike: { [key]: 'prod*' } }, { [key]: 'prod' }, true],
  ['StringLike with ?', { StringLike: { [key]: 'pr?d' } }, { [key]: 'prod' }, true],
  ['? is exactly one', { StringLike: { [key]: 'prod?' } }, { [key]: 'prod' }, false],
  ['StringLike is case-sensitive', { StringLike: { [key]: 'PR*' } }, { [key]: 'prod' }, false],
  ['StringLike without a wildcard is no partial match', { StringLike: { [key]: 'pro' } }, { [key]: 'prod' }, false],
  ['StringLike crosses slashes and colons', { StringLike: { [key]: 'a*z' } }, { [key]: 'a/b:c/z' }, true],
  ['StringNotLike', { StringNotLike: { [key]: 'pr*' } }, { [key]: 'prod' }, false],
  ['StringNotLike of another', { StringNotLike: { [key]: 'pr*' } }, { [key]: 'dev' }, true],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Numeric
table('Numeric', [
  ['NumericEquals compares numbers, not texts', { NumericEquals: { 's3:max-keys': '10' } }, { 's3:max-keys': '10.0' }, true],
  ['NumericEquals takes a JSON number', { NumericEquals: { 's3:max-keys': 10 } }, { 's3:max-keys': '10' }, true],
  ['NumericNotEquals', { NumericNotEquals: { 's3:max-keys': '10' } }, { 's3:max-keys': '11' }, true],
  ['NumericLessThan', { NumericLessThan: { 's3:max-keys': '10' } }, { 's3:max-keys': '9' }, true],
  ['NumericLessThan of the same', { NumericLessThan: { 's3:max-keys': '10' } }, { 's3:max-keys': '10' }, false],
  ['NumericLessThanEquals', { NumericLessThanEquals: { 's3:max-keys': '10' } }, { 's3:max-keys': '10' }, true],
  ['NumericGreaterThan is no text order', { NumericGreaterThan: { 's3:max-keys': '9' } }, { 's3:max-keys': '10' }, true],
  ['NumericGreaterThanEquals', { NumericGreaterThanEquals: { 's3:max-keys': '10' } }, { 's3:max-keys': '9' }, false],
  ['a request value that is no number matches nothing', { NumericLessThan: { 's3:max-keys': '10' } }, { 's3:max-keys': 'all' }, false],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date
table('Date', [
  [
    'DateGreaterThan',
    { DateGreaterThan: { 'aws:CurrentTime': '2026-01-01T00:00:00Z' } },
    { 'aws:CurrentTime': '2026-11-02T08:00:00.000Z' },
    true,
  ],
  [
    'DateLessThan',
    { DateLessThan: { 'aws:TokenIssueTime': '2026-01-01T00:00:00Z' } },
    { 'aws:TokenIssueTime': '2026-11-02T08:00:00Z' },
    false,
  ],
  [
    'DateEquals across zones',
    { DateEquals: { 'aws:CurrentTime': '2026-01-01T01:00:00+01:00' } },
    { 'aws:CurrentTime': '2026-01-01T00:00:00Z' },
    true,
  ],
  ['epoch seconds are a date too', { DateLessThan: { 'aws:EpochTime': '1800000000' } }, { 'aws:EpochTime': '1793606400' }, true],
  [
    'epoch seconds compare with ISO 8601',
    { DateLessThanEquals: { 'aws:CurrentTime': '1793606400' } },
    { 'aws:CurrentTime': '2026-11-02T08:00:00Z' },
    true,
  ],
  ['a day alone', { DateGreaterThanEquals: { 'aws:CurrentTime': '2026-11-02' } }, { 'aws:CurrentTime': '2026-11-02T00:00:00Z' }, true],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Boolean and the sections after it
table('Bool, Binary, IpAddress', [
  ['Bool true', { Bool: { 'aws:SecureTransport': 'true' } }, { 'aws:SecureTransport': 'true' }, true],
  ['Bool takes a JSON boolean', { Bool: { 'aws:SecureTransport': true } }, { 'aws:SecureTransport': 'true' }, true],
  ['Bool false', { Bool: { 'aws:SecureTransport': 'false' } }, { 'aws:SecureTransport': 'true' }, false],
  ['Bool of a missing key is false, even for "false"', { Bool: { 'aws:MultiFactorAuthPresent': 'false' } }, {}, false],
  ['BoolIfExists of a missing key', { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } }, {}, true],
  ['BinaryEquals', { BinaryEquals: { 'x:key': 'QmluYXJ5' } }, { 'x:key': 'QmluYXJ5' }, true],
  ['IpAddress in a block', { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } }, { 'aws:SourceIp': '203.0.113.77' }, true],
  ['IpAddress outside', { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } }, { 'aws:SourceIp': '203.0.114.1' }, false],
  ['IpAddress without a prefix is /32', { IpAddress: { 'aws:SourceIp': '203.0.113.5' } }, { 'aws:SourceIp': '203.0.113.6' }, false],
  ['NotIpAddress', { NotIpAddress: { 'aws:SourceIp': ['192.0.2.0/24', '203.0.113.0/24'] } }, { 'aws:SourceIp': '203.0.113.1' }, false],
  ['IPv6 block', { IpAddress: { 'aws:SourceIp': '2001:db8:1234:5678::/64' } }, { 'aws:SourceIp': '2001:db8:1234:5678::42' }, true],
  ['IPv4 is in no IPv6 block', { IpAddress: { 'aws:SourceIp': '::/0' } }, { 'aws:SourceIp': '203.0.113.1' }, false],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
const topic = 'arn:aws:sns:us-east-1:123456789012:topic';
table('Arn', [
  ['ArnEquals', { ArnEquals: { 'aws:SourceArn': topic } }, { 'aws:SourceArn': topic }, true],
  [
    'ArnEquals takes wildcards as ArnLike does',
    { ArnEquals: { 'aws:SourceArn': 'arn:aws:sns:*:123456789012:to*' } },
    { 'aws:SourceArn': topic },
    true,
  ],
  [
    'ArnLike compares six components',
    { ArnLike: { 'aws:SourceArn': 'arn:aws:sns:*:123456789012:topic' } },
    { 'aws:SourceArn': topic },
    true,
  ],
  ['a wildcard stays in its component', { ArnLike: { 'aws:SourceArn': 'arn:aws:sns:*:topic' } }, { 'aws:SourceArn': topic }, false],
  [
    'the resource part may hold colons',
    { ArnLike: { 'aws:SourceArn': 'arn:aws:sns:us-east-1:123456789012:*' } },
    { 'aws:SourceArn': `${topic}:subscription` },
    true,
  ],
  ['ArnNotLike', { ArnNotLike: { 'aws:SourceArn': 'arn:aws:sns:*:123456789012:*' } }, { 'aws:SourceArn': topic }, false],
  ['ArnNotEquals of a missing key', { ArnNotEquals: { 'aws:SourceArn': topic } }, {}, true],
  ['ArnLike is case-sensitive', { ArnLike: { 'aws:SourceArn': 'arn:aws:sns:*:123456789012:TOPIC' } }, { 'aws:SourceArn': topic }, false],
  ['what is no ARN matches no ArnLike', { ArnLike: { 'aws:SourceArn': '*' } }, { 'aws:SourceArn': topic }, false],
]);

// "If the key that you specify in a policy condition is not present in the request context, the values do not match and the condition is false. If the policy
// condition requires that the key is not matched …, the condition is true": top of the same page; #Conditions_IfExists; #Conditions_Null
table('a missing key', [
  ['StringEquals', { StringEquals: { [key]: 'prod' } }, {}, false],
  ['StringLike *', { StringLike: { [key]: '*' } }, {}, false],
  ['StringNotEquals', { StringNotEquals: { [key]: 'prod' } }, {}, true],
  ['StringNotLike', { StringNotLike: { [key]: 'prod' } }, {}, true],
  ['NumericLessThan', { NumericLessThan: { 's3:max-keys': '10' } }, {}, false],
  ['NotIpAddress', { NotIpAddress: { 'aws:SourceIp': '203.0.113.0/24' } }, {}, true],
  ['DateNotEquals', { DateNotEquals: { 'aws:CurrentTime': '2026-01-01' } }, {}, true],
  ['StringEqualsIfExists', { StringEqualsIfExists: { [key]: 'prod' } }, {}, true],
  ['StringEqualsIfExists of another value', { StringEqualsIfExists: { [key]: 'prod' } }, { [key]: 'dev' }, false],
  ['StringNotEqualsIfExists', { StringNotEqualsIfExists: { [key]: 'prod' } }, {}, true],
  ['StringNotEqualsIfExists of the same value', { StringNotEqualsIfExists: { [key]: 'prod' } }, { [key]: 'prod' }, false],
  ['Null true: absent', { Null: { [key]: 'true' } }, {}, true],
  ['Null true: present', { Null: { [key]: 'true' } }, { [key]: 'prod' }, false],
  ['Null false: present', { Null: { [key]: 'false' } }, { [key]: 'prod' }, true],
  ['Null false: absent', { Null: { [key]: 'false' } }, {}, false],
  ['Null takes a JSON boolean', { Null: { [key]: false } }, { [key]: 'prod' }, true],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
table('several values, keys, operators', [
  ['values of one key are alternatives', { StringEquals: { [key]: ['prod', 'dev'] } }, { [key]: 'dev' }, true],
  ['none of the values', { StringEquals: { [key]: ['prod', 'dev'] } }, { [key]: 'test' }, false],
  ['a negated operator holds if none matches', { StringNotEquals: { [key]: ['prod', 'dev'] } }, { [key]: 'test' }, true],
  ['a negated operator fails if one matches', { StringNotEquals: { [key]: ['prod', 'dev'] } }, { [key]: 'dev' }, false],
  ['all keys of an operator must hold', { StringEquals: { 'x:a': '1', 'x:b': '2' } }, { 'x:a': '1', 'x:b': '3' }, false],
  ['all keys hold', { StringEquals: { 'x:a': '1', 'x:b': '2' } }, { 'x:a': '1', 'x:b': '2' }, true],
  ['all operators must hold', { StringEquals: { 'x:a': '1' }, Bool: { 'x:b': 'true' } }, { 'x:a': '1', 'x:b': 'false' }, false],
  ['key names are not case-sensitive', { StringEquals: { 'AWS:requesttag/ENV': 'prod' } }, { [key]: 'prod' }, true],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
const tagKeys = 'aws:TagKeys';
const allOf = (values: readonly string[]): ConditionBlock => ({ 'ForAllValues:StringEquals': { [tagKeys]: values } });
const anyOf = (values: readonly string[]): ConditionBlock => ({ 'ForAnyValue:StringEquals': { [tagKeys]: values } });
table('multivalued keys', [
  ['ForAllValues: a subset', allOf(['env', 'team']), { [tagKeys]: ['env'] }, true],
  ['ForAllValues: one too many', allOf(['env', 'team']), { [tagKeys]: ['env', 'owner'] }, false],
  ['ForAllValues: a missing key is true', allOf(['env']), {}, true],
  ['ForAllValues: an empty list is true', allOf(['env']), { [tagKeys]: [] }, true],
  ['ForAllValues: an empty text is no value', allOf(['env']), { [tagKeys]: '' }, true],
  ['ForAllValues with Null false: a missing key is refused', { ...allOf(['env']), Null: { [tagKeys]: 'false' } }, {}, false],
  [
    'ForAllValues:StringNotEquals: none of them',
    { 'ForAllValues:StringNotEquals': { [tagKeys]: ['env'] } },
    { [tagKeys]: ['team', 'owner'] },
    true,
  ],
  [
    'ForAllValues:StringNotEquals: one of them',
    { 'ForAllValues:StringNotEquals': { [tagKeys]: ['env'] } },
    { [tagKeys]: ['team', 'env'] },
    false,
  ],
  ['ForAllValues:StringLike', { 'ForAllValues:StringLike': { [tagKeys]: 'Created*' } }, { [tagKeys]: ['CreatedBy', 'CreatedAt'] }, true],
  ['ForAnyValue: one is enough', anyOf(['env']), { [tagKeys]: ['owner', 'env'] }, true],
  ['ForAnyValue: none', anyOf(['env']), { [tagKeys]: ['owner'] }, false],
  ['ForAnyValue: a missing key is false', anyOf(['env']), {}, false],
  [
    'ForAnyValue:StringNotEquals: one that differs',
    { 'ForAnyValue:StringNotEquals': { [tagKeys]: ['env'] } },
    { [tagKeys]: ['env', 'owner'] },
    true,
  ],
  ['ForAnyValue:StringNotEquals: a missing key is false', { 'ForAnyValue:StringNotEquals': { [tagKeys]: ['env'] } }, {}, false],
  ['ForAnyValue:…IfExists: a missing key', { 'ForAnyValue:StringEqualsIfExists': { [tagKeys]: ['env'] } }, {}, true],
  ['a single value is a set of one', allOf(['env']), { [tagKeys]: 'env' }, true],
  ['values of a set are case-sensitive', anyOf(['Env']), { [tagKeys]: ['env'] }, false],
]);
