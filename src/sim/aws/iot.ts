import { partitionOf } from '../../core/access/partitions.ts';
import { type PolicyDocument, parsePolicy } from '../../core/policy/document.ts';
import { decidersOf, type Evaluation, evaluate } from '../../core/policy/evaluate.ts';
import { evaluateAssumeRoleByService } from '../../core/policy/trust.ts';
import type { IotCredentialsPort } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { type Authenticated, authorize } from './authorize.ts';
import { certificateId, simulatedCertificate } from './certificates.ts';
import { denied, type Failure, failure, invalid } from './failures.ts';
import type { AccountSpec, CertificateSpec } from './spec.ts';
import type { AccountState, Session } from './state.ts';
import { openSession } from './sts.ts';

export type CertificateState = {
  readonly id: string;
  readonly arn: string;
  readonly pem: string;
  status: 'ACTIVE' | 'INACTIVE' | 'REVOKED';
  readonly things: Set<string>;
  readonly policies: Set<string>;
};

/** What AWS IoT holds of the account: certificates by id, things by name, policies by name, role aliases by ARN. */
export type IotState = {
  readonly certificates: Map<string, CertificateState>;
  readonly things: Set<string>;
  readonly policies: Map<string, PolicyDocument>;
  readonly roleAliases: Map<string, { readonly roleArn: string; readonly seconds: number }>;
};

export function createIotState(spec: AccountSpec): IotState {
  const { iot } = spec;
  const state: IotState = {
    certificates: new Map(),
    things: new Set(iot.things),
    policies: new Map(iot.policies.map(({ name, document }) => [name, document])),
    roleAliases: new Map(iot.roleAliases.map(({ arn, roleArn, seconds }) => [arn, { roleArn, seconds }])),
  };
  for (const certificate of iot.certificates) putCertificate(state, certificate, spec);
  return state;
}

export function putCertificate(
  { certificates }: IotState,
  { pem, things, policies }: CertificateSpec,
  { accountId, region }: Pick<AccountSpec, 'accountId' | 'region'>,
): CertificateState {
  const id = certificateId(pem);
  const arn = `arn:${partitionOf(region)}:iot:${region}:${accountId}:cert/${id}`;
  const made: CertificateState = { id, arn, pem, status: 'ACTIVE', things: new Set(things), policies: new Set(policies) };
  certificates.set(id, made);
  return made;
}

/**
 * Refusals in the provider's own words and order:
 * https://github.com/awslabs/aws-iot-core-credential-provider-session-helper/blob/main/docs/dev_notes.md
 */
export function assumeRoleWithCertificate(
  state: AccountState,
  request: Parameters<IotCredentialsPort['assumeRoleWithCertificate']>[1],
  aliasArn: string,
): Result<Session, Failure> {
  const { iot } = state;
  const certificate = iot.certificates.get(certificateId(request.certificate.certificate));
  if (certificate?.status !== 'ACTIVE') return err(denied('iotCredentials', 'Certificate is invalid on this endpoint'));
  if (!certificate.things.has(request.thingName)) return err(denied('iotCredentials', 'Invalid thing name passed'));
  const may = assumeVerdict(iot, certificate, aliasArn);
  if (may.decision !== 'Allow') return err(denied('iotCredentials', 'Access Denied'));
  const alias = iot.roleAliases.get(aliasArn);
  if (alias === undefined) return err(failure('NotFound', 'ResourceNotFoundException', 'Role alias does not exist'));
  const role = state.roles.get(alias.roleArn);
  const verdict =
    role &&
    evaluateAssumeRoleByService({
      roleArn: alias.roleArn,
      trust: role.trust,
      service: 'credentials.iot.amazonaws.com',
      sourceArn: aliasArn,
      sourceAccount: aliasArn.split(':')[4] ?? '',
    });
  if (role === undefined || verdict?.decision !== 'Allow')
    return err(invalid('InvalidRequestException', 'Unable to assume the role, or the role to assume does not exist'));
  if (alias.seconds > (role.spec.maxSessionSeconds ?? 3600)) {
    const message = 'The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role';
    return err(invalid('InvalidRequestException', message));
  }
  state.deciding.push({ action: assumeWithCertificate, by: decidersOf(may) }, ...verdict.allowed);
  const { tags } = role.spec;
  return openSession(
    state,
    { roleArn: alias.roleArn, sessionName: certificate.id, durationSeconds: alias.seconds },
    tags === undefined ? {} : { tags },
  );
}

const assumeWithCertificate = 'iot:AssumeRoleWithCertificate';

