import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Asked, asksOf, resourceOfArn } from '../../src/core/access/arn-locations.ts';
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

const provisioned = (): readonly (readonly [DescribeRequest['action'], string])[] =>
  Object.entries(found) as readonly (readonly [DescribeRequest['action'], string])[];

/** Exactly what is asked for, less what is left out. */
const mayBut = (asks: readonly Asked[], without?: Asked): void => {
  const role = stand.gate.account.roles.get(arnOf('worker')) ?? assert.fail('no worker');
  role.policies = asks
    .filter((asked) => asked !== without)
    .map(({ actions, resources }) => policyOf(allow(actions, resources), 'identity', 'policy of the worker'));
};

void test('each resource is seen by whoever may see it, and by nobody else', async () => {
  for (const [action, arn] of provisioned()) {
    const asks = asksOf(resourceOfArn(arn) ?? assert.fail(arn), action);
    mayBut(asks);
    must(await stand.aws.resources.describe(worker, { action, arn }));
    for (const without of asks) {
      mayBut(asks, without);
      const refused = failure(await stand.aws.resources.describe(worker, { action, arn }));
      assert.equal(refused.kind, 'AccessDenied', `${action}: ${refused.code}`);
      assert.ok(
        refused.message.includes(`not authorized to perform: ${without.actions[0]} on resource: ${without.resources[0]}`),
        refused.message,
      );
    }
  }
});

void test('what is not there is told as such, in whatever words', async () => {
  for (const [action, arn] of provisioned()) {
    may('*', '*');
    const answer = failure(await stand.aws.resources.describe(worker, { action, arn: arn.replace(/(\/\*|\/)?$/, 'gone$1') }));
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
