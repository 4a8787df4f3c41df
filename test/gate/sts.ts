import { randomBytes } from 'node:crypto';
import { parsePolicy } from '../../src/core/policy/document.ts';
import { denialMessage } from '../../src/core/policy/evaluate.ts';
import { callerArn } from '../../src/core/policy/principal.ts';
import { evaluateAssumeRole, evaluateAssumeRoleWithWebIdentity, type TrustEvaluation } from '../../src/core/policy/trust.ts';
import { packedPercent, packedTooLarge } from '../../src/sim/aws/packed.ts';
import { type Account, boundaryOf, type Credentials, identityPolicies, issue } from './account.ts';
import { isRefusal, type Refusal, xml } from './answers.ts';
import type { WireAnswer } from './http.ts';
import { listAt, type Tree, tagsAt, textAt } from './query.ts';
import { type OidcProvider, verifyWebIdentity } from './web-identity.ts';

type Asked = {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly seconds: number;
  readonly policy: string | undefined;
};

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html */
export async function assumeRoleWithWebIdentity(
  account: Account,
  provider: OidcProvider,
  parameters: Tree,
  now: number,
): Promise<WireAnswer | Refusal> {
  const asked = read(parameters);
  const claims = await verifyWebIdentity(textAt(parameters, 'WebIdentityToken') ?? '', provider, now);
  if (isRefusal(claims)) return claims;
  const role = account.roles.get(asked.roleArn);
  const issuer = provider.issuer.replace(/^https:\/\//, '');
  const providerArn = `arn:aws:iam::${account.id}:oidc-provider/${issuer}`;
  const judged = role && evaluateAssumeRoleWithWebIdentity({ ...asked, trust: role.trust, providerArn, issuer, claims });
  if (!role || judged?.decision !== 'Allow') {
    return {
      status: 403,
      code: 'AccessDenied',
      message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity',
      ...(judged && { because: judged.because }),
    };
  }
  const made = start(
    account,
    asked,
    { chain: [asked.roleArn], tags: {}, federatedProvider: providerArn, maxSeconds: role.maxSeconds },
    now,
  );
  return isRefusal(made)
    ? made
    : answer(
        'AssumeRoleWithWebIdentity',
        made,
        `<SubjectFromWebIdentityToken>${claims.sub}</SubjectFromWebIdentityToken><Audience>${claims.aud}</Audience>${packedSize(account, asked, {})}`,
      );
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
export function assumeRole(account: Account, caller: Credentials, parameters: Tree, now: number): WireAnswer | Refusal {
  const asked = read(parameters);
  const role = account.roles.get(asked.roleArn);
  const externalId = textAt(parameters, 'ExternalId');
  const boundary = boundaryOf(account, caller);
  const tags = tagsAt(parameters, 'Tags');
  const transitiveTagKeys = listAt(parameters, 'TransitiveTagKeys').filter((key) => typeof key === 'string');
  const judged =
    role &&
    evaluateAssumeRole({
      ...asked,
      trust: role.trust,
      caller: caller.principal,
      callerPolicies: {
        identityPolicies: identityPolicies(account, caller),
        ...(caller.sessionPolicy && { sessionPolicies: [caller.sessionPolicy] }),
        ...(boundary && { permissionBoundary: boundary }),
      },
      tags,
      transitiveTagKeys,
      ...(externalId !== undefined && { externalId }),
    });
  if (!role || judged?.decision !== 'Allow') return denied(caller, asked.roleArn, judged);
  // A session that came from a role is chained: an hour at most (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining).
  const chained = caller.principal.kind === 'role';
  if (chained && asked.seconds > 3600)
    return validation('The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining');
  const made = start(account, asked, { chain: [...caller.chain, asked.roleArn], tags, maxSeconds: role.maxSeconds }, now);
  return isRefusal(made) ? made : answer('AssumeRole', made, packedSize(account, asked, tags));
}

export function getCallerIdentity(account: Account, caller: Credentials): WireAnswer {
  const result = `<Arn>${callerArn(caller.principal)}</Arn><UserId>AIDAEXAMPLE</UserId><Account>${account.id}</Account>`;
  return wrap('GetCallerIdentity', result);
}

function read(parameters: Tree): Asked {
  return {
    roleArn: textAt(parameters, 'RoleArn') ?? '',
    sessionName: textAt(parameters, 'RoleSessionName') ?? '',
    seconds: Number(textAt(parameters, 'DurationSeconds') ?? 3600),
    policy: textAt(parameters, 'Policy'),
  };
}

function start(
  account: Account,
  asked: Asked,
  session: {
    readonly chain: readonly string[];
    readonly tags: Readonly<Record<string, string>>;
    readonly federatedProvider?: string;
    readonly maxSeconds: number;
  },
  now: number,
): Credentials | Refusal {
  if (!/^[\w+=,.@-]{2,64}$/.test(asked.sessionName))
    return validation("1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint");
  if (!(asked.seconds >= 900))
    return validation(
      "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
    );
  if (asked.seconds > session.maxSeconds)
    return validation('The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
  if ((asked.policy?.length ?? 0) > 2048)
    return validation(
      "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048",
    );
  const packed = packedPercent(asked.policy, session.tags, account.packedCharacters);
  if (packed > 100) return { status: 400, code: 'PackedPolicyTooLarge', message: packedTooLarge(packed) };
  const policy = asked.policy === undefined ? undefined : parsePolicy(asked.policy, 'identity', 'session policy');
  if (policy && !policy.ok) return { status: 400, code: 'MalformedPolicyDocument', message: policy.reason };
  return issue(account, {
    principal: {
      kind: 'role',
      roleArn: asked.roleArn,
      sessionName: asked.sessionName,
      tags: session.tags,
      issuedAt: now,
      ...(session.federatedProvider !== undefined && { federatedProvider: session.federatedProvider }),
    },
    chain: session.chain,
    sessionName: asked.sessionName,
    expiresAt: now + asked.seconds * 1000,
    policies: [],
    ...(policy?.ok && { sessionPolicy: policy.value }),
  });
}

function packedSize(account: Account, asked: Asked, tags: Readonly<Record<string, string>>): string {
  if (asked.policy === undefined) return '';
  return `<PackedPolicySize>${packedPercent(asked.policy, tags, account.packedCharacters)}</PackedPolicySize>`;
}

function validation(message: string): Refusal {
  return { status: 400, code: 'ValidationError', message };
}

/** AWS does not tell a role that does not exist from one that does not trust. */
function denied(caller: Credentials, roleArn: string, judged: TrustEvaluation | undefined): Refusal {
  const { principal } = caller;
  const action = judged?.action ?? 'sts:AssumeRole';
  const message = judged
    ? denialMessage({ principal, action, resource: roleArn }, judged)
    : `User: ${callerArn(principal)} is not authorized to perform: ${action} on resource: ${roleArn}`;
  return { status: 403, code: 'AccessDenied', message, ...(judged && { because: judged.because }) };
}

function answer(operation: string, made: Credentials, more: string): WireAnswer {
  const credentials = [
    `<AccessKeyId>${made.accessKeyId}</AccessKeyId>`,
    `<SecretAccessKey>${made.secretAccessKey}</SecretAccessKey>`,
    `<SessionToken>${made.sessionToken}</SessionToken>`,
    `<Expiration>${new Date(made.expiresAt).toISOString()}</Expiration>`,
  ].join('');
  const user = `<AssumedRoleId>AROA${randomBytes(8).toString('hex').toUpperCase()}:${made.sessionName}</AssumedRoleId><Arn>${callerArn(made.principal)}</Arn>`;
  return wrap(operation, `<AssumedRoleUser>${user}</AssumedRoleUser><Credentials>${credentials}</Credentials>${more}`);
}

function wrap(operation: string, result: string): WireAnswer {
  return xml(
    `<${operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${operation}Result>${result}</${operation}Result></${operation}Response>`,
  );
}
