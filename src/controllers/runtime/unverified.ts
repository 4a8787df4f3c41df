import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import type { OperatorContext } from '../context.ts';
import { strictClassOf } from '../identity/strict.ts';
import { accessDigest } from './identities.ts';
import { notesOf } from './notes.ts';

/**
 * Why no job and no node of a runtime may begin, where its class wants all verified and something of the runtime is open: a class that just changed is known here
 * before the runtime's own conditions say so.
 */
export function unverifiedRuntime(context: Pick<OperatorContext, 'classes'>, runtime: Stored<ElasticRuntime>): string | undefined {
  const strictClass = strictClassOf(context, runtime);
  if (strictClass === undefined) return undefined;
  const { verified, notVerified = [], launchAsked } = notesOf(runtime);
  const open = [...notVerified, ...(launchAsked?.notVerified ?? [])];
  if (verified === accessDigest(runtime) && launchAsked !== undefined && open.length === 0) return undefined;
  const what = open.length === 0 ? 'its access is not verified yet' : `not verified: ${open.join('; ')}`;
  return `${what} (ElasticRuntimeClass ${strictClass}: allowed.unverifiedAccess: Never)`;
}
