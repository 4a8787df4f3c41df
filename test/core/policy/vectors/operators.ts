import type { PolicyStatement } from '../../../../src/core/policy/document.ts';
import type { RequestContext } from '../../../../src/core/policy/evaluate.ts';
import type { Principal } from '../../../../src/core/policy/principal.ts';
import { denying, iam, page, under, userNamed, type Vector, when } from './row.ts';

const operatorsPage = (anchor: string) => iam(`reference_policies_elements_condition_operators.html#${anchor}`);
const admin = { StringEquals: { 'aws:PrincipalTag/job-category': 'iamuser-admin' } };
const home: readonly PolicyStatement[] = [
  {
    Effect: 'Allow',
    Action: 's3:ListBucket',
    Resource: 'arn:aws:s3:::BUCKET-NAME',
    Condition: { StringLike: { 's3:prefix': ['', 'home/', 'home/${aws:username}/'] } },
  },
  {
    Effect: 'Allow',
    Action: 's3:*',
    Resource: ['arn:aws:s3:::BUCKET-NAME/home/${aws:username}', 'arn:aws:s3:::BUCKET-NAME/home/${aws:username}/*'],
  },
];
const listing = (prefix: string) => under(home, 's3:ListBucket', 'arn:aws:s3:::BUCKET-NAME', { 's3:prefix': prefix }, userNamed('alice'));
const upTo10 = { NumericLessThanEquals: { 's3:max-keys': '10' } };
const issued = { DateGreaterThan: { 'aws:TokenIssueTime': '2020-01-01T00:00:01Z' } };
const session = (issuedAt: string): Principal => ({
  kind: 'role',
  roleArn: 'arn:aws:iam::123456789012:role/r',
  sessionName: 's',
  issuedAt: Date.parse(issuedAt),
});
const insecure: PolicyStatement = {
  Effect: 'Deny',
  Action: 's3:*',
  Resource: ['arn:aws:s3:::DOC-EXAMPLE-BUCKET', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/*'],
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
};
const overTls = (secure: string) =>
  denying(insecure, 's3:GetObject', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/x', { 'aws:SecureTransport': secure });
const office = { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } };
const both = { IpAddress: { 'aws:SourceIp': ['203.0.113.0/24', '2001:DB8:1234:5678::/64'] } };
const finance = 'arn:aws:someservice:*:111122223333:finance/*';
const odd = 'arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt';
const topic = { ArnEquals: { 'aws:SourceArn': 'arn:aws:sns:us-east-1:123456789012:TOPIC-ID' } };
const types = ['t1.*', 't2.*', 'm3.*'];
const launch = (operator: string, context: RequestContext) =>
  under(
    { Effect: 'Allow', Action: 'ec2:RunInstances', Resource: '*', Condition: { [operator]: { 'ec2:InstanceType': types } } },
    'ec2:RunInstances',
    'arn:aws:ec2:us-east-1:123456789012:instance/*',
    context,
  );
const longTerm = { Null: { 'aws:TokenIssueTime': 'true' } };
const departments = {
  StringEqualsIgnoreCase: { 'aws:PrincipalTag/department': ['finance', 'hr', 'legal'], 'aws:PrincipalTag/role': ['audit', 'security'] },
  StringEquals: { 'aws:PrincipalAccount': '123456789012' },
};
const person = (department: string, role: string, account?: string) => when(departments, {}, userNamed('x', { department, role }, account));

const thread = 'arn:aws:dynamodb:us-east-1:123456789012:table/Thread';
const getItem = (values: readonly string[], attributes: readonly string[], set = 'ForAllValues') =>
  under(
    {
      Effect: 'Allow',
      Action: 'dynamodb:GetItem',
      Resource: 'arn:aws:dynamodb:*:*:table/Thread',
      Condition: { [`${set}:StringEquals`]: { 'dynamodb:Attributes': values } },
    },
    'dynamodb:GetItem',
    thread,
    { 'dynamodb:Attributes': attributes },
  );
const forbidden: PolicyStatement = {
  Effect: 'Deny',
  Action: 'dynamodb:PutItem',
  Resource: 'arn:aws:dynamodb:*:*:table/Thread',
  Condition: { 'ForAnyValue:StringEquals': { 'dynamodb:Attributes': ['ID', 'PostDateTime'] } },
};
const putItem = (attributes: readonly string[]) => denying(forbidden, 'dynamodb:PutItem', thread, { 'dynamodb:Attributes': attributes });
const restricted: PolicyStatement = {
  Sid: 'DenyRestrictedTags',
  Effect: 'Deny',
  Action: ['iam:Tag*', 'iam:UnTag*'],
  Resource: '*',
  Condition: { Null: { 'aws:TagKeys': 'false' }, 'ForAllValues:StringLike': { 'aws:TagKeys': ['key1*', 'key2*', 'key3*'] } },
};
const tagging = (keys?: readonly string[]) => denying(restricted, 'iam:TagUser', '*', keys === undefined ? {} : { 'aws:TagKeys': keys });
const twice = { 'ForAllValues:StringLike': { 'aws:TagKeys': 'Created*' } };
const empty = { 'ForAllValues:StringEquals': { 'aws:TagKeys': [] } };

const dates = {
  DateGreaterThan: { 'aws:CurrentTime': '2020-04-01T00:00:00Z' },
  DateLessThan: { 'aws:CurrentTime': '2020-06-30T23:59:59Z' },
};
const at = (time: string) => when(dates, { 'aws:CurrentTime': time });
const mfa = (operator: string, value: string, present: string | undefined, effect: 'Allow' | 'Deny') => {
  const statement: PolicyStatement = {
    Effect: effect,
    Action: '*',
    Resource: '*',
    Condition: { [operator]: { 'aws:MultiFactorAuthPresent': value } },
  };
  const context: RequestContext = present === undefined ? {} : { 'aws:MultiFactorAuthPresent': present };
  return effect === 'Deny' ? denying(statement, 's3:GetObject', '*', context) : under(statement, 's3:GetObject', '*', context);
};

export const operators: readonly Vector[] = [
  ...page(operatorsPage('Conditions_String'), [
    ['the tag asked for', 'Allow', when(admin, {}, userNamed('x', { 'job-category': 'iamuser-admin' }))],
    ['another value', 'ImplicitDeny', when(admin, {}, userNamed('x', { 'job-category': 'other' }))],
    ['no such tag', 'ImplicitDeny', when(admin, {})],
    ['StringEquals is case-sensitive', 'ImplicitDeny', when(admin, {}, userNamed('x', { 'job-category': 'IAMUser-Admin' }))],
    ['StringNotEquals is negated', 'Allow', when({ StringNotEquals: { 'x:y': 'a' } }, { 'x:y': 'b' })],
    ['StringEqualsIgnoreCase ignores case', 'Allow', when({ StringEqualsIgnoreCase: { 'x:y': 'A' } }, { 'x:y': 'a' })],
    ['StringNotEqualsIgnoreCase too', 'ImplicitDeny', when({ StringNotEqualsIgnoreCase: { 'x:y': 'A' } }, { 'x:y': 'a' })],
    ['StringLike is case-sensitive', 'ImplicitDeny', when({ StringLike: { 'x:y': 'A*' } }, { 'x:y': 'abc' })],
    ['StringLike without wildcards matches the whole only', 'ImplicitDeny', when({ StringLike: { 'x:y': 'ab' } }, { 'x:y': 'abc' })],
    ['StringNotLike is negated', 'ImplicitDeny', when({ StringNotLike: { 'x:y': 'a?c' } }, { 'x:y': 'abc' })],
    ['the empty prefix of the console', 'Allow', listing('')],
    ['home/', 'Allow', listing('home/')],
    ['own home', 'Allow', listing('home/alice/')],
    ["another's home", 'ImplicitDeny', listing('home/bob/')],
    ['own object', 'Allow', under(home, 's3:PutObject', 'arn:aws:s3:::BUCKET-NAME/home/alice/x', {}, userNamed('alice'))],
    ["another's object", 'ImplicitDeny', under(home, 's3:PutObject', 'arn:aws:s3:::BUCKET-NAME/home/alice2/x', {}, userNamed('alice'))],
  ]),
  ...page(operatorsPage('Conditions_Numeric'), [
    ['exactly ten keys', 'Allow', when(upTo10, { 's3:max-keys': '10' })],
    ['eleven', 'ImplicitDeny', when(upTo10, { 's3:max-keys': '11' })],
    ['nine, though "9" is the longer text order', 'Allow', when(upTo10, { 's3:max-keys': '9' })],
    ['the key missing', 'ImplicitDeny', when(upTo10, {})],
    ['decimals are numbers', 'Allow', when({ NumericGreaterThan: { 'x:y': '1.1' } }, { 'x:y': '1.2' })],
    ['NumericNotEquals is negated', 'Allow', when({ NumericNotEquals: { 'x:y': '1' } }, { 'x:y': '2' })],
  ]),
  ...page(operatorsPage('Conditions_Date'), [
    ['credentials issued after the date', 'Allow', when(issued, {}, session('2020-06-01T00:00:00Z'))],
    ['issued before', 'ImplicitDeny', when(issued, {}, session('2019-12-31T00:00:00Z'))],
    ['long-term keys have no issue time', 'ImplicitDeny', when(issued, {})],
    ['epoch time is a date as well', 'Allow', when({ DateLessThan: { 'aws:EpochTime': '1600000000' } }, { 'aws:EpochTime': '1500000000' })],
    [
      'at or before',
      'Allow',
      when({ DateLessThanEquals: { 'aws:CurrentTime': '2020-01-01T00:00:00Z' } }, { 'aws:CurrentTime': '2020-01-01T00:00:00Z' }),
    ],
    [
      'DateNotEquals is negated',
      'ImplicitDeny',
      when({ DateNotEquals: { 'aws:CurrentTime': '2020-01-01T00:00:00Z' } }, { 'aws:CurrentTime': '2020-01-01T00:00:00Z' }),
    ],
  ]),
  ...page(operatorsPage('Conditions_Boolean'), [
    ['a request without TLS is denied', 'ExplicitDeny', overTls('false')],
    ['one with TLS is not', 'Allow', overTls('true')],
    [
      'the statement allows nothing',
      'ImplicitDeny',
      under(insecure, 's3:GetObject', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/x', { 'aws:SecureTransport': 'true' }),
    ],
  ]),
  ...page(operatorsPage('Conditions_BinaryEquals'), [
    [
      'the same bytes',
      'Allow',
      when({ BinaryEquals: { 'x:key': 'QmluYXJ5VmFsdWVJbkJhc2U2NA==' } }, { 'x:key': 'QmluYXJ5VmFsdWVJbkJhc2U2NA==' }),
    ],
    ['other bytes', 'ImplicitDeny', when({ BinaryEquals: { 'x:key': 'QmluYXJ5VmFsdWVJbkJhc2U2NA==' } }, { 'x:key': 'QmluYXJ5' })],
    ['the key missing', 'ImplicitDeny', when({ BinaryEquals: { 'x:key': 'QmluYXJ5VmFsdWVJbkJhc2U2NA==' } }, {})],
  ]),
  ...page(operatorsPage('Conditions_IPAddress'), [
    ['the first address of the block', 'Allow', when(office, { 'aws:SourceIp': '203.0.113.0' })],
    ['the last', 'Allow', when(office, { 'aws:SourceIp': '203.0.113.255' })],
    ['the next one', 'ImplicitDeny', when(office, { 'aws:SourceIp': '203.0.114.0' })],
    ['through a VPC endpoint there is no source address', 'ImplicitDeny', when(office, {})],
    ['an IPv6 address in one of two blocks', 'Allow', when(both, { 'aws:SourceIp': '2001:db8:1234:5678::1' })],
    ['an IPv4 address in the other', 'Allow', when(both, { 'aws:SourceIp': '203.0.113.9' })],
    ['in neither', 'ImplicitDeny', when(both, { 'aws:SourceIp': '2001:db8:1234:5679::1' })],
    ['no prefix means /32', 'ImplicitDeny', when({ IpAddress: { 'aws:SourceIp': '203.0.113.0' } }, { 'aws:SourceIp': '203.0.113.1' })],
    ['NotIpAddress: all others', 'Allow', when({ NotIpAddress: { 'aws:SourceIp': '203.0.113.0/24' } }, { 'aws:SourceIp': '198.51.100.1' })],
  ]),
  ...page(operatorsPage('Conditions_ARN'), [
    ['StringLike runs over colons', 'Allow', when({ StringLike: { 'aws:SourceArn': finance } }, { 'aws:SourceArn': odd })],
    ['ArnLike does not', 'ImplicitDeny', when({ ArnLike: { 'aws:SourceArn': finance } }, { 'aws:SourceArn': odd })],
    [
      'ArnEquals is the same as ArnLike',
      'Allow',
      when({ ArnEquals: { 'aws:SourceArn': finance } }, { 'aws:SourceArn': 'arn:aws:someservice:us-east-2:111122223333:finance/a' }),
    ],
    [
      'ArnNotEquals is the same as ArnNotLike',
      'ImplicitDeny',
      when({ ArnNotEquals: { 'aws:SourceArn': finance } }, { 'aws:SourceArn': 'arn:aws:someservice:us-east-2:111122223333:finance/a' }),
    ],
    [
      '? in a component',
      'Allow',
      when(
        { ArnLike: { 'aws:SourceArn': 'arn:aws:someservice:us-east-?:111122223333:finance/*' } },
        { 'aws:SourceArn': 'arn:aws:someservice:us-east-2:111122223333:finance/a' },
      ),
    ],
    ['the topic named', 'Allow', when(topic, { 'aws:SourceArn': 'arn:aws:sns:us-east-1:123456789012:TOPIC-ID' })],
    ['a direct call has no source ARN', 'ImplicitDeny', when(topic, {})],
  ]),
  ...page(operatorsPage('Conditions_IfExists'), [
    ['StringLike of an instance type fails on resources without one', 'ImplicitDeny', launch('StringLike', {})],
    ['IfExists holds there', 'Allow', launch('StringLikeIfExists', {})],
    ['on the instance the type decides', 'Allow', launch('StringLikeIfExists', { 'ec2:InstanceType': 't2.micro' })],
    ['another type', 'ImplicitDeny', launch('StringLikeIfExists', { 'ec2:InstanceType': 'm5.large' })],
    [
      'a negated Deny with IfExists applies to a missing key',
      'ExplicitDeny',
      denying(
        { Effect: 'Deny', Action: '*', Resource: '*', Condition: { StringNotEqualsIfExists: { 'aws:ResourceTag/a': 'b' } } },
        'ec2:StopInstances',
        '*',
      ),
    ],
  ]),
  ...page(operatorsPage('Conditions_Null'), [
    ['the key must be absent: long-term keys', 'Allow', when(longTerm, {})],
    ['a session has it', 'ImplicitDeny', when(longTerm, {}, session('2020-01-01T00:00:00Z'))],
    ['false: it must be there', 'Allow', when({ Null: { 'aws:TokenIssueTime': 'false' } }, {}, session('2020-01-01T00:00:00Z'))],
    ['and is not', 'ImplicitDeny', when({ Null: { 'aws:TokenIssueTime': 'false' } }, {})],
  ]),
  ...page(iam('reference_policies_elements_condition_operators.html'), [
    ['a missing key does not match', 'ImplicitDeny', when({ StringEquals: { 'x:y': 'a' } }, {})],
    ['a missing key matches StringNotLike', 'Allow', when({ StringNotLike: { 'x:y': 'a' } }, {})],
    ['a missing key matches ArnNotLike', 'Allow', when({ ArnNotLike: { 'x:y': 'arn:aws:s3:::b' } }, {})],
  ]),
  ...page(iam('reference_policies_elements_condition.html'), [
    [
      'key names are not case-sensitive',
      'Allow',
      when({ IpAddress: { 'AWS:SourceIP': '203.0.113.0/24' } }, { 'aws:SourceIp': '203.0.113.1' }),
    ],
    ['values are, with StringEquals', 'ImplicitDeny', when({ StringEquals: { 'aws:username': 'johndoe' } }, {}, userNamed('JohnDoe'))],
    ['the user named', 'Allow', when({ StringEquals: { 'aws:username': 'johndoe' } }, {}, userNamed('johndoe'))],
    [
      'and are not with StringEqualsIgnoreCase',
      'Allow',
      when({ StringEqualsIgnoreCase: { 'aws:username': 'johndoe' } }, {}, userNamed('JohnDoe')),
    ],
    [
      'a tag key matches in any case',
      'Allow',
      when({ StringEquals: { 'aws:ResourceTag/TagKey1': 'Value1' } }, { 'aws:ResourceTag/tagkey1': 'Value1' }),
    ],
    [
      'two tags that differ in case: only one value matches, and the condition fails',
      'ImplicitDeny',
      when({ StringEquals: { 'aws:ResourceTag/EC2': 'test1' } }, { 'aws:ResourceTag/ec2': 'test1', 'aws:ResourceTag/EC2': 'test2' }),
    ],
    [
      'MFA an hour ago at most',
      'Allow',
      when({ NumericLessThanEquals: { 'aws:MultiFactorAuthAge': '3600' } }, { 'aws:MultiFactorAuthAge': '3599' }),
    ],
    [
      'longer ago',
      'ImplicitDeny',
      when({ NumericLessThanEquals: { 'aws:MultiFactorAuthAge': '3600' } }, { 'aws:MultiFactorAuthAge': '3601' }),
    ],
    ['access keys have no MFA age', 'ImplicitDeny', when({ NumericLessThanEquals: { 'aws:MultiFactorAuthAge': '3600' } }, {})],
  ]),
  ...page(iam('reference_policies_condition-logic-multiple-context-keys-or-values.html'), [
    ['all operators and keys hold', 'Allow', person('Finance', 'audit')],
    ['one key does not', 'ImplicitDeny', person('finance', 'develop')],
    ['one operator does not', 'ImplicitDeny', person('finance', 'audit', '999999999999')],
    [
      'several values of a negated operator: none may match',
      'ImplicitDeny',
      when({ StringNotEquals: { 'aws:PrincipalAccount': ['111122223333', '123456789012'] } }, {}),
    ],
    ['and none does', 'Allow', when({ StringNotEquals: { 'aws:PrincipalAccount': ['111122223333', '444455556666'] } }, {})],
  ]),
  ...page(iam('reference_policies_condition-single-vs-multi-valued-context-keys.html'), [
    ['ForAllValues: a subset', 'Allow', getItem(['ID', 'Message', 'Tags'], ['Message', 'Tags', 'ID'])],
    ['one attribute too many', 'ImplicitDeny', getItem(['ID', 'Message', 'Tags'], ['Message', 'UserName'])],
    [
      'of two requested one is not in the policy',
      'ImplicitDeny',
      getItem(['PostDateTime', 'Message', 'Tags'], ['PostDateTime', 'UserName']),
    ],
    [
      'ForAnyValue: one of two suffices',
      'Allow',
      getItem(['PostDateTime', 'Message', 'Tags'], ['PostDateTime', 'UserName'], 'ForAnyValue'),
    ],
    ['ForAnyValue in a Deny: one forbidden attribute', 'ExplicitDeny', putItem(['PostDateTime', 'Message'])],
    ['none of them', 'Allow', putItem(['UserName'])],
    ['ForAllValues: no key in the request is true', 'Allow', when(twice, {})],
    ['ForAllValues: an empty value is true', 'Allow', when(twice, { 'aws:TagKeys': [''] })],
    ['ForAnyValue: no key is false', 'ImplicitDeny', when({ 'ForAnyValue:StringLike': { 'aws:TagKeys': 'Created*' } }, {})],
    [
      'ForAnyValue: an empty value is false',
      'ImplicitDeny',
      when({ 'ForAnyValue:StringLike': { 'aws:TagKeys': '*' } }, { 'aws:TagKeys': [''] }),
    ],
  ]),
  ...page(iam('reference_policies_condition_examples-multi-valued-context-keys.html'), [
    ['all keys have a restricted prefix: denied', 'ExplicitDeny', tagging(['key1', 'key2-x'])],
    ['one has not', 'Allow', tagging(['key1', 'other'])],
    ['no tag keys: Null keeps it from applying', 'Allow', tagging()],
    [
      'ForAnyValue: one restricted key is enough',
      'ExplicitDeny',
      denying(
        {
          Effect: 'Deny',
          Action: 'ec2:CreateSnapshot',
          Resource: '*',
          Condition: { 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['environment', 'webserver'] } },
        },
        'ec2:CreateSnapshot',
        '*',
        { 'aws:TagKeys': ['webserver', 'cost'] },
      ),
    ],
  ]),
  ...page(iam('access-analyzer-reference-policy-checks.html'), [
    ['ForAllValues with no values matches only a missing key', 'Allow', when(empty, {})],
    ['not one that is there', 'ImplicitDeny', when(empty, { 'aws:TagKeys': ['a'] })],
    [
      'ForAnyValue with no values never matches',
      'ImplicitDeny',
      when({ 'ForAnyValue:StringEquals': { 'aws:TagKeys': [] } }, { 'aws:TagKeys': ['a'] }),
    ],
    ['IfExists with no values matches only a missing key', 'Allow', when({ StringEqualsIfExists: { 'x:y': [] } }, {})],
    ['not one that is there (IfExists)', 'ImplicitDeny', when({ StringEqualsIfExists: { 'x:y': [] } }, { 'x:y': 'a' })],
    ['ForAllValues:Null is always true', 'Allow', when({ 'ForAllValues:Null': { 'aws:TagKeys': 'true' } }, { 'aws:TagKeys': ['a'] })],
    [
      'ForAnyValue:Null is always false',
      'ImplicitDeny',
      when({ 'ForAnyValue:Null': { 'aws:TagKeys': 'false' } }, { 'aws:TagKeys': ['a'] }),
    ],
    [
      'StringEquals takes a wildcard literally',
      'ImplicitDeny',
      when({ StringEquals: { 'aws:PrincipalTag/job-category': 'admin-*' } }, {}, userNamed('x', { 'job-category': 'admin-1' })),
    ],
    [
      'StringLike does not',
      'Allow',
      when({ StringLike: { 'aws:PrincipalTag/job-category': 'admin-*' } }, {}, userNamed('x', { 'job-category': 'admin-1' })),
    ],
  ]),
  ...page(iam('reference_policies_examples_aws-dates.html'), [
    ['within the dates', 'Allow', at('2020-05-01T00:00:00Z')],
    ['before', 'ImplicitDeny', at('2020-03-31T23:59:59Z')],
    ['after', 'ImplicitDeny', at('2020-07-01T00:00:00Z')],
  ]),
  ...page(iam('reference_policies_condition-keys.html#condition-keys-multifactorauthpresent'), [
    ['Deny, Bool, false: a session without MFA', 'ExplicitDeny', mfa('Bool', 'false', 'false', 'Deny')],
    ['long-term keys are not denied', 'Allow', mfa('Bool', 'false', undefined, 'Deny')],
    ['Deny, BoolIfExists, false: long-term keys are', 'ExplicitDeny', mfa('BoolIfExists', 'false', undefined, 'Deny')],
    ['MFA is not', 'Allow', mfa('BoolIfExists', 'false', 'true', 'Deny')],
    ['Allow, BoolIfExists, true: long-term keys', 'Allow', mfa('BoolIfExists', 'true', undefined, 'Allow')],
    ['a session without MFA', 'ImplicitDeny', mfa('BoolIfExists', 'true', 'false', 'Allow')],
    ['Allow, Bool, true: long-term keys', 'ImplicitDeny', mfa('Bool', 'true', undefined, 'Allow')],
    ['Allow, Null, false: any session', 'Allow', mfa('Null', 'false', 'false', 'Allow')],
  ]),
];
