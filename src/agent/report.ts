import type { ElasticNode } from '../api/generated/types.ts';
import { apiVersion } from '../api/labels.ts';
import { createBackoff } from '../machinery/backoff.ts';
import { formatTime } from '../machinery/time.ts';
import type { AuditRecord } from '../ports/aws/index.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { FileSystem, InterruptionNotice } from '../ports/host.ts';
import type { KubernetesPort } from '../ports/kubernetes.ts';
import { elasticNodes } from '../ports/resources.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { AgentSettings } from './settings.ts';
import type { PodLogReport } from './shipper.ts';

/** What a node agent says of its node: `status.report` of its ElasticNode, by server-side apply. */
type ReportContent = {
  readonly fileSystems: readonly FileSystem[];
  readonly interruption: InterruptionNotice | undefined;
  /** By pod UID; of the job's pods that are on the node. */
  readonly logs: Readonly<Record<string, PodLogReport>>;
  /** What no object in the log bucket has: how the last records of accesses came there. */
  readonly accesses: readonly AuditRecord[];
};

export type Reporter = {
  /** Writes where it is time to. */
  report(node: string, content: ReportContent): Promise<void>;
};

const reportFieldManager = 'elastic-node-agent';
/** Percentage points. */
const useStep = 5;
const maxFileSystems = 64;
const maxAccesses = 256;

export function createReporter(parts: {
  readonly kubernetes: Pick<KubernetesPort, 'apply'>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly random: Random;
  readonly settings: Pick<AgentSettings, 'reportMs' | 'backoff'>;
}): Reporter {
  const { kubernetes, clock, telemetry, settings } = parts;
  let last: { readonly node: string; readonly content: ReportContent; readonly at: number } | undefined;
  const backoff = createBackoff(settings.backoff, parts.random);
  let notBefore = Number.NEGATIVE_INFINITY;

  function isDue(node: string, content: ReportContent): boolean {
    if (clock.monotonic() < notBefore) return false;
    if (last === undefined || last.node !== node || isUrgent(last.content, content)) return true;
    return clock.monotonic() - last.at >= settings.reportMs && JSON.stringify(last.content.logs) !== JSON.stringify(content.logs);
  }

  return {
    async report(node, content) {
      if (!isDue(node, content)) return;
      const answer = await kubernetes.apply(elasticNodes, document(node, content, clock.now()), {
        fieldManager: reportFieldManager,
        force: true,
        subresource: 'status',
      });
      telemetry.count('agent_reports_total', { outcome: answer.ok ? 'ok' : answer.error.kind });
      if (answer.ok) {
        last = { node, content, at: clock.monotonic() };
        backoff.reset();
        return;
      }
      notBefore = clock.monotonic() + backoff.next();
      telemetry.log('warn', 'report not written', { node, reason: `${answer.error.kind}: ${answer.error.message}` });
    },
  };
}

/** Somebody waits for it: a drain, a volume that fills up, an attempt whose pods may go. */
function isUrgent(before: ReportContent, now: ReportContent): boolean {
  if (before.interruption?.kind !== now.interruption?.kind || before.interruption?.at !== now.interruption?.at) return true;
  // A pod that nobody has been told of is not waited for.
  if (Object.entries(now.logs).some(([uid, { flushed }]) => flushed !== before.logs[uid]?.flushed)) return true;
  if (JSON.stringify(now.accesses) !== JSON.stringify(before.accesses)) return true;
  if (before.fileSystems.length !== now.fileSystems.length) return true;
  return now.fileSystems.some((fileSystem) => {
    const old = before.fileSystems.find(({ device }) => device === fileSystem.device);
    return old === undefined || old.sizeBytes !== fileSystem.sizeBytes || Math.abs(old.usedPercent - fileSystem.usedPercent) >= useStep;
  });
}

function document(name: string, content: ReportContent, nowMs: number): ElasticNode {
  const { interruption } = content;
  const report = {
    time: formatTime(nowMs),
    fileSystems: content.fileSystems.slice(0, maxFileSystems).map(({ device, mountPath, sizeBytes, usedPercent }) => ({
      device,
      mountPath,
      sizeBytes,
      usedPercent: Math.round(usedPercent * 10) / 10,
    })),
    ...(interruption && { interruption }),
    // An apply that empties a map leaves null where the schema wants an object: the API server refuses it.
    ...(Object.keys(content.logs).length > 0 && { logs: content.logs }),
    ...(content.accesses.length > 0 && { accesses: content.accesses.slice(-maxAccesses) }),
  };
  // Server-side apply: the spec is somebody else's and left out.
  return { apiVersion, kind: 'ElasticNode', metadata: { name }, status: { report } } as unknown as ElasticNode;
}
