import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checks } from './vectors/checks.ts';
import { elements } from './vectors/elements.ts';
import { logic } from './vectors/logic.ts';
import { operators } from './vectors/operators.ts';
import { services } from './vectors/services.ts';

/** The evaluator against what AWS's documentation says of its own examples. */
const vectors = [...logic, ...elements, ...operators, ...services, ...checks];

for (const { page, says, expected, actual } of vectors) test(`${page}: ${says}`, () => assert.equal(actual(), expected));

test('no vector stands there twice, and there are enough of them, with both outcomes', () => {
  assert.equal(new Set(vectors.map(({ page, says }) => `${page} ${says}`)).size, vectors.length);
  assert.ok(vectors.length >= 150, `${vectors.length} rows`);
  for (const outcome of ['Allow', 'ImplicitDeny', 'ExplicitDeny'])
    assert.ok(vectors.filter(({ expected }) => expected === outcome).length >= 30, outcome);
});
