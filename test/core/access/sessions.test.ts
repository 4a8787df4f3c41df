import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Principals } from '../../../src/core/access/roles.ts';
import { type Caller, routeOf } from '../../../src/core/access/routes.ts';
import { type ChainRequest, chainSteps, sessionName, sessionTagKeys } from '../../../src/core/access/sessions.ts';
import type { Identity } from '../../../src/core/access/vocabulary.ts';

const SEED = { seed: 23, numRuns: 1000 } as const;
const RUNTIME = '1a2b3c4d-0000-4000-8000-000000000000';
const JOB = '9f8e7d6c-0000-4000-8000-000000000000';
const scope = {
  cluster: 'hub',
  organization: 'acme',
  namespace: 'finance',
  runtime: 'analytics',
  runtimeUid: RUNTIME,
  jobUid: JOB,
  job: 'nightly',
};
const principals: Principals = {
  roles: { agent: 'arn:agent', operator: 'arn:operator', master: 'arn:master', worker: 'arn:worker' },
  defaultRoles: false,
  agentProof: 'webIdentity',
  operatorExternalId: true,
};
const connectionRole = (connection: string) => ({ roleArn: `arn:${connection}`, externalId: connection === 'asking' });

function steps(identity: Identity, caller: Caller, more: Partial<ChainRequest> = {}) {
  return chainSteps({ scope, principals, identity, caller, connectionRole, ...more });
}

const runtimeTags = {
  'elasticruntime.dev/cluster': 'hub',
  'elasticruntime.dev/organization': 'acme',
  'elasticruntime.dev/namespace': 'finance',
  'elasticruntime.dev/runtime': 'analytics',
  'elasticruntime.dev/job': 'nightly',
};
const agentStep = {
  kind: 'webIdentity',
  identity: 'agent',
  roleArn: 'arn:agent',
  sessionName: '1a2b3c4d.9f8e7d6c.agent',
  serviceAccount: { namespace: 'elastic-agents', name: 'finance.analytics' },
};
const operatorStep = {
  kind: 'assumeRole',
  identity: 'operator',
  roleArn: 'arn:operator',
  sessionName: '1a2b3c4d.9f8e7d6c.operator',
  externalId: 'operator',
  tags: runtimeTags,
};

test('the operator pod becomes worker in three steps, each with tags set anew', () => {
  assert.deepEqual(steps('worker', 'operatorPod'), [
    agentStep,
    operatorStep,
    {
      kind: 'assumeRole',
      identity: 'worker',
      roleArn: 'arn:worker',
      sessionName: '1a2b3c4d.9f8e7d6c.worker',
      tags: { ...runtimeTags, 'elasticruntime.dev/actor': 'operator' },
    },
  ]);
});

test('a session for a node agent is never the operator as an actor', () => {
  for (const identity of ['worker', 'master'] as const) {
    const last = steps(identity, 'nodeAgent').at(-1);
    assert.ok(last?.kind === 'assumeRole');
    assert.equal(last.tags['elasticruntime.dev/actor'], 'node-agent');
  }
});

test('towards a connection role there is no tag, and an external ID only where its connection names one', () => {
  const plain = steps('connectionRole:orders', 'operatorPod').at(-1);
  assert.deepEqual(plain, {
    kind: 'assumeRole',
    identity: 'connectionRole:orders',
    roleArn: 'arn:orders',
    sessionName: '1a2b3c4d.9f8e7d6c.connectionRole=orders',
    tags: {},
  });
  const asking = steps('connectionRole:asking', 'designer');
  assert.deepEqual(
    asking.map((step) => step.roleArn),
    ['arn:agent', 'arn:asking'],
  );
  assert.ok(asking[1]?.kind === 'assumeRole' && asking[1].externalId === 'connection:asking');
});

test('pods start with the token of their own ServiceAccount', () => {
  const driver = steps('connectionRole:orders', 'jobPod', { podRole: 'master' });
  assert.deepEqual(driver[0], {
    kind: 'webIdentity',
    identity: 'worker',
    roleArn: 'arn:worker',
    sessionName: '1a2b3c4d.9f8e7d6c.worker',
    serviceAccount: { namespace: 'finance', name: 'analytics-master' },
  });
  const [executor] = steps('worker', 'jobPod');
  assert.ok(executor?.kind === 'webIdentity' && executor.serviceAccount.name === 'analytics-worker');
  const [master] = steps('master', 'jobPod');
  assert.ok(master?.kind === 'webIdentity' && master.serviceAccount.name === 'analytics-master' && master.roleArn === 'arn:master');
});

test('an X.509 agent shows its certificate; the hops after it are the same', () => {
  const chain = steps('worker', 'operatorPod', { principals: { ...principals, agentProof: 'x509' } });
  assert.deepEqual(chain[0], { kind: 'x509', identity: 'agent', roleArn: 'arn:agent' });
  assert.deepEqual(chain.slice(1), steps('worker', 'operatorPod').slice(1));
});

