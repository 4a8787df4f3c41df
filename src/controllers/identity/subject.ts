import { accessNote } from '../../core/audit/attribution.ts';
import type { Subject } from '../../ports/aws/index.ts';
import type { GrantRequest } from './grants.ts';

/** On whose behalf, and for which access of the plan: what every audit record of the calls says. */
export function subjectOf(request: GrantRequest, cluster: string): Subject {
  const { runtime, node, identity, resource, plan, caller, preflight } = request;
  const job = request.job ?? preflight?.job;
  const access = accessNote({ identity, resource, plan, nodeAgent: caller === 'nodeAgent' });
  return {
    cluster,
    runtime: `${runtime.metadata.namespace}/${runtime.metadata.name}`,
    ...(job && { job: `${job.namespace}/${job.name}` }),
    ...(node !== undefined && { node }),
    ...(access && { access }),
    ...(preflight && { preflight: true }),
  };
}
