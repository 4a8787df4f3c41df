import type { ElasticJob, ElasticRuntime } from '../api/generated/types.ts';
import type { AccessPlan } from '../core/access/plan.ts';
import type { AccessRow } from '../core/access/vocabulary.ts';
import { runtimeTags } from '../core/nodes/tags.ts';
import { plannedWidening, withWidening } from '../core/policy/session-plan.ts';

/** What the API server would give them: it changes no length. */
const someUid = '00000000-0000-4000-8000-000000000000';

/** The rows of a plan with what their sessions are widened by, as far as that is known without STS. */
export function rowsWithSessions(job: ElasticJob, runtime: ElasticRuntime, plan: AccessPlan): readonly AccessRow[] {
  const { name, namespace = 'default' } = runtime.metadata;
  const { organization } = runtime.spec;
  const around = {
    runtime,
    tags: runtimeTags({ cluster: 'cluster', organization, namespace, runtime: name, runtimeUid: someUid }),
    plan,
    job: { name: job.metadata.name, uid: someUid },
    dependencies: job.spec.dependencies,
  };
  return withWidening(plan, (row) => plannedWidening(row, around));
}

/** For people: one line for an access whose session is wider than it. */
export function wideningNotes(rows: readonly AccessRow[]): readonly string[] {
  const notes = rows.flatMap(({ resource, identity, widened }) =>
    widened === undefined
      ? []
      : [`${resource} as ${identity}: the policy of the operator's session is widened to fit: ${widened.join(', ')}`],
  );
  return [...new Set(notes)];
}
