import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyOf } from '../../src/core/policy/document.ts';
import type { Caller, DescribeRequest } from '../../src/ports/aws/index.ts';
import { provision } from '../gate/provision.ts';
import { provisionResources } from '../gate/provision-resources.ts';
import { differences } from '../gate/record.ts';
import { allow, arnOf, assumeChain, roles } from './roles.ts';
import { as, failure, must, useStand } from './stand.ts';

/* The calls that show a resource of another service, as they go over the wire. */

let worker: Caller;
let found: Awaited<ReturnType<typeof provisionResources>>;
const may = (actions: string | readonly string[], resources: string | readonly string[]): void => {
  const role = stand.gate.account.roles.get(arnOf('worker')) ?? assert.fail('no worker');
  role.policies = [policyOf(allow(actions, resources), 'identity', 'policy of the worker')];
};

const stand = useStand(async (self) => {
  await provision(self.gate, { buckets: { 'acme-lake': {} }, roles: roles(self.issuer.issuer, {}) });
  found = await provisionResources(self.gate);
  worker = as((await assumeChain(self)).worker);
});

/** What AWS asks beside the resource itself. */
const around: Readonly<Record<string, readonly string[]>> = {
  'glue:GetTable': ['database/sales', 'catalog'],
  'glue:GetDatabase': ['catalog'],
};

void test('each resource is seen by whoever may see it, and by nobody else', async () => {
  for (const [action, arn] of Object.entries(found) as readonly (readonly [DescribeRequest['action'], string])[]) {
    const home = arn.split(':').slice(0, 5).join(':');
    may(action, [arn, ...(around[action] ?? []).map((resource) => `${home}:${resource}`)]);
    must(await stand.aws.resources.describe(worker, { action, arn }));
    may(action, arn.replace(/.$/, '-'));
    const refused = failure(await stand.aws.resources.describe(worker, { action, arn }));
    assert.equal(refused.kind, 'AccessDenied', `${action}: ${refused.code}`);
    assert.match(refused.message, new RegExp(`not authorized to perform: ${action} on resource: ${arn}`));
  }
});

void test('what is not there is told as such, in whatever words', async () => {
  for (const [action, arn] of Object.entries(found) as readonly (readonly [DescribeRequest['action'], string])[]) {
    may('*', '*');
    const answer = failure(await stand.aws.resources.describe(worker, { action, arn: `${arn}-gone` }));
    assert.equal(answer.kind, 'NotFound', `${action}: ${answer.code}: ${answer.message}`);
  }
});

void test('the audit and what the account saw agree', () => {
  assert.deepEqual(differences(stand.gate.record(), stand.audit), []);
  assert.ok(
    stand.audit.some(
      ({ action, outcome, requestId }) => action === 'dynamodb:DescribeTable' && outcome === 'ok' && requestId !== undefined,
    ),
  );
});
