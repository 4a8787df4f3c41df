import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelSelector, NodeRequirement, NodeSelectorTerm, Taint, Toleration } from '../../../src/core/packing/problem.ts';
import { allows, intersection, isEmpty, matchesSelector, matchesTerm, term, valueSet } from '../../../src/core/packing/requirements.ts';
import { tolerates, untolerated } from '../../../src/core/packing/taints.ts';

const is = (operator: NodeRequirement['operator'], ...values: string[]): NodeRequirement => ({ key: 'k', operator, values });

// "Assigning Pods to Nodes": operators; NotIn and DoesNotExist also hold for nodes without the label; Gt and Lt take integers.
const OPERATORS: readonly (readonly [NodeRequirement, string | undefined, boolean])[] = [
  [is('In', 'a', 'b'), 'a', true],
  [is('In', 'a', 'b'), 'c', false],
  [is('In', 'a'), undefined, false],
  [is('NotIn', 'a'), 'a', false],
  [is('NotIn', 'a'), 'b', true],
  [is('NotIn', 'a'), undefined, true],
  [is('Exists'), 'a', true],
  [is('Exists'), '', true],
  [is('Exists'), undefined, false],
  [is('DoesNotExist'), 'a', false],
  [is('DoesNotExist'), undefined, true],
  [is('Gt', '4'), '5', true],
  [is('Gt', '4'), '4', false],
  [is('Gt', '4'), 'many', false],
  [is('Gt', '4'), undefined, false],
  [is('Gt', 'x'), '5', false],
  [is('Gt', '4', '5'), '6', false],
  [is('Gt', '-1'), '0', true],
  [is('Lt', '4'), '3', true],
  [is('Lt', '4'), '4', false],
  [is('Lt', '4'), '4.0', false],
  [is('Lt', '10'), '9', true],
];
for (const [requirement, value, expected] of OPERATORS) {
  test(`${requirement.operator} ${requirement.values?.join()} ${expected ? 'allows' : 'refuses'} ${value}`, () => {
    assert.equal(allows(valueSet(requirement), value), expected);
  });
}

// Karpenter, pkg/scheduling/requirement_test.go: what two requirements on one key leave, and whether that is nothing.
const PAIRS: readonly (readonly [NodeRequirement, NodeRequirement, boolean, readonly string[], readonly string[]])[] = [
  [is('In', 'a', 'b'), is('In', 'b', 'c'), false, ['b'], ['a', 'c']],
  [is('In', 'a'), is('In', 'b'), true, [], ['a', 'b']],
  [is('In', 'a', 'b'), is('NotIn', 'b'), false, ['a'], ['b']],
  [is('In', 'a'), is('NotIn', 'a'), true, [], ['a']],
  [is('In', 'a'), is('Exists'), false, ['a'], ['b']],
  [is('In', 'a'), is('DoesNotExist'), true, [], ['a']],
  [is('NotIn', 'a'), is('NotIn', 'b'), false, ['c'], ['a', 'b']],
  [is('NotIn', 'a'), is('Exists'), false, ['b'], ['a']],
  [is('NotIn', 'a'), is('DoesNotExist'), false, [], ['a', 'b']],
  [is('Exists'), is('DoesNotExist'), true, [], ['a']],
  [is('Exists'), is('Exists'), false, ['a'], []],
  [is('DoesNotExist'), is('DoesNotExist'), false, [], ['a']],
  [is('Gt', '1'), is('Lt', '4'), false, ['2', '3'], ['1', '4']],
  [is('Gt', '1'), is('Lt', '2'), true, [], ['1', '2']],
  [is('Gt', '4'), is('Lt', '2'), true, [], ['3']],
  [is('In', '1', '9'), is('Gt', '4'), false, ['9'], ['1']],
  [is('In', '1', '2'), is('Gt', '4'), true, [], ['1', '9']],
  [is('NotIn', '5'), is('Gt', '4'), false, ['6'], ['5', '4']],
  [is('Gt', '2'), is('Gt', '4'), false, ['5'], ['3']],
  [is('Lt', '2'), is('Lt', '4'), false, ['1'], ['3']],
  [is('Gt', '4'), is('DoesNotExist'), true, [], ['5']],
];
for (const [left, right, empty, allowed, refused] of PAIRS) {
  test(`${left.operator} ${left.values?.join()} and ${right.operator} ${right.values?.join()}`, () => {
    for (const both of [intersection(valueSet(left), valueSet(right)), intersection(valueSet(right), valueSet(left))]) {
      assert.equal(isEmpty(both), empty);
      for (const value of allowed) assert.equal(allows(both, value), true, value);
      for (const value of refused) assert.equal(allows(both, value), false, value);
    }
  });
}

