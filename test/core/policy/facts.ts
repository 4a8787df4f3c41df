import type { AccountFacts } from '../../../src/core/policy/actions.ts';

export const tags = { env: 'prod' };
export const facts: AccountFacts = {
  accountId: '111122223333',
  region: 'us-east-1',
  now: Date.UTC(2026, 10, 2, 8),
  tagsOf: (id) => (id.endsWith('-unknown') ? undefined : { owner: id }),
  launchTemplate: () => ({
    imageId: 'ami-1',
    securityGroupIds: ['sg-1', 'sg-2'],
    instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/node',
    launchTags: tags,
  }),
  roleOfProfile: () => 'arn:aws:iam::111122223333:role/node',
  keyOfObject: (_, key) => (key === 'plain' ? undefined : 'arn:aws:kms:us-east-1:111122223333:key/1'),
  keyOfBucket: () => 'arn:aws:kms:us-east-1:111122223333:key/default',
  keyOfSecret: (name) => (name.includes('encrypted') ? 'arn:aws:kms:us-east-1:111122223333:key/2' : undefined),
  roleArn: (name) => `arn:aws:iam::111122223333:role/team/${name}`,
  stack: (name) =>
    name === 'new' ? undefined : { arn: 'arn:aws:cloudformation:us-east-1:111122223333:stack/roles/1', tags: { owner: 'roles' } },
  secretArn: (id) => (id === 'login' ? 'arn:aws:secretsmanager:us-east-1:111122223333:secret:login-AbCdEf' : undefined),
};
