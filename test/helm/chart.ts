import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { ensureBinaries } from '../controlplane/binaries.ts';

export const chart = join(import.meta.dirname, '../../helm/elastic-runtime-operator');
export const release = 'elastic-runtime-operator';

/** What an installation must say. */
export const least = ['--set', 'clusterName=test', '--set', 'image.repository=registry.example.com/elastic-runtime-operator'];

export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
};

export type HelmResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** helm without a cluster. */
export async function helm(...args: readonly string[]): Promise<HelmResult> {
  const { helm: program } = await ensureBinaries();
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, {
      maxBuffer: 1 << 26,
      env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { readonly code: number; readonly stdout: string; readonly stderr: string };
    return { code, stdout, stderr };
  }
}

export function template(...args: readonly string[]): Promise<HelmResult> {
  return helm('template', release, chart, '--namespace', 'elastic-system', ...least, ...args);
}

export async function render(...args: readonly string[]): Promise<readonly Manifest[]> {
  const { code, stdout, stderr } = await template(...args);
  if (code !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).flatMap((document) => (document.toJS() as Manifest | null) ?? []);
}

export function find(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`the chart renders no ${kind} ${name}`);
  return found;
}

export function podOf(manifests: readonly Manifest[], kind: 'Deployment' | 'DaemonSet'): PodSpec {
  const name = kind === 'Deployment' ? release : 'elastic-node-agent';
  return (find(manifests, kind, name)['spec'] as { readonly template: { readonly spec: PodSpec } }).template.spec;
}

export type PodSpec = {
  readonly serviceAccountName: string;
  readonly hostPID?: boolean;
  readonly hostNetwork?: boolean;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly affinity?: unknown;
  readonly tolerations?: unknown;
  readonly volumes: readonly { readonly name: string; readonly [source: string]: unknown }[];
  readonly containers: readonly [
    {
      readonly image: string;
      readonly args: readonly string[];
      readonly env?: readonly { readonly name: string; readonly value: string }[];
      readonly securityContext: Readonly<Record<string, unknown>>;
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
    },
  ];
};
