import type { X509 } from '../../api/generated/types.ts';
import type { FieldProblem } from './connection-checks.ts';

type Facts = { readonly id: string; readonly notBefore: number; readonly notAfter: number };

/** Why a certificate is no use at `now` (milliseconds since the epoch), whatever AWS says; undefined where it may be. */
export function wrongTime({ notBefore, notAfter }: Facts, now: number): { readonly code: string; readonly message: string } | undefined {
  if (now >= notAfter) return { code: 'CertificateExpired', message: `it expired at ${new Date(notAfter).toISOString()}` };
  if (now < notBefore) return { code: 'CertificateNotYetValid', message: `it is not valid before ${new Date(notBefore).toISOString()}` };
  return undefined;
}

/**
 * What to do about a refusal. The provider's own words are few:
 * https://github.com/awslabs/aws-iot-core-credential-provider-session-helper/blob/main/docs/dev_notes.md
 */
export function certificateRemedy(message: string, { roleAlias, thingName }: Pick<X509, 'roleAlias' | 'thingName'>, role: string): string {
  if (/thing name/i.test(message)) return `attach the certificate to thing ${thingName} (aws iot attach-thing-principal)`;
  if (/role alias does not exist/i.test(message))
    return `create role alias ${roleAlias} for ${role} in this account and region, or name another`;
  if (/assume the role/i.test(message)) return `let credentials.iot.amazonaws.com assume ${role} in its trust policy`;
  if (/MaxSessionDuration/i.test(message)) return `set the role alias's credentialDurationSeconds to 3600`;
  if (/server is not trusted/i.test(message))
    return `put the authority of a proxy between into key ca.crt of the Secret, or remove a wrong one`;
  return `see that the certificate is ACTIVE and that an IoT policy attached to it allows iot:AssumeRoleWithCertificate on role alias ${roleAlias}; \
kubectl-elastic init --x509 issues a new one`;
}

/** Whether the session that was obtained is one of the role that the runtime names: an alias is changed without the operator's knowing. */
export function isSessionOf(roleArn: string, callerArn: string): boolean {
  const [, , , , account = '', resource = ''] = callerArn.split(':');
  const [kind, role] = resource.split('/');
  return kind === 'assumed-role' && account === roleArn.split(':')[4] && role === roleArn.slice(roleArn.lastIndexOf('/') + 1);
}

/** A credentials provider knows the role aliases of its own region only, and the runtime's is made in the runtime's. */
export function wrongEndpoint(endpoint: string, region: string): FieldProblem | undefined {
  const [, found] = /\.credentials\.iot\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/.exec(endpoint) ?? [];
  if (found === undefined || found === region) return undefined;
  return {
    field: 'identities.agent.x509.endpoint',
    value: endpoint,
    message: `is in region ${found}, the runtime and its role alias in ${region}`,
    remedy: `name the host of ${region} (aws iot describe-endpoint --endpoint-type iot:CredentialProvider --region ${region})`,
  };
}

/** Annotation of a certificate Secret that `init --x509` wrote: how old its certificate may become before the operator replaces it. */
export const rotateAfterAnnotation = 'elasticruntime.dev/rotate-after';
/** AWS IoT issues certificates until 2049; one of some other authority's may end much sooner. */
const longestLeadMs = 30 * 24 * 3_600_000;

/**
 * Whether a certificate is to be replaced by now: as old as the annotation says, or within the last 30 days (or third) of its life. A certificate without the annotation is
 * not ours to replace: its owner brought it.
 */
export function rotationDue(facts: Facts, rotateAfterMs: number | undefined, now: number): boolean {
  if (rotateAfterMs === undefined) return false;
  const lead = Math.min(longestLeadMs, (facts.notAfter - facts.notBefore) / 3);
  return now - facts.notBefore >= rotateAfterMs || facts.notAfter - now <= lead;
}
