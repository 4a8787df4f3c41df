import type { ElasticRuntime, X509 } from '../../api/generated/types.ts';
import type { Secret, Stored } from '../../api/kubernetes.ts';
import { certificateRemedy, isSessionOf, wrongTime } from '../../core/access/certificate.ts';
import { auditOf } from '../../core/policy/audit.ts';
import type { AwsError, ClientCertificate, Grant, IotCredentialsPort, StsPort, Subject } from '../../ports/aws/index.ts';
import type { Clock } from '../../ports/clock.ts';
import type { KubernetesPort } from '../../ports/kubernetes.ts';
import { secrets } from '../../ports/resources.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { type AccessFailure, awsFailure, kubernetesFailure } from './failure.ts';
import type { GrantInput, InputWatch } from './inputs.ts';
import { readSecretKey } from './secret.ts';

type Taken = { readonly grant: Grant; readonly inputs: readonly GrantInput[] };

export type CertificateSource = {
  /** The agent's session by the certificate in the runtime's Secret. A refusal is remembered: until the Secret or the spec changes, AWS is asked again only now and then. */
  take(runtime: Stored<ElasticRuntime>, subject: Subject): Promise<Result<Taken, AccessFailure>>;
};

/** After a refusal nobody but somebody can help: so seldom is it tried again. */
const probeMs = 600_000;

type Refusal = { readonly of: string; readonly failure: AccessFailure; readonly at: number };

export function createCertificateSource(options: {
  readonly kubernetes: KubernetesPort;
  readonly inputs: InputWatch;
  readonly clock: Clock;
  readonly sts: (region: string) => StsPort;
  readonly iotCredentials: (region: string) => IotCredentialsPort;
}): CertificateSource {
  const { kubernetes, inputs, clock } = options;
  const refusals = new Map<string, Refusal>();

  return {
    async take(runtime, subject) {
      const { agent } = runtime.spec.identities;
      const { namespace = '', uid } = runtime.metadata;
      if (agent.x509 === undefined) throw new TypeError('the agent of this runtime has no certificate');
      const { name } = agent.x509.certificateSecretRef;
      const at = { identity: 'agent', chain: [agent.roleArn] };
      const secret = await kubernetes.get(secrets, { namespace, name });
      if (!secret.ok) return err(kubernetesFailure({ ...at, action: 'read Secret', resource: `${namespace}/${name}` }, secret.error));
      const input = inputs.seen('Secret', secret.value);
      const of = JSON.stringify([input.uid, input.resourceVersion, agent]);
      const refused = refusals.get(uid);
      if (refused?.of === of && clock.monotonic() - refused.at < probeMs) return err(refused.failure);
      refusals.delete(uid);
      const taken = await call(runtime, agent.x509, subject, secret.value);
      if (taken.ok) return ok({ grant: taken.value, inputs: [input] });
      if (taken.error.transient) return taken;
      // Replaced while it was being used: no refusal of the new one.
      const now = await inputs.look('Secret', { namespace, name });
      if (now.ok && now.value.resourceVersion !== input.resourceVersion) return err({ ...taken.error, transient: true });
      remember(uid, { of, failure: taken.error, at: clock.monotonic() });
      return taken;
    },
  };

  /** What is older than a probe says nothing any more: runtimes that are gone are forgotten with it. */
  function remember(uid: string, refusal: Refusal): void {
    for (const [other, { at }] of refusals) if (clock.monotonic() - at >= probeMs) refusals.delete(other);
    refusals.set(uid, refusal);
  }

  async function call(
    runtime: Stored<ElasticRuntime>,
    x509: X509,
    subject: Subject,
    secret: Stored<Secret>,
  ): Promise<Result<Grant, AccessFailure>> {
    const { region, identities } = runtime.spec;
    const { roleArn } = identities.agent;
    const { endpoint, roleAlias, thingName } = x509;
    const iot = options.iotCredentials(region);
    const at = {
      identity: 'agent',
      chain: [roleArn],
      ...auditOf('iotCredentials.assumeRoleWithCertificate', { roleArn, endpoint, roleAlias }, region),
    };
    const which = `Secret ${secret.metadata.namespace}/${secret.metadata.name}`;
    const certificate = certificateOf(secret);
    if (!certificate.ok)
      return err({ ...at, code: 'CertificateMissing', message: `${which} has no key ${certificate.error}: add it`, transient: false });
    const facts = iot.readCertificate(certificate.value);
    if (!facts.ok) return err(awsFailure(at, { ...facts.error, message: `${which}: ${facts.error.message}` }));
    const about = `thing ${thingName}, certificate ${facts.value.id} of ${which}`;
    const wrong = wrongTime(facts.value, clock.now());
    if (wrong !== undefined) {
      const message = `${about}: ${wrong.message}; put a valid one into the Secret (kubectl-elastic init --x509 issues one). AWS was not asked`;
      return err({ ...at, code: wrong.code, message, transient: false });
    }
    const request = { identity: 'agent', roleArn, endpoint, roleAlias, thingName, certificate: certificate.value };
    const grant = await iot.assumeRoleWithCertificate(subject, request);
    if (!grant.ok) return err(awsFailure(at, explained(grant.error, about, x509, roleArn)));
    return sessionOf(grant.value, subject, region, at, about);
  }

  /** An alias stands for whatever role its owner last gave it: only STS knows whose session this is, and what it is called. */
  async function sessionOf(
    grant: Grant,
    subject: Subject,
    region: string,
    at: { readonly identity: string; readonly chain: readonly string[]; readonly action: string; readonly resource: string },
    about: string,
  ): Promise<Result<Grant, AccessFailure>> {
    const sts = options.sts(region);
    const who = await sts.getCallerIdentity({ grant, subject });
    if (!who.ok) {
      sts.release(grant);
      return err(awsFailure({ ...at, action: 'sts:GetCallerIdentity', resource: '*' }, who.error));
    }
    const [roleArn = ''] = at.chain;
    if (isSessionOf(roleArn, who.value.arn)) return ok({ ...grant, sessionName: who.value.arn.split('/').at(-1) ?? grant.sessionName });
    sts.release(grant);
    const message = `${about}: the alias gave ${who.value.arn}, not a session of ${roleArn}: let the alias stand for that role, or name the other role`;
    return err({ ...at, code: 'RoleAliasMismatch', message, transient: false });
  }
}

/** Says which key is missing. */
export function certificateOf(secret: Secret): Result<ClientCertificate, string> {
  const certificate = readSecretKey(secret, 'tls.crt');
  const privateKey = readSecretKey(secret, 'tls.key');
  const authority = readSecretKey(secret, 'ca.crt');
  if (certificate === undefined) return err('tls.crt');
  if (privateKey === undefined) return err('tls.key');
  return ok({ certificate, privateKey, ...(authority !== undefined && { authority }) });
}

function explained(error: AwsError, about: string, x509: X509, roleArn: string): AwsError {
  return { ...error, message: `${error.message}: ${about}; ${certificateRemedy(error.message, x509, roleArn)}` };
}
