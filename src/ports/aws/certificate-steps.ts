import { ok, type Result } from '../result.ts';
import type { AwsError, AwsResult } from './errors.ts';
import type { Caller } from './grant.ts';
import type { IotPort } from './iot.ts';

/** Which call failed. */
export type StepFailure = { readonly action: string; readonly resource: string; readonly error: AwsError };

export type CertificateOf = { readonly certificateId: string; readonly certificateArn: string; readonly thingName: string };

/** From INACTIVE to work, the power to act last: its thing, its policy, then ACTIVE. Each step may be repeated. */
export function activateCertificate(
  iot: IotPort,
  caller: Caller,
  { certificateId, certificateArn, thingName, policyName }: CertificateOf & { readonly policyName: string },
): Promise<Result<void, StepFailure>> {
  return inOrder(
    [
      ['iot:AttachThingPrincipal', certificateArn, () => iot.attachThingPrincipal(caller, { thingName, certificateArn })],
      ['iot:AttachPolicy', certificateArn, () => iot.attachPolicy(caller, { policyName, certificateArn })],
      ['iot:UpdateCertificate', certificateArn, () => iot.updateCertificate(caller, { certificateId, status: 'ACTIVE' })],
    ],
    [],
  );
}

/** The end of a certificate, its power first. What is done or gone already is no failure, so that it may be repeated until all of it went through. */
export function endCertificate(
  iot: IotPort,
  caller: Caller,
  { certificateId, certificateArn, thingName }: CertificateOf,
  status: 'INACTIVE' | 'REVOKED' = 'INACTIVE',
): Promise<Result<void, StepFailure>> {
  return inOrder(
    [
      ['iot:UpdateCertificate', certificateArn, () => iot.updateCertificate(caller, { certificateId, status })],
      ['iot:DetachThingPrincipal', certificateArn, () => iot.detachThingPrincipal(caller, { thingName, certificateArn })],
      ['iot:DeleteCertificate', certificateArn, () => iot.deleteCertificate(caller, { certificateId })],
    ],
    ['NotFound'],
  );
}

async function inOrder(
  steps: readonly (readonly [action: string, resource: string, run: () => Promise<AwsResult<void>>])[],
  accepted: readonly AwsError['kind'][],
): Promise<Result<void, StepFailure>> {
  for (const [action, resource, run] of steps) {
    const answer = await run();
    if (!answer.ok && !accepted.includes(answer.error.kind)) return { ok: false, error: { action, resource, error: answer.error } };
  }
  return ok(undefined);
}
