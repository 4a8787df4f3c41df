import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { PolicyStatement } from '../../../src/core/policy/document.ts';
import { type EvaluationRequest, evaluate } from '../../../src/core/policy/evaluate.ts';
import { compilePattern, matchesPattern } from '../../../src/core/policy/pattern.ts';
import { policy, session, user } from './helpers.ts';

const options = { seed: 20261102, numRuns: 2000 };

const action = fc.constantFrom('s3:GetObject', 's3:PutObject', 'sts:AssumeRole', 'ec2:RunInstances');
const resource = fc.constantFrom('arn:aws:s3:::a/x', 'arn:aws:s3:::ab/x/y', 'arn:aws:iam::111122223333:role/r', '*');
const actions = fc.uniqueArray(fc.constantFrom('s3:*', '*', 's3:GetObject', 'sts:AssumeRole', 's3:?utObject', 'ec2:*'), {
  minLength: 1,
  maxLength: 3,
});
const resources = fc.uniqueArray(fc.constantFrom('*', 'arn:aws:s3:::a/*', 'arn:aws:s3:::a*', 'arn:aws:iam::*:role/*'), {
  minLength: 1,
  maxLength: 2,
});
const condition = fc.option(
  fc.record({
    operator: fc.constantFrom(
      'StringEquals',
      'StringNotEquals',
      'StringLike',
      'StringEqualsIfExists',
      'ForAllValues:StringLike',
      'ForAnyValue:StringEquals',
      'Null',
    ),
    key: fc.constantFrom('aws:PrincipalTag/team', 'aws:RequestTag/env', 'x:keys', 'x:missing'),
    value: fc.constantFrom('blue', 'env', 'true', '*', 'e*', '${aws:PrincipalTag/team}', '${absent}'),
  }),
  { nil: undefined },
);
const statement = fc
  .record({
    Effect: fc.constantFrom('Allow' as const, 'Allow' as const, 'Deny' as const),
    act: fc.tuple(fc.boolean(), actions),
    res: fc.tuple(fc.boolean(), resources),
    condition,
  })
  .map(
    ({ Effect, act, res, condition: when }): PolicyStatement => ({
      Effect,
      [act[0] ? 'NotAction' : 'Action']: act[1],
      [res[0] ? 'NotResource' : 'Resource']: res[1],
      ...(when === undefined ? {} : { Condition: { [when.operator]: { [when.key]: when.operator === 'Null' ? 'true' : when.value } } }),
    }),
  );
const statements = fc.array(statement, { minLength: 1, maxLength: 4 });
const request = fc.record({
  principal: fc.constantFrom(user, session),
  action,
  resource,
  context: fc.constantFrom(
    {},
    { 'aws:RequestTag/env': 'env', 'x:keys': ['env'] },
    { 'aws:RequestTag/env': 'blue', 'x:keys': ['env', 'blue'] },
  ),
});

function allows(whole: EvaluationRequest): boolean {
  return evaluate(whole).decision === 'Allow';
}

/** Where `more` allows, `less` must allow too. */
function implies(more: EvaluationRequest, less: EvaluationRequest): void {
  if (allows(more)) assert.ok(allows(less));
}

test('adding a Deny never allows more', () => {
  const deny = statement.map((item): PolicyStatement => ({ ...item, Effect: 'Deny' }));
  fc.assert(
    fc.property(request, statements, deny, (asked, held, added) => {
      implies({ ...asked, identityPolicies: [policy([...held, added])] }, { ...asked, identityPolicies: [policy(held)] });
    }),
    options,
  );
});

test('a session policy never widens, and neither does a permissions boundary', () => {
  fc.assert(
    fc.property(request, statements, statements, (asked, held, cut) => {
      const whole = { ...asked, identityPolicies: [policy(held)] };
      implies({ ...whole, sessionPolicies: [policy(cut)] }, whole);
      implies({ ...whole, permissionBoundary: policy(cut) }, whole);
    }),
    options,
  );
});

test('what a session may do is allowed by identity and session policy, each for itself', () => {
  fc.assert(
    fc.property(request, statements, statements, (asked, held, cut) => {
      const both = allows({ ...asked, identityPolicies: [policy(held)], sessionPolicies: [policy(cut)] });
      const each = allows({ ...asked, identityPolicies: [policy(held)] }) && allows({ ...asked, identityPolicies: [policy(cut)] });
      assert.equal(both, each);
    }),
    options,
  );
});

test('neither the order of statements nor their split into documents matters', () => {
  fc.assert(
    fc.property(request, statements, (asked, held) => {
      const one = evaluate({ ...asked, identityPolicies: [policy(held)] }).decision;
      assert.equal(evaluate({ ...asked, identityPolicies: [policy([...held].reverse())] }).decision, one);
      assert.equal(evaluate({ ...asked, identityPolicies: held.map((item) => policy(item)) }).decision, one);
    }),
    options,
  );
});

test('Action and NotAction, Resource and NotResource split every request between them', () => {
  fc.assert(
    fc.property(request, actions, resources, (asked, some, where) => {
      const with_ = (held: PolicyStatement): boolean => allows({ ...asked, identityPolicies: [policy(held)] });
      assert.notEqual(with_({ Effect: 'Allow', Action: some, Resource: '*' }), with_({ Effect: 'Allow', NotAction: some, Resource: '*' }));
      assert.notEqual(
        with_({ Effect: 'Allow', Action: '*', Resource: where }),
        with_({ Effect: 'Allow', Action: '*', NotResource: where }),
      );
    }),
    options,
  );
});

test('a glob matches what the same regular expression does', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/', ':'), maxLength: 8 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', ':', '*', '?'), maxLength: 6 });
  fc.assert(
    fc.property(pattern, letters, (glob, text) => {
      const expression = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
      assert.equal(
        matchesPattern(compilePattern(glob, 'glob'), text, () => undefined),
        expression.test(text),
      );
    }),
    { ...options, numRuns: 20_000 },
  );
});

test('an ARN pattern never matches more than the same glob, and a literal matches itself only', () => {
  const piece = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', ':'), maxLength: 10 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', ':'), maxLength: 10 });
  fc.assert(
    fc.property(piece, text, (pattern, given) => {
      const arn = matchesPattern(compilePattern(pattern, 'arn'), given, () => undefined);
      if (arn) assert.ok(matchesPattern(compilePattern(pattern, 'glob'), given, () => undefined));
      assert.equal(
        matchesPattern(compilePattern(pattern, 'literal'), given, () => undefined),
        pattern === given,
      );
    }),
    { ...options, numRuns: 20_000 },
  );
});
