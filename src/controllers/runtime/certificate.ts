import type { ElasticRuntime, X509 } from '../../api/generated/types.ts';
import type { Secret, Stored } from '../../api/kubernetes.ts';
import { rotateAfterAnnotation, rotationDue } from '../../core/access/certificate.ts';
import { certificatePolicyName } from '../../core/policy/account/certificates.ts';
import { sessionPolicyFor } from '../../core/policy/session-policy.ts';
import { parseDurationMs } from '../../core/quantity/duration.ts';
import { activateCertificate, type CertificateOf, endCertificate, type StepFailure } from '../../ports/aws/certificate-steps.ts';
import type { Caller, ClientCertificate } from '../../ports/aws/index.ts';
import { sleep } from '../../ports/clock.ts';
import type { KubernetesResult } from '../../ports/kubernetes.ts';
import { elasticRuntimes, secrets } from '../../ports/resources.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { certificateOf } from '../identity/certificate.ts';
import { type AccessFailure, awsFailure, describeFailure, kubernetesFailure } from '../identity/failure.ts';
import type { GrantRequest } from '../identity/grants.ts';
import { notesOf } from './notes.ts';
import type { RuntimeTools } from './tools.ts';

/** How often a certificate's age is looked at: less than the resync of runtimes, which would else find it just not due every other time. */
const lookMs = 540_000;
/** After a failure that may pass by itself. */
const retryMs = 60_000;
/** AWS IoT needs a moment before every part of it knows what was attached. */
const verifyAttempts = 6;
const verifyPauseMs = 2_000;

type Kept = { readonly runtime: Stored<ElasticRuntime>; readonly lookAgainMs?: number };
type Failed = Result<never, AccessFailure>;
type Settled = Result<Stored<ElasticRuntime>, AccessFailure>;
const at = { identity: 'operator', chain: [] } as const;

/**
 * Replaces the runtime's certificate before it is too old, as operator: new key, certificate (inactive), ledger, thing and policy, active, verified by a session of its own,
 * Secret, and only then the end of the old one. The ledger in the status names every certificate that may have to be ended before it can do anything, so that a crash at any
 * line leaves the runtime one that works, and the next look ends what is left over. What fails is said in an event: the certificate in the Secret still works.
 * The runtime that it answers is the newest that is known; `lookAgainMs`: something was left over that need not stay until the next resync.
 */
