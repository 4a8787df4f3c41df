import type { ElasticRuntime, X509 } from '../api/generated/types.ts';
import type { Secret, Stored } from '../api/kubernetes.ts';
import { rotateAfterAnnotation } from '../core/access/certificate.ts';
import { formatClassViolation } from '../core/classes/violations.ts';
import { certificatePolicyName } from '../core/policy/account/certificates.ts';
import { parseDurationMs } from '../core/quantity/duration.ts';
import { activateCertificate, type CertificateOf, endCertificate, type StepFailure } from '../ports/aws/certificate-steps.ts';
import type { AwsError, AwsPort, Caller, ClientCertificate } from '../ports/aws/index.ts';
import type { KubernetesError } from '../ports/kubernetes.ts';
import { elasticRuntimes, secrets } from '../ports/resources.ts';
import { type ClusterConnection, type ClusterFlags, type ClusterIo, withCluster } from './cluster.ts';
import { checkManifests, violationsIn, worldOf } from './explain.ts';
import { heldRuntime } from './held.ts';
import { formatInputError, type ManifestIo, readManifests } from './manifests.ts';
import { patient } from './patient.ts';

export type InitArguments = ClusterFlags & {
  /** Name of an ElasticRuntime in the cluster; or its manifest in `files`. */
  readonly runtime?: string;
  readonly files: readonly string[];
  readonly x509: boolean;
  readonly revoke: boolean;
  /** Go duration: the operator replaces the certificate when it is so old. */
  readonly rotateAfter: string;
};

export type InitIo = ClusterIo &
  ManifestIo & {
    /** AWS as the person's own credentials have it. Rejects where there are none. */
    readonly asPerson: (
      region: string,
    ) => Promise<{ readonly aws: AwsPort; readonly caller: (runtime: string) => Caller; readonly close: () => void }>;
    readonly wait: (ms: number) => Promise<void>;
  };

/** Something to tell the person; the command ends with `code`. */
class Refused extends Error {
  readonly code: 1 | 2;
  constructor(code: 1 | 2, message: string) {
    super(message);
    this.code = code;
  }
}

type Parts = {
  readonly io: InitIo;
  readonly cluster: ClusterConnection;
  readonly aws: AwsPort;
  readonly caller: Caller;
  readonly runtime: Pick<ElasticRuntime, 'spec'>;
  readonly x509: X509;
  readonly namespace: string;
  readonly name: string;
};

const verifyAttempts = 6;
const verifyPauseMs = 2_000;

/**
 * `kubectl-elastic init --x509`: the first certificate of a runtime. The calls to AWS IoT are made with the person's own AWS credentials, since without a certificate nobody can
 * become the operator yet; the cluster gets nothing but the Secret. From then on the operator replaces it. `--revoke` ends the certificate that the Secret holds.
 * Answers the exit code: 0 done, 1 AWS or the cluster refused, 2 wrong usage.
 */
export async function runInit(given: InitArguments, io: InitIo): Promise<number> {
  if (!given.x509) {
    io.stderr('init: say what for: --x509 issues the certificate of a runtime');
    return 2;
  }
  const rotateAfter = parseDurationMs(given.rotateAfter);
  if (!rotateAfter.ok || rotateAfter.value < 24 * 3_600_000) {
    io.stderr(`init: --rotate-after ${JSON.stringify(given.rotateAfter)}: give a duration of at least a day, such as 2160h`);
    return 2;
  }
  return withCluster(given, io, async (cluster) => {
    try {
      const runtime = await findRuntime(given, io, cluster);
      await withPerson(io, cluster, runtime, (parts) => (given.revoke ? revoke(parts) : issue(parts, given.rotateAfter)));
      return 0;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      io.stderr(`init: ${error.message}`);
      return error.code;
    }
  });
}

async function findRuntime(given: InitArguments, io: InitIo, { kubernetes, namespace }: ClusterConnection): Promise<ElasticRuntime> {
  if (given.runtime !== undefined && given.files.length > 0) throw new Refused(2, 'name a runtime or give its manifest with -f, not both');
  if (given.runtime !== undefined) {
    const found = await kubernetes.get(elasticRuntimes, { namespace, name: given.runtime });
    if (!found.ok) throw new Refused(1, `ElasticRuntime ${namespace}/${given.runtime}: ${found.error.kind}: ${found.error.message}`);
    const held = heldRuntime(found.value, ['organization', 'region', 'identities.agent.roleArn']);
    if (held === undefined)
      throw new Refused(1, `ElasticRuntime ${namespace}/${given.runtime}: the operator has not resolved it yet: see its conditions`);
    return held;
  }
  if (given.files.length === 0) throw new Refused(2, 'name a runtime of the cluster, or give its manifest with -f');
  const { manifests, errors } = await readManifests(given.files, io);
  // What the API server would refuse: above all an endpoint that is none of AWS IoT's.
  const wrong = [...errors, ...checkManifests(manifests)];
  if (wrong.length > 0) throw new Refused(2, wrong.map(formatInputError).join('\n'));
  const runtimes = manifests.map(({ object }) => object).filter(({ kind }) => kind === 'ElasticRuntime');
  const [runtime] = runtimes;
  if (runtime === undefined || runtimes.length > 1)
    throw new Refused(2, `${given.files.join(', ')}: ${runtimes.length} ElasticRuntimes; give one`);
  const world = worldOf(manifests);
  const [[key, resolution] = []] = world.resolutions;
  const violated = resolution === undefined ? [] : violationsIn(resolution, world);
  if (violated.length > 0) throw new Refused(2, violated.map((one) => `ElasticRuntime ${key}: ${formatClassViolation(one)}`).join('\n'));
  return { ...(runtime as unknown as ElasticRuntime), ...(resolution !== undefined && { spec: resolution.spec }) };
}

