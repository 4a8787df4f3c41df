import type { ElasticJob, ElasticRuntime } from '../../api/generated/types.ts';

/**
 * Fields of the API that this version does not act on yet. They are refused rather than passed over: a limit, a revocation or an engine that somebody
 * wrote down must not be silently without effect.
 */
export function unsupportedRuntimeFields(runtime: Pick<ElasticRuntime, 'spec'>): readonly string[] {
  return runtime.spec.network.securityGroupSelector === undefined
    ? []
    : ['spec.network.securityGroupSelector: not resolved in this version; name securityGroupIds'];
}

export function unsupportedJobFields(job: Pick<ElasticJob, 'spec'>): readonly string[] {
  const { spark } = job.spec;
  return spark === undefined ? [] : ['spec.spark: engines are not built in in this version; write the command into the templates'];
}
