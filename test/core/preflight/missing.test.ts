import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Refusal, type RefusedAt, remedyFor, remedyText, type Said, whatAwsSaid } from '../../../src/core/preflight/missing.ts';

const worker = 'arn:aws:iam::111122223333:role/acme-worker';
const session = 'arn:aws:sts::111122223333:assumed-role/acme-worker/r.-.worker';
const key = 'arn:aws:kms:us-east-1:111122223333:key/k1';
const folder = { bucket: 'acme-staging', key: 'elastic/acme' };
const at: RefusedAt = { region: 'us-east-1', partition: 'aws', folder, actions: ['read', 'list'], kmsKeyArn: key };

function refusal(more: Partial<Refusal>): Refusal {
  return {
    identity: 'worker',
    chain: ['arn:aws:iam::111122223333:role/acme-agent', 'arn:aws:iam::111122223333:role/acme-operator', worker],
    action: 's3:GetObject',
    resource: 'arn:aws:s3:::acme-staging/elastic/acme/x',
    code: 'AccessDenied',
    message: 'Access Denied',
    ...more,
  };
}

/* The wordings of https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html, and S3's and EC2's own. */
const wordings: readonly (readonly [string, Said])[] = [
  [
    `User: ${session} is not authorized to perform: kms:Decrypt on resource: ${key} because no identity-based policy allows the kms:Decrypt action`,
    { caller: session, action: 'kms:Decrypt', resource: key, policy: 'identity-based', explicit: false },
  ],
  [
    `User: ${session} is not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::acme-staging" because no resource-based policy allows the s3:ListBucket action`,
    { caller: session, action: 's3:ListBucket', resource: 'arn:aws:s3:::acme-staging', policy: 'resource-based', explicit: false },
  ],
  [
    `User: ${session} is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::a/b" with an explicit deny in a service control policy`,
    { caller: session, action: 's3:PutObject', resource: 'arn:aws:s3:::a/b', policy: 'service control', explicit: true },
  ],
  [
    `User: ${session} is not authorized to perform: sts:AssumeRole on resource: ${worker}`,
    { caller: session, action: 'sts:AssumeRole', resource: worker, explicit: false },
  ],
  [
    `You are not authorized to perform this operation. User: ${session} is not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:us-east-1:111122223333:instance/* because no permissions boundary allows the ec2:RunInstances action. Encoded authorization failure message: abc`,
    {
      caller: session,
      action: 'ec2:RunInstances',
      resource: 'arn:aws:ec2:us-east-1:111122223333:instance/*',
      policy: 'permissions boundary',
      explicit: false,
    },
  ],
  [
    `User: ${session} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::a/b" because no VPC endpoint policy allows the s3:GetObject action`,
    { caller: session, action: 's3:GetObject', resource: 'arn:aws:s3:::a/b', policy: 'VPC endpoint', explicit: false },
  ],
  ['Access Denied', { explicit: false }],
];

for (const [message, said] of wordings) void test(`AWS says: ${message.slice(-70)}`, () => assert.deepEqual(whatAwsSaid(message), said));

/* What a person is told, and which policies get a statement. */
const remedies: readonly (readonly [string, Refusal, RefusedAt, RegExp | undefined, readonly string[]])[] = [
  [
    'objects, own role',
    refusal({}),
    at,
    /role acme-worker \(worker\) may not s3:GetObject/,
    [`identity policy of role acme-worker (${worker})`, `identity policy of role acme-worker (${worker})`],
  ],
  ['the key', refusal({ message: wordings[0]?.[0] ?? '' }), at, /may not kms:Decrypt/, [`identity policy of role acme-worker (${worker})`]],
  [
    'the bucket policy',
    refusal({ message: wordings[1]?.[0] ?? '' }),
    at,
    /policy of the resource/,
    ['bucket policy of acme-staging', 'bucket policy of acme-staging'],
  ],
  [
    'the key policy of another account',
    refusal({
      message: (wordings[0]?.[0] ?? '')
        .replaceAll(key, key.replace('111122223333', '444455556666'))
        .replace('identity-based', 'resource-based'),
    }),
    at,
    /policy of the resource/,
    [`key policy of ${key.replace('111122223333', '444455556666')}`],
  ],
  ['a deny of the organization', refusal({ message: wordings[2]?.[0] ?? '' }), at, /Effect Deny in a service control policy/, []],
  ['a boundary', refusal({ message: wordings[4]?.[0] ?? '' }), at, /permissions boundary of role acme-worker/, []],
  ['an endpoint', refusal({ message: wordings[5]?.[0] ?? '' }), at, /VPC endpoint/, []],
  [
    'another region, by its header',
    refusal({ code: 'PermanentRedirect', message: 'x', bucketRegion: 'eu-west-1' }),
    at,
    /region eu-west-1, the runtime in us-east-1/,
    [],
  ],
  [
    'another region, by its message',
    refusal({ code: 'AuthorizationHeaderMalformed', message: "the region 'us-east-1' is wrong; expecting 'eu-west-1'" }),
    at,
    /region eu-west-1/,
    [],
  ],
  ['another region that is not named', refusal({ code: '301', message: 'x' }), at, /another region than us-east-1/, []],
  ['no bucket', refusal({ code: 'NoSuchBucket', message: 'x' }), at, /there is no bucket acme-staging/, []],
  ['a key that is disabled', refusal({ code: 'KMS.DisabledException', message: 'x' }), at, /KMS key cannot be used/, []],
  [
    'a hop',
    refusal({ action: 'sts:AssumeRole', resource: worker, message: wordings[3]?.[0] ?? '' }),
    at,
    /STS does not say which/,
    [
      `trust policy of role acme-worker (${worker})`,
      'identity policy of role acme-operator (arn:aws:iam::111122223333:role/acme-operator)',
    ],
  ],
  [
    'an issuer that is not known',
    refusal({ action: 'sts:AssumeRoleWithWebIdentity', code: 'InvalidIdentityToken', message: 'x', chain: [worker] }),
    at,
    /OIDC identity provider/,
    [],
  ],
  [
    'another owner',
    refusal({}),
    { ...at, expectedBucketOwner: '444455556666' },
    /not owned by account 444455556666/,
    [
      `identity policy of role acme-worker (${worker})`,
      `identity policy of role acme-worker (${worker})`,
      'bucket policy of acme-staging',
      'bucket policy of acme-staging',
    ],
  ],
  ['something that no policy decides', refusal({ code: 'KeysMissing', message: 'the secret needs the key' }), at, undefined, []],
];

