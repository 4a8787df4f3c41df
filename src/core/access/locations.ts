import { malformed, type Parsed, parsed, quoted } from '../quantity/outcome.ts';

/**
 * Where every object of a runtime lies. All keys are made here, so that nothing of one organization can lie below another's folder:
 *
 *     <staging.uri>/<organization>/<namespace>/<runtime>/cluster.json
 *                                                       /jobs/<job>-<uid8>/deps/<dependency's path>
 *                                                       /jobs/<job>-<uid8>/<attempt>/stage/
 *     <logs.uri>/<organization>/<namespace>/<runtime>/jobs/<job>-<uid8>/<attempt>/{agent,master,worker}/
 *                                                         /jobs/<job>-<uid8>/access.json
 *                                                                           /access/<process>.json
 *                                                                           /access/{master,worker}/<node>/<part>.json
 *
 * What a person writes is parsed and answered with a reason; what the API server guarantees (object names, UIDs) throws where it does not hold.
 */
export type S3Location = { readonly bucket: string; readonly key: string };

/** A folder: its key has no slash at the end (the bucket's own root is the empty key). Objects lie below `key + '/'`. */
export type S3Folder = S3Location;

export type LogKind = 'agent' | 'master' | 'worker';

/** Whose objects: the parts of the path between the configured URI and the objects. */
export type ObjectOwner = { readonly organization: string; readonly namespace: string; readonly runtime: string };

