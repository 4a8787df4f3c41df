import { createHash } from 'node:crypto';
import type { Dependency } from '../../api/generated/types.ts';
import type { Connection } from '../../core/access/connections.ts';
import { dependencyKey, jobPrefix, runtimeFolder, type S3Location } from '../../core/access/locations.ts';
import { s3Arn } from '../../core/access/partitions.ts';
import { configMaps } from '../../ports/resources.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import { type AccessFailure, awsFailure, describeFailure, kubernetesFailure, reportFailure } from '../identity/failure.ts';
import { withRemedy } from '../identity/remedy.ts';
import { withKeys } from './credentials.ts';
import { go, type JobTools, type JobVerdict, type JobView, note, notesOf, onBehalf } from './tools.ts';

/** Read whole into memory, one at a time. */
const dependencyBytes = 512 * 1024 * 1024;

/** Puts the job's dependencies into staging, as operator, encrypted with the organization's key. Content is pinned where a digest is given. */
export async function stageDependencies(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const dependencies = view.job.spec.dependencies ?? [];
  const digest = createHash('sha256').update(JSON.stringify(dependencies)).digest('base64url').slice(0, 22);
  if (notesOf(view).staged === digest) return go;
  if (dependencies.length > 0 && notesOf(view).staging !== true) {
    // Written down before the first is put there: whatever becomes of this process or this job, what lies there is found and deleted.
    note(view, { staging: true });
    return { wait: 'StagingDependencies', message: `${dependencies.length} dependencies are being stored in staging`, afterMs: 100 };
  }
  for (const dependency of dependencies) {
    const staged = await stage(tools, view, dependency);
    if (staged.ok) continue;
    const failure = await withJobRemedy(tools, view, staged.error);
    const message = `dependency ${dependency.path}: ${describeFailure(failure)}`;
    view.draft.condition('DependenciesStaged', false, 'NotStaged', message);
    if (failure.transient) return { again: 'DependenciesNotStaged', message };
    // Beside what preflight verified: the job ends with this.
    view.draft.set({ preflight: { ...view.draft.value().preflight, failed: [reportFailure(failure)] } });
    return {
      end: {
        phase: 'Failed',
        reason: 'DependencyMissing',
        message,
        failure: { reason: 'DependencyMissing', message, identity: failure.identity },
      },
    };
  }
  view.draft.condition(
    'DependenciesStaged',
    true,
    'Staged',
    dependencies.length === 0 ? 'the job has none' : `${dependencies.length} stored in staging as operator`,
  );
  note(view, { staged: digest });
  return go;
}

async function stage(tools: JobTools, view: JobView, dependency: Dependency): Promise<Result<unknown, AccessFailure>> {
  const body = await read(tools, view, dependency);
  if (!body.ok) return body;
  const digest = createHash('sha256').update(body.value).digest('hex');
  if (dependency.sha256 !== undefined && dependency.sha256 !== digest) {
    const message = `its SHA-256 is ${digest}, spec.dependencies says ${dependency.sha256}`;
    return err({
      identity: 'operator',
      chain: [],
      action: 'verify digest',
      resource: dependency.path,
      code: 'DigestMismatch',
      message,
      transient: false,
    });
  }
  const location = stagedAt(view, dependency.path);
  const at = { action: 's3:PutObject', resource: s3Arn(view.runtime.spec.region, location.bucket, location.key) };
  return actAs(tools.context, onBehalf(view, 'operator', 'dependencies'), at, (aws, caller) =>
    aws.s3.putObject(caller, { ...location, body: body.value, kmsKeyArn: view.runtime.spec.staging.kmsKeyArn }),
  );
}

function stagedAt(view: JobView, path: string): S3Location {
  const folder = jobPrefix(runtimeFolder(view.runtime, 'staging'), { name: view.job.metadata.name, uid: view.job.metadata.uid });
  const key = dependencyKey(folder, path);
  if (!key.ok) throw new TypeError(key.reason);
  return key.value;
}

