import type { PolicyStatement } from '../../../../src/core/policy/document.ts';
import type { Principal } from '../../../../src/core/policy/principal.ts';
import { denying, iam, page, under, userNamed, type Vector } from './row.ts';

const allow = (Action: string | readonly string[], Resource: string | readonly string[] = '*', extra: Partial<PolicyStatement> = {}) =>
  ({ Effect: 'Allow', Action, Resource, ...extra }) as const;
const test = 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/*/test/*';
const demo = (key: string) => under(allow('s3:GetObject', test), 's3:GetObject', `arn:aws:s3:::DOC-EXAMPLE-BUCKET/${key}`);
const notIam: PolicyStatement = {
  Sid: 'DenyAllUsersNotUsingMFA',
  Effect: 'Deny',
  NotAction: 'iam:*',
  Resource: '*',
  Condition: { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } },
};
const notPayroll: PolicyStatement = {
  Effect: 'Deny',
  Action: 's3:*',
  NotResource: ['arn:aws:s3:::HRBucket/Payroll', 'arn:aws:s3:::HRBucket/Payroll/*'],
};
const onlyThisBucket: readonly PolicyStatement[] = [
  { Effect: 'Allow', Action: 's3:*', Resource: ['arn:aws:s3:::bucket-name', 'arn:aws:s3:::bucket-name/*'] },
  { Effect: 'Deny', NotAction: 's3:*', NotResource: ['arn:aws:s3:::bucket-name', 'arn:aws:s3:::bucket-name/*'] },
];
const regions: PolicyStatement = {
  Sid: 'DenyAllOutsideRequestedRegions',
  Effect: 'Deny',
  NotAction: ['cloudfront:*', 'iam:*', 'route53:*', 'support:*'],
  Resource: '*',
  Condition: { StringNotEquals: { 'aws:RequestedRegion': ['eu-central-1', 'eu-west-1', 'eu-west-2', 'eu-west-3'] } },
};

const david = userNamed('David');
const ownFolder: readonly PolicyStatement[] = [
  {
    Effect: 'Allow',
    Action: ['s3:ListBucket'],
    Resource: ['arn:aws:s3:::mybucket'],
    Condition: { StringLike: { 's3:prefix': ['${aws:username}/*'] } },
  },
  { Effect: 'Allow', Action: ['s3:GetObject', 's3:PutObject'], Resource: ['arn:aws:s3:::mybucket/${aws:username}/*'] },
];
const folder = (action: string, resource: string, context: Readonly<Record<string, string>> = {}, principal: Principal = david) =>
  under(ownFolder, action, resource, context, principal);
const queue = allow('sqs:*', 'arn:aws:sqs:us-east-2:*:${aws:username}-queue');
const team = allow('s3:GetObject', "arn:aws:s3:::DOC-EXAMPLE-BUCKET-${aws:PrincipalTag/team, 'company-wide'}/*");
const teamObject = (bucket: string, tags: Readonly<Record<string, string>>) =>
  under(team, 's3:GetObject', `arn:aws:s3:::DOC-EXAMPLE-BUCKET-${bucket}/x`, {}, userNamed('x', tags));
const existingTag: PolicyStatement = {
  Effect: 'Deny',
  Action: 's3:GetObject',
  Resource: 'arn:aws:s3:::example-bucket/*',
  Condition: { StringNotEquals: { 's3:ExistingObjectTag/Team': '${aws:PrincipalTag/Team}' } },
};
const tagged = (tag: string, tags: Readonly<Record<string, string>>) =>
  denying(existingTag, 's3:GetObject', 'arn:aws:s3:::example-bucket/x', { 's3:ExistingObjectTag/Team': tag }, userNamed('x', tags));
const roleSession: Principal = { kind: 'role', roleArn: 'arn:aws:iam::123456789012:role/r', sessionName: 'David' };
const resourceTag = (values: string | readonly string[], context: Readonly<Record<string, string>>, principal = david) =>
  under(allow('*', '*', { Condition: { StringLike: { 'iam:ResourceTag/costCenter': values } } }), 'iam:GetUser', '*', context, principal);
const special = (pattern: string, key: string) =>
  under(allow('s3:GetObject', `arn:aws:s3:::b/${pattern}`), 's3:GetObject', `arn:aws:s3:::b/${key}`);

export const elements: readonly Vector[] = [
  ...page(iam('reference_policies_elements_action.html'), [
    ['prefix and name are not case-sensitive', 'Allow', under(allow('IAM:listaccesskeys'), 'iam:ListAccessKeys', '*')],
    ['all actions of a service', 'Allow', under(allow('s3:*'), 's3:PutBucketPolicy', 'arn:aws:s3:::b')],
    ['a wildcard inside the name: create', 'Allow', under(allow('iam:*AccessKey*'), 'iam:CreateAccessKey', '*')],
    ['a wildcard inside the name: list', 'Allow', under(allow('iam:*AccessKey*'), 'iam:ListAccessKeys', '*')],
    ['and nothing without the word', 'ImplicitDeny', under(allow('iam:*AccessKey*'), 'iam:CreateUser', '*')],
    ['one of several', 'Allow', under(allow(['sqs:SendMessage', 'sqs:ReceiveMessage', 'ec2:StartInstances']), 'ec2:StartInstances', '*')],
  ]),
  ...page(iam('reference_policies_elements_notaction.html'), [
    [
      'every S3 action on S3 resources but one',
      'Allow',
      under({ Effect: 'Allow', NotAction: 's3:DeleteBucket', Resource: 'arn:aws:s3:::*' }, 's3:PutObject', 'arn:aws:s3:::b/x'),
    ],
    [
      'that one',
      'ImplicitDeny',
      under({ Effect: 'Allow', NotAction: 's3:DeleteBucket', Resource: 'arn:aws:s3:::*' }, 's3:DeleteBucket', 'arn:aws:s3:::b'),
    ],
    [
      'what needs the resource * is not allowed by it',
      'ImplicitDeny',
      under({ Effect: 'Allow', NotAction: 's3:DeleteBucket', Resource: 'arn:aws:s3:::*' }, 's3:ListAllMyBuckets', '*'),
    ],
    [
      'nor other services',
      'ImplicitDeny',
      under(
        { Effect: 'Allow', NotAction: 's3:DeleteBucket', Resource: 'arn:aws:s3:::*' },
        'ec2:StopInstances',
        'arn:aws:ec2:us-east-1:123456789012:instance/i-1',
      ),
    ],
    ['everything but IAM', 'Allow', under({ Effect: 'Allow', NotAction: 'iam:*', Resource: '*' }, 'ec2:RunInstances', '*')],
    ['not IAM', 'ImplicitDeny', under({ Effect: 'Allow', NotAction: 'iam:*', Resource: '*' }, 'iam:CreateUser', '*')],
    [
      'with Deny: without MFA everything but IAM is denied',
      'ExplicitDeny',
      denying(notIam, 's3:GetObject', '*', { 'aws:MultiFactorAuthPresent': 'false' }),
    ],
    ['IAM is not', 'Allow', denying(notIam, 'iam:ListUsers', '*', { 'aws:MultiFactorAuthPresent': 'false' })],
    ['with MFA nothing is denied', 'Allow', denying(notIam, 's3:GetObject', '*', { 'aws:MultiFactorAuthPresent': 'true' })],
    [
      'and the statement itself allows nothing',
      'ImplicitDeny',
      under(notIam, 's3:GetObject', '*', { 'aws:MultiFactorAuthPresent': 'true' }),
    ],
  ]),
  ...page(iam('reference_policies_elements_resource.html#reference_policies_elements_resource_wildcards'), [
    ['1/test/object.jpg', 'Allow', demo('1/test/object.jpg')],
    ['1/2/test/object.jpg', 'Allow', demo('1/2/test/object.jpg')],
    ['1/2/test/3/object.jpg', 'Allow', demo('1/2/test/3/object.jpg')],
    ['1/2/3/test/4/object.jpg', 'Allow', demo('1/2/3/test/4/object.jpg')],
    ['1///test///object.jpg', 'Allow', demo('1///test///object.jpg')],
    ['1/test/.jpg', 'Allow', demo('1/test/.jpg')],
    ['a key that begins with a slash', 'Allow', demo('/test/object.jpg')],
    ['a key that ends in one', 'Allow', demo('1/test/')],
    ['not 1-test/object.jpg', 'ImplicitDeny', demo('1-test/object.jpg')],
    ['not test/object.jpg', 'ImplicitDeny', demo('test/object.jpg')],
    ['not 1/2/test.jpg', 'ImplicitDeny', demo('1/2/test.jpg')],
    [
      'users below a path',
      'Allow',
      under(allow('iam:*', 'arn:aws:iam::123456789012:user/accounting/*'), 'iam:GetUser', 'arn:aws:iam::123456789012:user/accounting/x'),
    ],
    [
      'not those outside',
      'ImplicitDeny',
      under(allow('iam:*', 'arn:aws:iam::123456789012:user/accounting/*'), 'iam:GetUser', 'arn:aws:iam::123456789012:user/x'),
    ],
    [
      'all objects of a bucket',
      'Allow',
      under(allow('s3:*', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/*'), 's3:GetObject', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/a'),
    ],
    [
      'not the bucket itself',
      'ImplicitDeny',
      under(allow('s3:*', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/*'), 's3:ListBucket', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET'),
    ],
    [
      '? is one character',
      'Allow',
      under(allow('s3:*', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/?.txt'), 's3:GetObject', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/1.txt'),
    ],
    [
      'a * at the end of a segment may run over the colon',
      'Allow',
      under(allow('*', 'arn:aws:ec2:*'), 'ec2:StopInstances', 'arn:aws:ec2:us-east-1:123456789012:instance/i-1'),
    ],
    [
      'a variable in the resource part',
      'Allow',
      under(
        allow('dynamodb:*', 'arn:aws:dynamodb:us-east-2:123456789012:table/${aws:username}'),
        'dynamodb:GetItem',
        'arn:aws:dynamodb:us-east-2:123456789012:table/David',
        {},
        david,
      ),
    ],
    [
      'of two tables the second',
      'Allow',
      under(
        allow('dynamodb:*', [
          'arn:aws:dynamodb:us-east-2:123456789012:table/books_table',
          'arn:aws:dynamodb:us-east-2:123456789012:table/magazines_table',
        ]),
        'dynamodb:GetItem',
        'arn:aws:dynamodb:us-east-2:123456789012:table/magazines_table',
      ),
    ],
  ]),
  ...page(iam('reference_policies_elements_notresource.html'), [
    ['everything of S3 but one folder is denied', 'ExplicitDeny', denying(notPayroll, 's3:GetObject', 'arn:aws:s3:::HRBucket/Other/x')],
    ['the folder is not', 'Allow', denying(notPayroll, 's3:GetObject', 'arn:aws:s3:::HRBucket/Payroll/x')],
    ['nor the object of its name', 'Allow', denying(notPayroll, 's3:GetObject', 'arn:aws:s3:::HRBucket/Payroll')],
    ['a folder of a longer name is', 'ExplicitDeny', denying(notPayroll, 's3:GetObject', 'arn:aws:s3:::HRBucket/Payroll2/x')],
    ['other services are not', 'Allow', denying(notPayroll, 'ec2:StopInstances', '*')],
    ['and nothing is allowed by it', 'ImplicitDeny', under(notPayroll, 's3:GetObject', 'arn:aws:s3:::HRBucket/Payroll/x')],
  ]),
  ...page(iam('reference_policies_examples_s3_deny-except-bucket.html'), [
    ['the bucket may be used', 'Allow', under(onlyThisBucket, 's3:PutObject', 'arn:aws:s3:::bucket-name/x')],
    ['other services are denied even where another policy allows', 'ExplicitDeny', denying(onlyThisBucket, 'ec2:StopInstances', '*')],
    ['other buckets are not allowed by it', 'ImplicitDeny', under(onlyThisBucket, 's3:GetObject', 'arn:aws:s3:::else/x')],
  ]),
  ...page(iam('reference_policies_examples_aws_deny-requested-region.html'), [
    ['another region is denied', 'ExplicitDeny', denying(regions, 'ec2:RunInstances', '*', { 'aws:RequestedRegion': 'us-east-1' })],
    ['a listed one is not', 'Allow', denying(regions, 'ec2:RunInstances', '*', { 'aws:RequestedRegion': 'eu-west-2' })],
    ['global services are exempt', 'Allow', denying(regions, 'iam:CreateUser', '*', { 'aws:RequestedRegion': 'us-east-1' })],
  ]),
  ...page(iam('reference_policies_variables.html'), [
    ['own objects', 'Allow', folder('s3:GetObject', 'arn:aws:s3:::mybucket/David/x')],
    ["not another's", 'ImplicitDeny', folder('s3:GetObject', 'arn:aws:s3:::mybucket/Adele/x')],
    ['own listing', 'Allow', folder('s3:ListBucket', 'arn:aws:s3:::mybucket', { 's3:prefix': 'David/2020' })],
    ["not another's listing", 'ImplicitDeny', folder('s3:ListBucket', 'arn:aws:s3:::mybucket', { 's3:prefix': 'Adele/2020' })],
    [
      'a role session has no user name: nothing matches',
      'ImplicitDeny',
      folder('s3:GetObject', 'arn:aws:s3:::mybucket/David/x', {}, roleSession),
    ],
    ['own queue, in any account', 'Allow', under(queue, 'sqs:SendMessage', 'arn:aws:sqs:us-east-2:123456789012:David-queue', {}, david)],
    ['not another queue', 'ImplicitDeny', under(queue, 'sqs:SendMessage', 'arn:aws:sqs:us-east-2:123456789012:x-David-queue', {}, david)],
    [
      'in another region neither',
      'ImplicitDeny',
      under(queue, 'sqs:SendMessage', 'arn:aws:sqs:us-east-1:123456789012:David-queue', {}, david),
    ],
    [
      'key names of variables are not case-sensitive',
      'Allow',
      under(allow('*', 'arn:aws:s3:::b/${AWS:USERNAME}'), 's3:GetObject', 'arn:aws:s3:::b/David', {}, david),
    ],
    ['a principal tag as part of the bucket', 'Allow', teamObject('yellow', { team: 'yellow' })],
    ["not another team's bucket", 'ImplicitDeny', teamObject('blue', { team: 'yellow' })],
    ['without the tag the default value stands', 'Allow', teamObject('company-wide', {})],
    ['which is not for those with the tag', 'ImplicitDeny', teamObject('company-wide', { team: 'yellow' })],
    ['no value: equals nothing, so a negated operator holds and its Deny applies', 'ExplicitDeny', tagged('yellow', {})],
    ['the same tag on both sides is not denied', 'Allow', tagged('yellow', { Team: 'yellow' })],
    ['another tag is', 'ExplicitDeny', tagged('yellow', { Team: 'blue' })],
    [
      'no value in Resource matches no resource',
      'ImplicitDeny',
      under(allow('*', 'arn:aws:s3:::b/${aws:PrincipalTag/department}'), 's3:GetObject', 'arn:aws:s3:::b/', {}, david),
    ],
    ['a tag of one of two values', 'Allow', resourceTag(['12345', '67890'], { 'iam:ResourceTag/costCenter': '67890' })],
    ['of another value', 'ImplicitDeny', resourceTag(['12345', '67890'], { 'iam:ResourceTag/costCenter': '1' })],
    ['no tag', 'ImplicitDeny', resourceTag(['12345', '67890'], {})],
    ['${*} is an asterisk', 'Allow', special('a${*}b', 'a*b')],
    ['and no wildcard', 'ImplicitDeny', special('a${*}b', 'axxb')],
    ['${?} is a question mark', 'Allow', special('a${?}b', 'a?b')],
    ['and stands for no other character', 'ImplicitDeny', special('a${?}b', 'axb')],
    ['${$} is a dollar sign', 'Allow', special('a${$}b', 'a$b')],
    [
      'a key with several values is no variable',
      'ImplicitDeny',
      under(allow('*', 'arn:aws:s3:::b/${aws:TagKeys}'), 's3:GetObject', 'arn:aws:s3:::b/env', { 'aws:TagKeys': ['env'] }),
    ],
  ]),
];
