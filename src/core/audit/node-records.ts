/** What a node's own records of accesses may say. */
import { isRecord, type Recorded } from './records.ts';
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

export type NodeRecord = { readonly record: Recorded; readonly jobUid8: string };

/**
 * A write of logs, or of these records, by the node's session in the node's own place; or a call by which a pod's init container has read a secret, in the pod's own
 * session. undefined for everything else. A job's pods have the role that writes there, and a stolen node says what it likes: neither can put an access of somebody else
 * into a job's record, or one that the pods could not make themselves.
 */
export function nodeRecord(value: unknown, of: RecordingNode): NodeRecord | undefined {
  if (!isRecord(value) || value.runtime !== of.runtime) return undefined;
  const jobUid8 = jobOfLogWrite(value, of) ?? jobOfPodsOwn(value, of);
  return jobUid8 === undefined ? undefined : { record: known(value), jobUid8 };
}

function jobOfLogWrite(
  { job, node, identity, planResource, action, sessionName, resource }: Recorded,
  of: RecordingNode,
): string | undefined {
  if (node !== of.node || identity !== of.role || planResource !== `log:${of.role}`) return undefined;
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

function jobOfPodsOwn({ job, node, identity, planResource, action, sessionName }: Recorded, of: RecordingNode): string | undefined {
  if (node !== undefined || job === undefined || identity !== 'worker' || !ofInitContainer.has(action)) return undefined;
  if (planResource?.startsWith('connection-secret:') !== true || !isSessionOf(sessionName, 'worker')) return undefined;
  const session = partsOfSession(sessionName);
  return session?.runtime === of.runtimeUid.slice(0, 8) ? session.job : undefined;
}

const fields = [
  'time',
  'cluster',
  'namespace',
  'runtime',
  'job',
  'node',
  'phase',
  'planResource',
  'rule',
  'identity',
  'chain',
  'sessionName',
  'widened',
  'action',
  'resource',
  'outcome',
  'errorCode',
  'requestId',
  'durationMs',
];

/** In the order in which people read them, and no field that nobody knows. */
function known(record: Recorded): Recorded {
  const all = new Map(Object.entries(record));
  return Object.fromEntries(fields.flatMap((field) => (all.has(field) ? [[field, all.get(field)]] : []))) as Recorded;
}
