import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import type { OperatorContext } from '../context.ts';
import { nodesOf } from './activity.ts';
import { sha256 } from './digest.ts';
import { notesOf } from './notes.ts';

export function accessDigest(runtime: ElasticRuntime): string {
  const { identities, staging, logs } = runtime.spec;
  return sha256(JSON.stringify([identities, staging, logs], inOrder));
}

/** Fields of one object come from the runtime, its class and its status: in which order says nothing. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/**
 * Nodes were launched, and can only be ended, as the roles that the runtime had then. While that holds nothing is done as the new ones: with a role of
 * another account every instance would look as if it were gone.
 */
export function identitiesInUse(context: Pick<OperatorContext, 'stores'>, runtime: Stored<ElasticRuntime>): string | undefined {
  const { verified } = notesOf(runtime);
  if (verified === undefined || verified === accessDigest(runtime)) return undefined;
  const nodes = nodesOf(context, runtime).length;
  if (nodes === 0) return undefined;
  return `spec.identities was changed while ${nodes} node(s) exist: change it back; change it when no node exists (suspend: true, idle)`;
}
