import type { ElasticRuntime, ElasticRuntimeClass } from '../api/generated/types.ts';
import { apiVersion } from '../api/labels.ts';
import { type Resolution, resolveRuntime, type WrittenRuntime } from '../core/classes/resolve.ts';
import { defaultClassName } from '../core/classes/select.ts';
import { applyDefaults } from '../core/validation/defaults.ts';

type Manifest = { readonly kind: string; readonly metadata: { readonly name: string; readonly namespace?: string } } & Readonly<
  Record<string, unknown>
>;

/**
 * What the platform team of a simulated cluster does, as the account is made to fit the manifests: where those have no ElasticRuntimeClass but need
 * one (by name, or for X.509), it makes classes that allow what is asked. Where they have any, nothing is added.
 */
export function fittingClasses(manifests: readonly Manifest[]): readonly ElasticRuntimeClass[] {
  if (manifests.some(({ kind }) => kind === 'ElasticRuntimeClass')) return [];
  const runtimes = runtimesOf(manifests);
  const named = runtimes.flatMap(({ spec }) => (spec.runtimeClassName === undefined ? [] : [spec.runtimeClassName]));
  if (named.length === 0 && runtimes.every(({ spec }) => spec.identities?.agent?.x509 === undefined)) return [];
  // With one class there must be one for every runtime.
  const names = new Set([...named, ...(runtimes.length > named.length ? [defaultClassName] : [])]);
  return [...names].sort().map((name) => ({
    apiVersion,
    kind: 'ElasticRuntimeClass',
    metadata: { name },
    spec: { allowed: { defaultRoles: 'Allowed', x509: 'Allowed', unverifiedAccess: 'Allowed' } },
  }));
}

/** The runtimes as they hold in the simulated cluster. */
export function resolvedRuntimes(manifests: readonly Manifest[], made: readonly ElasticRuntimeClass[]): readonly ElasticRuntime[] {
  return resolutionsOf(manifests, made).map(([runtime, { spec }]) => ({ ...runtime, spec }));
}

/** Those that say where they are and as whom they act: what the account must fit. */
export function begunRuntimes(manifests: readonly Manifest[], made: readonly ElasticRuntimeClass[]): readonly ElasticRuntime[] {
  return resolutionsOf(manifests, made).flatMap(([runtime, { spec, absent }]) =>
    absent.every((path) => path === 'network' || path === 'workers.max') ? [{ ...runtime, spec }] : [],
  );
}

type Resolved = readonly [runtime: WrittenRuntime, resolution: Resolution];

export function resolutionsOf(manifests: readonly Manifest[], made: readonly ElasticRuntimeClass[]): readonly Resolved[] {
  const written = manifests.filter(({ kind }) => kind === 'ElasticRuntimeClass') as unknown as readonly ElasticRuntimeClass[];
  const classes = [...written, ...made].map((each) => applyDefaults('ElasticRuntimeClass', each));
  return runtimesOf(manifests).map((runtime) => {
    const { namespace = 'default' } = runtime.metadata;
    const space = manifests.find(({ kind, metadata }) => kind === 'Namespace' && metadata.name === namespace);
    const labels = (space?.metadata as { readonly labels?: Readonly<Record<string, string>> } | undefined)?.labels ?? {};
    return [runtime, resolveRuntime(runtime, classes, { name: namespace, labels })] as const;
  });
}

function runtimesOf(manifests: readonly Manifest[]): readonly WrittenRuntime[] {
  return manifests.filter(({ kind }) => kind === 'ElasticRuntime') as unknown as readonly WrittenRuntime[];
}
