import type { ElasticJob, ElasticJobStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { type ConnectionSpecs, inlined, later, referencedConnections } from '../../core/access/references.ts';
import { equals } from '../../machinery/covers.ts';
import type { OperatorContext } from '../context.ts';
import type { StatusDraft } from '../draft.ts';
import { hasEnded } from '../runtime/activity.ts';
import { deleteChildren } from './cleanup.ts';
import { childrenOf, go, type JobTools, type JobVerdict, type JobView, note, notesOf } from './tools.ts';

export type References = {
  /** The job with what its connectionRefs name in their place: all that controllers act on. */
  readonly job: Stored<ElasticJob>;
  readonly found: ConnectionSpecs;
  readonly missing: readonly string[];
};

/**
 * What the job's connectionRefs name. Looked up anew until the job first starts; from then on, and where it ends before, it is what the job was verified with,
 * whatever becomes of the ElasticConnection meanwhile, but for a revocation: that holds at once.
 */
export function resolveReferences(
  tools: Pick<JobTools, 'context'>,
  written: Stored<ElasticJob>,
  draft: StatusDraft<ElasticJobStatus>,
): References {
  const names = referencedConnections(written);
  if (names.length === 0) return { job: written, found: {}, missing: [] };
  const live = liveSpecs(tools.context, written, names);
  const pinned = notesOf({ draft }).connections;
  const over = hasEnded(written) || written.metadata.deletionTimestamp !== undefined;
  const begun = over || draft.value().startTime !== undefined || released(tools, written, draft);
  const found = begun && pinned !== undefined ? withRevocations(pinned, live) : live;
  return { job: inlined(written, found), found, missing: names.filter((name) => !Object.hasOwn(found, name)) };
}

function liveSpecs({ stores }: OperatorContext, { metadata }: Stored<ElasticJob>, names: readonly string[]): ConnectionSpecs {
  const entries = names.flatMap((name) => {
    const connection = stores.connections.get(`${metadata.namespace}/${name}`);
    return connection === undefined ? [] : [[name, connection.spec] as const];
  });
  return Object.fromEntries(entries);
}

function withRevocations(pinned: ConnectionSpecs, live: ConnectionSpecs): ConnectionSpecs {
  return Object.fromEntries(
    Object.entries(pinned).map(([name, spec]) => {
      const revoked = later(spec.accessRevokedBefore, live[name]?.accessRevokedBefore);
      return [name, revoked === undefined ? spec : { ...spec, accessRevokedBefore: revoked }];
    }),
  );
}

function released(tools: Pick<JobTools, 'context'>, job: Stored<ElasticJob>, draft: StatusDraft<ElasticJobStatus>): boolean {
  return childrenOf(tools, { job, draft }).master?.spec.suspend === false;
}

/** As it is written down; undefined: the job names none. */
export function pinnable({ references: { found } }: Pick<JobView, 'references'>): ConnectionSpecs | undefined {
  return Object.keys(found).length === 0 ? undefined : found;
}

/**
 * Written down before anything is let go: a process that dies right after the start must find what the job runs with. Children that were made with
 * something else go first: their templates cannot be changed.
 */
export async function pinReferences(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const found = pinnable(view);
  if (found === undefined) return go;
  const { master, worker } = childrenOf(tools, view);
  if (master?.spec.suspend === false || view.draft.value().startTime !== undefined) return go;
  // As the API server has it, not as this look will leave it.
  const persisted = (view.job.status?.internal as { readonly connections?: ConnectionSpecs } | undefined)?.connections;
  if (equals(persisted, found)) return go;
  if (persisted !== undefined && (master !== undefined || worker !== undefined)) {
    const problem = await deleteChildren(tools, view.job);
    if (problem !== undefined) return { again: 'ChildrenEnding', message: problem };
  }
  note(view, { connections: found });
  return { wait: 'ConnectionsPinned', message: 'what the connections name is written down before the job starts', afterMs: 100 };
}