async function withPerson(
  io: InitIo,
  cluster: ClusterConnection,
  runtime: ElasticRuntime,
  run: (parts: Parts) => Promise<void>,
): Promise<void> {
  const { x509 } = runtime.spec.identities?.agent ?? {};
  const { name } = runtime.metadata;
  const namespace = runtime.metadata.namespace ?? cluster.namespace;
  if (x509 === undefined)
    throw new Refused(
      2,
      `ElasticRuntime ${namespace}/${name}: spec.identities.agent.x509 is missing: its agent uses the cluster's token and needs no certificate`,
    );
  const person = await io.asPerson(runtime.spec.region).catch((error: unknown) => {
    throw new Refused(2, `no AWS credentials: ${error instanceof Error ? error.message : String(error)}: log in, or set AWS_PROFILE`);
  });
  try {
    const caller = person.caller(`${namespace}/${name}`);
    const who = await person.aws.sts.getCallerIdentity(caller);
    if (!who.ok) throw refusal('sts:GetCallerIdentity', '*', who.error);
    io.stderr(`AWS IoT is called as ${who.value.arn}`);
    const account = runtime.spec.identities.agent.roleArn.split(':')[4];
    if (who.value.account !== account)
      throw new Refused(2, `these credentials are of account ${who.value.account}, the agent role is of ${account}: use that account's`);
    const aws = { ...person.aws, iot: patient(person.aws.iot, io.wait) };
    await run({ io, cluster, aws, caller, runtime, x509, namespace, name });
  } finally {
    person.close();
  }
}

async function issue(parts: Parts, rotateAfter: string): Promise<void> {
  const { io, aws, caller, runtime, x509 } = parts;
  const { iot } = aws;
  const before = await heldSecret(parts);
  await refuseActive(parts, before);
  const key = await iot.createKey(x509.thingName);
  const made = await iot.createCertificateFromCsr(caller, { request: key.request });
  if (!made.ok) throw refusal('iot:CreateCertificateFromCsr', '*', made.error);
  const { certificateId, certificateArn, certificate } = made.value;
  const of = { certificateId, certificateArn, thingName: x509.thingName };
  try {
    const policyName = certificatePolicyName(runtime.spec.organization, x509.roleAlias);
    const active = await activateCertificate(iot, caller, { ...of, policyName });
    if (!active.ok) throw notActivated(active.error, x509, policyName);
    const authority = before === undefined ? undefined : textOf(before, 'ca.crt');
    await verify(parts, { certificate, privateKey: key.privateKey, ...(authority !== undefined && { authority }) });
    await write(parts, before, { certificate, privateKey: key.privateKey }, rotateAfter);
  } catch (error) {
    await undo(parts, of);
    throw error;
  }
  io.stdout(
    [
      `Secret ${secretName(parts)} holds certificate ${certificateId}`,
      `thing ${x509.thingName}, role alias ${x509.roleAlias}, ${runtime.spec.identities.agent.roleArn}`,
      `the operator replaces it after ${rotateAfter}; kubectl-elastic init --x509 --revoke ends it`,
    ].join('\n'),
  );
}

async function revoke(parts: Parts): Promise<void> {
  const { io, aws, caller, x509 } = parts;
  const secret = await heldSecret(parts);
  const id = secret === undefined ? undefined : idOf(parts, secret);
  if (id === undefined) throw new Refused(1, `Secret ${secretName(parts)} holds no certificate: there is nothing to revoke`);
  const described = await aws.iot.describeCertificate(caller, { certificateId: id });
  if (!described.ok) throw refusal('iot:DescribeCertificate', id, described.error);
  const of = { certificateId: id, certificateArn: described.value.arn, thingName: x509.thingName };
  const ended = await endCertificate(aws.iot, caller, of, 'REVOKED');
  if (!ended.ok) throw stepRefusal(ended.error);
  const last = new Date(io.now() + 3_600_000).toISOString();
  io.stdout(
    [
      `certificate ${id} is revoked: no new session; those that it gave end by ${last}`,
      `kubectl-elastic revoke ${parts.name} -n ${parts.namespace} ends them at once; init --x509 issues a new certificate`,
    ].join('\n'),
  );
}

