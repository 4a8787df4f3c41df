import type { ElasticAccessRequest, ElasticAccessRequestStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { s3Arn } from '../../core/access/partitions.ts';
import { planAccess } from '../../core/access/plan.ts';
import { connectionOf } from '../../core/access/routes.ts';
import { refusedAccesses } from '../../core/classes/connections.ts';
import { formatClassViolation } from '../../core/classes/violations.ts';
import { nameBelow, type RequestTarget, targetOf } from '../../core/requests/target.ts';
import type { AwsPort, Caller } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { draftStatus } from '../draft.ts';
import { type AccessFailure, awsFailure } from '../identity/failure.ts';
import { withKeys } from '../job/credentials.ts';
import { resolveReferences } from '../job/references.ts';
import { type JobView, onBehalf } from '../job/tools.ts';

/** The status holds a sealed URL for each: a few thousand characters. */
const objectsAtMost = 100;
const pageSize = 1000;
/** Whoever writes to a location can fill it with empty objects, which nobody wants to see: one request is not worth more calls than this. */
const pagesAtMost = 10;

type Answer = Result<ElasticAccessRequestStatus, AccessFailure>;

/** Lists what was asked for, as whom the plan says, under a session that may read that folder and nothing else, and seals one URL for each object. */
export async function answerRequest(context: OperatorContext, request: Stored<ElasticAccessRequest>, livesMs: number): Promise<Answer> {
  const view = viewOf(context, request);
  if (!view.ok) return refused(view.error);
  const target = targetOf(request, view.value);
  if (!target.ok) return refused(target.reason);
  const { identity, resource } = target.value.row;
  const read = (aws: AwsPort, caller: Caller) =>
    sealedObjects({ context, request, region: view.value.runtime.spec.region, target: target.value, livesMs, aws, caller });
  const connection = identity.startsWith('connectionCredentials:')
    ? view.value.plan.connections.find(({ name }) => name === connectionOf(identity))
    : undefined;
  if (connection !== undefined) {
    return await withKeys({ context }, view.value, connection, resource, (aws, caller) =>
      read(aws, asPerson(caller, request, target.value)),
    );
  }
  const obtained = await context.grants.obtain({
    ...onBehalf(view.value, identity, resource),
    caller: target.value.caller,
    policies: [target.value.policy],
  });
  if (!obtained.ok) return obtained;
  const answer = await read(context.aws(view.value.runtime.spec.region), asPerson(obtained.value, request, target.value));
  if (!answer.ok && !answer.error.transient) context.grants.drop(obtained.value.grant);
  return answer;
}

/** The audit says who asked: the API server has checked the name at admission. */
function asPerson(caller: Caller, { spec }: ElasticAccessRequest, { row }: RequestTarget): Caller {
  const access = { phase: row.phase, resource: row.resource, rule: row.rule };
  return { ...caller, subject: { ...caller.subject, access, person: spec.requestedBy } };
}

function viewOf(context: OperatorContext, { metadata, spec }: Stored<ElasticAccessRequest>): Result<JobView, string> {
  const { namespace = '' } = metadata;
  const written = context.stores.jobs.get(`${namespace}/${spec.job}`);
  if (written === undefined) return err(`there is no ElasticJob ${namespace}/${spec.job}`);
  const draft = draftStatus(written.status, undefined, context.clock.now());
  const { job, found, missing } = resolveReferences({ context }, written, draft);
  if (missing.length > 0)
    return err(`ElasticJob ${namespace}/${spec.job} names ElasticConnections that are not there: ${missing.join(', ')}`);
  const runtime = context.stores.runtimes.get(`${namespace}/${job.spec.runtime}`);
  if (runtime === undefined) return err(`ElasticJob ${namespace}/${spec.job} is on no ElasticRuntime ${job.spec.runtime}: there is none`);
  const standing = context.classes.standing(runtime);
  // Logs of a runtime that was begun stay there to be read, whatever its class says now.
  if (standing.kind !== 'allowed' && (spec.kind !== 'Logs' || runtime.status?.internal?.['awsUsed'] !== true))
    return err(`ElasticRuntime ${namespace}/${runtime.metadata.name}: ${standing.message}`);
  const planned = planAccess({ runtime, job });
  if (!planned.ok)
    return err(`ElasticJob ${namespace}/${spec.job} has no access plan: ${planned.errors.map(({ message }) => message).join('; ')}`);
  const connections = planned.plan.connections.filter(({ name }) => name === spec.connection);
  const namedIn = { principals: planned.plan.principals, region: runtime.spec.region };
  const [unallowed] = refusedAccesses(context.classes.resolution(runtime)?.class, { connections, namedIn });
  if (unallowed !== undefined) return err(formatClassViolation(unallowed));
  return ok({ job, runtime, plan: planned.plan, references: { found }, draft });
}

function refused(message: string): Answer {
  return err({ identity: '', chain: [], action: 'answer', resource: 'the request', code: 'NotPossible', message, transient: false });
}

async function sealedObjects(of: {
  readonly context: OperatorContext;
  readonly request: Stored<ElasticAccessRequest>;
  readonly region: string;
  readonly target: RequestTarget;
  readonly livesMs: number;
  readonly aws: AwsPort;
  readonly caller: Caller;
}): Promise<Answer> {
  const { context, request, target, aws, caller } = of;
  const { folder, expectedBucketOwner } = target;
  const { identity } = target.row;
  const owner = expectedBucketOwner === undefined ? {} : { expectedBucketOwner };
  const listed = await listAfter(of, owner);
  if (!listed.ok) return listed;
  if (listed.value.unread && listed.value.found.length === 0)
    return refused(
      `the first ${pagesAtMost * pageSize} objects of s3://${folder.bucket}/${folder.key}/ hold nothing: look at a connection further down`,
    );
  const objects: { name: string; size: number; sealedUrl: string }[] = [];
  for (const { name, size } of listed.value.found.slice(0, objectsAtMost)) {
    const key = folder.key === '' ? name : `${folder.key}/${name}`;
    const resource = s3Arn(of.region, folder.bucket, key);
    const at = { identity, chain: caller.grant.chain, action: 's3:GetObject', resource };
    const url = await aws.s3.presignGetObject(caller, {
      bucket: folder.bucket,
      key,
      expiresSeconds: Math.max(1, Math.floor(of.livesMs / 1000)),
      ...owner,
    });
    if (!url.ok) return err(awsFailure(at, url.error));
    const sealed = await context.sealer.seal(request.spec.publicKey, `${request.metadata.uid} ${name}`, url.value.url);
    if (!sealed.ok) return err({ ...at, action: 'seal', code: 'PublicKeyUnusable', message: sealed.error, transient: false });
    objects.push({ name, size, sealedUrl: sealed.value });
  }
  return ok({
    phase: 'Answered',
    identity,
    chain: [...caller.grant.chain],
    objects,
    more: listed.value.unread || listed.value.found.length > objectsAtMost,
  });
}

/** `unread`: there is more, and it was not looked at. */
type Listed = { readonly found: readonly { readonly name: string; readonly size: number }[]; readonly unread: boolean };

/** One more than fits, so that it is known whether there is more. */
async function listAfter(
  { request, region, target, aws, caller }: Parameters<typeof sealedObjects>[0],
  owner: { readonly expectedBucketOwner?: string },
): Promise<Result<Listed, AccessFailure>> {
  const { folder } = target;
  const { identity } = target.row;
  const prefix = folder.key === '' ? '' : `${folder.key}/`;
  const found: { readonly name: string; readonly size: number }[] = [];
  let continuationToken: string | undefined;
  let pages = 0;
  do {
    pages += 1;
    const page = await aws.s3.listObjects(caller, {
      bucket: folder.bucket,
      prefix,
      maxKeys: pageSize,
      ...(request.spec.after !== undefined && { startAfter: `${prefix}${request.spec.after}` }),
      ...(continuationToken !== undefined && { continuationToken }),
      ...owner,
    });
    if (!page.ok) {
      const resource = s3Arn(region, folder.bucket, prefix);
      return err(awsFailure({ identity, chain: caller.grant.chain, action: 's3:ListBucket', resource }, page.error));
    }
    for (const { key, size } of page.value.keys) {
      const name = nameBelow(folder, key);
      if (name !== undefined && size > 0) found.push({ name, size });
    }
    continuationToken = page.value.continuationToken;
  } while (continuationToken !== undefined && found.length <= objectsAtMost && pages < pagesAtMost);
  return ok({ found, unread: continuationToken !== undefined });
}
