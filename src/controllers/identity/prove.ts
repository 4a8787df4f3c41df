/** Carries probes out: one grant and one session policy per probe, answers kept for equal probes, refusals with what to add to which policy. */
import { createHash } from 'node:crypto';
import type { ElasticJob, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { agentNamespace } from '../../api/labels.ts';
import type { Connection } from '../../core/access/connections.ts';
import { partitionOf, s3Arn } from '../../core/access/partitions.ts';
import type { AccessPlan } from '../../core/access/plan.ts';
import { connectionOf } from '../../core/access/routes.ts';
import { specDigest } from '../../core/classes/spec-digest.ts';
import { agentServiceAccountName } from '../../core/jobs/names.ts';
import { type LocationProbe, loginNotJudged } from '../../core/preflight/location.ts';
import { askPolicy, type IdentityProbe, type ObjectProbe, type Probe, probePolicy, type SecretProbe } from '../../core/preflight/probes.ts';
import { placeOfProbe } from '../../core/preflight/refused-place.ts';
import type { AwsPort, Caller } from '../../ports/aws/index.ts';
import { secretsWithoutData, serviceAccounts } from '../../ports/resources.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { type AccessFailure, awsFailure, isPassing, saidOnce } from './failure.ts';
import type { GrantRequest } from './grants.ts';
import { proveLocation } from './location.ts';
import { inParallel } from './parallel.ts';
import { proveOwnPath } from './pods-path.ts';
import { clearProbe, probeKey, probeObjects } from './probe.ts';
import { withRemedy } from './remedy.ts';
import { proveMay } from './role-actions.ts';
import { strictClassOf, unproved } from './strict.ts';
import type { Proof } from './verifications.ts';
import { whoAmI } from './who.ts';

type Context = Pick<OperatorContext, 'aws' | 'classes' | 'clock' | 'grants' | 'kubernetes' | 'verifications' | 'settings'>;

/** For whom it is proved. */
export type ProofOf = {
  readonly runtime: Stored<ElasticRuntime>;
  readonly job?: Stored<ElasticJob>;
  /** The job's, with everything that was open decided. */
  readonly connections: readonly Connection[];
  /** What audit records say the calls belong to. */
  readonly plan?: AccessPlan;
  /** Runs calls with a connection's static keys. */
  readonly withKeys?: <T>(
    connection: Connection,
    resource: string,
    run: (aws: AwsPort, caller: Caller) => Promise<Result<T, AccessFailure>>,
  ) => Promise<Result<T, AccessFailure>>;
  /** Whether the secret of an indirect connection can be read. */
  readonly openSecret?: (connection: Connection) => Promise<Result<unknown, AccessFailure>>;
};

/** So many at a time, of one preflight. */
const atOnce = 8;

/** A probe with the key of its answer. */
export type KeyedProbe = { readonly probe: Probe; readonly key: string };

/**
 * The key holds what went into the answer: who and where, and the versions of the objects that decide it: the runtime's spec as it is resolved (a class changes it
 * without a new generation, and the resource version moves with every report of its status), resource versions of the agent's ServiceAccount and of every Secret that is read on the way.
 */
export async function keyed(context: Context, of: ProofOf, probes: readonly Probe[]): Promise<readonly KeyedProbe[]> {
  const versions = new Map<string, Promise<string>>();
  const version = (kind: string, name: string | undefined, read: () => Promise<string>): Promise<string> => {
    if (name === undefined) return Promise.resolve('');
    const found = versions.get(`${kind} ${name}`) ?? read();
    versions.set(`${kind} ${name}`, found);
    return found;
  };
  const { namespace = '', name: runtimeName, uid } = of.runtime.metadata;
  const spec = specDigest(of.runtime.spec);
  const secret = (name: string | undefined) =>
    version('Secret', name, async () => versionOf(await context.kubernetes.get(secretsWithoutData, { namespace, name: name ?? '' })));
  const agent = agentServiceAccountName(namespace, runtimeName);
  const account = () =>
    version('ServiceAccount', agent, async () =>
      versionOf(await context.kubernetes.get(serviceAccounts, { namespace: agentNamespace, name: agent })),
    );
  return Promise.all(
    probes.map(async (probe) => {
      const connection = connectionOfProbe(probe, of);
      const authentication = connection?.authentication;
      const origin = authentication?.kind === 'credentials' || authentication?.kind === 'properties' ? authentication.origin : undefined;
      const inputs = await Promise.all([
        account(),
        secret(of.runtime.spec.identities.operator.externalIdSecretRef?.name),
        secret(of.runtime.spec.identities.agent.x509?.certificateSecretRef.name),
        secret(authentication?.kind === 'role' ? authentication.externalIdSecretRef?.name : undefined),
        secret(origin?.kind === 'secretRef' ? origin.name : undefined),
      ]);
      const all = [uid, spec, placeOf(probe), connection?.connector, authentication, inputs];
      return { probe, key: createHash('sha256').update(JSON.stringify(all)).digest('base64url') };
    }),
  );
}

/** Where a job's own folder stands for a wider one, the answer holds for that. */
function placeOf(probe: Probe): readonly unknown[] {
  const common = [probe.kind, probe.identity, probe.resource];
  if (probe.kind === 'path') return [...common, probe.of, probe.roleArn, probe.externalId];
  if (probe.kind === 'simulation') return [...common, probe.questions];
  // A name is judged otherwise than the ARN that it is taken for, and may be one of another account's keys.
  if (probe.kind === 'location') return [...common, probe.at.arn, probe.at.takenFrom, probe.usage];
  if (probe.kind === 'identity') return [...common, probe.notVerified];
  if (probe.kind !== 'objects') return common;
  const { folder, within, actions, kmsKeyArn, expectedBucketOwner, object, reads, atDesignTime } = probe;
  return [...common, within ?? folder, actions, kmsKeyArn, expectedBucketOwner, object !== undefined, reads?.identity, atDesignTime];
}

/** Of the object's name: the same for the same identity, whatever else changes, so that what a crash left is found again. */
function ownName(
  { runtime }: ProofOf,
  probe: ObjectProbe,
): { readonly region: string; readonly runtimeUid: string; readonly discriminator: string } {
  const discriminator = createHash('sha256').update(probe.identity).digest('hex');
  return { region: runtime.spec.region, runtimeUid: runtime.metadata.uid, discriminator };
}

function versionOf(answer: Awaited<ReturnType<Context['kubernetes']['get']>>): string {
  // Where it cannot be read, the probe itself will say so.
  return answer.ok ? `${answer.value.metadata.uid} ${answer.value.metadata.resourceVersion}` : answer.error.kind;
}

export type Proved = {
  /** Each with its remedy. */
  readonly failures: readonly AccessFailure[];
  /** What could not be looked at, and why: neither proved nor refused. */
  readonly notVerified: readonly string[];
  /** AWS could have said some of that. */
  readonly isOpen: boolean;
};

/** All probes, some at a time. Of a role is asked only what this runtime's chain has reached: nobody learns of roles that do not trust it. */
export async function proveAll(context: Context, of: ProofOf, probes: readonly KeyedProbe[]): Promise<Proved> {
  const tried = await proveSome(
    context,
    of,
    probes.filter(({ probe }) => !isAsked(probe)),
  );
  if (tried.failures.length > 0) return tried;
  const asked = await proveSome(
    context,
    of,
    probes.filter(({ probe }) => isAsked(probe)),
  );
  return { ...asked, notVerified: [...tried.notVerified, ...asked.notVerified], isOpen: tried.isOpen || asked.isOpen };
}

function isAsked({ kind }: Probe): boolean {
  return kind === 'path' || kind === 'simulation';
}

async function proveSome(context: Context, of: ProofOf, probes: readonly KeyedProbe[]): Promise<Proved> {
  const strictClass = strictClassOf(context, of.runtime);
  const outcomes = await inParallel(probes, atOnce, async ({ probe, key }) => {
    const check = async (): Promise<Result<Proof, AccessFailure>> => {
      const proof = await prove(context, of, probe);
      return proof.ok && changesUnseen(connectionOfProbe(probe, of)) ? ok({ ...proof.value, isBrief: true }) : proof;
    };
    const outcome = await context.verifications.verify(key, check, { strict: strictClass !== undefined });
    return outcome.ok ? outcome : err(await withRemedy(context, of, placeOfProbe(probe), outcome.error));
  });
  const open = outcomes.flatMap((outcome) => (outcome.ok ? (outcome.value.notVerified ?? []) : []));
  const outside = outcomes.flatMap((outcome) => (outcome.ok ? (outcome.value.outside ?? []) : []));
  const found = await Promise.all(
    outcomes.map(async (outcome, index) => {
      const probe = probes[index]?.probe;
      if (!outcome.ok) return [outcome.error];
      if (probe === undefined || strictClass === undefined) return [];
      const { refused, ...proof } = outcome.value;
      const known = refused === undefined ? {} : { refused: await withRemedy(context, of, {}, refused) };
      return unproved(whose(probe), { ...proof, ...known }, strictClass);
    }),
  );
  const failures = saidOnce(found.flat());
  return { failures, notVerified: [...new Set([...open, ...outside])].sort(), isOpen: open.length > 0 };
}

/** Of the plan: whose access it is. */
function whose(probe: Probe): { readonly identity: string; readonly resource: string } {
  const isAsking = probe.kind === 'path' || probe.kind === 'simulation';
  return { identity: isAsking ? probe.of : probe.identity, resource: probe.resource };
}

/** Versions of Kubernetes objects are in the key; a parameter or secret of AWS may hold other keys a moment later. */
function changesUnseen(connection: Connection | undefined): boolean {
  const authentication = connection?.authentication;
  return authentication?.kind === 'credentials' && authentication.origin.kind !== 'secretRef';
}

async function prove(context: Context, of: ProofOf, probe: Probe): Promise<Result<Proof, AccessFailure>> {
  if (probe.kind === 'path') return proveOwnPath(context, of, probe, requestOf(of, probe));
  if (probe.kind === 'simulation') return proveMay(context, of, probe, requestOf(of, probe));
  if (probe.kind === 'location') {
    const ask = (principalArn: string): GrantRequest => ({
      ...requestOf(of, probe),
      identity: 'operator',
      resource: 'cluster-resources',
      ...cutTo(askPolicy, of, principalArn),
    });
    return asProbed(context, of, probe, (aws, caller) => proveLocation(context, of, probe, ask, { aws, caller }));
  }
  if (probe.kind === 'objects') {
    const proved = await proveObjects(context, of, probe);
    return probe.atDesignTime === true && !proved.ok && !proved.error.transient
      ? ok({ outside: [refusedAtDesignTime(proved.error, probe.resource.replace(':', ' '))] })
      : proved;
  }
  const called = await proveByCall(context, of, probe);
  if (!called.ok) return called;
  if (probe.kind === 'secret') return ok({ outside: [loginNotJudged(probe.connection)] });
  return ok(probe.notVerified === undefined ? {} : { notVerified: [probe.notVerified] });
}

function refusedAtDesignTime({ identity, action, resource, code, message, requestId }: AccessFailure, name: string): string {
  const request = requestId === undefined ? '' : ` [request ${requestId}]`;
  return `${name} at design time, as ${identity}: ${action} on ${resource}: ${code}: ${message}${request}`;
}

async function proveByCall(context: Context, of: ProofOf, probe: IdentityProbe | SecretProbe): Promise<Result<unknown, AccessFailure>> {
  const connection = connectionOfProbe(probe, of);
  if (probe.kind === 'secret') return connection === undefined ? { ok: true, value: undefined } : readSecret(of, connection);
  const keys = connection?.authentication.kind === 'credentials' ? connection : undefined;
  return keys === undefined ? context.grants.obtain(requestOf(of, probe)) : withKeysOf(of)(keys, probe.resource, whoAmI);
}

async function proveObjects(context: Context, of: ProofOf, probe: ObjectProbe): Promise<Result<Proof, AccessFailure>> {
  const { reads } = probe;
  const there = reads === undefined ? undefined : await proveObjects(context, of, reads);
  // What is to be added is the writer's.
  if (reads !== undefined && there?.ok === false) return err(await withRemedy(context, of, reads, there.error));
  const outcome = await asProbed(context, of, probe, (aws, caller) => probeObjects(aws, caller, probe, ownName(of, probe)));
  // Also where the answer to the write was lost.
  const gone = probe.deletedBy === undefined ? undefined : await cleared(context, of, probe);
  if (!outcome.ok || gone === undefined) return outcome;
  return err(await withRemedy(context, of, placeOfProbe(probe.deletedBy ?? probe), gone));
}

/** Runs calls as the identity of a probe. */
async function asProbed<T>(
  context: Context,
  of: ProofOf,
  probe: ObjectProbe | LocationProbe,
  run: (aws: AwsPort, caller: Caller) => Promise<Result<T, AccessFailure>>,
): Promise<Result<T, AccessFailure>> {
  const connection = connectionOfProbe(probe, of);
  if (connection?.authentication.kind === 'credentials') return withKeysOf(of)(connection, probe.resource, run);
  const caller = await context.grants.obtain(requestOf(of, probe));
  if (!caller.ok) return caller;
  const outcome = await run(context.aws(of.runtime.spec.region), caller.value);
  if (!outcome.ok && /AccessDenied|Expired|InvalidAccessKeyId|InvalidClientTokenId/.test(outcome.error.code))
    context.grants.drop(caller.value.grant);
  return outcome;
}

/** Takes away what probes that never came to their end may have left; what cannot be deleted for good is left. */
export async function clearProbes(context: Context, of: ProofOf, probes: readonly KeyedProbe[]): Promise<AccessFailure | undefined> {
  const outcomes = await inParallel(probes, atOnce, async ({ probe }) => {
    if (probe.kind !== 'objects' || !probe.actions.includes('write')) return undefined;
    if (probe.deletedBy === undefined && !probe.actions.includes('delete')) return undefined;
    const failure = await cleared(context, of, probe);
    // Keys that are refused for good delete nothing.
    return failure !== undefined && isPassing(failure) ? failure : undefined;
  });
  return outcomes.find((failure) => failure !== undefined);
}

/** The object of a probe deleted, by whoever may. */
async function cleared(context: Context, of: ProofOf, probe: ObjectProbe): Promise<AccessFailure | undefined> {
  const deleter = probe.deletedBy ?? probe;
  const outcome = await asProbed(context, of, deleter, async (aws, caller) => {
    const own = ownName(of, probe);
    const answer = await clearProbe(aws, caller, probe, own);
    if (answer.ok) return answer;
    const { identity, chain } = caller.grant;
    const resource = s3Arn(of.runtime.spec.region, probe.folder.bucket, probeKey(probe, own));
    return err(awsFailure({ identity, chain, action: 's3:DeleteObject', resource }, answer.error));
  });
  return outcome.ok ? undefined : outcome.error;
}

/** No session of the job: the sessions, like the answers, serve every job of the runtime. Records name the one that asked. */
function requestOf(of: ProofOf, probe: Probe): GrantRequest {
  const { runtime, job, plan } = of;
  const { namespace = '', name = '' } = job?.metadata ?? {};
  return {
    runtime,
    identity: probe.identity,
    resource: probe.resource,
    ...(plan !== undefined && { plan }),
    preflight: job === undefined ? {} : { job: { namespace, name } },
    connections: job?.spec.connections ?? [],
    ...cutTo(probePolicy, of, probe),
  };
}

/** The session policy of a request. */
function cutTo<T>(policyOf: (what: T, region: string, partition: string) => ReturnType<typeof probePolicy>, { runtime }: ProofOf, what: T) {
  const policy = policyOf(what, runtime.spec.region, partitionOf(runtime.spec.region));
  return policy.ok ? { policies: [policy.value] } : {};
}

function connectionOfProbe(probe: Probe, { connections }: ProofOf): Connection | undefined {
  const name = probe.kind === 'secret' ? probe.connection : connectionOf(probe.kind === 'path' ? probe.of : probe.identity);
  return connections.find((connection) => connection.name === name);
}

function withKeysOf({ withKeys }: ProofOf): NonNullable<ProofOf['withKeys']> {
  if (withKeys === undefined) throw new TypeError('a probe as static keys, and nobody who could open them');
  return withKeys;
}

function readSecret({ openSecret }: ProofOf, connection: Connection): Promise<Result<unknown, AccessFailure>> {
  if (openSecret === undefined) throw new TypeError('a probe of a secret, and nobody who could open it');
  return openSecret(connection);
}
