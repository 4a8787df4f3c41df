import type { LimitsPerNamespace } from '../../api/generated/types.ts';

/** What the nodes of one runtime take of their namespace's limits. */
export type Usage = { readonly nodes: number; readonly vcpus: number; readonly usdPerHour: number };

/** What one runtime may have in all, and whose limit it is. */
export type Allowance = { readonly nodes?: number; readonly vcpus?: number; readonly usdPerHour?: number; readonly whose: string };

/**
 * What the limits of a class leave to one runtime, after what the other runtimes of its namespace that use the class have. Never negative: where a
 * limit was lowered below what runs, nothing is ended for it and nothing new begins.
 */
export function allowance(
  limits: LimitsPerNamespace | undefined,
  others: readonly Usage[],
  named: { readonly className: string; readonly namespace: string },
): Allowance | undefined {
  if (limits === undefined) return undefined;
  const used = (key: keyof Usage): number => others.reduce((sum, usage) => sum + usage[key], 0);
  const left = (limit: number | undefined, key: keyof Usage) => (limit === undefined ? undefined : Math.max(0, limit - used(key)));
  const usd = limits.maxUsdPerHour === undefined ? undefined : Number(limits.maxUsdPerHour);
  const [nodes, vcpus, usdPerHour] = [left(limits.nodes, 'nodes'), left(limits.vcpus, 'vcpus'), left(usd, 'usdPerHour')];
  if (nodes === undefined && vcpus === undefined && usdPerHour === undefined) return undefined;
  const taken = others.length === 0 ? '' : ', less what its other runtimes have';
  return {
    ...(nodes !== undefined && { nodes }),
    ...(vcpus !== undefined && { vcpus }),
    ...(usdPerHour !== undefined && { usdPerHour }),
    whose: `the limit that ElasticRuntimeClass ${named.className} leaves this runtime in namespace ${named.namespace} (limitsPerNamespace${taken})`,
  };
}
