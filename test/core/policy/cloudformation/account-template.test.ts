import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accountPlan } from '../../../../src/core/policy/account/plan.ts';
import { statementsOf } from '../../../../src/core/policy/account/roles.ts';
import { accountTemplate } from '../../../../src/core/policy/cloudformation/account-template.ts';
import { section, type Template } from '../../../../src/core/policy/cloudformation/template.ts';
import type { PolicyDocument } from '../../../../src/core/policy/document.ts';
import type { DocumentsInput } from '../../../../src/core/policy/runtime-input.ts';
import { inputOf, options, roleArn } from '../account-input.ts';

function made(...inputs: readonly DocumentsInput[]): Template {
  return accountTemplate(accountPlan(inputs, options)).template;
}

function ofType({ Resources }: Template, type: string): readonly string[] {
  return Object.entries(Resources).flatMap(([id, { Type }]) => (Type === type ? [id] : []));
}

test('an organization that is called as what belongs to the key of another loses nothing of either', () => {
  const alias = made(inputOf('acme'), inputOf('acme-alias'));
  assert.deepEqual(ofType(alias, 'AWS::KMS::Key'), ['KeyAcme', 'KeyAcmeAlias']);
  assert.deepEqual(ofType(alias, 'AWS::KMS::Alias'), ['KeyAcmeAlias2', 'KeyAcmeAliasAlias']);
  const origin = made(inputOf('acme'), inputOf('acme-origin'));
  assert.deepEqual(Object.keys(origin.Parameters ?? {}), ['KeyAcmeOrigin2', 'KeyAcmeOriginOrigin']);
  assert.deepEqual(origin.Conditions?.['MakeKeyAcme'], { 'Fn::Equals': [{ Ref: 'KeyAcmeOrigin2' }, 'Make'] });
  assert.deepEqual(ofType(origin, 'AWS::KMS::Key'), ['KeyAcme', 'KeyAcmeOrigin']);
  for (const { Parameters, Resources } of [alias, origin]) {
    const ids = [...Object.keys(Parameters ?? {}), ...Object.keys(Resources)];
    assert.equal(new Set(ids).size, ids.length);
  }
});

test('a role that is called as a policy of another is there, and so is the policy', () => {
  const connections = Array.from({ length: 40 }, (_, index) => ({
    name: `source-${index}`,
    usage: 'SourceAndTarget',
    location: `s3://a-bucket-with-a-long-name-${index}/raw`,
  }));
  const identities = { master: { roleArn: roleArn('acme-worker-policy1') } };
  const template = made(inputOf('acme', { identities, connections }));
  assert.equal(template.Resources['RoleAcmeWorkerPolicy12']?.Type, 'AWS::IAM::ManagedPolicy');
  assert.equal(template.Resources['RoleAcmeWorkerPolicy1']?.Type, 'AWS::IAM::Role');
});

test('policies of many runtimes at one role share managed policies, every Sid once in each and no statement lost', () => {
  const shared = { agent: { roleArn: roleArn('agent') } };
  const inputs = Array.from({ length: 14 }, (_, index) => inputOf(`organization-${index}`, { identities: shared }));
  const plan = accountPlan(inputs, options);
  const parts = Object.values(accountTemplate(plan).template.Resources).flatMap(({ Type, Properties }) =>
    Type === 'AWS::IAM::ManagedPolicy' && JSON.stringify(Properties['Roles']) === '[{"Ref":"RoleAgent"}]'
      ? [statementsOf(Properties['PolicyDocument'] as PolicyDocument)]
      : [],
  );
  assert.ok(parts.length > 1 && parts.length <= 4, `${parts.length} parts`);
  for (const part of parts) assert.equal(new Set(part.map(({ Sid }) => Sid)).size, part.length);
  const meant = (statement: object): string => JSON.stringify({ ...statement, Sid: undefined });
  const wanted = plan.roles.find(({ name }) => name === 'agent')?.policies.flatMap(({ document }) => statementsOf(document)) ?? [];
  assert.deepEqual(new Set(parts.flat().map(meant)), new Set(wanted.map(meant)));
});

test('nothing of a template can take the place of something else', () => {
  const one = ['Id', 1] as const;
  assert.deepEqual(section([one, ['Other', 2]]), { Id: 1, Other: 2 });
  assert.throws(() => section([one, ['Id', 2]]), /two things of the template have the logical id Id/);
  assert.throws(() => section([one], [['Id', 2]]), /logical id Id/);
});
