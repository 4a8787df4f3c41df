import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffAccount } from '../../../../src/core/policy/account/diff.ts';
import { accountDocuments } from '../../../../src/core/policy/account/documents.ts';
import { accountPlan } from '../../../../src/core/policy/account/plan.ts';
import { statementsOf } from '../../../../src/core/policy/account/roles.ts';
import { accountTemplate } from '../../../../src/core/policy/cloudformation/account-template.ts';
import { QuotaExceeded } from '../../../../src/core/policy/cloudformation/quotas.ts';
import { section, type Template } from '../../../../src/core/policy/cloudformation/template.ts';
import type { PolicyDocument } from '../../../../src/core/policy/document.ts';
import type { DocumentsInput } from '../../../../src/core/policy/runtime-input.ts';
import { account, inputOf, keyArn, options, roleArn } from '../account-input.ts';

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

test('the alias of a second key of one organization is none of another organization, whichever is first', () => {
  for (const [first, second] of [
    ['1', '2'],
    ['2', '1'],
  ] as const) {
    const logs = { uri: 's3://shared/elastic', kmsKeyArn: keyArn(`9-${second}`) };
    const { runtime, ...rest } = inputOf('a-b', { key: `0-${first}` });
    const two: DocumentsInput = { ...rest, runtime: { ...runtime, spec: { ...runtime.spec, logs } } };
    const plan = accountPlan([two, inputOf('a-b-2', { key: '5' })], options);
    assert.deepEqual(plan.keys.map(({ alias }) => alias).toSorted(), [
      'alias/elastic-test-a-b',
      'alias/elastic-test-a-b-2',
      'alias/elastic-test-a-b-3',
    ]);
    assert.equal(plan.keys.find(({ organizations }) => organizations[0] === 'a-b-2')?.alias, 'alias/elastic-test-a-b-2');
    assert.equal(Object.keys(accountDocuments(plan)).filter((name) => name.endsWith('.key-policy')).length, 3);
  }
});

test('two roles of one name, whatever their paths, are refused by their ARNs; the documents have both', () => {
  const at = (path: string): { readonly roleArn: string } => ({ roleArn: roleArn(path) });
  for (const [master, worker] of [
    ['a/x', 'b/x'],
    ['x', 'team/X'],
  ] as const) {
    const plan = accountPlan([inputOf('acme', { identities: { master: at(master), worker: at(worker) } })], options);
    assert.throws(
      () => accountTemplate(plan),
      (error) => {
        assert.ok(error instanceof QuotaExceeded);
        for (const arn of [roleArn(master), roleArn(worker)]) assert.ok(error.message.includes(arn), error.message);
        return true;
      },
    );
    const names = Object.keys(accountDocuments(plan));
    assert.equal(names.filter((name) => /\bx\.(trust|permissions)$/i.test(name)).length, 4);
    assert.ok(names.includes(`${roleArn(master)}.trust`) && names.includes(`${roleArn(worker)}.permissions`), names.join(' '));
  }
  // In another account the name is free.
  const elsewhere = accountPlan([inputOf('acme', { identities: { agent: { roleArn: roleArn('acme-worker', '444455556666') } } })], options);
  assert.ok('444455556666/acme-worker.trust' in accountDocuments(elsewhere) && accountTemplate(elsewhere));
});

test('certificates, role alias and their policy stand in one account, and an agent that lies elsewhere is refused: its role cannot be passed', () => {
  const elsewhere = '444455556666';
  const ofAgent = (of: string): DocumentsInput =>
    inputOf('acme', { identities: { agent: { roleArn: roleArn('agent', of), x509: { roleAlias: 'hub' } } } });
  const alias = `arn:aws:iot:us-east-1:${account}:rolealias/hub`;
  for (const place of [account, elsewhere]) {
    const plan = accountPlan([ofAgent(place)], options);
    const trust = plan.roles.find(({ name }) => name === 'agent')?.trust;
    assert.match(JSON.stringify(trust), new RegExp(`"aws:SourceAccount":"${account}".*"aws:SourceArn":"${alias}"`));
    assert.match(JSON.stringify(plan.certificates), new RegExp(`"Resource":"${alias}"`));
    assert.match(JSON.stringify(plan.roles.find(({ name }) => name === 'acme-operator')), new RegExp(`:iot:us-east-1:${account}:cert/`));
  }
  assert.deepEqual(ofType(made(ofAgent(account)), 'AWS::IoT::RoleAlias'), ['RoleAliasHub']);
  assert.throws(() => made(ofAgent(elsewhere)), /role arn:aws:iam::444455556666:role\/agent .* account 111122223333/);
});

test('two organizations that share an agent with a certificate share its role alias; each has its policy for certificates', () => {
  const agent = { roleArn: roleArn('agent'), x509: { roleAlias: 'hub' } };
  const plan = accountPlan([inputOf('acme', { identities: { agent } }), inputOf('acme2', { identities: { agent } })], options);
  const { template } = accountTemplate(plan);
  assert.deepEqual(ofType(template, 'AWS::IoT::RoleAlias'), ['RoleAliasHub']);
  assert.deepEqual(
    ofType(template, 'AWS::IoT::Policy').map((id) => template.Resources[id]?.Properties['PolicyName']),
    ['elastic-runtime-acme-hub', 'elastic-runtime-acme2-hub'],
  );
  const nothing = new Map<never, never>();
  const state = {
    roles: nothing,
    instanceProfiles: nothing,
    keys: nothing,
    buckets: nothing,
    certificatePolicies: nothing,
    managedPolicies: nothing,
  };
  assert.equal(diffAccount(plan, { ...state, roleAliases: new Map([['hub', undefined]]) }).length, 1);
});

test('nothing of a template can take the place of something else', () => {
  const one = ['Id', 1] as const;
  assert.deepEqual(section([one, ['Other', 2]]), { Id: 1, Other: 2 });
  assert.throws(() => section([one, ['Id', 2]]), /two things of the template have the logical id Id/);
  assert.throws(() => section([one], [['Id', 2]]), /logical id Id/);
});
