import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticRuntimeClass, RuntimeDefaults } from '../../../src/api/generated/types.ts';
import { changedIdentities, describeHeld, inSameAccount } from '../../../src/core/classes/held-identities.ts';
import { fillIn } from '../../../src/core/classes/merge.ts';

type Identities = NonNullable<RuntimeDefaults['identities']>;

const role = (name: string) => ({ roleArn: `arn:aws:iam::111122223333:role/${name}` });
const pinned: Identities = { agent: role('agent'), operator: role('operator'), master: role('master'), worker: role('worker') };
const { agent, operator, master } = pinned;

function change(written: Identities, defaults: Identities | undefined) {
  const ofClass: ElasticRuntimeClass | undefined = defaults && {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticRuntimeClass',
    metadata: { name: 'standard' },
    spec: { allowed: {}, defaults: { identities: defaults } } as unknown as ElasticRuntimeClass['spec'],
  };
  const wanted = fillIn({ identities: written }, ofClass?.spec.defaults ?? {}).identities as Identities;
  return changedIdentities({ written: { identities: written }, ofClass, wanted, pinned });
}

void test('who has changed the identities of a runtime, and which', () => {
  const byClass = { kind: 'class', className: 'standard' };
  const rows: readonly (readonly [Identities, Identities | undefined, unknown])[] = [
    [pinned, undefined, undefined],
    [{}, pinned, undefined],
    [{ ...pinned, worker: role('other') }, undefined, { changed: ['worker'], by: { kind: 'author' } }],
    [{ worker: role('other') }, pinned, { changed: ['worker'], by: { kind: 'author' } }],
    [{}, { ...pinned, worker: role('other') }, { changed: ['worker'], by: byClass }],
    [{ worker: role('other') }, { ...pinned, master: role('other') }, { changed: ['master', 'worker'], by: byClass }],
    // An external ID of the class's own, for the role that it gives.
    [
      {},
      { ...pinned, operator: { ...role('operator'), externalIdSecretRef: { name: 'id', key: 'externalId' } } },
      { changed: ['operator'], by: byClass },
    ],
    // Neither says any more what was said: the class or the author has taken it away.
    [{ agent, operator, master } as Identities, {}, { changed: ['worker'], by: { kind: 'either', className: 'standard' } }],
  ];
  for (const [written, defaults, expected] of rows) assert.deepEqual(change(written, defaults), expected);
});

void test('the sentence names the class where the change is its', () => {
  const changed = ['worker'];
  const said = (by: Parameters<typeof describeHeld>[0]['by']) => describeHeld({ changed, by }, 2);
  assert.match(said({ kind: 'class', className: 'standard' }), /^ElasticRuntimeClass standard changed .*\(worker\) while 2 node/);
  assert.match(said({ kind: 'author' }), /^spec\.identities was changed \(worker\) while 2 node/);
  assert.match(
    said({ kind: 'either', className: 'standard' }),
    /^spec\.identities or the defaults of ElasticRuntimeClass standard were changed/,
  );
});

void test('only others of the account of the masters, or of the operator of default roles, see the same instances', () => {
  const elsewhere = { roleArn: 'arn:aws:iam::999900001111:role/x' };
  const rows: readonly (readonly [Identities, boolean])[] = [
    [{ ...pinned, master: role('other'), agent: elsewhere }, true],
    [{ ...pinned, operator: elsewhere }, true],
    [{ ...pinned, master: elsewhere }, false],
    [{ agent, operator } as Identities, true],
    [{ agent, operator: elsewhere } as Identities, false],
    [{}, false],
  ];
  for (const [other, expected] of rows) assert.equal(inSameAccount(pinned, other), expected);
});
