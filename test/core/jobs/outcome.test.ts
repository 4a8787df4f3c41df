import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, Pod } from '../../../src/api/kubernetes.ts';
import { type AttemptView, attemptOutcome } from '../../../src/core/jobs/outcome.ts';

const failed: Job = {
  metadata: { name: 'etl-1-master' },
  spec: { template: { spec: { containers: [] } } },
  status: { conditions: [{ type: 'Failed', status: 'True' }] },
};

function pod(role: 'master' | 'worker', phase: string, exitCode?: number): Pod {
  return {
    metadata: { name: `etl-1-${role}-x`, labels: { 'elasticruntime.dev/role': role } },
    spec: { nodeName: 'node-1', containers: [{ name: 'main' }] },
    status: { phase, ...(exitCode !== undefined && { containerStatuses: [{ name: 'main', state: { terminated: { exitCode } } }] }) },
  };
}

const seen = (more: Partial<AttemptView>): AttemptView => ({
  master: undefined,
  worker: undefined,
  pods: [],
  nodeExists: () => true,
  ...more,
});

/* The caches of Jobs and of pods are two watches: either may be behind the other. */
const rows: readonly (readonly [string, Partial<AttemptView>, string | undefined])[] = [
  ['the master Job has failed, its pod is still seen running', { master: failed, pods: [pod('master', 'Running')] }, undefined],
  ['then its end is seen', { master: failed, pods: [pod('master', 'Failed', 3)] }, 'Failed'],
  ['the pod is seen first', { pods: [pod('master', 'Failed', 3)] }, 'Failed'],
  ['the pod is gone for good', { master: failed }, 'Lost'],
  ['the worker Job has failed, its pod is still seen running', { worker: failed, pods: [pod('worker', 'Running')] }, undefined],
  ['then a worker that failed by itself is seen', { worker: failed, pods: [pod('worker', 'Failed', 137)] }, 'Failed'],
  ['no worker is left that could say why', { worker: failed }, 'Lost'],
];

for (const [what, view, kind] of rows) void test(what, () => assert.equal(attemptOutcome(seen(view))?.kind, kind));