export async function keepCertificate(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<Kept> {
  const { clock, events } = tools.context;
  const { uid } = runtime.metadata;
  const { x509 } = runtime.spec.identities.agent;
  // Before the identities are verified there is no operator to do it as.
  if (x509 === undefined || notesOf(runtime).verified === undefined) return { runtime };
  if (clock.monotonic() < (tools.certificates.get(uid) ?? 0)) return { runtime };
  const kept = await keep(tools, runtime, x509);
  const waitMs = !kept.ok && kept.error.transient ? retryMs : lookMs;
  tools.certificates.set(uid, clock.monotonic() + waitMs);
  if (kept.ok) return { runtime: kept.value };
  const message = `${describeFailure(kept.error)}. The certificate in Secret ${x509.certificateSecretRef.name} stays; tried again in ${waitMs / 60_000} minute(s)`;
  events.record(elasticRuntimes, runtime, 'Warning', 'CertificateNotRotated', message);
  return { runtime, lookAgainMs: waitMs };
}

/** At the end of a runtime: certificates that were left over go; the one in the Secret is its owner's (`init --x509 --revoke` ends it). */
export async function endLeftCertificates(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<Result<void, AccessFailure>> {
  const { x509 } = runtime.spec.identities.agent;
  if (x509 === undefined || (notesOf(runtime).certificates ?? []).length === 0) return ok(undefined);
  const secret = await readSecret(tools, runtime, x509);
  if (!secret.ok) return secret;
  const ended = await endOthers(tools, runtime, x509, secret.value.id);
  return ended.ok ? ok(undefined) : ended;
}

async function keep(tools: RuntimeTools, cached: Stored<ElasticRuntime>, x509: X509): Promise<Settled> {
  const secret = await readSecret(tools, cached, x509);
  if (!secret.ok) return secret;
  const left = (notesOf(cached).certificates ?? []).length > 0;
  if (!left && !secret.value.due) return ok(cached);
  // The ledger must be the newest one: the cache may be behind.
  const { namespace = '', name, uid } = cached.metadata;
  const read = await tools.context.kubernetes.get(elasticRuntimes, { namespace, name });
  if (!read.ok) return failed('get', `ElasticRuntime ${namespace}/${name}`, read);
  // With the spec as it was resolved; one that was changed meanwhile comes back with the next look.
  if (read.value.metadata.uid !== uid || read.value.metadata.generation !== cached.metadata.generation) return ok(cached);
  const cleared = await endOthers(tools, { ...read.value, spec: cached.spec }, x509, secret.value.id);
  if (!cleared.ok || !secret.value.due) return cleared;
  return replace(tools, cleared.value, x509, secret.value);
}

type Current = { readonly secret: Stored<Secret>; readonly certificate: ClientCertificate; readonly id: string; readonly due: boolean };

async function readSecret(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, x509: X509): Promise<Result<Current, AccessFailure>> {
  const { kubernetes, aws, clock } = tools.context;
  const { namespace = '' } = runtime.metadata;
  const resource = `Secret ${namespace}/${x509.certificateSecretRef.name}`;
  const secret = await kubernetes.get(secrets, { namespace, name: x509.certificateSecretRef.name });
  if (!secret.ok) return failed('get', resource, secret);
  const certificate = certificateOf(secret.value);
  const about = { ...at, action: 'read certificate', resource };
  if (!certificate.ok)
    return err({ ...about, code: 'CertificateMissing', message: `it has no key ${certificate.error}`, transient: false });
  const facts = aws(runtime.spec.region).iotCredentials.readCertificate(certificate.value);
  if (!facts.ok) return err(awsFailure(about, facts.error));
  const annotation = secret.value.metadata.annotations?.[rotateAfterAnnotation];
  const rotateAfter = annotation === undefined ? undefined : parseDurationMs(annotation);
  if (rotateAfter?.ok === false)
    return err({ ...about, code: 'Invalid', message: `annotation ${rotateAfterAnnotation}: ${rotateAfter.reason}`, transient: false });
  const due = rotationDue(facts.value, rotateAfter?.value, clock.now());
  return ok({ secret: secret.value, certificate: certificate.value, id: facts.value.id, due });
}

/** Ends every certificate of the ledger but `current`, then empties it. */
async function endOthers(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, x509: X509, current: string): Promise<Settled> {
  const ledger = notesOf(runtime).certificates ?? [];
  if (ledger.length === 0) return ok(runtime);
  const { iot } = tools.context.aws(runtime.spec.region);
  for (const certificateId of ledger.filter((id) => id !== current)) {
    const caller = await asOperator(tools, runtime);
    if (!caller.ok) return caller;
    const ended = await endCertificate(iot, caller.value, { ...named(runtime, certificateId), thingName: x509.thingName });
    if (!ended.ok) return stepFailed(ended.error);
  }
  return note(tools, runtime, []);
}

async function replace(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, x509: X509, current: Current): Promise<Settled> {
  const { aws, kubernetes, events } = tools.context;
  const { region, organization } = runtime.spec;
  const { iot, iotCredentials, sts } = aws(region);
  const caller = await asOperator(tools, runtime);
  if (!caller.ok) return caller;
  const key = await iot.createKey(x509.thingName);
  const made = await iot.createCertificateFromCsr(caller.value, { request: key.request });
  if (!made.ok) return err(awsFailure({ ...at, action: 'iot:CreateCertificateFromCsr', resource: '*' }, made.error));
  const { certificateId, certificateArn, certificate } = made.value;
  const of: CertificateOf = { certificateId, certificateArn, thingName: x509.thingName };
  const noted = await note(tools, runtime, [certificateId, current.id]);
  if (!noted.ok) {
    // Not in the ledger, so now or never: it has no power yet.
    await endCertificate(iot, caller.value, of);
    return noted;
  }
  const material = { ...current.certificate, certificate, privateKey: key.privateKey };
  const facts = iotCredentials.readCertificate(material);
  // All that is known of a certificate in a Secret is its own id: were AWS to name them otherwise, the wrong one would be ended.
  if (!facts.ok || facts.value.id !== certificateId) {
    await endCertificate(iot, caller.value, of);
    const message = facts.ok ? `its id is ${facts.value.id} by its content` : facts.error.message;
    return err({ ...at, action: 'read certificate', resource: certificateArn, code: 'CertificateUnexpected', message, transient: false });
  }
  const policyName = certificatePolicyName(organization, x509.roleAlias);
  const active = await activateCertificate(iot, caller.value, { ...of, policyName });
  if (!active.ok) return stepFailed(active.error);
  const verified = await verify(tools, runtime, x509, material, caller.value);
  if (!verified.ok) return err(awsFailure({ ...at, action: 'iot:AssumeRoleWithCertificate', resource: certificateArn }, verified.error));
  sts.release(verified.value);
  const { name, namespace = '', resourceVersion } = current.secret.metadata;
  const data = { 'tls.crt': encoded(certificate), 'tls.key': encoded(key.privateKey) };
  const written = await kubernetes.mergePatch(secrets, { namespace, name }, { metadata: { resourceVersion }, data });
  if (!written.ok) return failed('patch', `Secret ${namespace}/${name}`, written);
  const message = `thing ${x509.thingName}: certificate ${certificateId} takes the place of ${current.id}, which is ended`;
  events.record(elasticRuntimes, runtime, 'Normal', 'CertificateRotated', message);
  return endOthers(tools, noted.value, x509, certificateId);
}

/** A session by the new certificate proves it before anything depends on it. */
async function verify(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  x509: X509,
  certificate: ClientCertificate,
  { subject }: Caller,
): ReturnType<ReturnType<RuntimeTools['context']['aws']>['iotCredentials']['assumeRoleWithCertificate']> {
  const { roleArn } = runtime.spec.identities.agent;
  const { endpoint, roleAlias, thingName } = x509;
  const request = { identity: 'agent', roleArn, endpoint, roleAlias, thingName, certificate };
  const { iotCredentials } = tools.context.aws(runtime.spec.region);
  for (let attempt = 1; ; attempt += 1) {
    const answer = await iotCredentials.assumeRoleWithCertificate(subject, request);
    if (answer.ok || attempt === verifyAttempts) return answer;
    await sleep(tools.context.clock, verifyPauseMs);
  }
}

function asOperator({ context }: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<Result<Caller, AccessFailure>> {
  const [, partition = 'aws', , , accountId = ''] = runtime.spec.identities.operator.roleArn.split(':');
  const policy = sessionPolicyFor({ partition, region: runtime.spec.region, certificates: { accountId } });
  if (!policy.ok) throw new TypeError(`the policy for certificates does not fit: ${policy.reason}`);
  const request: GrantRequest = { runtime, identity: 'operator', resource: 'cluster-resources', policies: [policy.value] };
  return context.grants.obtain(request);
}

/** The status's ledger, written only over the one that was read. */
async function note({ context }: RuntimeTools, runtime: Stored<ElasticRuntime>, certificates: readonly string[]): Promise<Settled> {
  const { namespace = '', name, resourceVersion } = runtime.metadata;
  const noted = await context.kubernetes.mergePatch(
    elasticRuntimes,
    { namespace, name },
    { metadata: { resourceVersion }, status: { internal: { certificates } } },
    'status',
  );
  return noted.ok ? ok({ ...noted.value, spec: runtime.spec }) : failed('patch', `ElasticRuntime ${namespace}/${name}`, noted);
}

function named(runtime: Stored<ElasticRuntime>, certificateId: string): Omit<CertificateOf, 'thingName'> {
  const [, partition = 'aws', , , account = ''] = runtime.spec.identities.operator.roleArn.split(':');
  return { certificateId, certificateArn: `arn:${partition}:iot:${runtime.spec.region}:${account}:cert/${certificateId}` };
}

function failed(action: string, resource: string, answer: Extract<KubernetesResult<unknown>, { readonly ok: false }>): Failed {
  return err(kubernetesFailure({ ...at, action, resource }, answer.error));
}

function stepFailed({ action, resource, error }: StepFailure): Failed {
  return err(awsFailure({ ...at, action, resource }, error));
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}
