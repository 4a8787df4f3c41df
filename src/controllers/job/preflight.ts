import { createHash } from 'node:crypto';
import type { Connection } from '../../core/access/connections.ts';
import { jobPrefix, logPrefix, parseS3Uri, type S3Folder } from '../../core/access/locations.ts';
import type { Identity } from '../../core/access/vocabulary.ts';
import { ok, type Result } from '../../ports/result.ts';
import { type AccessFailure, awsFailure, describeFailure } from '../identity/failure.ts';
import { type ProbeTarget, probe, probeWith } from '../identity/probe.ts';
import { folderOf } from '../runtime/verify.ts';
import { openSecret, withKeys } from './credentials.ts';
import { go, type JobTools, type JobVerdict, type JobView, note, notesOf, onBehalf } from './tools.ts';

/**
 * Before a node starts: every identity of the plan is obtained and makes a real call at every location it will use. What fails here fails the job
 * with the call, the identity and its chain.
 */
export async function preflight(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const digest = digestOf(view);
  if (notesOf(view).verified === digest) return go;
  const outcomes = await Promise.all(checks(tools, view));
  const failures = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
  const [first] = failures;
  if (first !== undefined) {
    const message = failures.map(describeFailure).join('; ');
    view.draft.condition('AccessVerified', false, 'AccessDenied', message);
    // One that a retry may cure does not end the job, but one that it cannot does.
    const final = failures.find((failure) => !failure.transient);
    if (final === undefined) return { again: 'AccessNotVerified', message };
    return {
      end: {
        phase: 'Failed',
        reason: 'AccessDenied',
        message: describeFailure(final),
        failure: { reason: 'AccessDenied', message: describeFailure(final), identity: final.identity },
      },
    };
  }
  view.draft.condition('AccessVerified', true, 'Verified', `${outcomes.length} access(es) verified before any node starts`);
  view.draft.set({ preflight: { verified: outcomes.length } });
  note(view, { verified: digest });
  return go;
}

function digestOf(view: JobView): string {
  const { spec } = view.runtime;
  return createHash('sha256')
    .update(JSON.stringify([view.plan.rows, spec.staging, spec.logs, view.job.metadata.uid, ...Object.entries(view.references.found)]))
    .digest('base64url')
    .slice(0, 22);
}

function checks(tools: JobTools, view: JobView): Promise<Result<unknown, AccessFailure>>[] {
  const { runtime, job, plan } = view;
  const ref = { name: job.metadata.name, uid: job.metadata.uid };
  const name = `probe-${job.metadata.uid}`;
  const staging = jobPrefix(folderOf(runtime, 'staging'), ref);
  const logs = jobPrefix(folderOf(runtime, 'logs'), ref);
  const stagingTarget: ProbeTarget = {
    folder: staging,
    kmsKeyArn: runtime.spec.staging.kmsKeyArn,
    name,
    actions: ['write', 'read', 'list', 'delete'],
  };
  const agentLog: ProbeTarget = {
    folder: logPrefix(logs, 1, 'agent'),
    kmsKeyArn: runtime.spec.logs.kmsKeyArn,
    name,
    object: {
      name: 'agent.log',
      text: `job ${job.metadata.namespace}/${job.metadata.name} accepted; this log is written anew when the attempt ends\n`,
    },
    actions: ['write'],
  };
  const polling = plan.rows.find(({ phase, resource }) => phase === 'Poll' && resource === 'log');
  return [
    check(tools, view, plan.staging.identity, 'staging', stagingTarget),
    check(tools, view, 'agent', 'log:agent', agentLog),
    ...(polling === undefined ? [] : [check(tools, view, polling.identity, 'log', { folder: logs, name, actions: ['list'] })]),
    ...plan.connections.map((connection) => checkConnection(tools, view, connection, name)),
  ];
}

/** A location as an identity: static keys through their own grant, roles through their chain. */
function check(
  tools: JobTools,
  view: JobView,
  identity: Identity,
  resource: string,
  target: ProbeTarget,
): Promise<Result<unknown, AccessFailure>> {
  const connection = view.plan.connections.find(
    ({ authentication }) => authentication.kind === 'credentials' && authentication.identity === identity,
  );
  if (connection === undefined) return probe(tools.context, onBehalf(view, identity, resource), target);
  return withKeys(tools, view, connection, resource, (aws, caller) => probeWith(aws, caller, target));
}

async function checkConnection(
  tools: JobTools,
  view: JobView,
  connection: Connection,
  name: string,
): Promise<Result<unknown, AccessFailure>> {
  const row = view.plan.rows.find(({ phase, resource }) => phase === 'Run' && resource === `connection:${connection.name}`);
  if (row === undefined) return ok(undefined);
  if (connection.authentication.kind === 'properties') return openSecret(tools, view, connection);
  const folder = objectFolder(connection);
  if (folder !== undefined) {
    const { expectedBucketOwner: owner, kmsKeyArn } = connection.spec;
    return check(tools, view, row.identity, row.resource, {
      folder,
      name,
      actions: connection.usage === 'Source' ? ['list'] : ['list', 'write', 'delete'],
      ...(owner !== undefined && { expectedBucketOwner: owner }),
      ...(kmsKeyArn !== undefined && { kmsKeyArn }),
    });
  }
  // No bucket to probe: that the identity can be had at all is what can be said.
  if (connection.authentication.kind === 'credentials') {
    return withKeys(tools, view, connection, row.resource, async (aws, caller) => {
      const who = await aws.sts.getCallerIdentity(caller);
      return who.ok
        ? who
        : {
            ok: false,
            error: awsFailure({ identity: row.identity, chain: [], action: 'sts:GetCallerIdentity', resource: '*' }, who.error),
          };
    });
  }
  return tools.context.grants.obtain(onBehalf(view, row.identity, row.resource));
}

function objectFolder(connection: Connection): S3Folder | undefined {
  const { location } = connection.spec;
  if (location?.startsWith('s3://') !== true) return undefined;
  const folder = parseS3Uri(location);
  return folder.ok ? folder.value : undefined;
}
