import { formatTime } from '../../machinery/time.ts';
import type { AuditRecord } from '../../ports/aws/index.ts';
import { nodesOf } from '../runtime/activity.ts';
import { attemptOf, type Ending, type JobTools, type JobView } from './tools.ts';

/** For people: a job of a thousand nodes has more. */
const mostAccesses = 2_000;

/** The agent job log: what was decided, accessed and launched, and how it ended. For people; no secret in it. */
export function agentLog(tools: JobTools, view: JobView, ending: Ending, records: readonly AuditRecord[]): string {
  const { job, runtime, plan, draft } = view;
  const status = draft.value();
  const attempt = attemptOf(view);
  const nodes = nodesOf(tools.context, runtime).filter(
    (node) => node.spec.reservedFor?.some((entry) => entry.jobUid === job.metadata.uid && entry.attempt === attempt) ?? false,
  );
  const lines = [
    `job ${job.metadata.namespace}/${job.metadata.name} (${job.metadata.uid}) on runtime ${runtime.metadata.name}, attempt ${attempt}`,
    `security type ${plan.securityType}: ${plan.securityRule}`,
    `staging as ${plan.staging.identity}: ${plan.staging.rule}`,
    ...plan.notes.map((text) => `note: ${text}`),
    '',
    'decided (who accesses what as whom):',
    ...plan.rows.map((row) => `  ${row.phase} ${row.resource} ${row.action} as ${row.identity} via ${row.via}: ${row.rule}`),
    '',
    'nodes:',
    ...nodes.map((node) => {
      const offering = node.status?.offering;
      return `  ${node.metadata.name} ${offering?.capacityType ?? ''} ${offering?.instanceType ?? ''} ${offering?.zone ?? ''} ${node.status?.instanceId ?? ''} ${offering?.usdPerHour ?? ''} USD/h`;
    }),
    '',
    'accesses:',
    ...records
      .slice(0, mostAccesses)
      .map((record) =>
        `  ${record.time} ${record.identity} ${record.action} ${record.resource} ${record.outcome} ${record.requestId ?? ''}`.trimEnd(),
      ),
    ...(records.length > mostAccesses ? [`  ${records.length - mostAccesses} more: access.json has them`] : []),
    '',
    'conditions:',
    ...(status.conditions ?? []).map((condition) => `  ${condition.type}=${condition.status} ${condition.reason}: ${condition.message}`),
    '',
    `started ${status.startTime ?? '(never)'}; attempt ended ${formatTime(tools.context.clock.now())}: ${ending.phase}, ${ending.reason}: ${ending.message}`,
  ];
  return `${lines.join('\n')}\n`;
}
