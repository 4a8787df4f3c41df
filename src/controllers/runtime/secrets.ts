import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { finalizers } from '../../api/labels.ts';
import { ensureFinalizer, removeFinalizer } from '../../machinery/finalizers.ts';
import type { KubernetesError } from '../../ports/kubernetes.ts';
import { secrets } from '../../ports/resources.ts';
import { ok, type Result } from '../../ports/result.ts';
import { notesOf } from './notes.ts';
import { go, type RuntimeTools, type StepVerdict } from './tools.ts';

/** Secrets without which the runtime could not reach AWS any more, not even to clean up after itself. */
export function neededSecrets(runtime: ElasticRuntime): readonly string[] {
  const { agent, operator } = runtime.spec.identities;
  const names = [operator.externalIdSecretRef?.name, agent.x509?.certificateSecretRef.name];
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** Puts the in-use finalizer on each: a namespace that is deleted keeps them until the runtime is gone. */
export async function holdSecrets(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<StepVerdict> {
  const { namespace = '' } = runtime.metadata;
  for (const name of neededSecrets(runtime)) {
    const secret = await tools.context.kubernetes.get(secrets, { namespace, name });
    if (!secret.ok) {
      if (secret.error.kind !== 'NotFound')
        return { again: 'SecretUnreadable', message: `Secret ${namespace}/${name}: ${secret.error.message}` };
      return { stalled: 'SecretMissing', message: `Secret ${namespace}/${name}, which spec.identities names, does not exist: create it` };
    }
    if (secret.value.metadata.deletionTimestamp !== undefined) continue;
    const held = await ensureFinalizer(tools.context.kubernetes, secrets, secret.value, finalizers.inUse);
    if (!held.ok && held.error.kind !== 'NotFound')
      return { again: 'SecretNotHeld', message: `Secret ${namespace}/${name}: ${held.error.message}` };
  }
  return go;
}

/** At the end of a runtime: lets go of all that it held, but for what another runtime of the namespace needs. */
export function releaseSecrets(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<Result<void, KubernetesError>> {
  return release(tools, runtime, [...neededSecrets(runtime), ...(notesOf(runtime).held ?? [])]);
}

/** After a change of the spec: lets go of what it no longer names. */
export function releaseUnneeded(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<Result<void, KubernetesError>> {
  const needed = new Set(neededSecrets(runtime));
  return release(
    tools,
    runtime,
    (notesOf(runtime).held ?? []).filter((name) => !needed.has(name)),
  );
}

async function release(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  names: readonly string[],
): Promise<Result<void, KubernetesError>> {
  const { namespace = '', uid } = runtime.metadata;
  const others = tools.context.stores.runtimes
    .list()
    .filter((other) => other.metadata.namespace === namespace && other.metadata.uid !== uid);
  const stillNeeded = new Set(others.flatMap(neededSecrets));
  for (const name of new Set(names)) {
    if (stillNeeded.has(name)) continue;
    const secret = await tools.context.kubernetes.get(secrets, { namespace, name });
    if (!secret.ok) {
      if (secret.error.kind === 'NotFound') continue;
      return secret;
    }
    const removed = await removeFinalizer(tools.context.kubernetes, secrets, secret.value, finalizers.inUse);
    if (!removed.ok) return removed;
  }
  return ok(undefined);
}
