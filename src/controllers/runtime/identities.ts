import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { canonicalJson } from '../../core/classes/spec-digest.ts';
import type { OperatorContext } from '../context.ts';
import { nodesOf } from './activity.ts';
import { sha256 } from './digest.ts';
import { notesOf } from './notes.ts';

export function accessDigest(runtime: ElasticRuntime): string {
  const { identities, staging, logs } = runtime.spec;
  return sha256(canonicalJson([identities, staging, logs]));
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
