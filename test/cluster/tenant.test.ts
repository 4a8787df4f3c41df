import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../src/api/generated/types.ts';
import type { Stored } from '../../src/api/kubernetes.ts';
import { policyOf } from '../../src/core/policy/document.ts';
import { example, inNamespace, type Manifest, paced, renamed } from './stand/manifests.ts';
import { allInstances, launchTemplateNames } from './stand/outcome.ts';
import { type Stand, startStand } from './stand/stand.ts';

/*
 * Namespace finance has its roles. Three tenants write runtimes that name them; each has more rights of its own than the one before. AWS's trust policies
 * decide, and the tenant's condition says what they said.
 */

const GROUP = '/apis/elasticruntime.dev/v1alpha1';
const arn = (role: string): string => `arn:aws:iam::111122223333:role/${role}`;

let stand: Stand;

before(async () => {
  stand = await startStand();
  await stand.apply('finance', without('ElasticJob', example('finance.yaml')));
  await stand.until('finance is ready', async () => ((await runtimeOf('finance'))?.ready === 'True' ? true : undefined));
});

after(() => stand?.stop());

function without(kind: string, manifests: readonly Manifest[]): readonly Manifest[] {
  return manifests.filter((manifest) => manifest.kind !== kind);
}

/** The example in the tenant's namespace, with one job that needs no keys. */
function tenant(namespace: string, roles: Readonly<Record<string, string>>): readonly Manifest[] {
  const one = paced(example('finance.yaml'), { seconds: 2 }).filter(
    ({ kind, metadata }) => kind !== 'ElasticJob' || metadata.name === 'crm-sync',
  );
  return renamed(inNamespace(one, namespace), roles);
}

async function runtimeOf(namespace: string) {
  const runtime = await stand.get<Stored<ElasticRuntime>>(`${GROUP}/namespaces/${namespace}/elasticruntimes/analytics`);
  const condition = (type: string) => runtime?.status?.conditions?.find((one) => one.type === type);
  return runtime && { uid: runtime.metadata.uid, ready: condition('Ready')?.status, condition };
}

/** Applies them, waits for the verdict, and checks that nothing came of it. */
async function refused(
  namespace: string,
  manifests: readonly Manifest[],
  expected: { readonly message: RegExp; readonly because: RegExp },
) {
  const before = { instances: (await allInstances(stand.gate)).length, templates: (await launchTemplateNames(stand.gate)).length };
  await stand.kubectl('apply', '-f', await stand.file(namespace, manifests));
  const runtime = await stand.until(`the verdict on ${namespace}`, async () => {
    const found = await runtimeOf(namespace);
    return found?.condition('AccessVerified') === undefined ? undefined : found;
  });
  const verified = runtime.condition('AccessVerified');
  assert.deepEqual([verified?.status, verified?.reason, runtime.ready], ['False', 'AccessDenied', 'False']);
  assert.match(verified?.message ?? '', expected.message);
  assert.equal(runtime.condition('Stalled')?.status, 'True');

  const own = stand.gate.record().filter(({ sessionName }) => sessionName.startsWith(runtime.uid.slice(0, 8)));
  const denied = own.filter(({ outcome }) => outcome !== 'ok');
  assert.ok(denied.length > 0);
  for (const { outcome, because } of denied) {
    assert.equal(outcome, 'AccessDenied');
    assert.match(because ?? '', expected.because);
  }
  // Of what was allowed, nothing is more than a hop but the operator's look at the tenant's own folder: no call with finance's roles, none in its places.
  const cleaning = `:::acme-staging/elastic/acme/${namespace}/analytics/jobs/-/`;
  assert.deepEqual(
    own.filter(({ action, outcome, resource, sessionName }) => {
      const isCleaning = /^s3:(ListBucket|DeleteObject)$/.test(action) && resource.includes(cleaning) && sessionName.endsWith('.operator');
      return outcome === 'ok' && !action.startsWith('sts:') && !isCleaning;
    }),
    [],
  );

  const job = await stand.until(`the job in ${namespace} waits, and says why`, async () => {
    const found = await stand.get<Stored<ElasticJob>>(`${GROUP}/namespaces/${namespace}/elasticjobs/crm-sync`);
    return expected.message.test(found?.status?.waiting?.message ?? '') ? found : undefined;
  });
  assert.deepEqual([job.status?.phase, job.status?.waiting?.reason], ['Pending', 'RuntimeNotReady']);
  assert.deepEqual(await stand.list<Stored<ElasticNode>>(`${GROUP}/elasticnodes`), []);
  assert.equal((await allInstances(stand.gate)).length, before.instances);
  assert.equal((await launchTemplateNames(stand.gate)).length, before.templates);
}

