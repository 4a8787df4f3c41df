import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import type { OperatorContext } from '../context.ts';
import type { AccessFailure } from './failure.ts';
import type { Proof } from './verifications.ts';

/** Name of the runtime's class, where that lets nothing begin of which AWS cannot say beforehand whether it may. */
export function strictClassOf({ classes }: Pick<OperatorContext, 'classes'>, runtime: Stored<ElasticRuntime>): string | undefined {
  const ofClass = classes.resolution(runtime)?.class;
  return ofClass?.spec.allowed.unverifiedAccess === 'Never' ? ofClass.metadata.name : undefined;
}

const code = 'NotVerified';

/** What could not be looked at, as a refusal. */
export function notVerifiedFailure(
  of: Pick<AccessFailure, 'identity' | 'resource' | 'message' | 'transient'>,
  strictClass: string,
  refused?: AccessFailure,
): AccessFailure {
  const text = `ElasticRuntimeClass ${strictClass} lets nothing begin that is not verified (allowed.unverifiedAccess: Never): make that possible, or have the class allow it`;
  const { requestId, remedy } = refused ?? {};
  const add = remedy?.add ?? [];
  return { ...of, chain: [], action: 'preflight', code, ...(requestId !== undefined && { requestId }), remedy: { text, add } };
}

/** What a success leaves open, as refusals: with what to add where AWS refused a question. */
export function unproved(
  of: Pick<AccessFailure, 'identity' | 'resource'>,
  { notVerified = [], isUnanswered = false, refused }: Proof,
  strictClass: string,
): readonly AccessFailure[] {
  return notVerified.map((message) => notVerifiedFailure({ ...of, message, transient: isUnanswered }, strictClass, refused));
}

/** Reason of a condition. */
export function reasonOf(failure: AccessFailure): 'AccessDenied' | 'AccessNotVerified' {
  return failure.code === code ? 'AccessNotVerified' : 'AccessDenied';
}