async function heldSecret({ cluster, namespace, x509 }: Parts): Promise<Stored<Secret> | undefined> {
  const { name } = x509.certificateSecretRef;
  const found = await cluster.kubernetes.get(secrets, { namespace, name });
  if (found.ok) return found.value;
  if (found.error.kind === 'NotFound') return undefined;
  throw new Refused(1, `Secret ${namespace}/${name}: ${found.error.kind}: ${found.error.message}`);
}

/** One that works is the operator's to replace. */
async function refuseActive(parts: Parts, secret: Stored<Secret> | undefined): Promise<void> {
  const id = secret === undefined ? undefined : idOf(parts, secret);
  if (id === undefined) return;
  const described = await parts.aws.iot.describeCertificate(parts.caller, { certificateId: id });
  if (!described.ok && described.error.kind === 'NotFound') return;
  if (!described.ok) throw refusal('iot:DescribeCertificate', id, described.error);
  if (described.value.status !== 'ACTIVE') return;
  throw new Refused(
    1,
    `Secret ${secretName(parts)} holds certificate ${id}, which is ACTIVE: the operator replaces it in time; --revoke ends it`,
  );
}

function idOf({ aws }: Parts, secret: Secret): string | undefined {
  const certificate = textOf(secret, 'tls.crt');
  const privateKey = textOf(secret, 'tls.key');
  if (certificate === undefined || privateKey === undefined) return undefined;
  const facts = aws.iotCredentials.readCertificate({ certificate, privateKey });
  return facts.ok ? facts.value.id : undefined;
}

/** A session by the new certificate; AWS IoT needs a moment before every part of it knows what was attached. */
async function verify({ io, aws, caller, runtime, x509 }: Parts, certificate: ClientCertificate): Promise<void> {
  const { roleArn } = runtime.spec.identities.agent;
  const { endpoint, roleAlias, thingName } = x509;
  const request = { identity: 'agent', roleArn, endpoint, roleAlias, thingName, certificate };
  for (let attempt = 1; ; attempt += 1) {
    const answer = await aws.iotCredentials.assumeRoleWithCertificate(caller.subject, request);
    if (answer.ok) {
      aws.sts.release(answer.value);
      return;
    }
    if (attempt === verifyAttempts) throw refusal('iot:AssumeRoleWithCertificate', `role alias ${roleAlias}`, answer.error);
    await io.wait(verifyPauseMs);
  }
}

async function write(
  { cluster, namespace, x509 }: Parts,
  before: Stored<Secret> | undefined,
  { certificate, privateKey }: ClientCertificate,
  rotateAfter: string,
): Promise<void> {
  const { name } = x509.certificateSecretRef;
  const data = { 'tls.crt': encoded(certificate), 'tls.key': encoded(privateKey) };
  const annotations = { [rotateAfterAnnotation]: rotateAfter };
  const written =
    before === undefined
      ? await cluster.kubernetes.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, annotations }, data })
      : await cluster.kubernetes.mergePatch(
          secrets,
          { namespace, name },
          { metadata: { resourceVersion: before.metadata.resourceVersion, annotations }, data },
        );
  if (!written.ok) throw new Refused(1, `Secret ${namespace}/${name}: ${said(written.error)}`);
}

/** Nothing that acts is left behind where the rest went wrong. */
async function undo({ io, aws, caller }: Parts, of: CertificateOf): Promise<void> {
  const ended = await endCertificate(aws.iot, caller, of);
  io.stderr(
    ended.ok
      ? `certificate ${of.certificateId} was ended again`
      : `certificate ${of.certificateId} could not be ended (${stepRefusal(ended.error).message}): end it by hand`,
  );
}

function notActivated(failure: StepFailure, { thingName }: X509, policyName: string): Refused {
  const missing = failure.error.kind === 'NotFound';
  if (missing && failure.action === 'iot:AttachThingPrincipal')
    return new Refused(1, `there is no thing ${thingName}: make it (aws iot create-thing --thing-name ${thingName})`);
  if (missing && failure.action === 'iot:AttachPolicy')
    return new Refused(1, `there is no IoT policy ${policyName}: kubectl-elastic iam generates it, with the role alias`);
  return stepRefusal(failure);
}

function stepRefusal({ action, resource, error }: StepFailure): Refused {
  return refusal(action, resource, error);
}

function refusal(action: string, resource: string, { code, message, requestId }: AwsError): Refused {
  return new Refused(1, `${action} on ${resource}: ${code}: ${message}${requestId === undefined ? '' : ` [request ${requestId}]`}`);
}

function said({ kind, message }: KubernetesError): string {
  return `${kind}: ${message}`;
}

function secretName({ namespace, x509 }: Parts): string {
  return `${namespace}/${x509.certificateSecretRef.name}`;
}

function textOf(secret: Secret, key: string): string | undefined {
  const value = secret.data?.[key];
  return value === undefined || value === '' ? undefined : Buffer.from(value, 'base64').toString();
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}
