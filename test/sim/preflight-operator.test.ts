import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyStatement } from '../../src/core/policy/document.ts';
import {
  arnOf,
  conditionOf,
  documentOf,
  does,
  ended,
  forbidden,
  listOf,
  permissionsOf,
  preflightOf,
  type Role,
  verified,
  withRoles,
} from './support/roles.ts';
import { defaultRoles, find, job, runtime, start, until } from './support/stage.ts';

/* What the operator itself will do beside EC2, and what people will do as agent, is verified before a node starts. */

const atStaging = (statement: PolicyStatement): boolean =>
  [statement.Resource ?? []].flat().some((arn) => arn.startsWith('arn:aws:s3:::acme-staging'));

for (const action of ['s3:ListBucket', 's3:DeleteObject']) {
  for (const [what, manifests] of [
    ['given roles', runtime({})],
    ['default roles', defaultRoles()],
  ] as const) {
    void test(`${what}: an operator without ${action} at staging stalls the runtime: it could not clean up after jobs`, async () => {
      const spoil = (role: Role) => ({
        permissions: documentOf(
          listOf(permissionsOf(role)).flatMap((statement) => {
            const Action = [statement.Action ?? []].flat().filter((one) => one !== action || !atStaging(statement));
            return Action.length === 0 ? [] : [{ ...statement, Action }];
          }),
        ),
      });
      const { simulation, runtime: refused } = await verified(withRoles(manifests, { operator: spoil }));
      const said = conditionOf(refused)?.message ?? '';
      assert.ok(said.includes(`${action} on arn:aws:s3:::acme-staging`) && said.includes('failed as operator '), said);
      const [{ add = [] } = {}] = preflightOf(refused).failed ?? [];
      assert.ok(
        add.some(({ statement }) => does(action)(statement)),
        JSON.stringify(add),
      );
      assert.equal(simulation.account.instances().length, 0);
    });
  }
}

const source = { name: 'src', usage: 'Source', connector: 'AmazonS3', location: 's3://src-bucket/raw/' };

void test('what the agent may not list at design time is said, and ends no job; where it may nothing is', async () => {
  const spoil = (role: Role) => ({
    permissions: documentOf(
      listOf(permissionsOf(role)).filter(
        ({ Resource }) => ![Resource ?? []].flat().some((arn) => arn.startsWith('arn:aws:s3:::src-bucket')),
      ),
    ),
  });
  const manifests = [...runtime({}), job('etl', {}, { connections: [source] })];
  for (const [what, made, open] of [
    ['allowed', manifests, []],
    [
      'not',
      withRoles(manifests, { agent: spoil }),
      [/^connection src at design time, as agent: s3:ListBucket on arn:aws:s3:::src-bucket: AccessDenied: .*\[request \S+\]/],
    ],
  ] as const) {
    const simulation = start(made);
    await until(simulation, 'it ends', () => ended(simulation, 'etl'));
    const etl = find(simulation, 'etl');
    assert.equal(etl.status?.phase, 'Succeeded', etl.status?.failure?.message ?? what);
    const { notVerified = [] } = preflightOf(etl);
    assert.equal(notVerified.length, open.length, notVerified.join('\n'));
    for (const [index, pattern] of open.entries()) assert.match(notVerified[index] ?? '', pattern);
    const listed = simulation.account.calls.filter(
      ({ action, resource, roleArn }) => action === 's3:ListBucket' && resource.includes('src-bucket') && roleArn === arnOf('agent'),
    );
    assert.equal(listed.length, 1, what);
  }
});

const ofStack = ['UpdateStack', 'DeleteStack', 'DescribeStackEvents'].map((name) => `cloudformation:${name}`);
/** In the operator's session, as the stack is changed and deleted. */
const ofIam = ['DeleteRole', 'DetachRolePolicy', 'UpdateAssumeRolePolicy', 'DeletePolicy', 'CreatePolicyVersion', 'DeleteInstanceProfile'];
for (const action of [...ofStack, ...ofIam.map((name) => `iam:${name}`)]) {
  void test(`default roles: an operator without ${action} stalls the runtime before a node starts, and the statement is named`, async () => {
    const manifests = [...defaultRoles(), job('etl', {})];
    const { simulation, runtime: refused } = await verified(withRoles(manifests, { operator: forbidden(action) }));
    const said = conditionOf(refused)?.message ?? '';
    const own = action.startsWith('iam:')
      ? /on arn:aws:iam::111122223333:(role|policy|instance-profile)\/elastic-runtime\/finance\/analytics\//
      : /on arn:aws:cloudformation:us-east-1:111122223333:stack\/elastic-/;
    assert.ok(said.includes(`${action} on `), said);
    assert.match(said, own);
    assert.match(said, /failed as operator .*SimulatedAccessDenied/);
    const [{ add = [] } = {}] = preflightOf(refused).failed ?? [];
    assert.deepEqual(
      add.map(({ policy, statement }) => [policy, does(action)(statement), [statement.Resource].flat().every((arn) => arn !== '*')]),
      [[`identity policy of role operator (${arnOf('operator')})`, true, true]],
    );
    assert.equal(simulation.account.instances().length, 0);
  });
}
