import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';

export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
} & Readonly<Record<string, unknown>>;

const root = join(import.meta.dirname, '../../..');

export function parseManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    const value = document.toJS() as Manifest | null;
    return value === null ? [] : [value];
  });
}

/** Of examples/. */
export function example(name: string): readonly Manifest[] {
  return parseManifests(readFileSync(join(root, 'examples', name), 'utf8'));
}

export function toYaml(manifests: readonly Manifest[]): string {
  return manifests.map((manifest) => stringify(manifest, { lineWidth: 0 })).join('---\n');
}

export function ofKind<T>(manifests: readonly Manifest[], kind: string): readonly T[] {
  return manifests.filter((manifest) => manifest.kind === kind) as unknown as readonly T[];
}

export function renamed(manifests: readonly Manifest[], names: Readonly<Record<string, string>>): readonly Manifest[] {
  let text = JSON.stringify(manifests);
  for (const [from, to] of Object.entries(names)) text = text.replaceAll(from, to);
  return JSON.parse(text) as readonly Manifest[];
}

/** The same objects in another namespace, which is made too. */
export function inNamespace(manifests: readonly Manifest[], namespace: string): readonly Manifest[] {
  return manifests.map((manifest) =>
    manifest.kind === 'Namespace'
      ? { ...manifest, metadata: { ...manifest.metadata, name: namespace } }
      : { ...manifest, metadata: { ...manifest.metadata, namespace } },
  );
}

type Template = { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } };
type JobSpec = { readonly master: { readonly template: Template }; readonly workers: { readonly template?: Template } };

export type Pace = {
  /** How long the master's container runs, and with it the job; undefined: until it is deleted. */
  readonly seconds: number | undefined;
  /** Of runtimes, Go style. */
  readonly idleTimeout?: string;
};

/** Pods that run so long; workers run until their master has ended. */
export function paced(manifests: readonly Manifest[], { seconds, idleTimeout }: Pace): readonly Manifest[] {
  return manifests.map((manifest) => {
    if (manifest.kind === 'ElasticRuntime' && idleTimeout !== undefined)
      return { ...manifest, spec: { ...(manifest['spec'] as object), idleTimeout } };
    if (manifest.kind !== 'ElasticJob') return manifest;
    const spec = manifest['spec'] as JobSpec;
    const annotations = seconds === undefined ? {} : { 'test.elasticruntime.dev/seconds': String(seconds) };
    const { template } = spec.master;
    const own = Object.entries(template.metadata?.annotations ?? {}).filter(([name]) => !name.startsWith('simulation.'));
    const master = {
      ...spec.master,
      template: { ...template, metadata: { ...template.metadata, annotations: { ...Object.fromEntries(own), ...annotations } } },
    };
    return { ...manifest, spec: { ...spec, master } };
  });
}
