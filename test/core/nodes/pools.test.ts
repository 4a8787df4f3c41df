import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticRuntime, Requirement, WorkerPool } from '../../../src/api/generated/types.ts';
import { resolvePools } from '../../../src/core/nodes/pools.ts';

/* The fields of `workers` are the defaults of its pools. */

const arch = (...values: readonly string[]): Requirement => ({ key: 'kubernetes.io/arch', operator: 'In', values: [...values] });
const family: Requirement = { key: 'karpenter.k8s.aws/instance-family', operator: 'In', values: ['m7g'] };

function pool(own: Partial<WorkerPool>) {
  const workers = {
    min: 2,
    max: 40,
    spotPercent: 80,
    requirements: [arch('amd64')],
    volumes: {},
    pools: [{ name: 'own', weight: 0, ...own }],
  };
  const spec = { machineImage: { family: 'AL2023' }, masters: { min: 0, max: 1, volumes: {} }, workers };
  const [, resolved] = resolvePools({ metadata: { name: 'r' }, spec } as unknown as ElasticRuntime);
  assert.ok(resolved);
  return resolved;
}

const rows: readonly (readonly [what: string, own: Partial<WorkerPool>, expected: Partial<ReturnType<typeof pool>>])[] = [
  [
    'nothing of its own',
    {},
    { requirements: [arch('amd64')], architecture: 'amd64', max: 40, min: 2, spotPercent: 80, spotShareGroup: 'workers' },
  ],
  ['requirements of its own', { requirements: [arch('arm64'), family] }, { requirements: [arch('arm64'), family], architecture: 'arm64' }],
  ['none, said', { requirements: [] }, { requirements: [], architecture: 'amd64' }],
  ['a spot share of its own is not that of the others', { spotPercent: 20 }, { spotPercent: 20, spotShareGroup: 'own' }],
  [
    'limits of its own',
    { limits: { nodes: 5, cpu: '1500m', memory: '64Gi', maxUsdPerHour: '2.5' } },
    { max: 5, maxVcpus: 1.5, maxMemoryGiB: 64, maxUsdPerHour: 2.5 },
  ],
  ['never more nodes than all workers', { limits: { nodes: 50 } }, { max: 40 }],
];

for (const [what, own, expected] of rows) {
  void test(what, () => {
    const resolved = pool(own);
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(resolved[field as keyof typeof resolved], value, field);
  });
}
