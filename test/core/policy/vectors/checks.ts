import { iam, page, parsing, type Vector } from './row.ts';

const good = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' } as const;
const principal = { AWS: '123456789012' } as const;
const condition = (Condition: object) => parsing({ ...good, Condition });
const resource = (Resource: string, version?: string) => parsing({ ...good, Resource }, 'identity', version);
const trust = { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: principal } as const;

/** What AWS's own checks call an error is refused here with the reason. */
export const checks: readonly Vector[] = page(iam('access-analyzer-reference-policy-checks.html'), [
  ['invalid condition operator', 'Condition operator "StringIs" is unknown', condition({ StringIs: { 'x:y': 'a' } })],
  ['Null with IfExists', 'Condition operator Null takes no IfExists', condition({ NullIfExists: { 'x:y': 'true' } })],
  [
    'duplicate keys that differ in case',
    'Condition.StringEquals: key "AWS:username" stands there twice: key names are not case-sensitive',
    condition({ StringEquals: { 'aws:username': 'a', 'AWS:username': 'b' } }),
  ],
  ['condition key format', 'Condition.StringEquals: key "username" is not service:name', condition({ StringEquals: { username: 'a' } })],
  [
    'missing qualifier of a key with several values',
    'Condition.StringEquals: key "aws:TagKeys" has several values: it needs ForAllValues or ForAnyValue',
    condition({ StringEquals: { 'aws:TagKeys': 'a' } }),
  ],
  ['Null needs none', 'taken', condition({ Null: { 'aws:TagKeys': 'false' } })],
  [
    'missing tag key',
    'Condition.StringEquals: key "aws:ResourceTag" needs a key behind a slash or colon',
    condition({ StringEquals: { 'aws:ResourceTag': 'a' } }),
  ],
  ['values of several JSON types', 'Condition.StringEquals.x:y: values of several types', condition({ StringEquals: { 'x:y': ['a', 1] } })],
  ['several Booleans', 'Condition.Bool.x:y: true and false do not go together', condition({ Bool: { 'x:y': ['true', 'false'] } })],
  ['no Boolean', 'Condition.Bool.x:y: "maybe" is neither true nor false', condition({ Bool: { 'x:y': 'maybe' } })],
  ['no number', 'Condition.NumericEquals.x:y: "ten" is no number', condition({ NumericEquals: { 'x:y': 'ten' } })],
  ['no date', 'Condition.DateLessThan.x:y: "05/07/2014" is no date', condition({ DateLessThan: { 'x:y': '05/07/2014' } })],
  [
    'no IP range',
    'Condition.IpAddress.x:y: "203.0.113.0/33" is no IP address or CIDR block',
    condition({ IpAddress: { 'x:y': '203.0.113.0/33' } }),
  ],
  ['no base64', 'Condition.BinaryEquals.x:y: "QmluYXJ5=" is no base64', condition({ BinaryEquals: { 'x:y': 'QmluYXJ5=' } })],
  [
    'a variable for an operator other than String and ARN',
    'Condition.NumericEquals.x:y: "${aws:username}" is no number',
    condition({ NumericEquals: { 'x:y': '${aws:username}' } }),
  ],
  [
    'missing brace',
    'Resource "arn:aws:s3:::b/${aws:username" has a policy variable without its closing brace',
    resource('arn:aws:s3:::b/${aws:username'),
  ],
  [
    'missing quote of a default value',
    'Resource "arn:aws:s3:::b/${aws:username, alice}" has a policy variable whose default value is not in single quotes',
    resource('arn:aws:s3:::b/${aws:username, alice}'),
  ],
  [
    'space in a variable',
    'Resource "arn:aws:s3:::b/${aws: username}" has a policy variable with a space in its name',
    resource('arn:aws:s3:::b/${aws: username}'),
  ],
  ['empty variable', 'Resource "arn:aws:s3:::b/${}" has an empty policy variable', resource('arn:aws:s3:::b/${}')],
  ['before version 2012-10-17 variables are plain text', 'taken', resource('arn:aws:s3:::b/${}', '2008-10-17')],
  ['a variable in Action', 'Action "s3:${aws:username}" is not service:Action', parsing({ ...good, Action: 's3:${aws:username}' })],
  [
    'a wildcard in part of a principal',
    'Principal.AWS "arn:aws:iam::123456789012:user/a*" is neither an account nor a principal\'s ARN (no part of it may be a wildcard)',
    parsing({ ...good, Principal: { AWS: 'arn:aws:iam::123456789012:user/a*' } }, 'resource'),
  ],
  ['invalid principal key', 'Principal.Amazon is no kind of principal', parsing({ ...good, Principal: { Amazon: 'x' } }, 'resource')],
  ['missing principal', 'needs Principal', parsing(good, 'resource')],
  ['an identity policy with one', 'an identity-based policy has no Principal', parsing({ ...good, Principal: principal })],
  ['both Action and NotAction', 'has both Action and NotAction', parsing({ ...good, NotAction: 's3:*' })],
  ['both Resource and NotResource', 'has both Resource and NotResource', parsing({ ...good, NotResource: '*' })],
  [
    'both Principal and NotPrincipal',
    'has both Principal and NotPrincipal',
    parsing({ ...good, Effect: 'Deny', Principal: principal, NotPrincipal: principal }, 'resource'),
  ],
  ['missing action', 'needs Action or NotAction', parsing({ Effect: 'Allow', Resource: '*' })],
  ['missing resource', 'needs Resource or NotResource', parsing({ Effect: 'Allow', Action: '*' })],
  ['invalid effect', 'Effect must be Allow or Deny, not "Permit"', parsing({ ...good, Effect: 'Permit' })],
  ['invalid element', 'unknown element "Ressource"', parsing({ ...good, Ressource: '*' })],
  ['invalid version', 'policy: Version must be 2012-10-17 or 2008-10-17'.replace('policy: ', ''), parsing(good, 'identity', '2020-01-01')],
  ['invalid ARN prefix', 'Resource "aws:s3:::b" is neither an ARN nor "*"', resource('aws:s3:::b')],
  ['unsupported characters in a Sid', 'statement 1 (a b): Sid may hold letters and digits only', parsing({ ...good, Sid: 'a b' })],
  [
    'Sids must differ in IAM',
    'Sid "A" is used twice',
    parsing([
      { ...good, Sid: 'A' },
      { ...good, Sid: 'A' },
    ]),
  ],
  [
    'a trust policy has no NotPrincipal',
    'a trust policy has no NotPrincipal',
    parsing({ Effect: 'Deny', Action: 'sts:AssumeRole', NotPrincipal: principal }, 'trust'),
  ],
  ['a trust policy has no Resource', 'a trust policy has no Resource', parsing({ ...trust, Resource: '*' }, 'trust')],
  ['a trust policy as it should be', 'taken', parsing(trust, 'trust')],
]).concat(
  page(iam('reference_policies_variables.html#policy-vars-resourceelement'), [
    [
      'a variable before the fifth colon',
      'Resource "arn:aws:s3:${aws:RequestedRegion}::b/x" has a policy variable before its fifth colon',
      resource('arn:aws:s3:${aws:RequestedRegion}::b/x'),
    ],
    ['one behind it', 'taken', resource('arn:aws:sqs:us-east-2::${aws:PrincipalTag/team}-queue')],
  ]),
  page(iam('reference_policies_elements_notprincipal.html#specifying-notprincipal-allow'), [
    [
      'NotPrincipal with Allow',
      'NotPrincipal with Allow would allow everyone else',
      parsing({ ...good, NotPrincipal: principal }, 'resource'),
    ],
  ]),
);
