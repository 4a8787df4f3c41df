import { auditOf } from '../../core/policy/audit.ts';
import type { AwsCalls, AwsMethod } from '../../core/policy/calls.ts';
import { accountOf, callerArn } from '../../core/policy/principal.ts';
import type { AuditPort, AwsError, AwsPort, AwsResult, Caller, Grant, Subject } from '../../ports/aws/index.ts';
import type { ApiPace } from '../../ports/aws/pace.ts';
import { recordOf } from '../../ports/aws/record.ts';
import { notSecureString } from '../../ports/aws/secrets.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { SimulatedProcess } from '../world.ts';
import type { Authenticated } from './authorize.ts';
import { certificateId, readCertificate, simulatedKey, simulatedRequest } from './certificates.ts';
import { createStack, deleteStack, describeStack, describeStackEvents, updateStack } from './cloudformation.ts';
import { dryRun, dryRunCreateFleet, dryRunDeleteLaunchTemplate, dryRunRunInstances } from './dry-run.ts';
import { type Failure, noAnswer } from './failures.ts';
import { createFleet } from './fleet.ts';
import { getRole, getRolePolicy, listAttachedRolePolicies, listRolePolicies, putRolePolicy, simulatePrincipalPolicy } from './iam.ts';
import { describeInstances, terminateInstances } from './instances.ts';
import {
  assumeRoleWithCertificate,
  attachPolicy,
  attachThingPrincipal,
  createCertificateFromCsr,
  deleteCertificate,
  describeCertificate,
  detachThingPrincipal,
  updateCertificate,
} from './iot.ts';
import { type Answer, perform, performUnsigned, type Request, refuseBusy } from './perform.ts';
import { presigned } from './presigned.ts';
import { describeResource } from './resources.ts';
import { deleteObject, getObject, headObject, listObjects, putObject } from './s3.ts';
import { getParameter, getSecretValue } from './secrets.ts';
import type { AccountState, Session } from './state.ts';
import { assumeRole, assumeRoleWithWebIdentity } from './sts.ts';
import { describeSubnets } from './subnets.ts';
import { createLaunchTemplate, deleteLaunchTemplate, describeLaunchTemplates } from './templates.ts';
import { createVault } from './vault.ts';
import { deleteVolume, describeVolumes, describeVolumesModifications, modifyVolume } from './volumes.ts';

/** Methods that change something: at these a process may die under faults. */
const writes: ReadonlySet<AwsMethod> = new Set<AwsMethod>([
  'iot.createCertificateFromCsr',
  'iot.updateCertificate',
  'iot.deleteCertificate',
  'iot.attachPolicy',
  'iot.attachThingPrincipal',
  'iot.detachThingPrincipal',
  's3.putObject',
  'iam.putRolePolicy',
  's3.deleteObject',
  'ec2.createLaunchTemplate',
  'ec2.deleteLaunchTemplate',
  'ec2.createFleet',
  'ec2.terminateInstances',
  'ec2.modifyVolume',
  'ec2.deleteVolume',
  'cloudFormation.createStack',
  'cloudFormation.updateStack',
  'cloudFormation.deleteStack',
]);

type Actor = {
  readonly identity: string;
  readonly chain: readonly string[];
  readonly sessionName: string;
  readonly subject: Subject;
  readonly widened?: readonly string[] | undefined;
};

const grantEnded: AwsError = {
  kind: 'Expired',
  code: 'GrantEnded',
  message: 'the grant was released or is past its end; no call was made',
};

