import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { runPlan } from '../../src/cli/plan.ts';
import { dice } from '../core/packing/random-problem.ts';

/*
 * `plan -f` on files that somebody got wrong: one to three places of sound pods, catalog and runtime are replaced by what does not belong
 * there. Whatever it is, the answer is a plan or a sentence that names the file; never a crash, never a number that is none.
 */

const container = (cpu: string, memory: string) => ({ name: 'main', resources: { requests: { cpu, memory }, limits: { memory } } });
const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'a' } } };
const PODS = [
  {
    kind: 'Pod',
    metadata: { name: 'plain', namespace: 'n', labels: { app: 'a' } },
    spec: { containers: [container('500m', '1Gi')], overhead: { cpu: '10m' }, priority: 3 },
  },
  {
    kind: 'Pod',
    metadata: { name: 'ruled', labels: { app: 'a' } },
    spec: {
      containers: [{ ...container('1', '2Gi'), ports: [{ containerPort: 80, hostPort: 80 }] }],
      initContainers: [{ ...container('100m', '64Mi'), restartPolicy: 'Always' }],
      nodeSelector: { 'kubernetes.io/arch': 'amd64' },
      tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoSchedule' }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'karpenter.k8s.aws/instance-cpu', operator: 'Gt', values: ['1'] }] }],
          },
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 5,
              preference: { matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'In', values: ['us-east-1a'] }] },
            },
          ],
        },
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [term],
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }],
        },
      },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          minDomains: 2,
          topologyKey: 'topology.kubernetes.io/zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['a'] }] },
        },
      ],
    },
  },
];
const type = (name: string, vcpu: number, price: number) => ({
  name,
  vcpu,
  memoryMiB: vcpu * 4096,
  arch: ['x86_64'],
  gpus: 0,
  maxPods: 29,
  nvmeGiB: 0,
  burstable: false,
  bareMetal: false,
  onDemandUsdPerHour: price,
  spotUsdPerHour: price / 3,
});
const CATALOG = {
  region: 'us-east-1',
  zones: ['us-east-1a', 'us-east-1b'],
  types: [type('m5.large', 2, 0.096), type('m5.xlarge', 4, 0.192)],
};
const RUNTIME = {
  kind: 'ElasticRuntime',
  spec: {
    workers: {
      max: 5,
      maxUsdPerHour: '9.5',
      spotPercent: 40,
      pools: [
        { name: 'one', weight: 5, max: 3, taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }], labels: { team: 'red' } },
        {
          name: 'two',
          limits: { nodes: 4, vcpus: 64, maxUsdPerHour: '4' },
          requirements: [{ key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['m5.large', 'm5.xlarge'], minValues: 2 }],
        },
      ],
    },
  },
};
const SPOILERS: readonly (readonly unknown[])[] = [
  [null, true, '', 'x', '-1', '1e30', '1GB', '1E400', '0x10', '९', ' 1', '1 ', '__proto__', '\u0000', 'a'.repeat(5000)],
  [-1, 0, 0.5, 1e-9, 1e30, 1e308, Number.MAX_SAFE_INTEGER + 2, -0],
  [[], {}, [null], [[]], [{}], { a: { b: [] } }, { cpu: '-1' }, { cpu: '1e30', memory: 'many' }, { constructor: '1' }, { '': '' }],
  ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt', 'kubernetes.io/hostname', 'metadata.name', 'plain', 'm5.large', 'one'],
];
const HOSTILE: readonly unknown[] = SPOILERS.flat();

type Place = { readonly holder: Record<string, unknown>; readonly key: string };

function placesOf(value: unknown): readonly Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesOf(holder[key])]);
}

function spoilt(seed: number): { readonly pods: unknown; readonly catalog: unknown; readonly runtime: unknown } {
  const roll = dice(seed);
  const files = structuredClone({ pods: { kind: 'List', items: PODS }, catalog: CATALOG, runtime: RUNTIME });
  for (let count = 1 + roll.below(3); count > 0; count--) {
    const { holder, key } = roll.pick(placesOf(roll.pick([files.pods, files.catalog, files.runtime])));
    const action = roll.below(10);
    if (action === 0) delete holder[key];
    else if (action === 1 && Array.isArray(holder[key])) holder[key].push(structuredClone(holder[key][0]));
    else if (action === 2) holder[roll.pick(['', 'extra', key.toUpperCase()])] = structuredClone(holder[key]);
    else holder[key] = structuredClone(roll.pick(HOSTILE));
  }
  return files;
}

function numbersIn(value: unknown): readonly unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [value];
}

async function plan(files: ReturnType<typeof spoilt>, output: 'json' | 'table') {
  const out: string[] = [];
  const errors: string[] = [];
  const texts: Readonly<Record<string, string>> = {
    pods: JSON.stringify(files.pods) ?? '',
    catalog: JSON.stringify(files.catalog) ?? '',
    runtime: JSON.stringify(files.runtime) ?? '',
  };
  const code = await runPlan(
    { podFiles: ['pods'], catalogFile: 'catalog', runtimeFile: 'runtime', output },
    {
      readFile: (path) => Promise.resolve(texts[path] as string),
      print: (text) => out.push(text),
      printError: (text) => errors.push(text),
    },
  );
  return { code, out: out.join('\n'), errors: errors.join('\n') };
}

const RUNS = Number(process.env['PLAN_HOSTILE_RUNS'] ?? 800);

test(`${RUNS} spoilt files: a plan or a sentence that names the file`, async () => {
  const codes = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const files = spoilt(seed);
      const { code, out, errors } = await plan(files, 'json');
      codes[code] = (codes[code] as number) + 1;
      if (code === 2) {
        assert.match(errors, /^plan: (pods|catalog|runtime): ./);
        assert.equal(out, '');
        return;
      }
      const answer = JSON.parse(out) as { usdPerHour: number; lowerBoundUsdPerHour: number };
      assert.ok(!numbersIn(answer).includes(null), out);
      assert.ok(
        answer.lowerBoundUsdPerHour >= 0 && answer.lowerBoundUsdPerHour <= answer.usdPerHour && Number.isFinite(answer.usdPerHour),
        out,
      );
      assert.doesNotMatch((await plan(files, 'table')).out, /NaN|undefined|Infinity/);
    }),
    { seed: Number(process.env['PLAN_HOSTILE_SEED'] ?? 11), numRuns: RUNS, endOnFailure: true },
  );
  assert.ok(
    codes.every((count) => count > RUNS / 100),
    `codes 0, 1, 2: ${codes.join(', ')}`,
  );
});
