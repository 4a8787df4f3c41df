/**
 * The node agents' own records of what they did for a job. They lie beside the job's record, in a place that each node may write and nobody trusts: what is taken
 * over is held to what a node agent may do in its own folder. How the last of them came there no object says; the agents report it.
 */
import type { ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { accessParts, formatS3Uri, jobPrefix, runtimeFolder, type S3Folder, uid8 } from '../../core/access/locations.ts';
import { s3Arn } from '../../core/access/partitions.ts';
import { nodeRecord, type RecordingNode } from '../../core/audit/node-records.ts';
import { documentAccesses, mergeRecords, type Recorded } from '../../core/audit/records.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { type AccessFailure, describeFailure } from '../identity/failure.ts';
import { inParallel } from '../identity/parallel.ts';
import { nodesOf } from '../runtime/activity.ts';
import { asPoller } from './polling.ts';
import { type JobNotes, type JobTools, type JobView } from './tools.ts';

/** `missing`: what is known to be there and is not among them, and why. */
export type NodeAccesses = { readonly records: readonly Recorded[]; readonly missing: readonly string[] };

/** By key: as long as a part was when it was read. */
export type ReadParts = Map<string, { readonly size: number; readonly records: readonly Recorded[] }>;

/** Some 30 MB of them in one document; who wants the others reads the parts. */
const mostRecords = 50_000;
const mostPartBytes = 4 * 1024 * 1024;
const mostPages = 50;
const atOnce = 8;

/** Of nodes that are gone, too. What was read before is not read again unless it has grown. */
export async function readNodeAccesses(tools: JobTools, view: JobView, read: ReadParts): Promise<Result<NodeAccesses, AccessFailure>> {
  const { context } = tools;
  // No pod, no node agent that did something for it.
  if (!context.settings.nodeAgents || view.draft.value().attempts === undefined) return ok({ records: [], missing: [] });
  for (const node of nodesOf(context, view.runtime)) adoptReported(context, view.runtime, node);
  const folder = accessParts(jobPrefix(runtimeFolder(view.runtime, 'logs'), { name: view.job.metadata.name, uid: view.job.metadata.uid }));
  const listed = await listParts(tools, view, folder);
  if (!listed.ok) {
    if (listed.error.transient) return listed;
    return ok({ records: [], missing: [`what node agents recorded at ${formatS3Uri(folder)}/: ${describeFailure(listed.error)}`] });
  }
  const missing: string[] = [];
  const grown = listed.value.filter(({ key, size }) => read.get(key)?.size !== size);
  const failures = await inParallel(grown, atOnce, async ({ key, size }) => {
    const records = await readPart(tools, view, { bucket: folder.bucket, key });
    if (records.ok) read.set(key, { size, records: records.value });
    else missing.push(`${formatS3Uri({ bucket: folder.bucket, key })}: ${describeFailure(records.error)}`);
    return records.ok || !records.error.transient ? undefined : records.error;
  });
  const failure = failures.find((one) => one !== undefined);
  if (failure !== undefined) return err(failure);
  const records = mergeRecords([...read.values()].map((part) => part.records));
  if (records.length > mostRecords)
    missing.push(`${records.length - mostRecords} of ${records.length} records of node agents: they lie at ${formatS3Uri(folder)}/`);
  return ok({ records: records.slice(0, mostRecords), missing });
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
    if (found === undefined || job === undefined || uid8(job.metadata.uid) !== found.jobUid8) continue;
    const { cleaned }: JobNotes = job.status?.internal ?? {};
    // Its record is closed.
    if (cleaned !== true) context.audit.adopt(found.record);
  }
}

type Part = { readonly key: string; readonly size: number };

async function listParts(tools: JobTools, view: JobView, folder: S3Folder): Promise<Result<readonly Part[], AccessFailure>> {
  const parts: Part[] = [];
  let continuationToken: string | undefined;
  for (let pages = 0; pages < mostPages; pages += 1) {
    const page = await asPoller(tools, view, { action: 's3:ListBucket', bucket: folder.bucket }, (aws, caller) =>
      aws.s3.listObjects(caller, {
        bucket: folder.bucket,
        prefix: `${folder.key}/`,
        maxKeys: 1000,
        ...(continuationToken !== undefined && { continuationToken }),
      }),
    );
    if (!page.ok) return page;
    parts.push(...page.value.keys.filter(({ key }) => placeOf(key) !== undefined));
    continuationToken = page.value.continuationToken;
    if (continuationToken === undefined) break;
  }
  return ok(parts);
}

async function readPart(
  tools: JobTools,
  view: JobView,
  location: { readonly bucket: string; readonly key: string },
): Promise<Result<readonly Recorded[], AccessFailure>> {
  const object = await asPoller(tools, view, { action: 's3:GetObject', ...location }, (aws, caller) =>
    aws.s3.getObject(caller, { ...location, maxBytes: mostPartBytes }),
  );
  if (!object.ok) return object;
  const place = placeOf(location.key);
  if (place === undefined) return ok([]);
  const of = recordingNode(view.runtime, place.role, place.node);
  const { name, namespace, uid } = view.job.metadata;
  const own = documentAccesses(new TextDecoder().decode(object.value.body)).flatMap((value) => {
    const found = nodeRecord(value, of);
    return found?.record.job === `${namespace}/${name}` && found.jobUid8 === uid8(uid) ? [found.record] : [];
  });
  return ok(own);
}

function placeOf(key: string): { readonly role: 'master' | 'worker'; readonly node: string } | undefined {
  const [, role, node] = /\/access\/(master|worker)\/([^/]+)\/[^/]+\.json$/.exec(key) ?? [];
  return node === undefined || (role !== 'master' && role !== 'worker') ? undefined : { role, node };
}

function recordingNode(runtime: Stored<ElasticRuntime>, role: RecordingNode['role'], node: string): RecordingNode {
  const { namespace, name, uid } = runtime.metadata;
  const { bucket, key } = runtimeFolder(runtime, 'logs');
  return { runtime: `${namespace}/${name}`, runtimeUid: uid, role, node, logs: s3Arn(runtime.spec.region, bucket, key) };
}
