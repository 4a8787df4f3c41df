import { principalsOf } from '../../core/access/roles.ts';
import { connectionOf } from '../../core/access/routes.ts';
import { serviceAccountNames } from '../../core/jobs/names.ts';
import { accountOf } from '../../core/policy/principal.ts';
import { trustOf } from '../../core/preflight/generated.ts';
import { judgePodsPath, type PodsPath, trustRemedy } from '../../core/preflight/pods-path.ts';
import type { PathProbe } from '../../core/preflight/probes.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { generatedDocuments, providerArn, tokenIssuer } from './documents.ts';
import { type AccessFailure, awsFailure } from './failure.ts';
import type { GrantRequest } from './grants.ts';
import type { ProofOf } from './prove.ts';
import type { Proof } from './verifications.ts';

type Context = Pick<OperatorContext, 'aws' | 'clock' | 'grants' | 'kubernetes' | 'settings'>;

/** Of a pod's token for AWS: https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html */
const audience = 'sts.amazonaws.com';

/**
 * The pods' own way to a role, by the trust policy that the operator role reads, or a connection's role of another account itself. Where neither may, that is said
 * and nothing fails. IAM is one endpoint for the world: a runtime waits for its answer, jobs go on without.
 */
export async function proveOwnPath(
  context: Context,
  of: ProofOf,
  probe: PathProbe,
  request: GrantRequest,
): Promise<Result<Proof, AccessFailure>> {
  const { roleArn } = probe;
  const open = (why: string, isUnanswered = false, refused?: AccessFailure): Result<Proof, AccessFailure> =>
    ok({ notVerified: [`the pods' own way to ${nameOf(roleArn)}: ${why}`], isUnanswered, ...(refused && { refused }) });
  const home = accountOf(of.runtime.spec.identities.operator.roleArn);
  const connection = accountOf(roleArn) === home ? undefined : connectionOf(probe.of);
  if (accountOf(roleArn) !== home && connection === undefined)
    return open(`its trust policy lies in account ${accountOf(roleArn)}, which the operator role (of ${home}) cannot read`);
  // IAM shows a role to its own account only, and this one has been had: it reads its own trust.
  const reader = connection === undefined ? probe.identity : probe.of;
  const issuer = await tokenIssuer(context, of.runtime);
  if (issuer === undefined)
    return open("the issuer of the cluster's tokens is not known: the API server gave no token for the agent's account", true);
  const caller = await context.grants.obtain(
    connection === undefined ? request : { ...request, identity: probe.of, resource: `connection:${connection}` },
  );
  if (!caller.ok) return caller;
  const found = await context.aws(of.runtime.spec.region).iam.getRole(caller.value, { roleName: nameOf(roleArn) });
  const at = { identity: reader, chain: caller.value.grant.chain, action: 'iam:GetRole', resource: roleArn };
  if (!found.ok) {
    const failure = awsFailure(at, found.error);
    if (failure.transient && of.job === undefined) return err(failure);
    const hint =
      connection === undefined ? '' : `; it lies in another account than the operator role, so it must be allowed that of itself`;
    const whose = connection === undefined ? "the operator's" : `${reader}'s own`;
    return open(`${whose} iam:GetRole was answered ${found.error.code}: ${found.error.message}${hint}`, failure.transient, failure);
  }
  if (found.value.arn !== roleArn) return open(`the role of that name is ${found.value.arn}, not ${roleArn}`);
  const path = pathOf(of, probe, issuer);
  const verdict = judgePodsPath(path, found.value.trust, context.clock.now());
  if (verdict.kind === 'trusted') return ok({});
  if (verdict.kind === 'open') return open(verdict.because);
  const documents = await generatedDocuments(context, of.runtime, of.job, of.connections);
  return err({
    identity: probe.of,
    chain: path.by === 'worker' ? [path.workerArn, roleArn] : [roleArn],
    action: verdict.action,
    resource: roleArn,
    code: 'NotTrusted',
    message: `the role's trust policy does not let in ${verdict.who}: ${verdict.because}`,
    ...(found.value.requestId !== undefined && { requestId: found.value.requestId }),
    transient: false,
    remedy: trustRemedy(verdict, roleArn, trustOf(documents, roleArn)),
  });
}

function pathOf({ runtime }: ProofOf, { of, roleArn, externalId }: PathProbe, issuer: string): PodsPath {
  const { name, namespace = '' } = runtime.metadata;
  const accounts = serviceAccountNames(name);
  if (of !== 'master' && of !== 'worker') {
    const workerArn = principalsOf(runtime).roles.worker;
    return { by: 'worker', roleArn, workerArn, providerArn: providerArn(workerArn, issuer), externalId };
  }
  // A driver in a master pod reads data as worker, too.
  const names = of === 'master' ? [accounts.master] : [accounts.worker, accounts.master];
  const subjects = names.map((account) => `system:serviceaccount:${namespace}:${account}`);
  return { by: 'webIdentity', roleArn, subjects, audience, providerArn: providerArn(roleArn, issuer), issuer };
}

function nameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}
