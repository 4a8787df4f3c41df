import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { describeHeld } from '../../core/classes/held-identities.ts';
import { canonicalJson } from '../../core/classes/spec-digest.ts';
import type { OperatorContext } from '../context.ts';
import { nodesOf } from './activity.ts';
import { sha256 } from './digest.ts';

export function accessDigest(runtime: ElasticRuntime): string {
  const { identities, staging, logs } = runtime.spec;
  return sha256(canonicalJson([identities, staging, logs]));
}

/** Why nothing new begins, where the runtime still has the identities that its nodes were launched as. */
export function identitiesInUse(context: Pick<OperatorContext, 'classes' | 'stores'>, runtime: Stored<ElasticRuntime>): string | undefined {
  const held = context.classes.heldIdentities(runtime);
  return held && describeHeld(held, nodesOf(context, runtime).length);
}
