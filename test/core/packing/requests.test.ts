import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, PackingPod, PodSpec } from '../../../src/core/packing/problem.ts';
import { hostPorts, podRequests } from '../../../src/core/packing/requests.ts';

const cpu = (amount: string, restartPolicy?: string): Container => ({
  resources: { requests: { cpu: amount } },
  ...(restartPolicy === undefined ? {} : { restartPolicy }),
});
const of = (spec: Partial<PodSpec>, more: Partial<PackingPod> = {}): PackingPod => ({
  key: 'p',
  namespace: 'n',
  spec: { containers: [], ...spec },
  ...more,
});

// "Init Containers", "Sidecar Containers", "Pod Overhead", "Pod-level resources": effective requests.
const ROWS: readonly (readonly [string, Partial<PodSpec>, Readonly<Record<string, number>>])[] = [
  ['containers add up', { containers: [cpu('1'), cpu('500m')] }, { cpu: 1500, pods: 1 }],
  [
    'the largest init container counts if it is more',
    { containers: [cpu('1')], initContainers: [cpu('3'), cpu('2')] },
    { cpu: 3000, pods: 1 },
  ],
  ['a small init container does not count', { containers: [cpu('4')], initContainers: [cpu('3')] }, { cpu: 4000, pods: 1 }],
  ['a sidecar runs beside the containers', { containers: [cpu('1')], initContainers: [cpu('1', 'Always')] }, { cpu: 2000, pods: 1 }],
  [
    'a sidecar before an init container runs beside it',
    { containers: [cpu('1')], initContainers: [cpu('1', 'Always'), cpu('3')] },
    { cpu: 4000, pods: 1 },
  ],
  [
    'a sidecar after an init container does not',
    { containers: [cpu('1')], initContainers: [cpu('3'), cpu('1', 'Always')] },
    { cpu: 3000, pods: 1 },
  ],
  ['overhead comes on top', { containers: [cpu('1')], initContainers: [cpu('3')], overhead: { cpu: '250m' } }, { cpu: 3250, pods: 1 }],
  [
    'a limit without a request is the request',
    { containers: [{ resources: { limits: { cpu: '2', 'nvidia.com/gpu': 1 } } }] },
    { cpu: 2000, 'nvidia.com/gpu': 1, pods: 1 },
  ],
  [
    'pod-level requests replace the sum',
    { containers: [cpu('1'), cpu('1')], resources: { requests: { cpu: '5' } } },
    { cpu: 5000, pods: 1 },
  ],
  ['nothing requested is one pod', { containers: [{}] }, { pods: 1 }],
];
for (const [name, spec, expected] of ROWS) {
  test(`requests: ${name}`, () => {
    const answer = podRequests(of(spec));
    assert.ok(answer.ok);
    assert.deepEqual(Object.fromEntries(answer.value), expected);
  });
}

const BAD: readonly (readonly [Container, RegExp])[] = [
  [cpu('-1'), /containers\[0\].resources: requests.cpu: "-1" is negative/],
  [cpu('1x'), /requests.cpu: "1x" has the unknown suffix "x"/],
  [{ resources: { requests: { 'nvidia.com/gpu': '500m' } } }, /nvidia.com\/gpu: "500m" must be a whole number/],
  [{ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }, /requests.cpu: exceeds its limit/],
];
for (const [container, reason] of BAD) {
  test(`requests refused: ${reason.source}`, () => {
    const answer = podRequests(of({ containers: [container] }));
    assert.ok(!answer.ok);
    assert.match(answer.reason, reason);
  });
}

test('host ports: of the host network every container port, of others those that name one', () => {
  const ports = [{ containerPort: 80 }, { containerPort: 81, hostPort: 8081, protocol: 'UDP', hostIP: '10.0.0.1' }];
  assert.deepEqual(hostPorts({ containers: [{ ports }] }), [{ protocol: 'UDP', port: 8081, address: '10.0.0.1' }]);
  assert.equal(hostPorts({ containers: [{ ports }], hostNetwork: true }).length, 2);
});

test('host ports: those of a sidecar are held as long as the pod runs, those of an init container are not', () => {
  const initContainers = [{ restartPolicy: 'Always', ports: [{ hostPort: 9000 }] }, { ports: [{ hostPort: 9001 }] }];
  assert.deepEqual(hostPorts({ containers: [{}], initContainers }), [{ protocol: 'TCP', port: 9000, address: '0.0.0.0' }]);
});
