import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decideRemoval,
  decideStack,
  failureOf,
  type StackEventView,
  type StackView,
} from '../../../../src/core/policy/cloudformation/stack.ts';

const tags = { 'elasticruntime.dev/runtime-uid': 'u-1', 'elasticruntime.dev/namespace': 'finance' };

function stack(status: string, more: Partial<StackView> = {}): StackView {
  return { stackId: 'arn:stack/roles/1', name: 'roles', status, tags, outputs: { Digest: 'd' }, changedAt: 0, ...more };
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
const rows: readonly (readonly [status: string, keep: string, remove: string])[] = [
  ['CREATE_IN_PROGRESS', 'wait', 'wait'],
  ['CREATE_FAILED', 'removeFailed', 'delete'],
  ['CREATE_COMPLETE', 'nothing', 'delete'],
  ['ROLLBACK_IN_PROGRESS', 'wait', 'wait'],
  ['ROLLBACK_FAILED', 'removeFailed', 'delete'],
  ['ROLLBACK_COMPLETE', 'removeFailed', 'delete'],
  ['UPDATE_IN_PROGRESS', 'wait usable', 'wait'],
  ['UPDATE_COMPLETE_CLEANUP_IN_PROGRESS', 'wait usable', 'wait'],
  ['UPDATE_COMPLETE', 'nothing', 'delete'],
  ['UPDATE_FAILED', 'nothing', 'delete'],
  ['UPDATE_ROLLBACK_IN_PROGRESS', 'wait usable', 'wait'],
  ['UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS', 'wait usable', 'wait'],
  ['UPDATE_ROLLBACK_COMPLETE', 'nothing', 'delete'],
  ['UPDATE_ROLLBACK_FAILED', 'refuse', 'delete'],
  ['DELETE_IN_PROGRESS', 'wait', 'wait'],
  ['DELETE_FAILED', 'removeFailed', 'delete'],
  ['DELETE_COMPLETE', 'create', 'nothing'],
  ['REVIEW_IN_PROGRESS', 'refuse', 'delete'],
];
for (const [status, keep, remove] of rows) {
  test(`${status}: kept by ${keep}, removed by ${remove}`, () => {
    const decision = decideStack(stack(status), { tags, digest: 'd' });
    assert.equal(`${decision.do}${decision.do === 'wait' && decision.usable ? ' usable' : ''}`, keep);
    assert.equal(decideRemoval(stack(status), tags).do, remove);
  });
}

test('no stack: one is made, and nothing is left to remove', () => {
  assert.deepEqual(decideStack(undefined, { tags, digest: 'd' }), { do: 'create' });
  assert.deepEqual(decideRemoval(undefined, tags), { do: 'nothing' });
});

test('another template is an update, whichever of the usable states it is in', () => {
  for (const status of ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE'])
    assert.equal(decideStack(stack(status), { tags, digest: 'other' }).do, 'update');
  assert.equal(decideStack(stack('CREATE_COMPLETE', { outputs: {} }), { tags, digest: 'd' }).do, 'update');
});

test("a stack of our name without our tags, or with another runtime's uid, is left alone in every state but deleted", () => {
  const foreign = [{}, { 'elasticruntime.dev/namespace': 'finance' }, { ...tags, 'elasticruntime.dev/runtime-uid': 'u-2' }];
  for (const theirs of foreign) {
    for (const [status] of rows.filter(([name]) => name !== 'DELETE_COMPLETE')) {
      const kept = decideStack(stack(status, { tags: theirs }), { tags, digest: 'd' });
      assert.equal(kept.do, 'refuse');
      assert.match(
        kept.do === 'refuse' ? kept.why : '',
        /roles \(arn:stack\/roles\/1\) was not made for this runtime: tag .* It is not touched/,
      );
      assert.equal(decideRemoval(stack(status, { tags: theirs }), tags).do, 'leave');
    }
  }
});

const own = (status: string, reason?: string): StackEventView => ({
  logicalId: 'roles',
  resourceType: 'AWS::CloudFormation::Stack',
  physicalId: 'arn:stack/roles/1',
  status,
  ...(reason !== undefined && { reason }),
});
const of = (logicalId: string, status: string, reason?: string): StackEventView => ({
  logicalId,
  resourceType: 'AWS::IAM::Role',
  status,
  ...(reason !== undefined && { reason }),
});

test('the reason is the first failure of the last operation, not what was cancelled because of it, and not an earlier one', () => {
  const newestFirst = [
    own('UPDATE_ROLLBACK_COMPLETE'),
    own('UPDATE_ROLLBACK_IN_PROGRESS', 'The following resource(s) failed to update: [Worker, Master].'),
    of('Master', 'UPDATE_FAILED', 'Resource update cancelled'),
    of('Worker', 'UPDATE_FAILED', 'Cannot exceed quota for PoliciesPerRole: 10'),
    own('UPDATE_IN_PROGRESS', 'User Initiated'),
    of('Node', 'CREATE_FAILED', 'an old story'),
    own('CREATE_IN_PROGRESS', 'User Initiated'),
  ];
  assert.equal(
    failureOf(newestFirst, stack('UPDATE_ROLLBACK_COMPLETE')),
    'AWS::IAM::Role Worker: UPDATE_FAILED: Cannot exceed quota for PoliciesPerRole: 10',
  );
  assert.equal(failureOf([], stack('ROLLBACK_COMPLETE', { statusReason: 'why' })), 'ROLLBACK_COMPLETE: why');
  assert.equal(failureOf([own('CREATE_FAILED', 'Limit')], stack('CREATE_FAILED')), 'CREATE_FAILED: Limit');
});