/** One process's AWS: its own vault of grants and its own audit, over the account that all processes share. */
export function createPort(state: AccountState, process: SimulatedProcess, audit: AuditPort, region: string, pace?: ApiPace): AwsPort {
  const vault = createVault(process.clock, process.name);

  async function send<M extends AwsMethod, T>(incoming: Request<M>, actor: Actor, effect: () => Answer<T>): Promise<AwsResult<T>> {
    const { method, request } = incoming;
    const shown = auditOf(method, request, region);
    const roleArn = actor.chain.at(-1) ?? ('roleArn' in request ? request.roleArn : '');
    const paced = { account: roleArn.split(':')[4] ?? '', region, method, lane: actor.subject.runtime, ticket: actor.subject.node };
    await pace?.take(paced);
    const sent: string[] = [];
    const startedAt = process.clock.monotonic();
    const note = (answer: Answer<T>): Answer<T> => {
      sent.push(answer.requestId);
      state.inFlight.add(answer.requestId);
      return answer;
    };
    const answer = await process.call<Answer<T> | undefined>(
      `aws ${method} ${shown.resource}`,
      { write: writes.has(method), service: 'aws' },
      () => note(effect()),
      { lost: () => undefined, busy: () => note(refuseBusy<M, T>(state, incoming, actor.sessionName)) },
    );
    for (const requestId of sent) state.inFlight.delete(requestId);
    const { subject, identity, chain, sessionName, widened } = actor;
    const result =
      answer === undefined
        ? ({ ok: false, code: noAnswer.code, unanswered: true } as const)
        : answer.result.ok
          ? ({ ok: true } as const)
          : ({ ok: false, code: answer.result.error.code, unanswered: false } as const);
    await audit.record(
      recordOf({
        subject,
        identity,
        chain,
        sessionName,
        widened,
        ...shown,
        result,
        endedAt: process.clock.now(),
        durationMs: process.clock.monotonic() - startedAt,
        requestId: answer?.requestId,
      }),
    );
    pace?.answered(
      paced,
      answer?.result.ok === false &&
        answer.result.error.kind === 'Throttled' &&
        answer.result.error.code !== 'VolumeModificationRateExceeded',
    );
    if (answer === undefined) return err(noAnswer);
    return answer.result.ok ? answer.result : err({ ...answer.result.error, requestId: answer.requestId });
  }

  /** A signed call. */
  async function call<M extends AwsMethod, T>(
    method: M,
    caller: Caller,
    request: AwsCalls[M],
    run: (caller: Authenticated) => Result<T, Failure>,
  ): Promise<AwsResult<T>> {
    const credentials = vault.open(caller.grant);
    if (credentials === undefined) return err(grantEnded);
    const incoming = { method, request, process: process.name, credentials };
    const { identity, chain, sessionName, widened } = caller.grant;
    return await send(incoming, { identity, chain, sessionName, widened, subject: caller.subject }, () => perform(state, incoming, run));
  }

  function grantOf(answer: AwsResult<Session>, facts: Omit<Grant, 'id' | 'expiresAt'>): AwsResult<Grant> {
    if (!answer.ok) return answer;
    const { accessKeyId, secretAccessKey, sessionToken, expiresAt, packedPolicySize } = answer.value;
    return ok(
      vault.put(
        { ...facts, expiresAt, ...(packedPolicySize === undefined ? {} : { packedPolicySize }) },
        { accessKeyId, secretAccessKey, sessionToken },
      ),
    );
  }

  /** An operation on the account with its caller and region filled in. */
  function on<M extends AwsMethod, R extends AwsCalls[M], T>(
    method: M,
    operation: (
      at: { readonly state: AccountState; readonly caller: Authenticated; readonly region: string },
      request: R,
    ) => Result<T, Failure>,
  ): (caller: Caller, request: R) => Promise<AwsResult<T>> {
    return (caller, request) =>
      call(method, caller, request, (authenticated) => operation({ state, caller: authenticated, region }, request));
  }

  return {
    sts: {
      async assumeRoleWithWebIdentity(subject, request) {
        const { identity, roleArn, sessionName } = request;
        const incoming = { method: 'sts.assumeRoleWithWebIdentity', request, process: process.name, credentials: undefined } as const;
        const answer = await send(incoming, { identity, chain: [], sessionName, subject }, () => {
          const who = { caller: state.verifyToken(request.token)?.sub ?? 'unauthenticated', sessionName };
          return performUnsigned(state, incoming, who, () => assumeRoleWithWebIdentity(state, request));
        });
        return grantOf(answer, { identity, chain: [roleArn], sessionName, ...widenedOf(request) });
      },
      async assumeRole(caller, request) {
        const { identity, roleArn, sessionName } = request;
        const answer = await call('sts.assumeRole', caller, request, (authenticated) => assumeRole(state, authenticated, request));
        return grantOf(answer, { identity, chain: [...caller.grant.chain, roleArn], sessionName, ...widenedOf(request) });
      },
      getCallerIdentity: (caller) =>
        call('sts.getCallerIdentity', caller, {}, ({ principal }) =>
          ok({ account: accountOf(callerArn(principal)), arn: callerArn(principal) }),
        ),
      staticGrant(identity, keys) {
        const { accessKeyId, secretAccessKey, sessionToken } = keys;
        const facts = {
          identity,
          chain: keys.chain ?? [],
          sessionName: keys.sessionName ?? accessKeyId.slice(-4),
          expiresAt: keys.expiresAt ?? Number.POSITIVE_INFINITY,
        };
        return vault.put(facts, { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) });
      },
      exportGrant(grant) {
        const credentials = vault.open(grant);
        return credentials?.sessionToken === undefined ? undefined : { ...credentials, sessionToken: credentials.sessionToken };
      },
      release: (grant) => vault.release(grant),
    },
    iotCredentials: {
      readCertificate,
      async assumeRoleWithCertificate(subject, request) {
        const { identity, roleArn, certificate } = request;
        const facts = readCertificate(certificate);
        if (!facts.ok) return facts;
        const sessionName = certificateId(certificate.certificate);
        const method = 'iotCredentials.assumeRoleWithCertificate';
        const incoming = { method, request, process: process.name, credentials: undefined } as const;
        const answer = await send(incoming, { identity, chain: [], sessionName, subject }, () =>
          performUnsigned(state, incoming, { caller: `certificate ${sessionName}`, sessionName }, () =>
            assumeRoleWithCertificate(state, request, auditOf(method, request, region).resource),
          ),
        );
        const granted = grantOf(answer, { identity, chain: [roleArn], sessionName });
        return granted.ok
          ? ok({ ...granted.value, expiresAt: Math.min(granted.value.expiresAt, process.clock.now() + 3_600_000) })
          : granted;
      },
    },
    iot: {
      createKey: async () => {
        const privateKey = simulatedKey(process.random.uuid());
        return { privateKey, request: simulatedRequest(privateKey) };
      },
      createCertificateFromCsr: on('iot.createCertificateFromCsr', createCertificateFromCsr),
      describeCertificate: on('iot.describeCertificate', describeCertificate),
      updateCertificate: on('iot.updateCertificate', updateCertificate),
      deleteCertificate: on('iot.deleteCertificate', deleteCertificate),
      attachPolicy: on('iot.attachPolicy', attachPolicy),
      attachThingPrincipal: on('iot.attachThingPrincipal', attachThingPrincipal),
      detachThingPrincipal: on('iot.detachThingPrincipal', detachThingPrincipal),
    },
    s3: {
      putObject: on('s3.putObject', putObject),
      getObject: async (caller, request) => {
        const answer = await on('s3.getObject', getObject)(caller, request);
        if (!answer.ok || answer.value.body.byteLength <= request.maxBytes) return answer;
        const message = `the object has ${answer.value.body.byteLength} bytes, at most ${request.maxBytes} are read`;
        return err({ kind: 'Invalid', code: 'ObjectTooLarge', message });
      },
      headObject: on('s3.headObject', headObject),
      async presignGetObject(caller, request) {
        const credentials = vault.open(caller.grant);
        if (credentials === undefined) return err(grantEnded);
        const { identity, chain, sessionName, widened } = caller.grant;
        const facts = {
          subject: caller.subject,
          identity,
          chain,
          sessionName,
          widened,
          ...auditOf('s3.getObject', request, region),
          durationMs: 0,
        };
        await audit.record({ ...recordOf({ ...facts, result: { ok: true }, endedAt: process.clock.now() }), outcome: 'presigned' });
        return ok({ url: presigned(credentials, request, process.clock.now(), region) });
      },
      listObjects: on('s3.listObjects', listObjects),
      deleteObject: on('s3.deleteObject', deleteObject),
    },
    ec2: {
      createLaunchTemplate: on('ec2.createLaunchTemplate', createLaunchTemplate),
      describeLaunchTemplates: on('ec2.describeLaunchTemplates', describeLaunchTemplates),
      deleteLaunchTemplate: on('ec2.deleteLaunchTemplate', deleteLaunchTemplate),
      createFleet: on('ec2.createFleet', createFleet),
      dryRunCreateFleet: dryRun(on('ec2.dryRunCreateFleet', dryRunCreateFleet)),
      dryRunRunInstances: dryRun(on('ec2.dryRunRunInstances', dryRunRunInstances)),
      dryRunDeleteLaunchTemplate: dryRun(on('ec2.dryRunDeleteLaunchTemplate', dryRunDeleteLaunchTemplate)),
      describeInstances: on('ec2.describeInstances', describeInstances),
      terminateInstances: on('ec2.terminateInstances', terminateInstances),
      describeVolumes: on('ec2.describeVolumes', describeVolumes),
      modifyVolume: on('ec2.modifyVolume', modifyVolume),
      describeVolumesModifications: on('ec2.describeVolumesModifications', describeVolumesModifications),
      deleteVolume: on('ec2.deleteVolume', deleteVolume),
      describeSubnets: on('ec2.describeSubnets', describeSubnets),
    },
    ssm: {
      async getParameter(caller, request) {
        const answer = await on('ssm.getParameter', getParameter)(caller, request);
        if (!answer.ok || request.secure !== true) return answer;
        return state.parameters.get(request.name)?.plain === true ? err(notSecureString(request.name)) : answer;
      },
    },
    secretsManager: { getSecretValue: on('secretsManager.getSecretValue', getSecretValue) },
    iam: {
      getRole: on('iam.getRole', getRole),
      simulatePrincipalPolicy: on('iam.simulatePrincipalPolicy', simulatePrincipalPolicy),
      listAttachedRolePolicies: on('iam.listAttachedRolePolicies', listAttachedRolePolicies),
      listRolePolicies: on('iam.listRolePolicies', listRolePolicies),
      getRolePolicy: on('iam.getRolePolicy', getRolePolicy),
      putRolePolicy: on('iam.putRolePolicy', putRolePolicy),
    },
    cloudFormation: {
      createStack: on('cloudFormation.createStack', createStack),
      describeStack: on('cloudFormation.describeStack', describeStack),
      updateStack: on('cloudFormation.updateStack', updateStack),
      deleteStack: on('cloudFormation.deleteStack', deleteStack),
      describeStackEvents: on('cloudFormation.describeStackEvents', describeStackEvents),
    },
    resources: { describe: on('resources.describe', describeResource) },
  };
}

function widenedOf({ widened }: { readonly widened?: readonly string[] }): Pick<Grant, 'widened'> {
  return widened === undefined || widened.length === 0 ? {} : { widened };
}
