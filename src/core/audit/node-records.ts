/** What a node's own records of accesses may say. */
import { uid8 } from '../access/locations.ts';
import { type AccessNote, accessNote } from './attribution.ts';
import { documentAccesses, type Recorded } from './records.ts';
import { isSessionOf, partsOfSession } from './session.ts';

/** Whose records: a node of a runtime, and the ARN of the runtime's folder in its log location. */
export type RecordingNode = {
  /** `<namespace>/<name>` */
  readonly runtime: string;
  readonly runtimeUid: string;
  /** Name of the ElasticNode */
  readonly node: string;
  readonly role: 'master' | 'worker';
  readonly logs: string;
};

/** Of one object of theirs: a node agent writes smaller ones. */
export const mostPartBytes = 1024 * 1024;

export type NodeRecord = { readonly record: Recorded; readonly jobUid8: string };

/** What one of a node's objects holds of one job. `job`: `<namespace>/<name>` and UID. */
export function nodeRecordsIn(
  body: Uint8Array,
  of: RecordingNode,
  job: { readonly key: string; readonly uid: string },
): readonly Recorded[] {
  return documentAccesses(new TextDecoder().decode(body)).flatMap((value) => {
    const found = nodeRecord(value, of);
    return found?.record.job === job.key && found.jobUid8 === uid8(job.uid) ? [found.record] : [];
  });
}

/**
 * A write of logs, or of these records, by the node's session in the node's own place; or a call by which a pod's init container has read a secret, in the pod's own
 * session. undefined for everything else. A job's pods have the role that writes there, and a stolen node says what it likes: neither can put an access of somebody else
 * into a job's record, or one that the role of its pods could not make by itself. What is taken over is short, printable text.
 */
export function nodeRecord(value: unknown, of: RecordingNode): NodeRecord | undefined {
  const record = recordOf(value);
  if (record === undefined || record.runtime !== of.runtime) return undefined;
  const note = accessNote({ identity: of.role, nodeAgent: true });
  const written = jobOfLogWrite(record, of, note);
  // An agent of another version words its rule otherwise.
  if (written !== undefined) return { record: { ...record, ...(note && { rule: note.rule }) }, jobUid8: written };
  const jobUid8 = jobOfPodsOwn(record, of);
  return jobUid8 === undefined ? undefined : { record, jobUid8 };
}

function jobOfLogWrite(
  { job, node, phase, identity, planResource, action, sessionName, resource }: Recorded,
  of: RecordingNode,
  note: AccessNote | undefined,
): string | undefined {
  if (node !== of.node || identity !== of.role || phase !== note?.phase || planResource !== note?.resource) return undefined;
  if (action !== 's3:PutObject' || !resource.startsWith(`${of.logs}/jobs/`)) return undefined;
  const session = partsOfSession(sessionName);
  if (!isSessionOf(sessionName, of.role) || session?.job !== undefined || session?.runtime !== of.runtimeUid.slice(0, 8)) return undefined;
  const place = /^([^/]+)-([0-9a-f]{8})\/(?:\d+|access)\/([^/]+)\/([^/]+)\/./.exec(resource.slice(of.logs.length + '/jobs/'.length));
  const [, name, jobUid8, role, inFolderOf] = place ?? [];
  if (role !== of.role || inFolderOf !== of.node || job !== `${of.runtime.slice(0, of.runtime.indexOf('/'))}/${name}`) return undefined;
  return jobUid8;
}

const ofInitContainer: ReadonlySet<string> = new Set([
  'sts:AssumeRoleWithWebIdentity',
  'ssm:GetParameter',
  'secretsmanager:GetSecretValue',
]);

function jobOfPodsOwn({ job, node, phase, identity, planResource, action, sessionName }: Recorded, of: RecordingNode): string | undefined {
  if (node !== undefined || job === undefined || identity !== 'worker' || phase !== 'Run' || !ofInitContainer.has(action)) return undefined;
  if (planResource?.startsWith('connection-secret:') !== true || !isSessionOf(sessionName, 'worker')) return undefined;
  const session = partsOfSession(sessionName);
  return session?.runtime === of.runtimeUid.slice(0, 8) ? session.job : undefined;
}

/** In the order in which people read them. How long a text may be, in characters. */
const texts = {
  time: 24,
  namespace: 63,
  runtime: 320,
  job: 320,
  node: 253,
  phase: 16,
  planResource: 320,
  rule: 512,
  identity: 320,
} as const;
const moreTexts = { sessionName: 64, action: 128, resource: 2_048, outcome: 128, errorCode: 128, requestId: 256 } as const;
/** Roles on the way, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: a path of 512 characters and a name of 64. */
const mostHops = 4;
const roleCharacters = 640;
const dayMs = 86_400_000;

/** Nobody knows what else a field may hold, or an object that somebody else has written: nested ones could not even be written down again. */
function recordOf(value: unknown): Recorded | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { chain, durationMs } = fields;
  const isChain = Array.isArray(chain) && chain.length <= mostHops && chain.every((role) => isText(role, roleCharacters));
  const isDuration =
    durationMs === undefined || (Number.isSafeInteger(durationMs) && Number(durationMs) >= 0 && Number(durationMs) < dayMs);
  if (!isChain || !isDuration || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(String(fields['time']))) return undefined;
  const [before, after] = [textsOf(fields, texts), textsOf(fields, moreTexts)];
  if (before === undefined || after === undefined) return undefined;
  const record = { ...before, chain: [...chain], ...after, ...(durationMs !== undefined && { durationMs }) };
  return hasAll(record) ? record : undefined;
}

function textsOf(
  fields: Readonly<Record<string, unknown>>,
  lengths: Readonly<Record<string, number>>,
): Readonly<Record<string, string>> | undefined {
  const own = Object.keys(lengths).filter((name) => fields[name] !== undefined);
  return own.every((name) => isText(fields[name], lengths[name] ?? 0))
    ? Object.fromEntries(own.map((name) => [name, String(fields[name])]))
    : undefined;
}

function isText(value: unknown, characters: number): value is string {
  return typeof value === 'string' && value.length <= characters && /^[\x20-\x7e]*$/.test(value);
}

function hasAll(record: object): record is Recorded {
  return ['time', 'runtime', 'identity', 'chain', 'sessionName', 'action', 'resource', 'outcome'].every((name) => name in record);
}
