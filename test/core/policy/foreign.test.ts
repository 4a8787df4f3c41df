import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assumes, foreignCases } from './foreign/cases.ts';
import { finance, growth, research, sessionsOf, type Who } from './foreign/estate.ts';
import { mirrorCases } from './foreign/mirror.ts';

const groups = [...new Set(foreignCases.map(({ group }) => group))];

for (const group of groups) {
  const cases = foreignCases.filter((item) => item.group === group);
  test(`denied: ${group} (${cases.length} cases)`, () => {
    const allowed = cases.filter(({ decided }) => decided() === 'Allow').map(({ says }) => says);
    assert.deepEqual(allowed, []);
  });
}

for (const { group, says, decided } of mirrorCases)
  test(`allowed, the counterpart of ${group}: ${says}`, () => assert.equal(decided(), 'Allow'));

test('there are enough foreign cases, no two the same, and every group has its counterpart for every runtime', () => {
  assert.ok(foreignCases.length >= 400, `${foreignCases.length} cases`);
  assert.equal(new Set(foreignCases.map(({ group, says }) => `${group} ${says}`)).size, foreignCases.length);
  for (const group of groups) assert.ok(mirrorCases.filter((item) => item.group === group).length >= 3, group);
});

/**
 * What a shared agent role leaves to the operator alone: AWS sees one and the same role, so that the tags which a hop passes, and the session policies that cut
 * every session, are what keeps two runtimes apart there. Runtimes that must not depend on that have an agent role each.
 */
test('a whole session of a shared agent role could name the other runtime; one of an agent role of its own could not', () => {
  const uncut = ({ name, principal }: Who): Who => ({ name, principal });
  const tagged = (who: Who, as: typeof finance) =>
    assumes({ who, target: as.roles.operator, tags: sessionsOf(as).operator.principal.tags ?? {}, externalId: as.externalId });
  assert.equal(tagged(uncut(sessionsOf(research).agent), finance), 'Allow');
  // Unless it lacks the other's external ID, the only thing there that is a secret of one namespace.
  const tags = sessionsOf(finance).operator.principal.tags ?? {};
  const target = finance.roles.operator;
  for (const externalId of [research.externalId, undefined])
    assert.notEqual(
      assumes({ who: uncut(sessionsOf(research).agent), target, tags, ...(externalId !== undefined && { externalId }) }),
      'Allow',
    );
  assert.notEqual(tagged(sessionsOf(research).agent, finance), 'Allow');
  assert.notEqual(tagged(uncut(sessionsOf(growth).agent), finance), 'Allow');
});
