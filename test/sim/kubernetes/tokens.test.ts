import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bed, machine, pod, pods, refusal, serviceAccounts } from './bed.ts';

const account = { namespace: 'finance', name: 'agent' };
const wanted = { audiences: ['sts.amazonaws.com'], expirationSeconds: 600 };

test('a token says who, for whom and how long; nobody can change it, and it ends', async () => {
  const at = await bed();
  assert.equal(refusal(await at.answer(at.port.requestToken(account, wanted))).kind, 'NotFound');
  await at.value(at.port.create(serviceAccounts, { metadata: account }));
  assert.equal(refusal(await at.answer(at.port.requestToken(account, { ...wanted, expirationSeconds: 599 }))).kind, 'Invalid');
  const { token, expiresAt } = await at.value(at.port.requestToken(account, wanted));
  assert.match(token, /^simulated-secret-token\./);
  const claims = at.kubernetes.tokens.verify(token);
  assert.deepEqual(
    [claims?.sub, claims?.aud, claims?.iss],
    ['system:serviceaccount:finance:agent', ['sts.amazonaws.com'], at.kubernetes.tokens.issuer],
  );
  assert.equal((claims?.exp ?? 0) * 1000, expiresAt);
  const [marker, text, signature] = token.split('.');
  const forged = Buffer.from(
    Buffer.from(text ?? '', 'base64url')
      .toString()
      .replace('finance', 'sales'),
  ).toString('base64url');
  assert.equal(at.kubernetes.tokens.verify(`${marker}.${forged}.${signature}`), undefined);
  await at.pass(601_000);
  assert.equal(at.kubernetes.tokens.verify(token), undefined);
});

test('a review is for an audience, and ends with account, pod and node', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  await at.value(at.port.create(serviceAccounts, { metadata: account }));
  const annotations = { 'simulation.elasticruntime.dev/duration': '1h' };
  const created = await at.value(at.port.create(pods, pod('agent', { spec: { serviceAccountName: 'agent' }, metadata: { annotations } })));
  await at.pass(30_000);
  const projected = at.kubernetes.tokens.project('finance/agent', 'elastic-broker', 3600);
  assert.ok(projected.ok);
  const { token } = projected.value;
  const review = await at.value(at.port.reviewToken(token, ['elastic-broker', 'other']));
  assert.ok(review.authenticated);
  assert.deepEqual([review.username, review.audiences], ['system:serviceaccount:finance:agent', ['elastic-broker']]);
  assert.deepEqual(review.extra['authentication.kubernetes.io/node-name'], ['one']);
  assert.deepEqual(review.extra['authentication.kubernetes.io/pod-uid'], [created.metadata.uid]);
  assert.equal((await at.value(at.port.reviewToken(token, ['other']))).authenticated, false);
  assert.equal((await at.value(at.port.reviewToken(token, []))).authenticated, false);
  assert.equal((await at.value(at.port.reviewToken('nonsense', ['elastic-broker']))).authenticated, false);
  await at.value(at.port.delete(pods, { namespace: 'finance', name: 'agent' }));
  await at.pass(60_000);
  assert.equal((await at.value(at.port.reviewToken(token, ['elastic-broker']))).authenticated, false);
  const own = await at.value(at.port.requestToken(account, { ...wanted, audiences: ['elastic-broker'] }));
  assert.equal((await at.value(at.port.reviewToken(own.token, ['elastic-broker']))).authenticated, true);
  await at.value(at.port.delete(serviceAccounts, account));
  assert.equal((await at.value(at.port.reviewToken(own.token, ['elastic-broker']))).authenticated, false);
});
