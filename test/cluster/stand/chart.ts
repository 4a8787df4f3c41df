import { join } from 'node:path';
import type { ControlPlane } from '../../controlplane/start.ts';

const root = join(import.meta.dirname, '../../..');

export async function installChart(controlPlane: ControlPlane): Promise<void> {
  const kubectl = async (...args: readonly string[]): Promise<void> => {
    const { code, stderr } = await controlPlane.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  };
  await kubectl('apply', '-f', join(root, 'crds'));
  await kubectl('create', 'namespace', 'elastic-system');
  await kubectl('create', 'namespace', 'elastic-agents');
  await kubectl('create', 'serviceaccount', '-n', 'elastic-system', 'elastic-runtime-operator');
  await kubectl(
    'create',
    'clusterrolebinding',
    'op',
    '--clusterrole=cluster-admin',
    '--serviceaccount=elastic-system:elastic-runtime-operator',
  );
}
