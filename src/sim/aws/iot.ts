import { type PolicyDocument, parsePolicy } from '../../core/policy/document.ts';
import { evaluate } from '../../core/policy/evaluate.ts';
import { evaluateAssumeRoleByService } from '../../core/policy/trust.ts';
import type { IotCredentialsPort } from '../../ports/aws/index.ts';
import { err, type Result } from '../../ports/result.ts';
import { certificateId } from './certificates.ts';
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
): void {
  const id = certificateId(pem);
  const arn = `arn:aws:iot:${region}:${accountId}:cert/${id}`;
  certificates.set(id, { id, arn, pem, status: 'ACTIVE', things: new Set(things), policies: new Set(policies) });
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
  if (!mayAssume(iot, certificate, aliasArn)) return err(denied('iotCredentials', 'Access Denied'));
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
  state.deciding.push(...verdict.allowed);
  const { tags } = role.spec;
  return openSession(
    state,
    { roleArn: alias.roleArn, sessionName: certificate.id, durationSeconds: alias.seconds },
    tags === undefined ? {} : { tags },
  );
}

function mayAssume(iot: IotState, certificate: CertificateState, aliasArn: string): boolean {
  const policies = [...certificate.policies].flatMap((name) => {
    const policy = parsePolicy(iot.policies.get(name), 'identity', name);
    return policy.ok ? [policy.value] : [];
  });
  const principal = { kind: 'user', arn: certificate.arn } as const;
  const action = 'iot:AssumeRoleWithCertificate';
  return evaluate({ principal, action, resource: aliasArn, identityPolicies: policies }).decision === 'Allow';
}
