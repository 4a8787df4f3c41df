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
import { keyOf } from '../../machinery/keys.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { type AccessFailure, describeFailure } from '../identity/failure.ts';
import { nodesOf } from '../runtime/activity.ts';
import { asPoller } from './polling.ts';
import type { JobNotes, JobTools, JobView } from './tools.ts';

/** `missing`: what is known to be there and is not among them, and why. */
export type NodeAccesses = { readonly records: readonly Recorded[]; readonly missing: readonly string[] };

/** By key: as long as a part was when it was read. */
export type ReadParts = Map<string, { readonly size: number; readonly records: readonly Recorded[] }>;

/** Some 30 MB of them in one document; who wants the others reads the parts. */
const mostRecords = 50_000;
const mostMissing = 50;
const mostPartBytes = 4 * 1024 * 1024;
/** Of objects that anybody with the role of the pods may put there. */
const mostPages = 20;
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
  const look = () => readAll(tools, view, folder, read);
  if (isLast) return look();
  const looked = await tools.recordLooks.look({ uid: view.job.metadata.uid, key: keyOf(view.job) }, folder.key, look);
  if (looked !== undefined) return looked;
  const at = { identity: '', chain: [], action: 'read', resource: `${formatS3Uri(folder)}/` };
  return err({ ...at, code: 'StillReading', message: 'the records of its nodes are being read', transient: true });
}

async function readAll(tools: JobTools, view: JobView, folder: S3Folder, read: ReadParts): Promise<Result<NodeAccesses, AccessFailure>> {
  const listed = await listParts(tools, view, folder);
  if (!listed.ok) {
    if (listed.error.transient) return listed;
    return ok({ records: [], missing: [`what node agents recorded at ${formatS3Uri(folder)}/: ${describeFailure(listed.error)}`] });
  }
  const missing: string[] = listed.value.isWhole ? [] : [`what lies behind ${mostPages * 1000} objects at ${formatS3Uri(folder)}/`];
  const { parts } = listed.value;
  const known = (): number => parts.reduce((sum, { key }) => sum + (read.get(key)?.records.length ?? 0), 0);
  const unread = parts.filter(({ key, size }) => read.get(key)?.size !== size);
  for (let begin = 0; begin < unread.length; begin += atOnce) {
    if (known() >= mostRecords) {
      missing.push(
        `${unread.length - begin} of ${parts.length} parts at ${formatS3Uri(folder)}/, since the others hold ${known()} records`,
      );
      break;
    }
    const failures = await Promise.all(
      unread.slice(begin, begin + atOnce).map(async ({ key, size }) => {
        const records = await readPart(tools, view, { bucket: folder.bucket, key });
        if (records.ok) read.set(key, { size, records: records.value });
        else missing.push(`${formatS3Uri({ bucket: folder.bucket, key })}: ${describeFailure(records.error)}`);
        return records.ok || !records.error.transient ? undefined : records.error;
      }),
    );
    const failure = failures.find((one) => one !== undefined);
    if (failure !== undefined) return err(failure);
  }
  const said = missing.length > mostMissing ? [...missing.slice(0, mostMissing), `${missing.length - mostMissing} parts more`] : missing;
  return ok({ records: mergeRecords([...read.values()].map(({ records }) => records)), missing: said });
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

type Listed = { readonly parts: readonly { readonly key: string; readonly size: number }[]; readonly isWhole: boolean };

async function listParts(tools: JobTools, view: JobView, { bucket, key }: S3Folder): Promise<Result<Listed, AccessFailure>> {
  const parts: { readonly key: string; readonly size: number }[] = [];
  let continuationToken: string | undefined;
  for (let pages = 0; pages < mostPages; pages += 1) {
    const from = continuationToken === undefined ? {} : { continuationToken };
    const page = await asPoller(tools, view, { action: 's3:ListBucket', bucket }, (aws, caller) =>
      aws.s3.listObjects(caller, { bucket, prefix: `${key}/`, maxKeys: 1000, ...from }),
    );
    if (!page.ok) return page;
    parts.push(...page.value.keys.filter((object) => placeOf(object.key) !== undefined));
    continuationToken = page.value.continuationToken;
    if (continuationToken === undefined) return ok({ parts, isWhole: true });
  }
  return ok({ parts, isWhole: false });
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
