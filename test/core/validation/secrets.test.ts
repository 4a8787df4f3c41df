import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticJob } from '../../../src/api/generated/types.ts';
import { refusedTemplateSecrets } from '../../../src/core/validation/secrets.ts';
import { job } from '../../api/manifests.ts';

const runtime = { metadata: { name: 'analytics' }, spec: { allowedSecrets: ['registry'] } };

function withPod(pod: object): ElasticJob {
  const spec = { containers: [{ name: 'main' }], ...pod };
  return { ...job, spec: { ...job.spec, master: { template: { spec } }, workers: { min: 0, max: 0 } } } as unknown as ElasticJob;
}

function container(fields: object): object {
  return { containers: [{ name: 'main', ...fields }] };
}

const table = [
  { name: 'a volume', pod: { volumes: [{ name: 'v', secret: { secretName: 'other' } }] }, field: 'volumes[0].secret.secretName' },
  {
    name: 'a projected volume',
    pod: { volumes: [{ name: 'v', projected: { sources: [{ secret: { name: 'other' } }] } }] },
    field: 'volumes[0].projected.sources[0].secret.name',
  },
  {
    name: 'a CSI volume',
    pod: { volumes: [{ name: 'v', csi: { nodePublishSecretRef: { name: 'other' } } }] },
    field: 'volumes[0].csi.nodePublishSecretRef.name',
  },
  {
    name: 'a Ceph volume',
    pod: { volumes: [{ name: 'v', cephfs: { secretRef: { name: 'other' } } }] },
    field: 'volumes[0].cephfs.secretRef.name',
  },
  {
    name: 'an Azure volume',
    pod: { volumes: [{ name: 'v', azureFile: { secretName: 'other' } }] },
    field: 'volumes[0].azureFile.secretName',
  },
  {
    name: 'an environment variable',
    pod: container({ env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'other' } } }] }),
    field: 'containers[0].env[0].valueFrom.secretKeyRef.name',
  },
  {
    name: 'an environment',
    pod: container({ envFrom: [{ secretRef: { name: 'other' } }] }),
    field: 'containers[0].envFrom[0].secretRef.name',
  },
  {
    name: 'an init container',
    pod: { initContainers: [{ name: 'i', envFrom: [{ secretRef: { name: 'other' } }] }] },
    field: 'initContainers[0].envFrom[0].secretRef.name',
  },
  { name: 'a pull secret', pod: { imagePullSecrets: [{ name: 'other' }] }, field: 'imagePullSecrets[0].name' },
  {
    name: "the Secret of a connection's external ID",
    pod: { volumes: [{ name: 'v', secret: { secretName: 'orders-external-id' } }] },
    field: 'volumes[0].secret.secretName',
  },
] as const;

for (const { name, pod, field } of table) {
  test(`a Secret of no connection is refused: ${name}`, () => {
    const [refused, ...more] = refusedTemplateSecrets(withPod(pod), runtime);
    assert.equal(refused?.field, `spec.master.template.spec.${field}`);
    assert.match(refused?.message ?? '', /of no connection of this job.*allowedSecrets of ElasticRuntime analytics/);
    assert.deepEqual(more, []);
  });
}

test('Secrets of connections, of their ElasticConnections and of the runtime are taken', () => {
  const volumes = ['warehouse-keys', 'ledger-login', 'registry'].map((secretName) => ({ name: secretName, secret: { secretName } }));
  assert.deepEqual(refusedTemplateSecrets(withPod({ volumes }), runtime, ['ledger-login']), []);
});

test('templates of workers are read too', () => {
  const { spec } = withPod({ imagePullSecrets: [{ name: 'other' }] });
  const turned = {
    ...job,
    spec: {
      ...spec,
      master: { template: { spec: { containers: [{ name: 'main' }] } } },
      workers: { min: 0, max: 1, template: spec.master.template },
    },
  };
  assert.deepEqual(
    refusedTemplateSecrets(turned as unknown as ElasticJob, runtime).map(({ field }) => field),
    ['spec.workers.template.spec.imagePullSecrets[0].name'],
  );
});

test('volumes without Secrets, and fields that only sound like one, are no use of a Secret', () => {
  const pod = { volumes: [{ name: 'secret', emptyDir: {} }], nodeSelector: { secret: 'name' } };
  assert.deepEqual(refusedTemplateSecrets(withPod(pod), runtime), []);
});