void test("a tenant that names another namespace's roles is refused at the first hop, by the trust policy of the agent role", async () => {
  const { subnetIds, securityGroupIds } = await network();
  await refused('tenant-a', at(tenant('tenant-a', {}), subnetIds, securityGroupIds), {
    message:
      /sts:AssumeRoleWithWebIdentity on arn:aws:iam::111122223333:role\/acme-agent failed as agent \(.*\): AccessDenied: .*\[request [^\]]+\]/,
    because: /^no resource-based policy allows sts:AssumeRoleWithWebIdentity on arn:aws:iam::111122223333:role\/acme-agent$/,
  });
});

void test("a tenant with roles of its own, which allow it everything, is refused by the trust policy of another's worker", async () => {
  const own = { 'acme-agent': 'b-agent', 'acme-operator': 'b-operator', 'acme-master': 'b-master', 'acme-worker': 'b-worker' };
  const fitting = await stand.account.fit(tenant('tenant-b', own));
  allowEverything('b-operator');
  await refused('tenant-b', renamed(fitting, { 'role/b-worker': 'role/acme-worker', 'role/b-master': 'role/acme-master' }), {
    message: /sts:AssumeRole on arn:aws:iam::111122223333:role\/acme-worker failed as worker \(.*b-operator.*\): AccessDenied/,
    because: /^no resource-based policy allows sts:AssumeRole on arn:aws:iam::111122223333:role\/acme-(worker|master)$/,
  });
});

void test('a tenant that shares agent and operator role with another is refused its worker: the session says whose it is', async () => {
  const own = { 'acme-master': 'c-master', 'acme-worker': 'c-worker' };
  const fitting = await stand.account.fit(tenant('tenant-c', own));
  await refused('tenant-c', renamed(fitting, { 'role/c-worker': 'role/acme-worker', 'role/c-master': 'role/acme-master' }), {
    message: /sts:AssumeRole on arn:aws:iam::111122223333:role\/acme-worker failed as worker \(.*acme-operator.*\): AccessDenied/,
    because: /^no resource-based policy allows sts:AssumeRole on arn:aws:iam::111122223333:role\/acme-(worker|master)$/,
  });
  assert.equal((await runtimeOf('finance'))?.ready, 'True');
});

/** Whose account the role is in decides what it may do; the tenant of this test is generous with itself. */
function allowEverything(role: string): void {
  const known = stand.gate.account.roles.get(arn(role));
  assert.ok(known);
  const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } as const;
  stand.gate.account.roles.set(arn(role), { ...known, policies: [policyOf(everything, 'identity', 'everything')] });
}

type Network = { readonly subnetIds: readonly string[]; readonly securityGroupIds: readonly string[] };

async function network(): Promise<Network> {
  const runtime = await stand.get<Stored<ElasticRuntime>>(`${GROUP}/namespaces/finance/elasticruntimes/analytics`);
  const { subnetIds = [], securityGroupIds = [] } = runtime?.spec.network ?? {};
  return { subnetIds, securityGroupIds };
}

function at(manifests: readonly Manifest[], subnetIds: readonly string[], securityGroupIds: readonly string[]): readonly Manifest[] {
  return manifests.map((manifest) =>
    manifest.kind === 'ElasticRuntime'
      ? { ...manifest, spec: { ...(manifest['spec'] as object), network: { subnetIds, securityGroupIds } } }
      : manifest,
  );
}
