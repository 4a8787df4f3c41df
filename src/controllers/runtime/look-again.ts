import type { ElasticRuntime, ElasticRuntimeStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { partitionOf } from '../../core/access/partitions.ts';
import { hasDefaultRoles } from '../../core/access/roles.ts';
import { type IdentityProbe, probePolicy } from '../../core/preflight/probes.ts';
import { elasticRuntimes } from '../../ports/resources.ts';
import type { StatusDraft } from '../draft.ts';
import type { AccessFailure } from '../identity/failure.ts';
import { reasonOf } from '../identity/strict.ts';
import { sha256 } from './digest.ts';
import { accessDigest } from './identities.ts';
import { notesOf, wasRefused } from './notes.ts';
import { refusedStep } from './refusal.ts';
import { go, type Look, type RuntimeTools, type StepVerdict } from './tools.ts';

/** Each runtime has a period of its own in this range, and after a start a first moment of its own: they are not all looked at at once. */
const shortestMs = 25 * 60_000;
const rangeMs = 10 * 60_000;
/** After a refusal, or an answer that says nothing. */
const retryMs = 60_000;

/**
 * A runtime that was verified lives on for weeks: whether its identities can still be had is looked at every half hour, and as soon as they are refused to anybody. A refusal
 * that will not pass by itself lets nothing new begin and ends nothing that runs; it is over with the first look that succeeds.
 */
export async function lookAgain(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  draft: StatusDraft<ElasticRuntimeStatus>,
): Promise<StepVerdict> {
  const { clock, hopRefusals } = tools.context;
  const { uid } = runtime.metadata;
  // What is new is about to be verified in full.
  if (notesOf(runtime).verified !== accessDigest(runtime)) {
    tools.looks.delete(uid);
    return go;
  }
  const now = clock.monotonic();
  const known = tools.looks.get(uid) ?? { dueAt: wasRefused(runtime) ? now : now + ownShare(uid) * (shortestMs + rangeMs), failures: [] };
  const isDue = now >= known.dueAt || hopRefusals.isTold(uid);
  const look = !isDue ? known : await lookNow(tools, runtime, known.failures);
  tools.looks.set(uid, look);
  const [first] = look.failures;
  if (first === undefined) {
    if (wasRefused(runtime))
      tools.context.events.record(elasticRuntimes, runtime, 'Normal', 'AccessVerified', 'the identities can be had again');
    return { go: true, lookAgainMs: Math.max(look.dueAt - clock.monotonic(), 1) };
  }
  return refusedStep(tools, runtime, draft, { condition: 'AccessVerified', reason: reasonOf(first) }, look.failures);
}

async function lookNow(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, before: readonly AccessFailure[]): Promise<Look> {
  const { clock, hopRefusals } = tools.context;
  const { uid } = runtime.metadata;
  hopRefusals.beginLook(uid);
  const failure = await firstRefusal(tools, runtime);
  const now = clock.monotonic();
  if (failure === undefined) return { dueAt: now + shortestMs + ownShare(uid) * rangeMs, failures: [] };
  // Taken away by somebody: made anew with the next look, and not when its time comes.
  if (failure.resource.startsWith('ServiceAccount ')) tools.upkept.delete(uid);
  const saysNothingNew = failure.transient || before.some((one) => isSame(one, failure));
  return { dueAt: now + retryMs, failures: saysNothingNew ? before : [failure] };
}

/** But for the id of the request: a status and an event each minute would say no more. */
function isSame(one: AccessFailure, other: AccessFailure): boolean {
  const said = ({ identity, chain, action, resource, code, message }: AccessFailure) =>
    JSON.stringify([identity, chain, action, resource, code, message]);
  return said(one) === said(other);
}

/** Along the way that they have in common, then each. Of default roles the stack is looked at, which makes them anew where they are gone. */
async function firstRefusal({ context }: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<AccessFailure | undefined> {
  const { region } = runtime.spec;
  const all: readonly IdentityProbe[] = [
    { kind: 'identity', identity: 'operator', resource: 'cluster-resources' },
    { kind: 'identity', identity: 'master', resource: 'nodes' },
    { kind: 'identity', identity: 'worker', resource: 'volumes' },
  ];
  for (const probe of hasDefaultRoles(runtime) ? all.slice(0, 1) : all) {
    const policy = probePolicy(probe, region, partitionOf(region));
    const { identity, resource } = probe;
    const caller = await context.grants.obtain({
      runtime,
      identity,
      resource,
      preflight: {},
      ...(policy.ok && { policies: [policy.value] }),
    });
    if (!caller.ok) return caller.error;
    // The next look is to ask AWS again, not the memory of this one.
    context.grants.drop(caller.value.grant);
  }
  return undefined;
}

/** Of a period, by the uid: from 0 to 1. */
function ownShare(uid: string): number {
  return Number.parseInt(sha256(uid).slice(0, 8), 16) / 0x1_0000_0000;
}
