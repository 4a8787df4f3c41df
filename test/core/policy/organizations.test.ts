import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { nodeLogPolicies } from '../../../src/broker/session.ts';
import { foreignFolder } from '../../../src/core/access/foreign-folder.ts';
import {
  accessRecordKey,
  clusterInfoKey,
  dependencyKey,
  isOrganization,
  jobPrefix,
  logPrefix,
  objectKey,
  organizationPrefix,
  parseS3Uri,
  runtimePrefix,
  type S3Location,
  stagePrefix,
  within,
} from '../../../src/core/access/locations.ts';
import { type Policy, policyOf } from '../../../src/core/policy/document.ts';
import { evaluate } from '../../../src/core/policy/evaluate.ts';
import { sessionPoliciesFor } from '../../../src/core/policy/session-policy.ts';
import { folderStatements } from '../../../src/core/policy/statements.ts';
import { runtimeOf } from '../../broker/support/cluster.ts';
import { allowAll, policy, session } from './helpers.ts';

/** Two organizations in one bucket: whatever is made of what people write, nothing of one lies, or may be touched, below the other. */
const options = { seed: 20261102, numRuns: 1500 };
const uri = 's3://shared/elastic';
const uid = '0f0e0d0c-0000-4000-8000-000000000000';

/** Names that are easily taken for each other: one the start of the other, or one letter apart. */
const pieces = fc.string({ unit: fc.constantFrom('a', 'b', '-', '2'), minLength: 1, maxLength: 5 });
const organization = pieces.filter(isOrganization);
/** What somebody may try in a path: climbing, empty segments, escapes, wildcards, variables, letters from elsewhere. */
const attempt = fc
  .array(
    fc.constantFrom(
      '..',
      '.',
      '',
      'a',
      'b',
      'jobs',
      '%2F',
      '%2e%2e',
      '*',
      '?',
      '${aws:username}',
      '\u0430',
      '\uFF0F',
      '\u2024\u2024',
      'a\\b',
      'a b',
      '\u0000',
    ),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((segments) => segments.join('/'));

function must<T>(answer: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string }): T {
  assert.ok(answer.ok, answer.ok ? '' : answer.reason);
  return answer.value;
}

/** Every key and folder that the product makes below a runtime's own folder. */
function madeBelow(root: S3Location, path: string): readonly S3Location[] {
  const job = jobPrefix(root, { name: 'nightly', uid });
  const given = [dependencyKey(job, path), objectKey(root, path)].flatMap((answer) => (answer.ok ? [answer.value] : []));
  return [root, clusterInfoKey(root), job, accessRecordKey(job), stagePrefix(job, 1), logPrefix(job, 1, 'worker'), ...given];
}

test('whatever path is given, what is made lies below its own organization and below no other', () => {
  fc.assert(
    fc.property(organization, organization, attempt, (one, other, path) => {
      fc.pre(one !== other);
      const own = must(organizationPrefix(uri, one));
      const foreign = must(organizationPrefix(uri, other));
      const root = must(runtimePrefix(uri, { organization: one, namespace: 'finance', runtime: 'analytics' }));
      for (const location of madeBelow(root, path)) {
        assert.ok(within(own, location), location.key);
        assert.ok(!within(foreign, location), location.key);
        assert.doesNotMatch(location.key, /(^|\/)\.{0,2}(\/|$)|[^!-~]|[%*?$\\{}]/);
      }
    }),
    options,
  );
});

test('what is no plain slug is no organization, and what is no plain path is no location', () => {
  fc.assert(
    fc.property(fc.oneof(attempt, fc.string()), (text) => {
      if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) assert.equal(organizationPrefix(uri, text).ok, false);
      const folder = parseS3Uri(`s3://shared/${text}`);
      if (folder.ok) assert.match(folder.value.key, /^$|^(?!.*(^|\/)\.{1,2}(\/|$))[A-Za-z0-9!_()=+@:,.~-]+(\/[A-Za-z0-9!_()=+@:,.~-]+)*$/);
    }),
    { ...options, numRuns: 5000 },
  );
});

/** Under a session of a role that may do everything: may the session touch the key? */
function may(policies: readonly Policy[], action: string, key: string, context: Readonly<Record<string, string>> = {}): boolean {
  const resource = key === '' ? 'arn:aws:s3:::shared' : `arn:aws:s3:::shared/${key}`;
  return (
    evaluate({ principal: session, action, resource, context, identityPolicies: [policy(allowAll)], sessionPolicies: policies })
      .decision === 'Allow'
  );
}

