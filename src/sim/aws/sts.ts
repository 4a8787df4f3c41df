import { type Policy, parsePolicy } from '../../core/policy/document.ts';
import { callerArn, type SessionTags } from '../../core/policy/principal.ts';
import { evaluateAssumeRole, evaluateAssumeRoleWithWebIdentity } from '../../core/policy/trust.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { Authenticated } from './authorize.ts';
import { denied, type Failure, failure, invalid } from './failures.ts';
import { packedPercent, packedTooLarge } from './packed.ts';
import type { AccountState, Role, Session } from './state.ts';

export type AssumeRequest = {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly durationSeconds: number;
  readonly policy?: string;
};

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html */
export function assumeRoleWithWebIdentity(
  state: AccountState,
  request: AssumeRequest & { readonly token: string },
): Result<Session, Failure> {
  const facts = state.verifyToken(request.token);
  if (facts === undefined) return err(failure('AccessDenied', 'InvalidIdentityToken', 'The web identity token could not be validated.'));
  if (facts.exp * 1000 <= state.world.now()) {
    const times = `current date/time ${Math.floor(state.world.now() / 1000)} must be before the expiration date/time ${facts.exp}`;
    return err(failure('Expired', 'ExpiredTokenException', `Token expired: ${times}`));
  }
  const issuer = facts.iss.replace(/^https:\/\//, '');
  const account = request.roleArn.split(':')[4] ?? '';
  const provider = state.spec.oidcProviders.find((candidate) => candidate.issuer === issuer && candidate.arn.split(':')[4] === account);
  if (provider === undefined) {
    return err(failure('AccessDenied', 'InvalidIdentityToken', `No OpenIDConnect provider found in your account for https://${issuer}`));
  }
  const aud = facts.aud.find((audience) => provider.clientIds.includes(audience));
  if (aud === undefined) return err(failure('AccessDenied', 'InvalidIdentityToken', 'Incorrect token audience'));
  const wrong = wrongRequest(state, request, false);
  if (wrong !== undefined) return err(wrong);
  const refused = err(denied('sts', 'Not authorized to perform sts:AssumeRoleWithWebIdentity'));
  const role = usableRole(state, request.roleArn);
  // A role that does not exist is refused in the same words: nothing can be learned about it.
  if (role === undefined) return refused;
  const claims = { sub: facts.sub, aud };
  const { roleArn, sessionName } = request;
  const verdict = evaluateAssumeRoleWithWebIdentity({ roleArn, sessionName, trust: role.trust, providerArn: provider.arn, issuer, claims });
  if (verdict.decision !== 'Allow') return refused;
  state.deciding.push(...verdict.allowed);
  return openSession(state, request, {
    ...(role.spec.tags === undefined ? {} : { tags: role.spec.tags }),
    federatedProvider: provider.arn,
  });
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
export function assumeRole(
  state: AccountState,
  caller: Authenticated,
  request: AssumeRequest & { readonly externalId?: string; readonly tags?: SessionTags },
): Result<Session, Failure> {
  const wrong =
    wrongRequest(state, request, caller.principal.kind === 'role') ?? wrongTags(request.tags) ?? wrongExternalId(request.externalId);
  if (wrong !== undefined) return err(wrong);
  const { roleArn, sessionName, externalId, tags } = request;
  const role = usableRole(state, roleArn);
  if (role === undefined) return err(refusal(caller, 'sts:AssumeRole', roleArn));
  const verdict = evaluateAssumeRole({
    roleArn,
    sessionName,
    trust: role.trust,
    caller: caller.principal,
    callerPolicies: caller.policies,
    ...(externalId === undefined ? {} : { externalId }),
    ...(tags === undefined ? {} : { tags }),
  });
  if (verdict.decision !== 'Allow') return err(refusal(caller, verdict.action, roleArn));
  state.deciding.push(...verdict.allowed);
  return openSession(state, request, { tags: { ...role.spec.tags, ...tags } });
}

function usableRole(state: AccountState, roleArn: string): Role | undefined {
  const role = state.roles.get(roleArn);
  return role === undefined || (role.usableFrom ?? 0) > state.world.now() ? undefined : role;
}

/** STS gives no reason, so that nothing can be learned about the role. */
function refusal(caller: Authenticated, action: string, roleArn: string): Failure {
  return denied('sts', `User: ${callerArn(caller.principal)} is not authorized to perform: ${action} on resource: ${roleArn}`);
}

export function openSession(
  state: AccountState,
  request: AssumeRequest & { readonly tags?: SessionTags },
  extra: { readonly tags?: SessionTags; readonly federatedProvider?: string },
): Result<Session, Failure> {
  const policies = sessionPolicies(request.policy);
  if (!policies.ok) return policies;
  const packed = packedPercent(request.policy, request.tags, state.spec.quotas.packedSessionCharacters);
  if (packed > 100) return err(invalid('PackedPolicyTooLarge', packedTooLarge(packed)));
  const now = state.world.now();
  const id = state.random.uuid().replaceAll('-', '').toUpperCase();
  const session: Session = {
    accessKeyId: `ASIA${id.slice(0, 16)}`,
    // Markers that no output may ever hold.
    secretAccessKey: `simulated-secret-key.${state.random.uuid()}`,
    sessionToken: `simulated-session-token.${state.random.uuid()}`,
    principal: { kind: 'role', roleArn: request.roleArn, sessionName: request.sessionName, issuedAt: now, ...extra },
    ...(policies.value === undefined ? {} : { sessionPolicies: policies.value, packedPolicySize: packed }),
    // Whole seconds, as in the answer of STS.
    expiresAt: (Math.floor(now / 1000) + request.durationSeconds) * 1000,
  };
  state.sessions.set(session.accessKeyId, session);
  return ok(session);
}

function sessionPolicies(text: string | undefined): Result<readonly Policy[] | undefined, Failure> {
  if (text === undefined) return ok(undefined);
  const policy = parsePolicy(text, 'identity', 'session policy');
  return policy.ok ? ok([policy.value]) : err(invalid('MalformedPolicyDocument', policy.reason));
}

function wrongRequest(state: AccountState, request: AssumeRequest, chained: boolean): Failure | undefined {
  const { sessionName, durationSeconds, policy } = request;
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName)) {
    const rule = 'Member must satisfy regular expression pattern: [\\w+=,.@-]* with length between 2 and 64';
    return invalid(
      'ValidationError',
      `1 validation error detected: Value '${sessionName}' at 'roleSessionName' failed to satisfy constraint: ${rule}`,
    );
  }
  if (!Number.isInteger(durationSeconds) || durationSeconds < 900 || durationSeconds > 43_200) {
    const rule = 'Member must have value between 900 and 43200';
    return invalid(
      'ValidationError',
      `1 validation error detected: Value '${durationSeconds}' at 'durationSeconds' failed to satisfy constraint: ${rule}`,
    );
  }
  if (chained && durationSeconds > 3600) {
    return invalid('ValidationError', 'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining');
  }
  if (durationSeconds > (state.roles.get(request.roleArn)?.spec.maxSessionSeconds ?? 3600)) {
    return invalid('ValidationError', 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
  }
  if (policy !== undefined && policy.length > 2048) {
    const rule = 'Member must have length less than or equal to 2048';
    return invalid('ValidationError', `1 validation error detected: Value at 'policy' failed to satisfy constraint: ${rule}`);
  }
  return undefined;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_know */
function wrongTags(tags: SessionTags = {}): Failure | undefined {
  const entries = Object.entries(tags);
  if (entries.length > 50) return invalid('ValidationError', 'A session may have at most 50 tags');
  const wrong = entries.find(([key, value]) => key === '' || key.length > 128 || value.length > 256 || /^aws:/i.test(key));
  return wrong === undefined ? undefined : invalid('ValidationError', `Session tag ${wrong[0]} is not valid`);
}

function wrongExternalId(externalId: string | undefined): Failure | undefined {
  // The value is a secret, so it is not repeated.
  if (externalId === undefined || /^[\w+=,.@:/-]{2,1224}$/.test(externalId)) return undefined;
  return invalid('ValidationError', "1 validation error detected: Value at 'externalId' failed to satisfy constraint: [\\w+=,.@:\\/-]*");
}
