import type { ElasticRuntime, ElasticRuntimeClass, ElasticRuntimeStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { finalizers } from '../../api/labels.ts';
import { hasDefaultRoles } from '../../core/access/roles.ts';
import { classDefaultFields } from '../../core/classes/builtin.ts';
import { specDigest } from '../../core/classes/spec-digest.ts';
import { initScriptProblem } from '../../core/nodes/user-data.ts';
import { unsupportedRuntimeFields } from '../../core/validation/unsupported.ts';
import { createApplier } from '../../machinery/applier.ts';
import { done, type ReconcileResult } from '../../machinery/controller.ts';
import type { Expectations } from '../../machinery/expectations.ts';
import { ensureFinalizer } from '../../machinery/finalizers.ts';
import { keyOf } from '../../machinery/keys.ts';
import { elasticRuntimes } from '../../ports/resources.ts';
import type { Standing } from '../classes/resolved-runtimes.ts';
import type { OperatorContext } from '../context.ts';
import { applyStatus, draftStatus, type StatusDraft } from '../draft.ts';
import { except } from '../identity/failure.ts';
import { reasonOf, strictClassOf } from '../identity/strict.ts';
import { ensureAccounts } from './accounts.ts';
import { costOf, idleSince, nodesOf, summarizeNodes } from './activity.ts';
import { keepCertificate } from './certificate.ts';
import { clusterInfo, storeClusterInfo } from './cluster-info.ts';
import { ensureDefaultRoles } from './default-roles.ts';
import { sha256 } from './digest.ts';
import { askToLaunch } from './dry-run.ts';
import { accessDigest, identitiesInUse } from './identities.ts';
import { ensureLaunchTemplates } from './launch-templates.ts';
import { lookAgain } from './look-again.ts';
import { resolveSubnets } from './network.ts';
import { notesOf, type RuntimeNotes } from './notes.ts';
import { noteIntent } from './pins.ts';
import { refusedStep } from './refusal.ts';
import { enforceRevocation } from './revocation.ts';
import { holdSecrets, neededSecrets, releaseUnneeded } from './secrets.ts';
import { tearDown } from './teardown.ts';
import { go, type RuntimeTools, type StepVerdict } from './tools.ts';
import { readInitScript, verifyAccess } from './verify.ts';

type Draft = StatusDraft<ElasticRuntimeStatus>;
type ResolvedStatus = NonNullable<ElasticRuntimeStatus['resolved']>;

/** Blocked by somebody's mistake: looked at again this often, so that a repaired policy is noticed without an event. */
const stalledRetryMs = 60_000;
/** Less than the resync of runtimes, which would else find it just not due every other time. */
const upkeepMs = 540_000;

export function createRuntimeReconciler(context: OperatorContext, expectations: Expectations): (key: string) => Promise<ReconcileResult> {
  const tools: RuntimeTools = {
    context,
    expectations,
    upkept: new Map(),
    looks: new Map(),
    certificates: new Map(),
    scripts: new Map(),
    roles: new Map(),
    rolesMissing: new Map(),
    rolesBlocked: new Map(),
    issuer: { value: undefined },
    applier: createApplier({ port: context.kubernetes, telemetry: context.telemetry, fieldManager: 'elastic-runtime-controller' }),
  };
  return async (key) => {
    const runtime = context.stores.runtimes.get(key);
    return runtime === undefined ? done : reconcileRuntime(tools, runtime);
  };
}

async function reconcileRuntime(tools: RuntimeTools, observed: Stored<ElasticRuntime>): Promise<ReconcileResult> {
  const { context } = tools;
  const deleting = observed.metadata.deletionTimestamp !== undefined;
  if (deleting && !observed.metadata.finalizers?.includes(finalizers.runtime)) return done;
  const held = deleting
    ? { ok: true as const, value: observed }
    : await ensureFinalizer(context.kubernetes, elasticRuntimes, observed, finalizers.runtime);
  if (!held.ok) return { retry: held.error.message };
  const standing = deleting ? undefined : context.classes.standing(observed);
  const refused = standing === undefined || standing.kind === 'allowed' ? undefined : refusal(standing);
  // Of a runtime that its class does not allow nothing is begun, so there is nothing to sweep.
  const noted = deleting || refused !== undefined ? { ok: true as const, value: held.value } : await noteIntent(tools, held.value);
  if (!noted.ok) return { retry: noted.error.message };
  const resolved = stillResolved(observed, noted.value);
  if (resolved === undefined) return { retry: 'the runtime was changed meanwhile' };
  const kept = deleting || refused !== undefined ? { runtime: resolved } : await keepCertificate(tools, resolved);
  const { runtime } = kept;
  const draft = draftStatus(runtime.status, runtime.metadata.generation, context.clock.now());
  const verdict = deleting ? await tearDown(tools, runtime, draft) : (refused ?? (await bringUp(tools, runtime, draft)));
  if (deleting && 'go' in verdict) return done;
  summarize(context, runtime, draft, verdict, deleting);
  const written = await applyStatus(tools.applier, elasticRuntimes, runtime, draft.value());
  if (!written.ok) return written.error.kind === 'NotFound' ? done : { retry: written.error.message };
  if (written.value.changed) tools.expectations.wrote(keyOf(runtime), context.stores.runtimes, written.value.object);
  if ('again' in verdict) return verdict.afterMs === undefined ? { retry: verdict.message } : { requeueAfterMs: verdict.afterMs };
  if ('stalled' in verdict) return { requeueAfterMs: verdict.afterMs ?? stalledRetryMs };
  const { lookAgainMs } = soonest(verdict, kept);
  return lookAgainMs === undefined ? done : { requeueAfterMs: lookAgainMs };
}

/** What a write answered has the author's fields only. */
function stillResolved(observed: Stored<ElasticRuntime>, answered: Stored<ElasticRuntime>): Stored<ElasticRuntime> | undefined {
  return answered.metadata.generation === observed.metadata.generation ? { ...answered, spec: observed.spec } : undefined;
}

function refusal(standing: Exclude<Standing, { readonly kind: 'allowed' }>): StepVerdict {
  return standing.kind === 'pending'
    ? { again: 'NamespaceUnknown', message: standing.message }
    : { stalled: 'NotAllowedByClass', message: standing.message };
}

/** Class and defaults as they hold, for people. */
function describeResolved(context: OperatorContext, runtime: Stored<ElasticRuntime>): ResolvedStatus {
  const resolution = context.classes.resolution(runtime);
  const absent = new Set(resolution?.absent.map((path) => path.split('.')[0]));
  const fields = classDefaultFields.flatMap((field) =>
    runtime.spec[field] === undefined || absent.has(field) ? [] : [[field, runtime.spec[field]] as const],
  );
  const ofClass = resolution?.class;
  return {
    ...(ofClass !== undefined && { runtimeClassName: ofClass.metadata.name, allowed: forJobs(ofClass) }),
    ...Object.fromEntries(fields),
  };
}

/** The admission policy for jobs reads it, since a policy sees one other object only. */
function forJobs({ spec: { allowed } }: ElasticRuntimeClass): NonNullable<ResolvedStatus['allowed']> {
  const { connectionRoleArns, uris, kmsKeyArns } = allowed;
  return {
    ...(connectionRoleArns !== undefined && { connectionRoleArns }),
    ...(uris !== undefined && { uris }),
    ...(kmsKeyArns !== undefined && { kmsKeyArns }),
  };
}

/** Each step says why it stops; the reason becomes the condition, the event and the log line. */
async function bringUp(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, draft: Draft): Promise<StepVerdict> {
  // Of the last time: each step says anew what it is refused.
  if (hasRefusals(draft)) draft.unset('preflight');
  const problem = initScriptProblem(runtime.spec.machineImage, runtime.spec.initScript);
  if (problem !== undefined) return { stalled: 'InvalidSpec', message: problem };
  const unsupported = unsupportedRuntimeFields(runtime);
  if (unsupported.length > 0) return { stalled: 'NotSupported', message: unsupported.join('; ') };
  const prepared = await upkeep(tools, runtime, draft);
  if (!('go' in prepared)) return prepared;
  // Before anything is done as one of them, so that what they are refused is said of them.
  const looked = await lookAgain(tools, runtime, draft);
  if (!('go' in looked)) return looked;
  const revoked = await enforceRevocation(tools, runtime, draft);
  if (!('go' in revoked)) return revoked;
  const roles = await ensureDefaultRoles(tools, runtime, draft);
  if (!('go' in roles)) return roles;
  const inUse = identitiesInUse(tools.context, runtime);
  if (inUse !== undefined) return waitForNodes(tools, runtime, inUse);
  const verified = await verify(tools, runtime, draft);
  if (!('go' in verified)) return verified;
  const script = await pinnedInitScript(tools, runtime, draft);
  if ('verdict' in script) return script.verdict;
  const subnets = await resolveSubnetsOnce(tools, runtime, draft);
  if (!('go' in subnets)) return subnets;
  const templates = await ensureLaunchTemplates(tools, runtime, script.text);
  if (!templates.ok)
    return refusedStep(tools, runtime, draft, { condition: 'ClusterStored', reason: 'LaunchTemplatesNotMade' }, [templates.error]);
  draft.set({ launchTemplates: templates.value.templates });
  note(draft, { images: templates.value.images, remade: templates.value.remade });
  const asked = await askToLaunch(tools, runtime, templates.value.templates, notesIn(draft));
  if (!asked.ok) {
    const reason = reasonOf(asked.error);
    const stalled = { condition: 'AccessVerified', reason: reason === 'AccessDenied' ? 'LaunchDenied' : reason };
    return refusedStep(tools, runtime, draft, stalled, [asked.error]);
  }
  if (asked.value !== undefined) note(draft, { launchAsked: asked.value });
  sayVerified(runtime, draft);
  const stored = await storeInfo(tools, runtime, draft);
  return 'go' in stored ? soonest(looked, roles, revoked) : stored;
}

/** New identities wait until the last node is gone, which wakes this controller. What is said once is said again only where it is another. */
function waitForNodes({ context }: RuntimeTools, runtime: Stored<ElasticRuntime>, message: string): StepVerdict {
  context.events.record(elasticRuntimes, runtime, 'Warning', 'IdentitiesInUse', message);
  return { again: 'IdentitiesInUse', message, afterMs: stalledRetryMs };
}

function soonest(...verdicts: readonly { readonly lookAgainMs?: number }[]): Extract<StepVerdict, { readonly go: true }> {
  const times = verdicts.flatMap(({ lookAgainMs }) => (lookAgainMs === undefined ? [] : [lookAgainMs]));
  return times.length === 0 ? go : { go: true, lookAgainMs: Math.min(...times) };
}

/** Secrets and accounts: looked after when the runtime or what its class gives it changes, and every ten minutes, not at each event of its jobs and nodes. */
async function upkeep(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, draft: Draft): Promise<StepVerdict> {
  const { uid } = runtime.metadata;
  const spec = specDigest(runtime.spec);
  const now = tools.context.clock.monotonic();
  const last = tools.upkept.get(uid);
  if (last !== undefined && last.spec === spec && now - last.at < upkeepMs) return go;
  if (last !== undefined && last.spec !== spec) tools.context.grants.dropRuntime(uid);
  const secrets = await holdSecrets(tools, runtime);
  if (!('go' in secrets)) return secrets;
  const released = await releaseUnneeded(tools, runtime);
  if (!released.ok) return { again: 'SecretsHeld', message: released.error.message };
  note(draft, { held: neededSecrets(runtime) });
  const accounts = await ensureAccounts(tools, runtime);
  if (!accounts.ok) return { again: 'AccountsNotMade', message: accounts.error.message };
  tools.upkept.set(uid, { spec, at: now });
  return go;
}

function note(draft: Draft, notes: RuntimeNotes): void {
  draft.set({ internal: { ...draft.value().internal, awsUsed: true, ...notes } });
}

async function verify(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, draft: Draft): Promise<StepVerdict> {
  const digest = accessDigest(runtime);
  const { verified, notVerified = [] } = notesOf(runtime);
  const isOpen = notVerified.length > 0 && strictClassOf(tools.context, runtime) !== undefined;
  if (verified === digest && !isOpen) return go;
  const outcome = await verifyAccess(tools, runtime);
  if (!outcome.ok) {
    const first = outcome.error.find(({ transient }) => !transient) ?? outcome.error[0];
    if (first === undefined) return go;
    return refusedStep(tools, runtime, draft, { condition: 'AccessVerified', reason: reasonOf(first) }, outcome.error);
  }
  note(draft, { verified: digest, notVerified: outcome.value });
  sayVerified(runtime, draft);
  tools.context.events.record(elasticRuntimes, runtime, 'Normal', 'AccessVerified', 'agent, operator, master and worker verified');
  return go;
}

/** And what could not be looked at, each time anew: a condition is set at every reconcile. */
function sayVerified(runtime: ElasticRuntime, draft: Draft): void {
  const { notVerified = [], launchAsked } = notesIn(draft);
  const not = [...notVerified, ...(launchAsked?.notVerified ?? [])];
  const verified = hasDefaultRoles(runtime)
    ? 'every identity can be had; the default roles are made with what they need at staging and logs'
    : 'every identity can be had; staging and logs can be written, read, listed and deleted as worker, logs be written as master; master and worker role let the pods in';
  draft.condition('AccessVerified', true, 'Verified', `${verified}${except(not)}`);
  if (not.length === 0) draft.unset('preflight');
  else draft.set({ preflight: { notVerified: not } });
}

function hasRefusals(draft: Draft): boolean {
  return draft.value().preflight?.['failed'] !== undefined;
}

function notesIn(draft: Draft): RuntimeNotes {
  return draft.value().internal ?? {};
}

/** Read once per process and spec; its digest is pinned when it is first read, so that a replaced object is noticed and not used. */
async function pinnedInitScript(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  draft: Draft,
): Promise<{ readonly text: string | undefined } | { readonly verdict: StepVerdict }> {
  const { initScript } = runtime.spec;
  if (initScript === undefined) return { text: undefined };
  const key = `${runtime.metadata.uid} ${initScript.uri} ${initScript.sha256 ?? ''}`;
  const cached = tools.scripts.get(key);
  if (cached !== undefined) return { text: cached };
  const script = await readInitScript(tools, runtime, sha256);
  if (!script.ok)
    return {
      verdict: await refusedStep(tools, runtime, draft, { condition: 'AccessVerified', reason: 'InitScriptUnreadable' }, [script.error]),
    };
  const pin = `${sha256(key).slice(0, 12)} ${sha256(script.value ?? '')}`;
  const pinned = notesOf(runtime).initScript;
  if (pinned !== undefined && pinned.split(' ')[0] === pin.split(' ')[0] && pinned !== pin) {
    const message = `the init script ${initScript.uri} was replaced since it was pinned: put the old object back, or set spec.initScript.sha256 to the new digest`;
    return { verdict: { stalled: 'InitScriptChanged', message } };
  }
  note(draft, { initScript: pin });
  tools.scripts.set(key, script.value ?? '');
  return { text: script.value };
}

async function resolveSubnetsOnce(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, draft: Draft): Promise<StepVerdict> {
  const wanted = sha256(JSON.stringify([runtime.spec.network, runtime.spec.region]));
  if (notesOf(runtime).subnets !== undefined && notesOf(runtime).subnetsFor === wanted) return go;
  const subnets = await resolveSubnets(tools, runtime);
  if (!subnets.ok) return refusedStep(tools, runtime, draft, { condition: 'ClusterStored', reason: 'SubnetsUnknown' }, [subnets.error]);
  note(draft, { subnets: subnets.value, subnetsFor: wanted });
  return go;
}

async function storeInfo(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, draft: Draft): Promise<StepVerdict> {
  const digest = sha256(clusterInfo(runtime, tools.context.settings.clusterName));
  const said = 'cluster information stored, launch templates made, as operator';
  if (notesOf(runtime).stored === digest) {
    draft.condition('ClusterStored', true, 'Stored', said);
    return go;
  }
  const stored = await storeClusterInfo(tools, runtime);
  if (!stored.ok) return refusedStep(tools, runtime, draft, { condition: 'ClusterStored', reason: 'ClusterInfoNotStored' }, [stored.error]);
  draft.condition('ClusterStored', true, 'Stored', said);
  note(draft, { stored: digest });
  return go;
}

function summarize(context: OperatorContext, runtime: Stored<ElasticRuntime>, draft: Draft, verdict: StepVerdict, deleting: boolean): void {
  const { nodes, usdPerHour } = summarizeNodes(nodesOf(context, runtime));
  if (!deleting) draft.set({ resolved: describeResolved(context, runtime) });
  draft.set({ nodes, cost: costOf(context, runtime, usdPerHour, nodes.launching) });
  const since = idleSince(context, runtime);
  if (since === undefined) draft.unset('idleSince');
  else draft.set({ idleSince: since });
  draft.condition(
    'Idle',
    since !== undefined,
    since === undefined ? 'Working' : 'NoJobs',
    since === undefined ? 'there are jobs' : `no job since ${since}`,
  );
  if (deleting && 'stalled' in verdict) draft.condition('CleanupBlocked', true, 'CleanupBlocked', verdict.message);
  else draft.dropCondition('CleanupBlocked');
  if ('go' in verdict) draft.summary({ state: 'Ready', reason: 'Ready', message: 'jobs can run' });
  else if ('stalled' in verdict) draft.summary({ state: 'Stalled', reason: verdict.stalled, message: verdict.message });
  else draft.summary({ state: 'Reconciling', reason: verdict.again, message: verdict.message });
  if ('stalled' in verdict) context.events.record(elasticRuntimes, runtime, 'Warning', verdict.stalled, verdict.message);
}
