import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publicImage } from '../../../src/sim/aws/secrets.ts';
import { bench, chain, tagsOf, value } from './harness.ts';
import { subnetA, subnetB, template } from './nodes.ts';

test('templates: created once per name and token, found by all of their tags, deleted once', async () => {
  const at = bench();
  const made = await template(at);
  const operator = await chain('operator', at);
  assert.deepEqual(await template(at), made, 'the same token answers the same template');
  assert.deepEqual(await at.run(value(at.aws.ec2.describeLaunchTemplates(operator, { tags: tagsOf() }))), [made]);
  assert.deepEqual(await at.run(value(at.aws.ec2.describeLaunchTemplates(operator, { tags: { ...tagsOf(), other: 'x' } }))), []);
  await at.run(value(at.aws.ec2.deleteLaunchTemplate(operator, { id: made.id })));
  const again = await at.run(at.aws.ec2.deleteLaunchTemplate(operator, { id: made.id }));
  assert.deepEqual(again.ok ? 'ok' : [again.error.kind, again.error.code], ['NotFound', 'InvalidLaunchTemplateId.NotFound']);
});

const base = {
  imageId: 'ami-1',
  securityGroupIds: [],
  userData: '',
  volume: { deviceName: '/dev/xvda', type: 'gp3', sizeGiB: 1 },
  tags: tagsOf(),
};
const wrong: readonly (readonly [why: string, change: object, code: string])[] = [
  ['a name in use', { name: 'workers' }, 'InvalidLaunchTemplateName.AlreadyExistsException'],
  ['the token of another', { clientToken: 'template-workers' }, 'IdempotentParameterMismatch'],
  ['a short name', { name: 'x' }, 'InvalidLaunchTemplateName.MalformedException'],
  ['too much user data', { userData: Buffer.alloc(16_385).toString('base64') }, 'InvalidUserData.Malformed'],
  [
    'an unknown instance profile',
    { instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/x' },
    'InvalidIamInstanceProfileArn.Malformed',
  ],
  ['tags of another runtime', { tags: tagsOf('scratch', 'research') }, 'UnauthorizedOperation'],
];
for (const [why, change, code] of wrong) {
  test(`a template with ${why}: ${code}`, async () => {
    const at = bench();
    await template(at);
    const operator = await chain('operator', at);
    const answer = await at.run(at.aws.ec2.createLaunchTemplate(operator, { name: 'other', clientToken: 'other', ...base, ...change }));
    assert.equal(answer.ok ? 'ok' : answer.error.code, code);
  });
}

test('subnets by id and by tag, with what is left of them', async () => {
  const simulatedAccount = {
    kind: 'SimulatedAccount',
    spec: { subnets: [{ id: 'subnet-tagged', zone: 'us-east-1c', freeAddresses: 7, tags: { use: 'jobs' } }] },
  };
  const at = bench({ simulatedAccount });
  const operator = await chain('operator', at);
  const byId = await at.run(value(at.aws.ec2.describeSubnets(operator, { subnetIds: [subnetB, subnetA] })));
  assert.deepEqual(byId, [
    { subnetId: subnetB, zone: 'us-east-1b', freeAddresses: 4000 },
    { subnetId: subnetA, zone: 'us-east-1a', freeAddresses: 4000 },
  ]);
  const byTag = await at.run(value(at.aws.ec2.describeSubnets(operator, { tags: { use: 'jobs' } })));
  assert.deepEqual(byTag, [{ subnetId: 'subnet-tagged', zone: 'us-east-1c', freeAddresses: 7 }]);
  const unknown = await at.run(at.aws.ec2.describeSubnets(operator, { subnetIds: ['subnet-x'] }));
  assert.equal(unknown.ok ? 'ok' : unknown.error.code, 'InvalidSubnetID.NotFound');
});

test('parameters and secrets', async () => {
  const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:acme/finance/login-AbCdEf';
  const spec = { parameters: [{ name: '/acme/finance/db', value: 'p' }], secrets: [{ arn, value: 's', versions: { AWSPREVIOUS: 'old' } }] };
  const at = bench({ simulatedAccount: { kind: 'SimulatedAccount', spec } });
  const worker = await chain('worker', at);
  assert.deepEqual(await at.run(value(at.aws.ssm.getParameter(worker, { name: '/acme/finance/db' }))), { value: 'p' });
  assert.deepEqual(await at.run(value(at.aws.secretsManager.getSecretValue(worker, { secretId: arn }))), { value: 's' });
  assert.deepEqual(await at.run(value(at.aws.secretsManager.getSecretValue(worker, { secretId: arn, versionStage: 'AWSPREVIOUS' }))), {
    value: 'old',
  });
  const missing = await at.run(at.aws.ssm.getParameter(worker, { name: '/acme/finance/none' }));
  assert.equal(missing.ok ? 'ok' : missing.error.code, 'ParameterNotFound');
  const foreign = await at.run(at.aws.ssm.getParameter(worker, { name: '/acme/research/db' }));
  assert.deepEqual(foreign.ok ? 'ok' : [foreign.error.kind, foreign.error.code], ['AccessDenied', 'AccessDeniedException']);
  const operator = await chain('operator', at);
  const image = '/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/recommended/image_id';
  assert.deepEqual(await at.run(value(at.aws.ssm.getParameter(operator, { name: image }))), { value: publicImage(image) });
  assert.match(publicImage(image), /^ami-[0-9a-f]{17}$/);
});
