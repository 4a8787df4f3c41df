import { createHash } from 'node:crypto';
import { fitted } from '../../access/roles.ts';
import type { PolicyRuntime } from '../runtime-input.ts';

/**
 * The stack of a runtime's default roles: at most 128 letters, digits and hyphens
 * (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html). The hash stands before whatever a tenant may choose, so that
 * no runtime can be named to fall under another's pattern; the uid tells it from an earlier runtime of the same name.
 */
export function stackName(runtime: PolicyRuntime): string {
  return `${stackStem(runtime)}${(runtime.metadata.uid ?? '').slice(0, 8)}`;
}

/** For policies that are written before the runtime has a uid: every stack of this namespace and name. */
export function stackPattern(runtime: PolicyRuntime): string {
  return `${stackStem(runtime)}*`;
}

function stackStem({ metadata: { namespace = 'default', name = '' } }: PolicyRuntime): string {
  const digest = createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, 16);
  return `elastic-${digest}-${fitted(`${namespace}-${name}`, 80)}-`;
}

/** Logical ids of the stack's resources, and of its outputs. */
export const logicalIds = {
  boundary: 'Boundary',
  master: 'Master',
  worker: 'Worker',
  node: 'Node',
  profile: 'NodeProfile',
  digest: 'Digest',
} as const;
