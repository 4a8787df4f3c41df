import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticJob, ElasticRuntime } from '../../src/api/generated/types.ts';
import type { Stored } from '../../src/api/kubernetes.ts';
import { createCostBounds } from '../../src/controllers/node/cost-bounds.ts';
import { type DemandInput, demandMemory } from '../../src/core/nodes/demand.ts';

void test('the bound of a large demand is made anew only so often that it takes little of the time', () => {
  let now = 0;
  const bounds = createCostBounds({ monotonic: () => now });
  const runtime = { metadata: { name: 'analytics', namespace: 'finance', uid: 'r-1' }, spec: {} } as unknown as Stored<ElasticRuntime>;
  const template = { spec: { containers: [{ name: 'main', resources: { requests: { cpu: '1', memory: '1Gi' } } }] } };
  const job = (uid: string, workers: number) =>
    ({
      metadata: { name: uid, namespace: 'finance', uid },
      spec: { master: { template }, workers: { min: workers, max: workers, template } },
    }) as unknown as ElasticJob & {
      metadata: { uid: string };
    };
  const offering = { instanceType: 'm', zone: 'a', capacityType: 'on-demand', usdPerHour: 1 } as const;
  const types = [{ name: 'm', capacity: { cpu: 8, memory: '32Gi', pods: 50 }, labels: { 'kubernetes.io/arch': 'amd64' } }];
  const pool = { requirements: [], taints: [], labels: {}, weight: 0, min: 0, max: 10_000, spotPercent: 0, architecture: 'amd64' } as const;
  const pools = ['master', 'worker'].map((role) => ({ ...pool, name: role, role })) as unknown as DemandInput['pools'];
  const demand = (...sizes: readonly number[]): DemandInput => ({
    runtime,
    pools,
    jobs: sizes.map((workers, index) => ({ job: job(`j-${index}`, workers), attempt: 1, priority: 0 })),
    elasticNodes: [],
    nodeByProviderId: () => undefined,
    pods: [],
    daemonSets: [],
    catalog: { types, offerings: [offering] } as unknown as DemandInput['catalog'],
    unavailable: [],
  });
  const memory = demandMemory();
  const look = (...sizes: readonly number[]) => bounds.look(runtime, demand(...sizes), memory);

  assert.equal(look(99), 'changed');
  assert.equal(look(99), 'same');
  assert.equal(look(99, 99), 'changed', 'a small demand waits for nothing');
  const small = bounds.get('r-1');
  // 3,000 pods: three seconds from one to the next.
  assert.deepEqual(look(2999), { againInMs: 3000 });
  assert.equal(bounds.get('r-1'), small);
  now = 1000;
  assert.deepEqual(look(2999), { againInMs: 2000 });
  now = 3000;
  assert.equal(look(2999), 'changed');
  assert.ok((bounds.get('r-1') ?? 0) > 10 * (small ?? 0));
});