for (const [what, refused, where, text, policies] of remedies) {
  void test(`remedy: ${what}`, () => {
    const remedy = remedyFor(refused, where);
    if (text === undefined) {
      assert.equal(remedy, undefined);
      return;
    }
    assert.match(remedy?.text ?? '', text);
    assert.deepEqual(
      remedy?.add.map(({ policy }) => policy),
      policies,
    );
  });
}

void test('statements are cut to the location and go through S3 only; a condition holds each on one line', () => {
  const remedy = remedyFor(refusal({ message: wordings[0]?.[0] ?? '' }), at);
  assert.deepEqual(remedy?.add[0]?.statement, {
    Sid: 'ElasticRuntimeKey',
    Effect: 'Allow',
    Action: ['kms:Decrypt'],
    Resource: key,
    Condition: {
      StringEquals: { 'kms:ViaService': 's3.us-east-1.amazonaws.com' },
      StringLike: { 'kms:EncryptionContext:aws:s3:arn': ['arn:aws:s3:::acme-staging/elastic/acme/*', 'arn:aws:s3:::acme-staging'] },
    },
  });
  assert.doesNotMatch(remedyText(remedy), /\n/);
  const [objects, list] = remedyFor(refusal({}), at)?.add ?? [];
  assert.deepEqual(objects?.statement.Resource, 'arn:aws:s3:::acme-staging/elastic/acme/*');
  assert.deepEqual(list?.statement.Condition, { StringLike: { 's3:prefix': 'elastic/acme/*' } });
});

void test("a parameter's or a secret's own key is used through the service that stores it, and is no key of a location", () => {
  for (const [action, service] of [
    ['ssm:GetParameter', 'ssm'],
    ['secretsmanager:GetSecretValue', 'secretsmanager'],
  ] as const) {
    const refused = refusal({ action, resource: '/acme/finance/crm', code: 'AccessDeniedException', message: wordings[0]?.[0] ?? '' });
    const [only, ...more] = remedyFor(refused, { region: 'us-east-1', partition: 'aws' })?.add ?? [];
    assert.deepEqual(only?.statement, {
      Sid: 'ElasticRuntimeKey',
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: key,
      Condition: { StringEquals: { 'kms:ViaService': `${service}.us-east-1.amazonaws.com` } },
    });
    assert.deepEqual(more, []);
  }
});

void test('who may not go on to a role is told of both of its statements: to assume it, and to tag', () => {
  const operator = 'arn:aws:iam::111122223333:role/acme-operator';
  const trust = ['sts:AssumeRole', 'sts:TagSession'].map(
    (Action) => ({ Sid: Action.slice(4), Effect: 'Allow', Principal: { AWS: operator }, Action }) as const,
  );
  const role = {
    roleArn: worker,
    trust: { Version: '2012-10-17', Statement: trust },
    permissions: { Version: '2012-10-17', Statement: [] },
  } as const;
  const documents = {
    agent: role,
    operator: role,
    master: role,
    worker: role,
    node: { ...role, roleArn: operator, instanceProfileArn: '' },
    connectionRoles: {},
  };
  const remedy = remedyFor(refusal({ action: 'sts:AssumeRole', resource: worker, message: wordings[3]?.[0] ?? '' }), { ...at, documents });
  assert.deepEqual(
    remedy?.add.flatMap(({ policy, statement }) => (policy.startsWith('trust policy') ? [statement.Action] : [])),
    ['sts:AssumeRole', 'sts:TagSession'],
  );
});

void test("nobody is told to change a default role: what it gets of the agent's stands there, and its trust is the stack's", () => {
  const [agent = '', operator = ''] = refusal({}).chain;
  const made = 'arn:aws:iam::111122223333:role/elastic/finance.analytics-27763973.worker';
  const reader = 'arn:aws:iam::111122223333:role/reader';
  const policiesOf = (identity: string, chain: readonly string[]) =>
    remedyFor(refusal({ identity, chain, action: 'sts:AssumeRole', resource: chain.at(-1) ?? '', message: wordings[3]?.[0] ?? '' }), {
      ...at,
      defaultsFrom: agent,
    })?.add.map(({ policy, statement }) => [policy, statement.Resource]);
  assert.deepEqual(policiesOf('connectionRole:orders', [agent, operator, made, reader]), [
    [`trust policy of role reader (${reader})`, undefined],
    [`identity policy of agent role acme-agent (${agent}), whose policies the default worker role gets within ten minutes`, reader],
  ]);
  // At design time it is the agent itself.
  assert.deepEqual(policiesOf('connectionRole:orders', [agent, reader])?.[1], [`identity policy of role acme-agent (${agent})`, reader]);
  assert.deepEqual(policiesOf('worker', [agent, operator, made]), [[`identity policy of role acme-operator (${operator})`, made]]);
});
