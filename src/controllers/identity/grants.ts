/**
 * Grants: who the operator pod becomes for one access. One grant per (chain, session names, tags, session policy), one call in flight per grant,
 * refreshed at 80 % of its life, stale but valid kept while STS throttles or fails, dropped at once on AccessDenied, when the runtime, the ServiceAccount
 * or a Secret that went in has changed, when access from before is revoked, and when the job is over.
 */
import { createHash } from 'node:crypto';
import type { Connection, ElasticJob, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import type { AccessPlan } from '../../core/access/plan.ts';
import { revokedBefore } from '../../core/access/revocation.ts';
import { principalsOf } from '../../core/access/roles.ts';
import { type ChainRequest, chainSteps, type SessionScope, type SessionStep } from '../../core/access/sessions.ts';
import type { Identity } from '../../core/access/vocabulary.ts';
import { runtimeTags } from '../../core/nodes/tags.ts';
import { sessionAccessOf } from '../../core/policy/session-access.ts';
import { type SessionPolicy, sessionPoliciesFor, sessionPolicyFor } from '../../core/policy/session-policy.ts';
import { createSingleFlight } from '../../machinery/single-flight.ts';
import type { Caller, Grant, IotCredentialsPort, StsPort, Subject } from '../../ports/aws/index.ts';
import type { Clock } from '../../ports/clock.ts';
import type { KubernetesPort } from '../../ports/kubernetes.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { createCertificateSource } from './certificate.ts';
import { openExternalId } from './external-id.ts';
import { type AccessFailure, awsFailure, kubernetesFailure } from './failure.ts';
import { createInputWatch, type GrantInput } from './inputs.ts';
import { subjectOf } from './subject.ts';

export type GrantRequest = {
  readonly runtime: Stored<ElasticRuntime>;
  readonly identity: Identity;
  readonly caller?: ChainRequest['caller'];
  readonly job?: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** For connectionRole identities: where the role and its external ID are found. */
  readonly connections?: readonly Connection[];
  /** What the job's sessions are cut to. */
  readonly plan?: AccessPlan;
  readonly dependencies?: ElasticJob['spec']['dependencies'] | undefined;
  /** The one resource of the plan that the session is for: all of the identity's where left out. */
  readonly resource?: string;
  /** Inline session policies of the last hop, from the narrowest to the widest; where left out, they are made for the access. */
  readonly policies?: Iterable<SessionPolicy>;
  readonly node?: string;
  /** Verifies the access, for this job or for the runtime. Its session is not the job's: it serves all that ask for the same. */
  readonly preflight?: { readonly job?: { readonly namespace: string; readonly name: string } };
};

export type GrantKeeper = {
  /** By what the session for an access is wider than it: what 2,048 characters ask for, and what STS's packed limit has asked for since. */
  widened(request: GrantRequest): readonly string[];
  obtain(request: GrantRequest): Promise<Result<Caller, AccessFailure>>;
  /** After AccessDenied or Expired: the next call starts from scratch. */
  drop(grant: Grant): void;
  /** When the runtime is changed or gone. */
  dropRuntime(runtimeUid: string): void;
  /** When the job has ended: its sessions have no user any more. */
  dropJob(jobUid: string): void;
  held(): number;
};

export type GrantKeeperOptions = {
  readonly sts: (region: string) => StsPort;
  readonly iotCredentials: (region: string) => IotCredentialsPort;
  readonly kubernetes: KubernetesPort;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly clusterName: string;
};

type Held = {
  readonly grant: Grant;
  readonly runtimeUid: string;
  readonly jobUid: string | undefined;
  /** What it was made from, all hops. */
  readonly inputs: readonly GrantInput[];
  /** Wall clock before the call that obtained it: AWS issued it no earlier. */
  readonly askedAt: number;
  readonly obtainedAt: number;
  readonly monotonicAt: number;
  readonly region: string;
  /** Refreshed once this share of its life has passed. */
  readonly refreshShare: number;
};

/** A grant that is being had. `dropped`: its runtime changed or its job ended meanwhile, so that it is not kept. */
type UnderWay = { readonly runtimeUid: string; readonly jobUid: string | undefined; dropped: boolean };

const sessionSeconds = 3600;
const refreshShare = 0.8;
/** By certificate: every 30 minutes of an hour. */
const certificateRefreshShare = 0.5;
/** A grant that ends within this time is not used any more: the call must still arrive. */
const marginMs = 30_000;
/** https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc.html: the token is exchanged at once, so the shortest that TokenRequest allows. */
const tokenSeconds = 600;

export function createGrantKeeper(options: GrantKeeperOptions): GrantKeeper {
  const held = new Map<string, Held>();
  const flights = createSingleFlight<Result<Held, AccessFailure>>();
  const { clock } = options;
  const inputs = createInputWatch(options);
  const certificates = createCertificateSource({ ...options, inputs });
  /** Policies that STS found too large when packed. */
  const tooLarge = new Set<string>();
  const underWay = new Set<UnderWay>();

  return {
    async obtain(request) {
      const steps = stepsOf(request);
      const subject = subjectOf(request, options.clusterName);
      // A session by certificate takes no policy.
      const byCertificate = steps.at(-1)?.kind === 'x509';
      const policies = byCertificate ? ok([]) : request.policies === undefined ? cut(request) : ok(request.policies);
      if (!policies.ok) return policies;
      const grant = await (byCertificate ? chain(request, subject, steps, undefined) : narrowest(request, subject, steps, policies.value));
      return grant.ok ? ok({ grant: grant.value.grant, subject }) : grant;
    },
    widened(request) {
      const policies = cut(request);
      if (!policies.ok) return [];
      for (const policy of notTooLarge(policies.value)) return policy.widened;
      return [];
    },
    drop(grant) {
      for (const [key, entry] of held) if (entry.grant.id === grant.id) forget(key, entry);
    },
    dropRuntime(runtimeUid) {
      for (const [key, entry] of held) if (entry.runtimeUid === runtimeUid) forget(key, entry);
      for (const flight of underWay) flight.dropped ||= flight.runtimeUid === runtimeUid;
    },
    dropJob(jobUid) {
      for (const [key, entry] of held) if (entry.jobUid === jobUid) forget(key, entry);
      for (const flight of underWay) flight.dropped ||= flight.jobUid === jobUid;
    },
    held: () => held.size,
  };

  function forget(key: string, entry: Held): void {
    held.delete(key);
    options.sts(entry.region).release(entry.grant);
  }

  /** The session with the narrowest policy that STS takes: what it packs to is known from its answer only. */
  async function narrowest(
    request: GrantRequest,
    subject: Subject,
    steps: readonly SessionStep[],
    policies: Iterable<SessionPolicy>,
  ): Promise<Result<Held, AccessFailure>> {
    let message = '';
    for (const policy of notTooLarge(policies)) {
      const grant = await chain(request, subject, steps, policy);
      const own = !grant.ok && grant.error.resource === steps.at(-1)?.roleArn && grant.error.code.startsWith('PackedPolicyTooLarge');
      if (!own) return grant;
      message = grant.error.message;
      if (tooLarge.size >= 1_000) tooLarge.clear();
      tooLarge.add(policy.policy);
    }
    const { identity, resource } = request;
    const at = {
      identity,
      chain: steps.map(({ roleArn }) => roleArn),
      action: 'cut the session',
      resource: resource ?? 'all of its accesses',
    };
    return err({ ...at, code: 'SessionTooWide', message: `${message} (at its widest): name fewer or shorter locations`, transient: false });
  }

  /** The widest is tried again each time: the tags may have become fewer. */
  function* notTooLarge(policies: Iterable<SessionPolicy>): Generator<SessionPolicy, void> {
    let before: SessionPolicy | undefined;
    let any = false;
    for (const policy of policies) {
      before = policy;
      if (tooLarge.has(policy.policy)) continue;
      any = true;
      yield policy;
    }
    if (!any && before !== undefined) yield before;
  }

  function stepsOf(request: GrantRequest): readonly SessionStep[] {
    const { runtime } = request;
    return chainSteps({
      scope: scopeOf(runtime, options.clusterName, request.job),
      principals: principalsOf(runtime),
      identity: request.identity,
      caller: request.caller ?? 'operatorPod',
      connectionRole: (name) => {
        const authentication = request.connections?.find((connection) => connection.name === name)?.authentication;
        if (authentication?.roleArn === undefined) return undefined;
        return { roleArn: authentication.roleArn, externalId: authentication.externalIdSecretRef !== undefined };
      },
    });
  }

  /** The grant of the last of `steps`, from the cache where it is fresh; earlier hops are shared by everything behind them. */
  async function chain(
    request: GrantRequest,
    subject: Subject,
    steps: readonly SessionStep[],
    policy: SessionPolicy | undefined,
  ): Promise<Result<Held, AccessFailure>> {
    const uid = request.runtime.metadata.uid;
    // It takes no session policy: one session serves all that the agent does, whatever for.
    const byCertificate = steps.at(-1)?.kind === 'x509';
    const inHash = byCertificate ? request.runtime.spec.identities.agent : (policy?.policy ?? null);
    const key = createHash('sha256')
      .update(JSON.stringify([uid, steps, inHash]))
      .digest('base64url');
    await dropOutdated(request, key);
    const cached = held.get(key);
    if (cached !== undefined && age(cached) < cached.refreshShare) return ok(cached);
    const region = request.runtime.spec.region;
    const outcome = await flights.run(key, async () => {
      const askedAt = clock.now();
      const jobUid = byCertificate ? undefined : request.job?.uid;
      const flight: UnderWay = { runtimeUid: uid, jobUid, dropped: false };
      underWay.add(flight);
      const made = await take(request, subject, steps, policy).finally(() => underWay.delete(flight));
      if (!made.ok) return made;
      if (flight.dropped) {
        options.sts(region).release(made.value.grant);
        return err(droppedMeanwhile(steps));
      }
      if (policy !== undefined && policy.widened.length > 0)
        options.telemetry.log('info', 'session policy widened to fit', { ...subject, identity: request.identity, steps: policy.widened });
      const old = held.get(key);
      sweep();
      const entry = {
        ...made.value,
        runtimeUid: uid,
        jobUid,
        askedAt,
        obtainedAt: clock.now(),
        monotonicAt: clock.monotonic(),
        region,
        refreshShare: byCertificate ? certificateRefreshShare : refreshShare,
      } satisfies Held;
      held.set(key, entry);
      if (old !== undefined) options.sts(region).release(old.grant);
      return ok(entry);
    });
    // Whoever asked first may have asked before the moment that counts for this one.
    if (outcome.ok) return isRevoked(request, outcome.value) ? chain(request, subject, steps, policy) : outcome;
    const stale = held.get(key);
    if (stale === undefined) return outcome;
    if (outcome.error.transient && usable(stale)) return ok(stale);
    if (!outcome.error.transient || !usable(stale)) forget(key, stale);
    return outcome;
  }

  /** What was revoked, or made from what has changed since, is not even kept as a stale one. */
  async function dropOutdated(request: GrantRequest, key: string): Promise<void> {
    const entry = held.get(key);
    if (entry === undefined) return;
    const outdated = isRevoked(request, entry) || (await inputs.changed(entry.inputs));
    if (outdated && held.get(key) === entry) forget(key, entry);
  }

  function isRevoked({ runtime, connections = [], identity }: GrantRequest, { askedAt }: Held): boolean {
    const revoked = revokedBefore({ runtime, connections, identity }, clock.now());
    return revoked !== undefined && askedAt < revoked;
  }

  /** No session without a policy: one that cannot be cut small enough is not handed out at all. */
  function cut(request: GrantRequest): Result<Iterable<SessionPolicy>, AccessFailure> {
    const { runtime, identity, job, plan, dependencies, resource } = request;
    const { namespace = '', name, uid } = runtime.metadata;
    const tags = runtimeTags({
      cluster: options.clusterName,
      organization: runtime.spec.organization,
      namespace,
      runtime: name,
      runtimeUid: uid,
    });
    const access = sessionAccessOf({ runtime, identity, tags, job, plan, dependencies, resource });
    const made = sessionPolicyFor(access);
    if (!made.ok) {
      const at = { identity, chain: [], action: 'cut the session', resource: resource ?? 'all of its accesses' };
      return err({ ...at, code: 'SessionTooWide', message: `${made.reason}: name fewer or shorter locations`, transient: false });
    }
    return ok(sessionPoliciesFor(access));
  }

  function hopPolicy(request: GrantRequest, next: SessionStep): SessionPolicy {
    const tagged = next.kind === 'assumeRole' && Object.keys(next.tags).length > 0;
    const made = sessionPolicyFor({ region: request.runtime.spec.region, assume: { roleArns: [next.roleArn], tagged } });
    if (!made.ok) throw new TypeError(`a policy for one hop does not fit: ${made.reason}`);
    return made.value;
  }

  /** What has ended is not kept: a new grant is the occasion to look. */
  function sweep(): void {
    for (const [key, entry] of held) if (age(entry) >= 1) forget(key, entry);
  }

  /** Share of its life that has passed, by the wall clock or the monotonic clock, whichever says more. */
  function age(entry: Held): number {
    const life = entry.grant.expiresAt - entry.obtainedAt;
    if (!(life > 0)) return 1;
    return Math.max(clock.now() - entry.obtainedAt, clock.monotonic() - entry.monotonicAt) / life;
  }

  function usable(entry: Held): boolean {
    const life = entry.grant.expiresAt - entry.obtainedAt;
    return Math.max(clock.now() - entry.obtainedAt, clock.monotonic() - entry.monotonicAt) < life - marginMs;
  }

  async function take(
    request: GrantRequest,
    subject: Subject,
    steps: readonly SessionStep[],
    policy: SessionPolicy | undefined,
  ): Promise<Result<Pick<Held, 'grant' | 'inputs'>, AccessFailure>> {
    const step = steps.at(-1);
    if (step === undefined) throw new TypeError(`${request.identity} is not reached by assuming a role`);
    const at = { identity: step.identity, chain: steps.map(({ roleArn }) => roleArn), resource: step.roleArn };
    const sts = options.sts(request.runtime.spec.region);
    const common = {
      identity: step.identity,
      roleArn: step.roleArn,
      durationSeconds: sessionSeconds,
      ...(policy !== undefined && { policy: policy.policy, widened: policy.widened }),
    };
    if (step.kind === 'webIdentity') {
      const resource = `ServiceAccount ${step.serviceAccount.namespace}/${step.serviceAccount.name}`;
      const account = await inputs.look('ServiceAccount', step.serviceAccount);
      if (!account.ok) return err(kubernetesFailure({ ...at, action: 'get', resource }, account.error));
      const token = await options.kubernetes.requestToken(step.serviceAccount, {
        audiences: ['sts.amazonaws.com'],
        expirationSeconds: tokenSeconds,
      });
      if (!token.ok) return err(kubernetesFailure({ ...at, action: 'TokenRequest', resource }, token.error));
      const grant = await sts.assumeRoleWithWebIdentity(subject, { ...common, sessionName: step.sessionName, token: token.value.token });
      return grant.ok
        ? ok({ grant: grant.value, inputs: [account.value] })
        : err(awsFailure({ ...at, action: 'sts:AssumeRoleWithWebIdentity' }, grant.error));
    }
    if (step.kind === 'x509') return certificates.take(request.runtime, subject);
    // A hop may go on to the next role and do nothing else.
    const before = await chain(request, subject, steps.slice(0, -1), hopPolicy(request, step));
    if (!before.ok) return before;
    const externalId =
      step.externalId === undefined
        ? ok(undefined)
        : await openExternalId({ kubernetes: options.kubernetes, inputs }, request, step.externalId);
    if (!externalId.ok)
      return err({ ...at, action: 'read external ID', code: 'ExternalIdMissing', message: externalId.error, transient: true });
    const grant = await sts.assumeRole(
      { grant: before.value.grant, subject },
      {
        ...common,
        sessionName: step.sessionName,
        tags: step.tags,
        ...(externalId.value !== undefined && { externalId: externalId.value.text }),
      },
    );
    if (grant.ok)
      return ok({
        grant: grant.value,
        inputs: [...before.value.inputs, ...(externalId.value === undefined ? [] : [externalId.value.input])],
      });
    // What the hop before may no longer do must not be served from the cache.
    if (grant.error.kind === 'AccessDenied' || grant.error.kind === 'Expired') {
      for (const [key, entry] of held) if (entry.grant.id === before.value.grant.id) forget(key, entry);
    }
    return err(awsFailure({ ...at, action: 'sts:AssumeRole' }, grant.error));
  }
}

function droppedMeanwhile(steps: readonly SessionStep[]): AccessFailure {
  const chain = steps.map(({ roleArn }) => roleArn);
  const at = { identity: steps.at(-1)?.identity ?? '', chain, action: 'have a session', resource: chain.at(-1) ?? '' };
  return { ...at, code: 'GrantDropped', message: 'the runtime changed or the job ended meanwhile', transient: true };
}

function scopeOf(
  runtime: Stored<ElasticRuntime>,
  cluster: string,
  job: { readonly name: string; readonly uid: string } | undefined,
): SessionScope {
  return {
    cluster,
    organization: runtime.spec.organization,
    namespace: runtime.metadata.namespace ?? '',
    runtime: runtime.metadata.name,
    runtimeUid: runtime.metadata.uid,
    jobUid: job?.uid,
    job: job?.name,
  };
}