async function read(tools: JobTools, view: JobView, dependency: Dependency): Promise<Result<Uint8Array, AccessFailure>> {
  if (dependency.configMapKeyRef !== undefined) return readConfigMap(tools, view, dependency.configMapKeyRef);
  const [, , bucket = '', ...key] = (dependency.uri ?? '').split('/');
  const location = { bucket, key: key.join('/') };
  const at = { action: 's3:GetObject', resource: s3Arn(view.runtime.spec.region, location.bucket, location.key) };
  const connection = view.plan.connections.find(({ name }) => name === dependency.connection);
  const identity =
    view.plan.rows.find(({ resource, phase }) => phase === 'Run' && resource === `dependency:${dependency.path}`)?.identity ?? 'worker';
  const request = { ...location, maxBytes: dependencyBytes };
  if (connection?.authentication.kind === 'credentials') return readWithKeys(tools, view, connection, dependency.path, at, request);
  const object = await actAs(tools.context, onBehalf(view, identity, `dependency:${dependency.path}`), at, (aws, caller) =>
    aws.s3.getObject(caller, request),
  );
  return object.ok ? ok(object.value.body) : object;
}

function readWithKeys(
  tools: JobTools,
  view: JobView,
  connection: Connection,
  path: string,
  at: { readonly action: string; readonly resource: string },
  request: { readonly bucket: string; readonly key: string; readonly maxBytes: number },
): Promise<Result<Uint8Array, AccessFailure>> {
  return withKeys(tools, view, connection, `dependency:${path}`, async (aws, caller) => {
    const object = await aws.s3.getObject(caller, request);
    return object.ok ? ok(object.value.body) : err(awsFailure({ identity: caller.grant.identity, chain: [], ...at }, object.error));
  });
}

async function readConfigMap(
  tools: JobTools,
  view: JobView,
  reference: { readonly name: string; readonly key: string },
): Promise<Result<Uint8Array, AccessFailure>> {
  const namespace = view.job.metadata.namespace ?? '';
  const at = { identity: 'operator', chain: [], action: 'read ConfigMap', resource: `${namespace}/${reference.name}` };
  const found = await tools.context.kubernetes.get(configMaps, { namespace, name: reference.name });
  if (!found.ok) return err(kubernetesFailure(at, found.error));
  const text = found.value.data?.[reference.key];
  if (text !== undefined) return ok(new TextEncoder().encode(text));
  const binary = found.value.binaryData?.[reference.key];
  if (binary !== undefined) return ok(Buffer.from(binary, 'base64'));
  return err({ ...at, code: 'KeyMissing', message: `it has no key ${JSON.stringify(reference.key)}: add it`, transient: false });
}

/** What to add to which policy, of a call on behalf of the job. */
export function withJobRemedy({ context }: JobTools, { runtime, job, plan }: JobView, failure: AccessFailure): Promise<AccessFailure> {
  return withRemedy(context, { runtime, job, connections: plan.connections }, {}, failure);
}

/** Takes the job's folder out of staging, as operator; what is kept of a job are its logs and its record of accesses. */
export async function clearStaged(tools: JobTools, view: JobView): Promise<Result<void, AccessFailure>> {
  const folder = jobPrefix(runtimeFolder(view.runtime, 'staging'), { name: view.job.metadata.name, uid: view.job.metadata.uid });
  const request = onBehalf(view, 'operator', 'staging');
  for (;;) {
    const page = await actAs(
      tools.context,
      request,
      { action: 's3:ListBucket', resource: s3Arn(view.runtime.spec.region, folder.bucket) },
      (aws, caller) => aws.s3.listObjects(caller, { bucket: folder.bucket, prefix: `${folder.key}/`, maxKeys: 1000 }),
    );
    // With the bucket went what was in it.
    if (!page.ok) return page.error.code === 'NoSuchBucket' ? ok(undefined) : page;
    for (const { key } of page.value.keys) {
      const deleted = await actAs(
        tools.context,
        request,
        { action: 's3:DeleteObject', resource: s3Arn(view.runtime.spec.region, folder.bucket, key) },
        (aws, caller) => aws.s3.deleteObject(caller, { bucket: folder.bucket, key }),
      );
      if (!deleted.ok) return deleted;
    }
    // Listed anew rather than continued: what was on the page is gone.
    if (page.value.continuationToken === undefined) return ok(undefined);
  }
}
