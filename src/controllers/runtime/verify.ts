import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { s3Arn } from '../../core/access/partitions.ts';
import { hasDefaultRoles } from '../../core/access/roles.ts';
import { cleaningProbe, type Probe, runtimePaths, runtimeProbes } from '../../core/preflight/probes.ts';
import { roleSimulations } from '../../core/preflight/role-actions.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import type { AccessFailure } from '../identity/failure.ts';
import { clearProbes, keyed, proveAll } from '../identity/prove.ts';
import { accessDigest } from './identities.ts';
import { notesOf } from './notes.ts';
import { tagOwnerOf } from './tag-owner.ts';
import type { RuntimeTools } from './tools.ts';

/**
 * The Create phase's proof, before a node starts: every identity can be had, and the worker can write, read, list and delete below the
 * runtime's folders in staging and logs; and by their trust policies, that master and worker role let the pods in. Default roles are made with these rights, so they
 * are not probed. The answer says what could not be looked at.
 */
export async function verifyAccess(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
): Promise<Result<readonly string[], readonly AccessFailure[]>> {
  const { context } = tools;
  const of = { runtime, connections: [] };
  const { failures, notVerified } = await proveAll(
    context,
    of,
    await keyed(context, of, [...probesOf(runtime), ...simulationsOf(tools, runtime)]),
  );
  const all = hasDefaultRoles(runtime) ? failures.map(soonKnown) : failures;
  return all.length === 0 ? ok(notVerified) : err(all);
}

/** A role that was just made is not known to STS at once: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html */
function soonKnown(failure: AccessFailure): AccessFailure {
  return failure.action === 'sts:AssumeRole' ? { ...failure, transient: true } : failure;
}

function probesOf(runtime: Stored<ElasticRuntime>): readonly Probe[] {
  const master: Probe = { kind: 'identity', identity: 'master', resource: 'nodes' };
  return hasDefaultRoles(runtime)
    ? [master, { kind: 'identity', identity: 'worker', resource: 'volumes' }, cleaningProbe(runtime)]
    : [master, cleaningProbe(runtime), ...runtimeProbes(runtime), ...runtimePaths(runtime)];
}

function simulationsOf({ context }: RuntimeTools, runtime: Stored<ElasticRuntime>): readonly Probe[] {
  return roleSimulations(runtime, tagOwnerOf(runtime, context.settings.clusterName));
}

/** Of a verification that never came to its end. */
export async function clearRuntimeProbes(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<AccessFailure | undefined> {
  if (notesOf(runtime).verified === accessDigest(runtime)) return undefined;
  const of = { runtime, connections: [] };
  return clearProbes(tools.context, of, await keyed(tools.context, of, probesOf(runtime)));
}

/** EC2 takes 16 KiB of user data; the rest of it needs some too. */
const initScriptBytes = 12 * 1024;

/** The init script, read as master; its digest must be the pinned one where one is given. */
export async function readInitScript(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  digestOf: (bytes: Uint8Array) => string,
): Promise<Result<string | undefined, AccessFailure>> {
  const { initScript } = runtime.spec;
  if (initScript === undefined) return ok(undefined);
  const [, , bucket = '', ...key] = initScript.uri.split('/');
  const at = { action: 's3:GetObject', resource: s3Arn(runtime.spec.region, bucket, key.join('/')) };
  const object = await actAs(tools.context, { runtime, identity: 'master', resource: 'init-script' }, at, (aws, caller) =>
    aws.s3.getObject(caller, { bucket, key: key.join('/'), maxBytes: initScriptBytes }),
  );
  if (!object.ok) return object;
  const digest = digestOf(object.value.body);
  if (initScript.sha256 !== undefined && initScript.sha256 !== digest) {
    return err({
      identity: 'master',
      chain: [],
      ...at,
      code: 'DigestMismatch',
      message: `the object's SHA-256 is ${digest}, spec.initScript.sha256 is ${initScript.sha256}: put the right object there or pin the new digest`,
      transient: false,
    });
  }
  return ok(new TextDecoder().decode(object.value.body));
}
