/**
 * The node agents' own records of what they did for a job. They lie beside the job's record, in a place that each node may write and nobody trusts: what is taken
 * over is held to what a node agent may do in its own folder. How the last of them came there no object says; the agents report it.
 */
import type { ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { accessParts, formatS3Uri, jobPrefix, nodePartOf, runtimeFolder, type S3Folder, uid8 } from '../../core/access/locations.ts';
import { s3Arn } from '../../core/access/partitions.ts';
import { mostPartBytes, nodeRecord, nodeRecordsIn, type RecordingNode } from '../../core/audit/node-records.ts';
import { mergeRecords, type Recorded } from '../../core/audit/records.ts';
import { keyOf } from '../../machinery/keys.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { type AccessFailure, describeFailure, isPassing } from '../identity/failure.ts';
import { nodesOf } from '../runtime/activity.ts';
import { asPoller } from './polling.ts';
import type { JobNotes, JobTools, JobView } from './tools.ts';

/** `missing`: what is known to have been and is not among them, and why. `more`: what there is besides, and where it lies. */
export type NodeAccesses = { readonly records: readonly Recorded[]; readonly missing: readonly string[]; readonly more?: string };

/** By key: as a part was when it was read, by the list and in fact. Its records are let go once access.json has them. */
export type ReadParts = Map<string, { readonly size: number; readonly bytes: number; readonly records: readonly Recorded[] }>;

/** A document of some 25,000 records is as much as anybody reads at once, and as this process may hold. Who wants the others reads the parts. */
const mostBytes = 16 * 1024 * 1024;
const mostParts = 6_000;
/** Of objects that anybody with the role of the pods may put there. */
const mostPages = 20;
const mostSaid = 20;
const atOnce = 8;

/**
 * Of nodes that are gone, too. What was read before is not read again unless it has grown. However much lies there, it holds up no other job: what takes long goes on
 * by itself, and the job comes back. `isLast`: the job does not, so it is waited for.
 */
export async function readNodeAccesses(
  tools: JobTools,
  view: JobView,
  read: ReadParts,
  { isLast }: { readonly isLast: boolean },
): Promise<Result<NodeAccesses, AccessFailure>> {
  const { context } = tools;
  // No pod, no node agent that did something for it.
  if (!context.settings.nodeAgents || view.draft.value().attempts === undefined) return ok({ records: [], missing: [] });
  for (const node of nodesOf(context, view.runtime)) adoptReported(context, view.runtime, node);
  const folder = accessParts(jobPrefix(runtimeFolder(view.runtime, 'logs'), { name: view.job.metadata.name, uid: view.job.metadata.uid }));
  const look = () => tools.recordReads.take(() => readAll(tools, view, folder, read));
  if (isLast) return look();
  const looked = await tools.recordLooks.look({ uid: view.job.metadata.uid, key: keyOf(view.job) }, folder.key, look);
  if (looked !== undefined) return looked;
  const at = { identity: '', chain: [], action: 'read', resource: `${formatS3Uri(folder)}/` };
  return err({ ...at, code: 'StillReading', message: 'the records of its nodes are being read', transient: true });
}

async function readAll(tools: JobTools, view: JobView, folder: S3Folder, read: ReadParts): Promise<Result<NodeAccesses, AccessFailure>> {
  const at = `${formatS3Uri(folder)}/`;
  const listed = await listParts(tools, view, folder);
  if (!listed.ok)
    return isPassing(listed.error)
      ? listed
      : ok({ records: [], missing: [`what node agents recorded at ${at}: ${describeFailure(listed.error)}`] });
  const missing: string[] = listed.value.isWhole ? [] : [`what lies behind ${mostPages * 1000} objects at ${at}`];
  const unread = listed.value.parts.filter(({ key, size }) => read.get(key)?.size !== size);
  let begin = 0;
  for (; begin < unread.length && hasRoom(read); begin += atOnce) {
    const failures = await Promise.all(
      unread.slice(begin, begin + atOnce).map(async ({ key, size }) => {
        const part = await readPart(tools, view, folder, key);
        if (part.ok) read.set(key, { ...part.value, size });
        else missing.push(`${formatS3Uri({ bucket: folder.bucket, key })}: ${describeFailure(part.error)}`);
        return part.ok || !isPassing(part.error) ? undefined : part.error;
      }),
    );
    const failure = failures.find((one) => one !== undefined);
    if (failure !== undefined) return err(failure);
  }
  const left = unread.length - begin;
  return ok({
    records: mergeRecords([...read.values()].map(({ records }) => records)),
    missing: missing.length > mostSaid ? [...missing.slice(0, mostSaid), `${missing.length - mostSaid} parts more`] : missing,
    ...(left > 0 && { more: `${left} of ${listed.value.parts.length} parts at ${at}` }),
  });
}

function hasRoom(read: ReadParts): boolean {
  return read.size < mostParts && [...read.values()].reduce((sum, { bytes }) => sum + bytes, 0) < mostBytes;
}

/** What a node agent says of its last writes, into the records of their jobs. */
export function adoptReported(
  context: Pick<OperatorContext, 'audit' | 'stores'>,
  runtime: Stored<ElasticRuntime>,
  node: Stored<ElasticNode>,
): void {
  const of = recordingNode(runtime, node.spec.role, node.metadata.name);
  for (const reported of node.status?.report?.accesses ?? []) {
    const found = nodeRecord(reported, of);
    const job = found?.record.job === undefined ? undefined : context.stores.jobs.get(found.record.job);
    if (found === undefined || job?.spec.runtime !== runtime.metadata.name || uid8(job.metadata.uid) !== found.jobUid8) continue;
    const { cleaned }: JobNotes = job.status?.internal ?? {};
    // Its record is closed.
    if (cleaned !== true) context.audit.adopt(found.record);
  }
}

type Listed = { readonly parts: readonly { readonly key: string; readonly size: number }[]; readonly isWhole: boolean };

/** Those of nodes that are there first: what somebody makes up displaces no other. */
async function listParts(tools: JobTools, view: JobView, folder: S3Folder): Promise<Result<Listed, AccessFailure>> {
  const { bucket, key } = folder;
  const parts: { readonly key: string; readonly size: number }[] = [];
  const known = new Set(nodesOf(tools.context, view.runtime).map(({ metadata }) => metadata.name));
  const isKnown = (part: { readonly key: string }): boolean => known.has(nodePartOf(key, part.key)?.node ?? '');
  let continuationToken: string | undefined;
  for (let pages = 0; pages < mostPages; pages += 1) {
    const from = continuationToken === undefined ? {} : { continuationToken };
    const page = await asPoller(tools, view, { action: 's3:ListBucket', bucket }, (aws, caller) =>
      aws.s3.listObjects(caller, { bucket, prefix: `${key}/`, maxKeys: 1000, ...from }),
    );
    if (!page.ok) return page;
    parts.push(...page.value.keys.filter((object) => nodePartOf(key, object.key) !== undefined));
    continuationToken = page.value.continuationToken;
    if (continuationToken === undefined) break;
  }
  const sorted = [...parts.filter(isKnown), ...parts.filter((part) => !isKnown(part))];
  return ok({ parts: sorted, isWhole: continuationToken === undefined });
}

async function readPart(
  tools: JobTools,
  view: JobView,
  folder: S3Folder,
  key: string,
): Promise<Result<{ readonly records: readonly Recorded[]; readonly bytes: number }, AccessFailure>> {
  const location = { bucket: folder.bucket, key };
  const object = await asPoller(tools, view, { action: 's3:GetObject', ...location }, (aws, caller) =>
    aws.s3.getObject(caller, { ...location, maxBytes: mostPartBytes }),
  );
  if (!object.ok) return object;
  const place = nodePartOf(folder.key, key);
  const of = place === undefined ? undefined : recordingNode(view.runtime, place.role, place.node);
  const { name, namespace, uid } = view.job.metadata;
  const records = of === undefined ? [] : nodeRecordsIn(object.value.body, of, { key: `${namespace}/${name}`, uid });
  return ok({ records, bytes: object.value.body.byteLength });
}

function recordingNode(runtime: Stored<ElasticRuntime>, role: RecordingNode['role'], node: string): RecordingNode {
  const { namespace, name, uid } = runtime.metadata;
  const { bucket, key } = runtimeFolder(runtime, 'logs');
  return { runtime: `${namespace}/${name}`, runtimeUid: uid, role, node, logs: s3Arn(runtime.spec.region, bucket, key) };
}