export type JobObject = { readonly name: string; readonly uid: string };

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
const BUCKET = /^(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
// The same letters as the patterns of the API: safe in URLs and nothing to an IAM policy. No percent sign (no encoded slash or dot), no wildcard or
// variable (* ? $), nothing outside ASCII (no look-alikes). https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
const SAFE_SEGMENT = /^[A-Za-z0-9!_()=+@:,.~-]+$/;
const MAX_KEY_BYTES = 1024;
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
/** `s3://bucket/a/b/` -> bucket, `a/b`. One trailing slash is dropped, as in the examples; nothing else is mended. */
export function parseS3Uri(uri: string): Parsed<S3Folder> {
  const match = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(uri);
  if (match === null) return malformed(`${quoted(uri)} is no S3 URI: write s3://bucket/prefix`);
  const [, bucket = '', path = ''] = match;
  if (!BUCKET.test(bucket)) return malformed(`${quoted(bucket)} is no bucket name: 3 to 63 of a-z, 0-9, '.', '-'`);
  if (path === '') return parsed({ bucket, key: '' });
  const key = path.endsWith('/') ? path.slice(0, -1) : path;
  const reason = wrongPath(key);
  return reason === undefined ? parsed({ bucket, key }) : malformed(`${quoted(uri)}: ${reason}`);
}

/** `s3://bucket/key` of one object. */
export function parseS3ObjectUri(uri: string): Parsed<S3Location> {
  const location = parseS3Uri(uri);
  if (!location.ok) return location;
  return location.value.key === '' || uri.endsWith('/')
    ? malformed(`${quoted(uri)} names no object in S3: write s3://bucket/key`)
    : location;
}

export function formatS3Uri(location: S3Location): string {
  return `s3://${location.bucket}/${location.key}`;
}

/** Everything that an organization may have below a configured URI; session policies and code guards are cut to it. */
export function organizationPrefix(uri: string, organization: string): Parsed<S3Folder> {
  const root = parseS3Uri(uri);
  if (!root.ok) return root;
  if (!isOrganization(organization)) return malformed(`organization ${quoted(organization)} is no slug: a-z, 0-9, '-', at most 63`);
  return parsed(append(root.value, organization));
}

export function isOrganization(text: string): boolean {
  return DNS_LABEL.test(text);
}

/** The runtime's folder in its staging location (`spec.staging.uri`) or in its log location (`spec.logs.uri`). */
export function runtimePrefix(uri: string, owner: ObjectOwner): Parsed<S3Folder> {
  const organization = organizationPrefix(uri, owner.organization);
  if (!organization.ok) return organization;
  expectName('namespace', owner.namespace, DNS_LABEL);
  expectName('runtime', owner.runtime, DNS_SUBDOMAIN);
  return parsed(append(organization.value, owner.namespace, owner.runtime));
}

/** The parts of an ElasticRuntime that say where its objects lie. */
export type PlacedRuntime = {
  readonly metadata: { readonly namespace?: string | undefined; readonly name: string };
  readonly spec: { readonly organization: string; readonly staging: { readonly uri: string }; readonly logs: { readonly uri: string } };
};

/** The own folder of a runtime that was admitted: a wrong URI is a programming error here. */
export function runtimeFolder({ metadata, spec }: PlacedRuntime, location: 'staging' | 'logs'): S3Folder {
  const owner = { organization: spec.organization, namespace: metadata.namespace ?? 'default', runtime: metadata.name };
  const folder = runtimePrefix(spec[location].uri, owner);
  if (!folder.ok) throw new TypeError(`spec.${location}.uri: ${folder.reason}`);
  return folder.value;
}

export function clusterInfoKey(staging: S3Folder): S3Location {
  return append(staging, 'cluster.json');
}

/** `jobs/<job>-<uid8>` below a runtime's folder in staging or logs. The uid keeps a job apart from an earlier one of its name. */
export function jobPrefix(runtime: S3Folder, job: JobObject): S3Folder {
  expectName('job', job.name, DNS_SUBDOMAIN);
  return append(runtime, 'jobs', `${job.name}-${uid8(job.uid)}`);
}

/** `path` is the dependency's own: relative, without `.`, `..`, empty segments or escapes. */
export function dependencyKey(job: S3Folder, path: string): Parsed<S3Location> {
  return objectKey(append(job, 'deps'), path);
}

/** What the pods of one attempt write and read between them. `attempt` counts from 1. */
export function stagePrefix(job: S3Folder, attempt: number): S3Folder {
  return append(job, attemptFolder(attempt), 'stage');
}

export function logPrefix(job: S3Folder, attempt: number, kind: LogKind): S3Folder {
  return append(job, attemptFolder(attempt), kind);
}

/** The audited accesses of a job, beside its logs; kept when the job is deleted. */
export function accessRecordKey(job: S3Folder): S3Location {
  return append(job, 'access.json');
}

/** What one process of the operator has recorded of a job's accesses, kept until access.json has it. Numbered in the order in which the processes came. */
export function accessPartKey(job: S3Folder, number: number): S3Location {
  return append(job, `access/${number}.json`);
}

/** What the node agents of its nodes have recorded: one folder for each node, in a place that their sessions and the pods' roles may write. */
export function accessParts(job: S3Folder): S3Folder {
  return append(job, 'access');
}

/** Where a node agent keeps what it recorded of a job, from where it stores the logs of one of its pods; undefined where that is no such place. */
export function nodeAccessFolder(podLogs: string): string | undefined {
  const [, job, role, node] = /^((?:.*\/)?jobs\/[^/]+)\/\d+\/(master|worker)\/([^/]+)\/[^/]+$/.exec(podLogs) ?? [];
  return job === undefined ? undefined : `${job}/access/${role}/${node}`;
}

/** Whose part an object of that folder is: exactly there, since further down other roles' policies reach. */
export function nodePartOf(folder: string, key: string): { readonly role: 'master' | 'worker'; readonly node: string } | undefined {
  if (!key.startsWith(`${folder}/`)) return undefined;
  const [, role, node = ''] = /^(master|worker)\/([^/]+)\/[^/]+\.json$/.exec(key.slice(folder.length + 1)) ?? [];
  // What lies in a folder of such a name a policy takes for that role's.
  if (role === undefined || node === 'master' || node === 'worker') return undefined;
  return { role: role === 'master' ? 'master' : 'worker', node };
}

/** An object below a folder, by a path that somebody else chose. */
export function objectKey(folder: S3Folder, path: string): Parsed<S3Location> {
  const location = append(folder, path);
  const reason = wrongPath(path) ?? tooLong(location.key);
  return reason === undefined ? parsed(location) : malformed(`path ${quoted(path)}: ${reason}`);
}

/** Whether an object lies below a folder; a folder named `acme2` does not lie below `acme`. */
export function within(folder: S3Folder, location: S3Location): boolean {
  return folder.bucket === location.bucket && (folder.key === '' || location.key.startsWith(`${folder.key}/`));
}

/** Whether a place is the folder itself or lies below it. */
export function atOrBelow(folder: S3Folder, place: S3Location): boolean {
  return (folder.bucket === place.bucket && folder.key === place.key) || within(folder, place);
}

/** The first eight digits of a UID as Kubernetes makes them (RFC 9562), as they stand in keys and session names. */
export function uid8(uid: string): string {
  if (!/^[0-9a-f]{8}/.test(uid)) throw new TypeError(`no UID of Kubernetes: ${quoted(uid)}`);
  return uid.slice(0, 8);
}

function wrongPath(path: string): string | undefined {
  return path.split('/').map(wrongSegment).find(Boolean) ?? tooLong(path);
}

function wrongSegment(segment: string): string | undefined {
  if (segment === '') return 'a segment is empty';
  if (segment === '.' || segment === '..') return `a segment is ${quoted(segment)}`;
  return SAFE_SEGMENT.test(segment) ? undefined : `segment ${quoted(segment)} may hold only letters, digits and !_()=+@:,.~-`;
}

function tooLong(key: string): string | undefined {
  return Buffer.byteLength(key) > MAX_KEY_BYTES ? `longer than the ${MAX_KEY_BYTES} bytes of an S3 key` : undefined;
}

function attemptFolder(attempt: number): string {
  if (!Number.isSafeInteger(attempt) || attempt < 1) throw new RangeError(`attempts count from 1, not ${attempt}`);
  return String(attempt);
}

function expectName(what: string, name: string, pattern: RegExp): void {
  if (!pattern.test(name)) throw new TypeError(`${what} ${quoted(name)} is no name of Kubernetes`);
}

function append(folder: S3Folder, ...segments: readonly string[]): S3Location {
  return { bucket: folder.bucket, key: [...(folder.key === '' ? [] : [folder.key]), ...segments].join('/') };
}
