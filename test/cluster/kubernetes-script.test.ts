import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectKubernetes, type KubernetesConnection } from '../../src/kube/connect.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/start.ts';
import { script } from '../sim/kubernetes/script/script.ts';
import { realSide, simulatedSide } from '../sim/kubernetes/script/sides.ts';

/*
 * The in-memory Kubernetes is held to the same script of calls as the real one: each chapter is played to both through the same port, and what they
 * answer must be equal but for identities, versions, times and generated names.
 */

let cluster: ControlPlane;
let connection: KubernetesConnection;

before(async () => {
  cluster = await startControlPlane();
  connection = connectKubernetes({ kubeconfig: cluster.kubeconfigPath });
  const applied = await cluster.kubectl(['apply', '-f', join(import.meta.dirname, '../../crds')]);
  assert.equal(applied.code, 0, applied.stderr);
  const served = await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=120s', 'crd', '--all']);
  assert.equal(served.code, 0, served.stderr);
});

after(async () => {
  await connection?.close();
  await cluster?.stop();
});

for (const chapter of script) {
  test(`the simulated Kubernetes answers as the real one: ${chapter.name}`, { timeout: 600_000 }, async () => {
    const simulated = await chapter.play(await simulatedSide());
    const real = await chapter.play(realSide(cluster, connection.port));
    assert.deepEqual(simulated, real);
  });
}