function assumeVerdict(iot: IotState, certificate: CertificateState, aliasArn: string): Evaluation {
  const policies = [...certificate.policies].flatMap((name) => {
    const policy = parsePolicy(iot.policies.get(name), 'identity', name);
    return policy.ok ? [policy.value] : [];
  });
  const principal = { kind: 'user', arn: certificate.arn } as const;
  return evaluate({ principal, action: assumeWithCertificate, resource: aliasArn, identityPolicies: policies });
}

type At = { readonly state: AccountState; readonly caller: Authenticated; readonly region: string };

/** Inactive; a request may be used more than once. https://docs.aws.amazon.com/iot/latest/apireference/API_CreateCertificateFromCsr.html */
export function createCertificateFromCsr(
  { state, caller, region }: At,
  request: { readonly request: string },
): Result<{ readonly certificateId: string; readonly certificateArn: string; readonly certificate: string }, Failure> {
  const refused = authorize(state, caller, 'iot.createCertificateFromCsr', {}, region);
  if (refused !== undefined) return err(refused);
  const certificate = simulatedCertificate({ request: request.request }, state.random.uuid(), { notBefore: state.world.now() - 120_000 });
  const made = putCertificate(state.iot, { pem: certificate, things: [], policies: [] }, state.spec);
  made.status = 'INACTIVE';
  return ok({ certificateId: made.id, certificateArn: made.arn, certificate });
}

export function describeCertificate(
  { state, caller, region }: At,
  request: { readonly certificateId: string },
): Result<{ readonly status: string; readonly arn: string }, Failure> {
  const refused = authorize(state, caller, 'iot.describeCertificate', request, region);
  if (refused !== undefined) return err(refused);
  const found = state.iot.certificates.get(request.certificateId);
  return found === undefined ? err(missing('certificate')) : ok({ status: found.status, arn: found.arn });
}

export function updateCertificate(
  { state, caller, region }: At,
  request: { readonly certificateId: string; readonly status: CertificateState['status'] },
): Result<void, Failure> {
  const refused = authorize(state, caller, 'iot.updateCertificate', request, region);
  if (refused !== undefined) return err(refused);
  const found = state.iot.certificates.get(request.certificateId);
  if (found === undefined) return err(missing('certificate'));
  found.status = request.status;
  return ok(undefined);
}

/** https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteCertificate.html, forced */
export function deleteCertificate({ state, caller, region }: At, request: { readonly certificateId: string }): Result<void, Failure> {
  const refused = authorize(state, caller, 'iot.deleteCertificate', request, region);
  if (refused !== undefined) return err(refused);
  const found = state.iot.certificates.get(request.certificateId);
  if (found === undefined) return err(missing('certificate'));
  if (found.status === 'ACTIVE')
    return err(invalid('CertificateStateException', 'Certificate must be deactivated (not ACTIVE) before deletion.'));
  if (found.things.size > 0) return err(failure('Other', 'DeleteConflictException', 'Things must be detached before deletion'));
  state.iot.certificates.delete(found.id);
  return ok(undefined);
}

export function attachPolicy(at: At, request: { readonly policyName: string; readonly certificateArn: string }): Result<void, Failure> {
  const found = principalOf(at, 'iot.attachPolicy', request);
  if ('code' in found) return err(found);
  if (!at.state.iot.policies.has(request.policyName)) return err(missing('policy'));
  found.policies.add(request.policyName);
  return ok(undefined);
}

export function attachThingPrincipal(
  at: At,
  request: { readonly thingName: string; readonly certificateArn: string },
): Result<void, Failure> {
  const found = principalOf(at, 'iot.attachThingPrincipal', request);
  if ('code' in found) return err(found);
  if (!at.state.iot.things.has(request.thingName)) return err(missing('thing'));
  found.things.add(request.thingName);
  return ok(undefined);
}

export function detachThingPrincipal(
  at: At,
  request: { readonly thingName: string; readonly certificateArn: string },
): Result<void, Failure> {
  const found = principalOf(at, 'iot.detachThingPrincipal', request);
  if ('code' in found) return err(found);
  found.things.delete(request.thingName);
  return ok(undefined);
}

function principalOf(
  { state, caller, region }: At,
  method: 'iot.attachPolicy' | 'iot.attachThingPrincipal' | 'iot.detachThingPrincipal',
  request: { readonly certificateArn: string },
): CertificateState | Failure {
  const refused = authorize(state, caller, method, request, region);
  if (refused !== undefined) return refused;
  return [...state.iot.certificates.values()].find(({ arn }) => arn === request.certificateArn) ?? missing('certificate');
}

function missing(what: string): Failure {
  return failure('NotFound', 'ResourceNotFoundException', `The ${what} does not exist.`);
}
