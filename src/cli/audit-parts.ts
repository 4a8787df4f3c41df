/**
 * What node agents have recorded of a job and its access.json lacks, since there was too much of it or it could not be read: it lies beside it, where the job's pods
 * may write as well, and is held to what a node agent or an init container may do, as the operator holds it.
 */
import { nodePartOf } from '../core/access/locations.ts';
import { mostPartBytes, nodeRecordsIn, type RecordingNode } from '../core/audit/node-records.ts';
import type { AuditIo } from './audit.ts';
import { type Gathered, lackedBy } from './audit-input.ts';

type Read = Awaited<ReturnType<AuditIo['readBucket']>>[number];

export async function takeNodeParts(
  gathered: Gathered,
  bucket: string,
  objects: readonly Read[],
  readBucket: AuditIo['readBucket'],
): Promise<void> {
  for (const { name, bytes } of objects) {
    const job = lackingJob(keyOf(name), new TextDecoder().decode(bytes));
    if (job === undefined) continue;
    const tooLarge: string[] = [];
    const isPart = (key: string, size = 0): boolean => {
      if (nodePartOf(`${job.folder}access`, key) === undefined) return false;
      if (size > mostPartBytes) tooLarge.push(`s3://${bucket}/${key} is too large for what a node agent writes`);
      return size <= mostPartBytes;
    };
    try {
      const parts = await readBucket({ bucket, prefix: `${job.folder}access/` }, isPart);
      for (const part of parts) gathered.records.push(...recordsOf(job, bucket, part));
      if (tooLarge.length === 0 && parts.length > 0) settle(gathered, name, `s3://${bucket}/${job.folder}access/`);
      gathered.missing.push(...tooLarge);
    } catch (error) {
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      gathered.missing.push(`s3://${bucket}/${job.folder}access/ could not be read: ${why}`);
    }
  }
}

type LackingJob = {
  /** Ends in its slash. */
  readonly folder: string;
  readonly job: string;
  readonly uid: string;
  readonly runtime: string;
  readonly runtimeUid: string;
  readonly partition: string;
};

/** undefined: it is no job's record, or lacks nothing. */
function lackingJob(key: string, text: string): LackingJob | undefined {
  if (!key.endsWith('/access.json')) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  const fields = (document ?? {}) as Readonly<Record<string, unknown>>;
  const { job, uid, namespace, runtime, runtimeUid, plan } = fields;
  if (typeof job !== 'string' || typeof uid !== 'string' || typeof namespace !== 'string' || typeof runtime !== 'string') return undefined;
  if (typeof runtimeUid !== 'string' || lackedBy(fields).length === 0) return undefined;
  const folder = key.slice(0, -'access.json'.length);
  if (!folder.endsWith(`/jobs/${job}-${uid.slice(0, 8)}/`)) return undefined;
  const partition = /"arn:(aws[a-z-]*):/.exec(JSON.stringify(plan) ?? '')?.[1] ?? 'aws';
  return { folder, job: `${namespace}/${job}`, uid, runtime: `${namespace}/${runtime}`, runtimeUid, partition };
}

/** The key of an object in the bucket, which is named by its URI. */
function keyOf(name: string): string {
  return name.replace(/^s3:\/\/[^/]+\//, '');
}

function recordsOf(job: LackingJob, bucket: string, { name, bytes }: Read) {
  const place = nodePartOf(`${job.folder}access`, keyOf(name));
  if (place === undefined) return [];
  const { runtime, runtimeUid, partition, folder } = job;
  const logs = `arn:${partition}:s3:::${bucket}/${folder.slice(0, folder.lastIndexOf('/jobs/'))}`;
  const of: RecordingNode = { ...place, runtime, runtimeUid, logs };
  return nodeRecordsIn(bytes, of, { key: job.job, uid: job.uid });
}

/** Whatever the document lacks of that folder is in the report now. */
function settle(gathered: Gathered, name: string, folder: string): void {
  const settled = gathered.missing.filter((what) => what.startsWith(`${name} lacks `) && what.includes(folder));
  gathered.notes.push(...settled.map((what) => `${what}: it was read from there`));
  gathered.missing.splice(0, gathered.missing.length, ...gathered.missing.filter((what) => !settled.includes(what)));
}
