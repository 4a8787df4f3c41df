import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PlanArguments, runPlan } from '../../src/cli/plan.ts';

const CATALOG = JSON.stringify({
  region: 'us-east-1',
  types: [
    {
      name: 'm5.large',
      vcpu: 2,
      memoryMiB: 8192,
      arch: ['x86_64'],
      gpus: 0,
      maxPods: 29,
      nvmeGiB: 0,
      burstable: false,
      bareMetal: false,
      onDemandUsdPerHour: 0.096,
      spotUsdPerHour: 0.03,
    },
    {
      name: 'm6g.large',
      vcpu: 2,
      memoryMiB: 8192,
      arch: ['arm64'],
      gpus: 0,
      maxPods: 29,
      nvmeGiB: 0,
      burstable: false,
      bareMetal: false,
      onDemandUsdPerHour: 0.077,
    },
  ],
});
const pod = (name: string, cpu: string, more = '') =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec: { containers: [{ name: main, resources: { requests: { cpu: ${cpu}, memory: 1Gi } } }]${more} }\n`;

async function plan(files: Readonly<Record<string, string>>, more: Partial<PlanArguments> = {}) {
  const out: string[] = [];
  const errors: string[] = [];
  const readFile = (path: string) => (path in files ? Promise.resolve(files[path] as string) : Promise.reject(new Error('no such file')));
  const code = await runPlan(
    { podFiles: ['pods.yaml'], catalogFile: 'catalog.json', output: 'json', ...more },
    { readFile, print: (text) => out.push(text), printError: (text) => errors.push(text) },
  );
  return { code, out: out.join('\n'), errors: errors.join('\n') };
}

test('the JSON of the contract: nodes, what is left, dollars, bound, gap', async () => {
  const { code, out } = await plan({ 'pods.yaml': `${pod('a', '1')}---\n${pod('b', '500m')}`, 'catalog.json': CATALOG });
  assert.equal(code, 0);
  const { nodes, unschedulable, usdPerHour, lowerBoundUsdPerHour, gap } = JSON.parse(out);
  assert.deepEqual(nodes, [
    { type: 'm6g.large', zone: 'us-east-1a', capacityType: 'on-demand', usdPerHour: 0.077, pool: 'workers', pods: ['a', 'b'] },
  ]);
  assert.deepEqual(unschedulable, []);
  assert.equal(usdPerHour, 0.077);
  assert.ok(lowerBoundUsdPerHour > 0 && lowerBoundUsdPerHour <= usdPerHour);
  assert.equal(gap, usdPerHour / lowerBoundUsdPerHour - 1);
});

test('a List as kubectl prints it, finished pods left out', async () => {
  const item = (name: string, phase: string) => ({
    metadata: { name, namespace: 'finance' },
    spec: { containers: [{ resources: { requests: { cpu: '1' } } }] },
    status: { phase },
  });
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item('done', 'Succeeded'), item('waits', 'Pending')] });
  const { code, out } = await plan({ 'pods.yaml': list, 'catalog.json': CATALOG });
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(out).nodes[0].pods, ['finance/waits']);
});

test('what kubectl prints of a cluster: who runs is placed anew, who goes is left out, daemons take their room on every node', async () => {
  const item = (name: string, cpu: string, metadata: object = {}, spec: object = {}) => ({
    metadata: { name, ...metadata },
    spec: { nodeName: 'ip-1', containers: [{ resources: { requests: { cpu } } }], ...spec },
    status: { phase: 'Running' },
  });
  const ownedBy = (kind: string) => ({ ownerReferences: [{ apiVersion: 'v1', kind, name: 'owner', uid: kind, controller: true }] });
  const onItsNode = (name: string) => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] }],
        },
      },
    },
  });
  const items = [
    item('runs', '1500m', ownedBy('ReplicaSet')),
    item('goes', '1', { deletionTimestamp: '2026-11-01T00:00:00Z' }),
    item('static', '1', ownedBy('Node')),
    item('daemon-1', '400m', ownedBy('DaemonSet'), onItsNode('ip-1')),
    item('daemon-2', '400m', ownedBy('DaemonSet'), onItsNode('ip-2')),
    item('small', '200m'),
  ];
  const catalog = { 'catalog.json': CATALOG };
  const { code, out } = await plan({ 'pods.yaml': JSON.stringify({ kind: 'List', items }), ...catalog });
  assert.equal(code, 0);
  assert.deepEqual(
    JSON.parse(out).nodes.map((node: { pods: readonly string[] }) => node.pods),
    [['runs'], ['small']],
  );
  const faulty = JSON.stringify({ kind: 'List', items: [item('daemon', '-1', ownedBy('DaemonSet'))] });
  assert.match(
    (await plan({ 'pods.yaml': faulty, ...catalog })).errors,
    /^plan: pods\.yaml: pod default\/daemon: .*requests\.cpu: "-1" is negative$/,
  );
});

test('a pod that fits nowhere: exit 1, with the nearest offering and what excluded it', async () => {
  const { code, out } = await plan({ 'pods.yaml': pod('huge', '64'), 'catalog.json': CATALOG });
  assert.equal(code, 1);
  const [left] = JSON.parse(out).unschedulable;
  assert.equal(left.pod, 'huge');
  assert.match(
    left.reason,
    /^TooLarge: nearest is m\S+ in us-east-1a \(on-demand\): too little cpu \(64 asked for, \d+m? there, the most of any offering\)$/,
  );
});

test('a runtime: its requirements, its cap in dollars, its spot share, and what kubelets keep', async () => {
  const runtime =
    'kind: ElasticRuntime\nspec: { workers: { max: 4, maxUsdPerHour: "60", spotPercent: 100, requirements: [{ key: kubernetes.io/arch, operator: In, values: [amd64] }] } }';
  const files = { 'pods.yaml': pod('a', '1'), 'catalog.json': CATALOG, 'runtime.yaml': runtime };
  const { code, out } = await plan(files, { runtimeFile: 'runtime.yaml' });
  assert.equal(code, 0);
  assert.deepEqual(
    JSON.parse(out).nodes.map((node: { type: string; capacityType: string }) => [node.type, node.capacityType]),
    [['m5.large', 'spot']],
  );
  assert.equal((await plan({ ...files, 'pods.yaml': pod('a', '2') }, { runtimeFile: 'runtime.yaml' })).code, 1);
  assert.equal((await plan({ ...files, 'runtime.yaml': runtime.replace('"60"', '"0.01"') }, { runtimeFile: 'runtime.yaml' })).code, 1);
});

test('what a class in the same file gives the workers holds; a class that is for others does not', async () => {
  const runtime = 'kind: ElasticRuntime\nspec: { runtimeClassName: standard }';
  const ofClass = (selector: string) =>
    `kind: ElasticRuntimeClass\nmetadata: { name: standard }\nspec: { namespaceSelector: ${selector}, defaults: { workers: { spotPercent: 100, requirements: [{ key: kubernetes.io/arch, operator: In, values: [amd64] }] } } }`;
  const files = { 'pods.yaml': pod('a', '1'), 'catalog.json': CATALOG };
  const given = await plan({ ...files, 'runtime.yaml': `${ofClass('{}')}\n---\n${runtime}` }, { runtimeFile: 'runtime.yaml' });
  assert.equal(given.code, 0, given.errors);
  assert.deepEqual(
    JSON.parse(given.out).nodes.map((node: { type: string; capacityType: string }) => [node.type, node.capacityType]),
    [['m5.large', 'spot']],
  );
  const others = await plan(
    { ...files, 'runtime.yaml': `${ofClass('{ matchLabels: { team: x } }')}\n---\n${runtime}` },
    { runtimeFile: 'runtime.yaml' },
  );
  assert.equal(others.code, 2);
  assert.match(
    others.errors,
    /runtime\.yaml: spec\.runtimeClassName: the namespaceSelector of ElasticRuntimeClass standard does not match/,
  );
});

test('for people: a table with fill, price and reason, and a last line with the bound', async () => {
  const { code, out } = await plan({ 'pods.yaml': pod('a', '1'), 'catalog.json': CATALOG }, { output: 'table' });
  assert.equal(code, 0);
  assert.match(out, /^TYPE +ZONE +CAPACITY +USD\/H +PODS +CPU +MEMORY +WHY$/m);
  assert.match(out, /^m6g\.large +us-east-1a +on-demand +0\.0770 +1 +50% +13% +next m5\.large 0\.0960$/m);
  assert.match(out, /^1 nodes, 0\.0770 USD\/h; no plan for these pods costs less than 0\.0770 USD\/h/m);
});

const WITHOUT_PRICE = CATALOG.replace('"onDemandUsdPerHour":0.096,', '');
const BAD: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  ['a file that is not there', { 'catalog.json': CATALOG }, /^plan: pods\.yaml: cannot be read: no such file$/],
  ['no JSON', { 'pods.yaml': pod('a', '1'), 'catalog.json': '{' }, /^plan: catalog\.json: the catalog is not JSON/],
  [
    'a type without price',
    { 'pods.yaml': pod('a', '1'), 'catalog.json': WITHOUT_PRICE },
    /^plan: catalog\.json: types\[0\] \(m5\.large\): has no price: onDemandUsdPerHour is missing$/,
  ],
  [
    'a zone twice',
    { 'pods.yaml': pod('a', '1'), 'catalog.json': CATALOG.replace('"types"', '"zones":["a","b","a"],"types"') },
    /^plan: catalog\.json: "zones" of the catalog: a occurs twice$/,
  ],
  ['another kind', { 'pods.yaml': 'kind: Service', 'catalog.json': CATALOG }, /^plan: pods\.yaml: object 1: expected a Pod, not Service$/],
  [
    'a pod without a name',
    { 'pods.yaml': 'kind: Pod\nspec: { containers: [] }', 'catalog.json': CATALOG },
    /^plan: pods\.yaml: object 1: metadata\.name is missing$/,
  ],
  [
    'a pod without containers',
    { 'pods.yaml': 'kind: Pod\nmetadata: { name: a }', 'catalog.json': CATALOG },
    /^plan: pods\.yaml: pod default\/a: spec\.containers must be a list$/,
  ],
  [
    'a negative amount',
    { 'pods.yaml': pod('a', '-1'), 'catalog.json': CATALOG },
    /^plan: pods\.yaml: pod default\/a: spec\.containers\[0\]\.resources: requests\.cpu: "-1" is negative$/,
  ],
  ['an unknown suffix', { 'pods.yaml': pod('a', '1Q'), 'catalog.json': CATALOG }, /requests\.cpu: "1Q" has the unknown suffix "Q"/],
  [
    'the same pod twice',
    { 'pods.yaml': `${pod('a', '1')}---\n${pod('a', '1')}`, 'catalog.json': CATALOG },
    /^plan: pods\.yaml: pod default\/a occurs twice$/,
  ],
];
for (const [name, files, message] of BAD) {
  test(`bad input is exit 2 and names file, object and field: ${name}`, async () => {
    const { code, out, errors } = await plan(files);
    assert.deepEqual([code, out], [2, '']);
    assert.match(errors, message);
  });
}

test('the least of workers that a runtime keeps is bought, in its first pool, pods or none', async () => {
  const runtime = (workers: string) => `kind: ElasticRuntime\nspec: { workers: { ${workers} } }`;
  const files = { 'pods.yaml': pod('a', '1'), 'catalog.json': CATALOG };
  const planFor = (workers: string) => plan({ ...files, 'r.yaml': runtime(workers) }, { runtimeFile: 'r.yaml' });
  const { nodes } = JSON.parse((await planFor('min: 2, max: 4, pools: [{ name: one }, { name: two }]')).out);
  assert.deepEqual(
    nodes.map((node: { pool: string; pods: readonly string[] }) => [node.pool, node.pods]),
    [
      ['one', ['a']],
      ['one', []],
    ],
  );
  assert.match((await planFor('min: 3, max: 2')).errors, /^plan: r\.yaml: spec\.workers\.min: 3 must not be above max, 2$/);
  assert.match(
    (await planFor('min: many')).errors,
    /^plan: r\.yaml: spec\.workers\.min: expected a whole number of at least 0, not "many"$/,
  );
});

test('a runtime without a runtime in it, or with contradicting requirements, is exit 2', async () => {
  const files = { 'pods.yaml': pod('a', '1'), 'catalog.json': CATALOG };
  assert.match(
    (await plan({ ...files, 'r.yaml': 'kind: Pod' }, { runtimeFile: 'r.yaml' })).errors,
    /^plan: r\.yaml: no ElasticRuntime found$/,
  );
  const torn =
    'kind: ElasticRuntime\nspec: { workers: { requirements: [{ key: a, operator: In, values: [x] }, { key: a, operator: In, values: [y] }] } }';
  const { code, errors } = await plan({ ...files, 'r.yaml': torn }, { runtimeFile: 'r.yaml' });
  assert.equal(code, 2);
  assert.match(errors, /the requirements on a contradict each other/);
});

test('for people: pods that are left for one reason are one entry, with the pods that keep them away by name', async () => {
  const apart =
    ', affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: topology.kubernetes.io/zone, labelSelector: { matchLabels: { app: web } } }] } }';
  const web = (index: number) =>
    pod(`web-${index}`, '1', apart).replace(`name: web-${index} }`, `name: web-${index}, labels: { app: web } }`);
  const files = [...[1, 2, 3, 4, 5].map(web), ...[1, 2, 3, 4].map((index) => pod(`big-${index}`, '64'))].join('---\n');
  const { code, out } = await plan({ 'pods.yaml': files, 'catalog.json': CATALOG }, { output: 'table' });
  assert.equal(code, 1);
  const at = out.split('\n').filter((line) => line.startsWith('UNSCHEDULABLE') || line.startsWith('  '));
  assert.deepEqual(at, [
    'UNSCHEDULABLE default/web-4, default/web-5',
    '  Affinity: nearest is m6g.large in us-east-1a (on-demand): pod anti-affinity over topology.kubernetes.io/zone to pods app=web: us-east-1a has default/web-1, us-east-1b has default/web-2, us-east-1c has default/web-3',
    'UNSCHEDULABLE default/big-1, default/big-2, default/big-3 and 1 more',
    '  TooLarge: nearest is m6g.large in us-east-1a (on-demand): too little cpu (64 asked for, 2 there, the most of any offering)',
  ]);
});
