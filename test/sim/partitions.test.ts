import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { live, manifestsOf } from './support/exact-life.ts';

/** Whole lives outside the partition `aws`, and with an agent of another account: the generated policies are enforced there as everywhere. */
type Change = (text: string) => string;

const moved =
  (partition: string, region: string): Change =>
  (text) =>
    text.replaceAll('arn:aws:', `arn:${partition}:`).replaceAll('us-east-1', region);

/** Default roles are made from what is attached to the agent, so that nothing of theirs is named. */
const withDefaultRoles: Change = (text) => {
  const manifest = JSON.parse(text) as { spec: { identities?: { agent: object; operator: object } } };
  const { agent, operator } = manifest.spec.identities ?? {};
  return JSON.stringify({ ...manifest, spec: { ...manifest.spec, identities: { agent, operator } } });
};

function changed(change: Change, ofRuntime: Change = (text) => text): readonly SimulationManifest[] {
  const some = manifestsOf().filter(({ kind, metadata: { name } }) => kind !== 'ElasticJob' || ['by-role', 'by-keys'].includes(name));
  return some.map((manifest) => {
    const text = change(JSON.stringify(manifest));
    return JSON.parse(manifest.kind === 'ElasticRuntime' ? ofRuntime(text) : text) as SimulationManifest;
  });
}

const lives: readonly (readonly [name: string, partition: string, change: Change, ofRuntime?: Change])[] = [
  ['China', 'aws-cn', moved('aws-cn', 'cn-northwest-1')],
  ['China, default roles', 'aws-cn', moved('aws-cn', 'cn-north-1'), withDefaultRoles],
  ['GovCloud', 'aws-us-gov', moved('aws-us-gov', 'us-gov-west-1')],
  ['an agent of another account', 'aws', (text) => text.replaceAll(':111122223333:role/agent', ':444455556666:role/agent')],
];

const refusals = /AccessDenied|Unauthorized|NotAuthorized|^403$/;

function arnsIn({ account, audit }: Simulation): readonly string[] {
  const shown = JSON.stringify([audit(), account.calls.map(({ resource, caller, roleArn }) => [resource, caller, roleArn])]);
  return [...new Set([...shown.matchAll(/arn:([a-z-]+):/g)].map(([, partition = '']) => partition))];
}

for (const [name, partition, change, ofRuntime] of lives)
  void test(`${name}: the life is whole, no call is denied, and every ARN is of its partition`, async () => {
    const { simulation, problems } = await live(1, 'none', changed(change, ofRuntime), { elsewhere: change });
    assert.deepEqual(problems, []);
    const denied = simulation.account.calls.filter(({ outcome }) => refusals.test(outcome));
    assert.deepEqual(
      denied.map(({ action, resource, message }) => `${action} ${resource}: ${message}`),
      [],
    );
    assert.deepEqual(arnsIn(simulation), [partition]);
    assert.deepEqual(simulation.violations(), []);
  });