test('without an external ID of the runtime none is asked for; without a cluster name there is no tag for it', () => {
  const [, operator] = steps('operator', 'operatorPod', {
    principals: { ...principals, operatorExternalId: false },
    scope: { ...scope, cluster: undefined },
  });
  assert.ok(operator?.kind === 'assumeRole');
  assert.ok(!('externalId' in operator) && !('elasticruntime.dev/cluster' in operator.tags));
});

test('keys and logins are assumed by nobody', () => {
  assert.deepEqual(steps('connectionCredentials:warehouse', 'jobPod'), []);
  assert.deepEqual(steps('connectionProperties:crm', 'designer'), []);
});

test('a connection whose role is unknown is a programming error', () => {
  assert.throws(() => steps('connectionRole:orders', 'jobPod', { connectionRole: () => undefined }), TypeError);
});

const FORBIDDEN: readonly (readonly [Caller, Identity])[] = [
  ['jobPod', 'agent'],
  ['jobPod', 'operator'],
  ['nodeAgent', 'agent'],
  ['nodeAgent', 'operator'],
  ['nodeAgent', 'connectionRole:a'],
  ['nodeAgent', 'connectionCredentials:a'],
  ['nodeAgent', 'connectionProperties:a'],
  ['designer', 'operator'],
  ['designer', 'master'],
];
for (const [caller, identity] of FORBIDDEN) {
  test(`a ${caller} is never ${identity}`, () => assert.throws(() => routeOf(identity, caller, 'webIdentity'), TypeError));
}

test('session names', () => {
  assert.equal(sessionName(RUNTIME, JOB, 'worker'), '1a2b3c4d.9f8e7d6c.worker');
  assert.equal(sessionName(RUNTIME, undefined, 'operator'), '1a2b3c4d.-.operator');
  assert.equal(sessionName(RUNTIME, JOB, 'connectionCredentials:warehouse'), '1a2b3c4d.9f8e7d6c.connectionCredentials=warehouse');
  assert.match(
    sessionName(RUNTIME, JOB, `connectionProperties:${'x'.repeat(63)}`),
    /^1a2b3c4d\.9f8e7d6c\.connectionProperties=x+-[0-9a-f]{8}$/,
  );
});

const connectionName = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, { size: 'max' });
const identities = fc.oneof(
  fc.constantFrom<Identity>('agent', 'operator', 'master', 'worker'),
  connectionName.map((name): Identity => `connectionRole:${name}`),
  connectionName.map((name): Identity => `connectionCredentials:${name}`),
  connectionName.map((name): Identity => `connectionProperties:${name}`),
);

test('every session name is one that STS takes, starts with runtime and job, and tells identities apart', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.option(fc.uuid(), { nil: undefined }), identities, identities, (runtimeUid, jobUid, one, other) => {
      const name = sessionName(runtimeUid, jobUid, one);
      assert.match(name, /^[\w+=,.@-]{2,64}$/);
      assert.deepEqual(name.split('.').slice(0, 2), [runtimeUid.slice(0, 8), jobUid?.slice(0, 8) ?? '-']);
      assert.equal(name.split('.').length, 3);
      assert.equal(name === sessionName(runtimeUid, jobUid, other), one === other);
    }),
    SEED,
  );
});

test('tags: only between our own roles, only keys of the published list, actor=operator only where the operator pod acts itself', () => {
  const callers = fc.constantFrom<Caller>('designer', 'operatorPod', 'jobPod', 'nodeAgent');
  const proofs = fc.constantFrom<Principals['agentProof']>('webIdentity', 'x509');
  fc.assert(
    fc.property(identities, callers, proofs, (identity, caller, agentProof) => {
      fc.pre(!allowedThrow(identity, caller));
      const chain = steps(identity, caller, { principals: { ...principals, agentProof } });
      for (const [index, step] of chain.entries()) {
        assert.equal(step.kind === 'assumeRole', index > 0);
        if (step.kind !== 'assumeRole') continue;
        const keys = Object.keys(step.tags);
        assert.ok(keys.every((key) => sessionTagKeys.includes(key)));
        if (step.identity.startsWith('connectionRole:')) assert.deepEqual(step.tags, {});
        else assert.equal(step.tags['elasticruntime.dev/runtime'], 'analytics');
        if (step.tags['elasticruntime.dev/actor'] === 'operator') {
          assert.ok(caller !== 'nodeAgent' && (step.identity === 'master' || step.identity === 'worker'));
        }
      }
      if (chain.length > 0) assert.equal(chain.at(-1)?.identity, identity);
    }),
    SEED,
  );
});

function allowedThrow(identity: Identity, caller: Caller): boolean {
  return FORBIDDEN.some(([who, what]) => who === caller && what.split(':')[0] === identity.split(':')[0]);
}