const NODE: Readonly<Record<string, string>> = { arch: 'amd64', zone: 'a', cpu: '8' };
const TERMS: readonly (readonly [string, NodeSelectorTerm, boolean])[] = [
  ['an empty term matches nothing', {}, false],
  ['a term with empty lists matches nothing', { matchExpressions: [], matchFields: [] }, false],
  [
    'all expressions must hold',
    {
      matchExpressions: [
        { key: 'arch', operator: 'In', values: ['amd64'] },
        { key: 'zone', operator: 'In', values: ['b'] },
      ],
    },
    false,
  ],
  [
    'two on one key are both asked',
    {
      matchExpressions: [
        { key: 'cpu', operator: 'Gt', values: ['4'] },
        { key: 'cpu', operator: 'Lt', values: ['16'] },
      ],
    },
    true,
  ],
  ['a field is the name', { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }, true],
  ['a field of another name', { matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['n1'] }] }, false],
  ['no other field exists', { matchFields: [{ key: 'metadata.uid', operator: 'In', values: ['n1'] }] }, false],
  [
    'field and expression',
    {
      matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }],
      matchExpressions: [{ key: 'gpu', operator: 'DoesNotExist' }],
    },
    true,
  ],
];
for (const [name, source, expected] of TERMS) {
  test(`node selector term: ${name}`, () => {
    const parsed = term(source);
    assert.equal(parsed !== undefined && matchesTerm(parsed, (key) => NODE[key], 'n1'), expected);
  });
}

// "Labels and Selectors": an absent selector selects nothing, an empty one everything.
const SELECTORS: readonly (readonly [LabelSelector | undefined, Readonly<Record<string, string>>, boolean])[] = [
  [undefined, { app: 'a' }, false],
  [{}, {}, true],
  [{ matchLabels: { app: 'a' } }, { app: 'a', tier: 'x' }, true],
  [{ matchLabels: { app: 'a' } }, { app: 'b' }, false],
  [{ matchLabels: { toString: 'a' } }, {}, false],
  [{ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] }, {}, true],
  [{ matchExpressions: [{ key: 'app', operator: 'Exists' }] }, {}, false],
  [{ matchLabels: { app: 'a' }, matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] }, { app: 'a', tier: 'x' }, false],
];
for (const [index, [selector, labels, expected]] of SELECTORS.entries()) {
  test(`label selector ${index}: ${JSON.stringify(selector)} on ${JSON.stringify(labels)}`, () =>
    assert.equal(matchesSelector(selector, labels), expected));
}

// "Taints and Tolerations".
const taint = (effect: Taint['effect'], value?: string): Taint => ({ key: 'k', effect, ...(value === undefined ? {} : { value }) });
const TAINTS: readonly (readonly [Toleration, Taint, boolean])[] = [
  [{ operator: 'Exists' }, taint('NoExecute', 'v'), true],
  [{ key: 'k', operator: 'Exists' }, taint('NoSchedule', 'v'), true],
  [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }, taint('NoSchedule', 'v'), false],
  [{ key: 'k', value: 'v' }, taint('NoSchedule', 'v'), true],
  [{ key: 'k', operator: 'Equal', value: 'v' }, taint('NoSchedule', 'w'), false],
  [{ key: 'k', operator: 'Equal' }, taint('NoSchedule'), true],
  [{ key: 'k', operator: 'Equal', value: '' }, taint('NoSchedule'), true],
  [{ key: 'other', operator: 'Exists' }, taint('NoSchedule'), false],
];
for (const [toleration, one, expected] of TAINTS) {
  test(`${JSON.stringify(toleration)} ${expected ? 'tolerates' : 'does not tolerate'} ${one.value ?? ''}:${one.effect}`, () =>
    assert.equal(tolerates(toleration, one), expected));
}
test('PreferNoSchedule keeps out only where preferences are kept', () => {
  assert.equal(untolerated([taint('PreferNoSchedule')], [], false), undefined);
  assert.deepEqual(untolerated([taint('PreferNoSchedule')], [], true), taint('PreferNoSchedule'));
});
