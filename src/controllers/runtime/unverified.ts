import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import type { OperatorContext } from '../context.ts';
import { strictClassOf } from '../identity/strict.ts';
import { accessDigest, identitiesInUse } from './identities.ts';
import { notesOf } from './notes.ts';

/**
 * Why no job and no node of a runtime may begin: its identities are about to be others, or were not verified as they are, or its class wants all verified and something
 * is open. A class that just changed is known here before the runtime's own conditions say so.
 */
export function unverifiedRuntime(
  context: Pick<OperatorContext, 'classes' | 'stores'>,
  runtime: Stored<ElasticRuntime>,
): string | undefined {
  const inUse = identitiesInUse(context, runtime);
  if (inUse !== undefined) return inUse;
  const { verified, notVerified = [], launchAsked } = notesOf(runtime);
  const strictClass = strictClassOf(context, runtime);
  if (strictClass === undefined)
    return verified === undefined || verified === accessDigest(runtime)
      ? undefined
      : 'its identities were changed and are not verified yet';
  const open = [...notVerified, ...(launchAsked?.notVerified ?? [])];
  if (verified === accessDigest(runtime) && launchAsked !== undefined && open.length === 0) return undefined;
  const what = open.length === 0 ? 'its access is not verified yet' : `not verified: ${open.join('; ')}`;
  return `${what} (ElasticRuntimeClass ${strictClass}: allowed.unverifiedAccess: Never)`;
}
