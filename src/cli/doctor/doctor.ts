import { type ClusterConnection, type ClusterFlags, type ClusterIo, withCluster } from '../cluster.ts';
import { table } from '../table.ts';
import { encryption } from './encryption.ts';
import type { Check, Finding } from './facts.ts';
import { issuer, runtimes } from './identity.ts';
import { admission, apiServer, kinds, operator } from './installation.ts';
import { reach } from './reach.ts';

export type DoctorArguments = ClusterFlags & { readonly output: 'table' | 'json' };

/**
 * `kubectl-elastic doctor`: whether the cluster is fit for the operator, and the operator well. It only reads. Answers the exit code: 0 nothing failed (what could not
 * be seen is said), 1 something did, 2 no cluster.
 */
export function runDoctor(given: DoctorArguments, io: ClusterIo): Promise<number> {
  return withCluster(given, io, async (cluster) => {
    const findings = await examine(cluster, io.now());
    io.stdout(given.output === 'json' ? JSON.stringify(findings, undefined, 2) : textOf(findings));
    return findings.some(({ status }) => status === 'failed') ? 1 : 0;
  });
}

/** Without an API server there is nothing more to ask. */
async function examine(cluster: ClusterConnection, now: number): Promise<readonly Finding[]> {
  const server = await apiServer(cluster);
  if (server.some(({ message, status }) => status === 'failed' && !message.startsWith('Kubernetes'))) return server;
  const checks: readonly Check[] = [kinds, (of) => operator(of, now), admission, reach, issuer, encryption, runtimes];
  const found = await Promise.all(checks.map((check) => check(cluster)));
  return [...server, ...found.flat()];
}

function textOf(findings: readonly Finding[]): string {
  return table(
    ['STATUS', 'CHECK', 'FOUND'],
    findings.map(({ status, check, message, remedy }) => [status, check, remedy === undefined ? message : `${message} -> ${remedy}`]),
  );
}
