import { type AccountFacts, type Authorization, authorizationsOf } from '../../src/core/policy/actions.ts';
import type { AwsCalls, AwsMethod } from '../../src/core/policy/calls.ts';
import { denialMessage, type EvaluationRequest, evaluate } from '../../src/core/policy/evaluate.ts';
import { accountOf } from '../../src/core/policy/principal.ts';
import { type Account, boundaryOf, type Credentials, identityPolicies } from './account.ts';
import { named, type Refusal } from './answers.ts';
import type { GateCall, Wire } from './decode.ts';

/** Every authorization that the call needs, against everything that applies to the caller; undefined where all allow. */
export function authorize(
  account: Account,
  wire: Wire & { readonly call: GateCall },
  caller: Credentials,
  facts: AccountFacts,
): Refusal | undefined {
  const { method, request } = wire.call as { readonly method: AwsMethod; readonly request: AwsCalls[AwsMethod] };
  for (const authorization of authorizationsOf(method, request, facts)) {
    const asked = ask(account, caller, authorization);
    const verdict = evaluate(asked);
    if (verdict.decision !== 'Allow') {
      return { ...named(wire.service, 'denied', denialMessage(asked, verdict)), because: verdict.because };
    }
  }
  return undefined;
}

function ask(account: Account, caller: Credentials, { action, resource, context }: Authorization): EvaluationRequest {
  const bucket = resource.startsWith('arn:aws:s3:::') ? account.buckets.get(resource.slice(13).split('/', 1)[0] ?? '') : undefined;
  const owner = bucket?.owner ?? accountOf(resource);
  const own = caller.principal.kind === 'role' ? accountOf(caller.principal.roleArn) : accountOf(caller.principal.arn);
  const boundary = boundaryOf(account, caller);
  return {
    principal: caller.principal,
    action,
    resource,
    context,
    identityPolicies: identityPolicies(account, caller),
    sameAccount: owner === '' || owner === own,
    ...(boundary && { permissionBoundary: boundary }),
    ...(caller.sessionPolicy && { sessionPolicies: [caller.sessionPolicy] }),
    ...(bucket?.policy && { resourcePolicies: [bucket.policy] }),
  };
}
