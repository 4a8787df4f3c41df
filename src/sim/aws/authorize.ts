import { partitionOf } from '../../core/access/partitions.ts';
import { type AccountFacts, type Authorization, authorizationsOf } from '../../core/policy/actions.ts';
import type { AwsCalls, AwsMethod } from '../../core/policy/calls.ts';
import type { Policy } from '../../core/policy/document.ts';
import { decidersOf, denialMessage, type Evaluation, type EvaluationRequest, evaluate } from '../../core/policy/evaluate.ts';
import { accountOf, callerArn, type Principal } from '../../core/policy/principal.ts';
import { badSignature, denied, expired, type Failure, type Service, unknownKey } from './failures.ts';
import { type AccountState, roleNamed, type Session, standing, type User } from './state.ts';

/** What a request is signed with. */
export type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };

/** Who signed, and every policy that limits them. */
export type Authenticated = {
  readonly principal: Extract<Principal, { kind: 'role' | 'user' }>;
  readonly policies: Pick<EvaluationRequest, 'identityPolicies' | 'sessionPolicies' | 'permissionBoundary'>;
};

/** Judged on the account's own clock, whatever the caller's says. */
export function authenticate(state: AccountState, service: Service, credentials: Credentials): Authenticated | Failure {
  const session = state.sessions.get(credentials.accessKeyId);
  if (session !== undefined) return ofSession(state, service, session, credentials);
  const user = state.users.get(credentials.accessKeyId);
  if (user === undefined || credentials.sessionToken !== user.spec.sessionToken) return unknownKey(service);
  return credentials.secretAccessKey === user.spec.secretAccessKey ? ofUser(user) : badSignature(service);
}

function ofSession(state: AccountState, service: Service, session: Session, credentials: Credentials): Authenticated | Failure {
  if (credentials.sessionToken !== session.sessionToken) return unknownKey(service);
  if (credentials.secretAccessKey !== session.secretAccessKey) return badSignature(service);
  if (state.world.now() >= session.expiresAt) return expired(service);
  const role = state.roles.get(session.principal.roleArn);
  // Sessions of a deleted role end with it.
  if (role === undefined) return unknownKey(service);
  return {
    principal: session.principal,
    policies: {
      identityPolicies: role.policies,
      ...(session.sessionPolicies === undefined ? {} : { sessionPolicies: session.sessionPolicies }),
      ...(role.boundary === undefined ? {} : { permissionBoundary: role.boundary }),
    },
  };
}

function ofUser(user: User): Authenticated {
  return { principal: { kind: 'user', arn: user.spec.arn }, policies: { identityPolicies: user.policies } };
}

export function isFailure(value: Authenticated | Failure): value is Failure {
  return 'code' in value;
}

/** The first refusal among everything that the call must be allowed, or undefined. `accept` narrows to some of it. */
export function authorize<M extends AwsMethod>(
  state: AccountState,
  caller: Authenticated,
  method: M,
  request: AwsCalls[M],
  region: string,
  accept: (item: Authorization) => boolean = () => true,
): Failure | undefined {
  for (const item of authorizationsOf(method, request, factsOf(state, region))) {
    if (!accept(item)) continue;
    const evaluation = judge(state, caller, item);
    if (evaluation.decision !== 'Allow') {
      return denied(
        serviceOf(method),
        denialMessage({ principal: caller.principal, action: item.action, resource: item.resource }, evaluation),
      );
    }
    state.deciding.push({ action: item.action, by: decidersOf(evaluation) });
  }
  return undefined;
}

/** One authorization against the caller's policies and the resource's own. */
export function judge(state: AccountState, { principal, policies }: Authenticated, item: Authorization): Evaluation {
  const { resourcePolicies, owner, required } = guardOf(state, item.resource);
  const callerAccount = accountOf(callerArn(principal));
  return evaluate({
    principal,
    action: item.action,
    resource: item.resource,
    context: { ...item.context, ...(owner === '' ? {} : { 'aws:ResourceAccount': owner }) },
    ...policies,
    resourcePolicies,
    sameAccount: owner === '' || owner === callerAccount,
    resourcePolicyRequired: required,
  });
}

type Guard = { readonly resourcePolicies: readonly Policy[]; readonly owner: string; readonly required: boolean };

function guardOf(state: AccountState, resource: string): Guard {
  const [, , service, , account = '', rest = ''] = resource.split(':');
  if (service === 's3') {
    const bucket = state.buckets.get(rest.split('/')[0] ?? '');
    return { resourcePolicies: bucket?.policy === undefined ? [] : [bucket.policy], owner: bucket?.spec.owner ?? '', required: false };
  }
  if (service === 'kms') {
    const key = state.keys.get(resource);
    return { resourcePolicies: key === undefined ? [] : [key.policy], owner: account, required: key !== undefined };
  }
  const own = state.resources.get(resource)?.policy;
  return { resourcePolicies: own === undefined ? [] : [own], owner: account, required: false };
}

function factsOf(state: AccountState, region: string): AccountFacts {
  return {
    accountId: state.spec.accountId,
    region,
    partition: partitionOf(region),
    now: state.world.now(),
    tagsOf: (id) => (state.instances.get(id) ?? state.volumes.get(id) ?? state.templates.get(id))?.tags,
    launchTemplate: (id) => {
      const template = state.templates.get(id);
      if (template === undefined) return undefined;
      return { ...template, ...(template.volume.kmsKeyArn === undefined ? {} : { kmsKeyArn: template.volume.kmsKeyArn }) };
    },
    roleOfProfile: (arn) => state.profiles.get(arn),
    roleArn: (name) => roleNamed(state, name)?.spec.arn,
    stack: (name) => {
      const found = standing(state, name) ?? state.stacks.get(name);
      return found === undefined ? undefined : { arn: found.stackId, tags: found.tags };
    },
    keyOfObject: (bucket, key) => state.buckets.get(bucket)?.objects.get(key)?.kmsKeyArn,
    usesBucketKey: (bucket, key) => state.buckets.get(bucket)?.objects.get(key)?.bucketKey !== false,
    keyOfBucket: (bucket) => state.buckets.get(bucket)?.spec.kmsKeyArn,
    keyOfSecret: (name) => (state.parameters.get(name) ?? state.secrets.get(name))?.kmsKeyArn,
    secretArn: (id) => (state.secrets.has(id) ? id : [...state.secrets.values()].find((secret) => secret.name === id)?.arn),
  };
}

export function serviceOf(method: AwsMethod): Service {
  return method.slice(0, method.indexOf('.')) as Service;
}