/** A key, and every beginning of it. */
function beginningsOf(key: string): readonly string[] {
  return Array.from({ length: key.length + 1 }, (_, length) => key.slice(0, length));
}

test('no session policy, at any step of its widening, and no generated statement reaches the other organization', () => {
  fc.assert(
    fc.property(organization, organization, attempt, (one, other, path) => {
      fc.pre(one !== other);
      const runtime = must(runtimePrefix(uri, { organization: one, namespace: 'finance', runtime: 'analytics' }));
      const job = jobPrefix(runtime, { name: 'nightly', uid });
      const folders = [job.key, runtime.key, must(organizationPrefix(uri, one)).key] as const;
      const cut = [
        ...sessionPoliciesFor({
          region: 'us-east-1',
          objects: [{ bucket: 'shared', folders, actions: ['read', 'write', 'list', 'delete'] }],
        }),
      ];
      const generated = folderStatements('Own', runtime, ['read', 'write', 'list', 'delete'], { partition: 'aws' });
      const all = [...cut.map(({ policy: text }) => policyOf(JSON.parse(text) as never, 'identity')), policy(generated)];
      assert.ok(all.every((each) => may([each], 's3:GetObject', `${job.key}/x`)));
      for (const key of [
        `elastic/${other}/finance/analytics/x`,
        `elastic/${other}/x`,
        `elastic/${other}`,
        `elastic//${one}/x`,
        `${path}/elastic/${one}/x`,
      ]) {
        // The same key may still be the own one: `a/../` is a plain name to S3, and climbs nowhere.
        if (key.startsWith(`elastic/${one}/`)) continue;
        for (const each of all) {
          for (const action of ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'])
            assert.ok(!may([each], action, key), `${action} ${key}`);
          // S3 lists whatever begins with the prefix: the bare key, and what it begins with, reach further than the folder.
          for (const prefix of [`${key}/`, ...beginningsOf(key)])
            assert.ok(!may([each], 's3:ListBucket', '', { 's3:prefix': prefix }), prefix);
        }
      }
      assert.equal(cut.length, folders.length);
      // Not even the own folder by its name alone: another's may begin with it.
      for (const [index, each] of all.entries()) {
        const widest = index === all.length - 1 ? runtime.key : (folders[index] ?? '');
        for (const prefix of beginningsOf(widest)) assert.ok(!may([each], 's3:ListBucket', '', { 's3:prefix': prefix }), prefix);
      }
    }),
    { ...options, numRuns: 300 },
  );
});

test("a node's session writes below its runtime only, whatever the other organization is called", () => {
  fc.assert(
    fc.property(organization, organization, (one, other) => {
      fc.pre(one !== other);
      const folder = must(runtimePrefix(uri, { organization: one, namespace: 'finance', runtime: 'analytics' }));
      const made = nodeLogPolicies(runtimeOf(), folder, 'worker', 'node-1');
      assert.ok(made.ok);
      for (const { policy: text } of made.value) {
        const policies = [policyOf(JSON.parse(text) as never, 'identity')];
        const below = 'finance/analytics/jobs/nightly-0f0e0d0c/1/worker/node-1/pod/0.log';
        assert.ok(may(policies, 's3:PutObject', `elastic/${one}/${below}`));
        assert.ok(!may(policies, 's3:PutObject', `elastic/${other}/${below}`));
        assert.ok(!may(policies, 's3:PutObject', `elastic/${one}/finance/other/jobs/nightly-0f0e0d0c/1/worker/node-1/pod/0.log`));
      }
    }),
    { ...options, numRuns: 300 },
  );
});

test('a place of somebody’s choice is foreign exactly where it touches the locations outside the own organization', () => {
  fc.assert(
    fc.property(organization, organization, fc.constantFrom('', '/x', '/finance/analytics'), (one, other, rest) => {
      const spec = { organization: one, staging: { uri }, logs: { uri: 's3://logs/elastic' } };
      const at = foreignFolder({ spec }, { bucket: 'shared', key: `elastic/${other}${rest}` });
      assert.equal(at, one === other ? undefined : 'staging');
      assert.equal(foreignFolder({ spec }, { bucket: 'shared', key: '' }), 'staging');
      assert.equal(foreignFolder({ spec }, { bucket: 'shared', key: 'elastic' }), 'staging');
      assert.equal(foreignFolder({ spec }, { bucket: 'logs', key: `elastic/${one}x` }), 'logs');
      assert.equal(foreignFolder({ spec }, { bucket: 'data', key: `elastic/${other}` }), undefined);
      assert.equal(foreignFolder({ spec }, { bucket: 'shared', key: 'elastic2' }), undefined);
    }),
    options,
  );
});
