import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { immutableFields } from '../../core/classes/builtin.ts';
import { type Pins, pinsOf } from '../../core/classes/pins.ts';
import { equals } from '../../machinery/covers.ts';
import type { KubernetesResult } from '../../ports/kubernetes.ts';
import { elasticRuntimes } from '../../ports/resources.ts';
import { notesOf, revokedByNow } from './notes.ts';
import { revokedSince } from './revocation.ts';
import type { RuntimeTools } from './tools.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * Before the first thing is made in AWS, the status says that there may be some: a teardown then sweeps. It also says with what the runtime is begun, so
 * that it keeps it whatever becomes of its class, and from which moment on access from before is revoked. Identities are those of the resolved spec, which keeps them while a node exists.
 */
export async function noteIntent(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<KubernetesResult<Stored<ElasticRuntime>>> {
  const before = pinsOf(runtime);
  const now = pinsFor(runtime, before);
  const revoking = revokedSince(tools, runtime);
  const notes = notesOf(runtime);
  if (notes.awsUsed === true && equals(before, now) && revokedByNow(runtime) === revoking) return { ok: true, value: runtime };
  const { namespace = '', name, resourceVersion } = runtime.metadata;
  return tools.context.kubernetes.mergePatch(
    elasticRuntimes,
    { namespace, name },
    {
      metadata: { resourceVersion },
      status: { internal: { awsUsed: true, pinned: replacing(before, now), ...(revoking !== undefined && { revoking }) } },
    },
    'status',
  );
}

function pinsFor({ spec }: Stored<ElasticRuntime>, before: Pins): Pins {
  const immutable = Object.fromEntries(immutableFields.map((field) => [field, before[field] ?? spec[field]]));
  return { ...immutable, identities: spec.identities };
}

/** The merge patch that makes the one the other: what is gone is null. https://www.rfc-editor.org/rfc/rfc7396 */
function replacing(before: object, now: object): Json {
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(now, key));
  const kept = Object.entries(now).map(([key, value]: readonly [string, unknown]) => {
    const was = (before as Json)[key];
    return [key, isObject(value) && isObject(was) ? replacing(was, value) : value] as const;
  });
  return { ...Object.fromEntries(gone.map((key) => [key, null])), ...Object.fromEntries(kept) };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
