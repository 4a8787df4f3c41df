import type { ElasticRuntime } from '../../../../src/api/generated/types.ts';
import { runtimeTags } from '../../../../src/core/nodes/tags.ts';
import { type AccountPlan, accountPlan } from '../../../../src/core/policy/account/plan.ts';
import { type AccountFacts, authorizationsOf } from '../../../../src/core/policy/actions.ts';
import type { AwsCalls, AwsMethod } from '../../../../src/core/policy/calls.ts';
import { type Policy, policyOf } from '../../../../src/core/policy/document.ts';
import type { DocumentsInput } from '../../../../src/core/policy/documents.ts';
import { evaluate, type RequestContext } from '../../../../src/core/policy/evaluate.ts';
import type { Principal, SessionTags } from '../../../../src/core/policy/principal.ts';
import { sessionAccessOf } from '../../../../src/core/policy/session-access.ts';
import { sessionPolicyFor } from '../../../../src/core/policy/session-policy.ts';

/**
 * One account with three runtimes: finance and research of one organization, which share agent and operator role and the organization's key; growth of another
 * one, whose name begins as the first's does, with roles and a key of its own. All in the same two buckets.
 */
export const account = '111122223333';
export const region = 'us-east-1';
export const issuer = 'oidc.example.com/id/1';
export const provider = `arn:aws:iam::${account}:oidc-provider/${issuer}`;
export const clusterName = 'hub';

export type Tenant = {
  readonly namespace: string;
  readonly name: string;
  readonly organization: string;
  readonly uid: string;
  readonly key: string;
  readonly roles: Readonly<Record<'agent' | 'operator' | 'master' | 'worker' | 'node' | 'orders', string>>;
  readonly externalId: string;
  /** `elastic/<organization>/<namespace>/<runtime>` */
  readonly below: string;
  readonly tags: Readonly<Record<string, string>>;
};

const roleArn = (name: string): string => `arn:aws:iam::${account}:role/${name}`;

function tenant(namespace: string, name: string, organization: string, digit: string, shared: string): Tenant {
  const own = (role: string): string => roleArn(`${namespace}-${role}`);
  const uid = `${digit.repeat(8)}-0000-4000-8000-000000000000`;
  return {
    namespace,
    name,
    organization,
    uid,
    key: `arn:aws:kms:${region}:${account}:key/${organization}`,
    roles: {
      agent: roleArn(`${shared}-agent`),
      operator: roleArn(`${shared}-operator`),
      master: own('master'),
      worker: own('worker'),
      node: own('node'),
      orders: own('orders'),
    },
    externalId: `external-${namespace}`,
    below: `elastic/${organization}/${namespace}/${name}`,
    tags: runtimeTags({ cluster: clusterName, organization, namespace, runtime: name, runtimeUid: uid }),
  };
}

export const finance = tenant('finance', 'analytics', 'acme', '1', 'acme');
export const research = tenant('research', 'scratch', 'acme', '2', 'acme');
export const growth = tenant('growth', 'analytics', 'acme2', '3', 'acme2');
export const tenants: readonly Tenant[] = [finance, research, growth];

function analystArn(organization: string): string {
  return roleArn(`analyst-${organization}`);
}

function inputOf(of: Tenant): DocumentsInput {
  const location = (bucket: string) => ({ uri: `s3://${bucket}/elastic`, kmsKeyArn: of.key });
  return {
    runtime: {
      metadata: { namespace: of.namespace, name: of.name },
      spec: {
        organization: of.organization,
        region,
        identities: {
          agent: { roleArn: of.roles.agent },
          operator: { roleArn: of.roles.operator, externalIdSecretRef: { name: 'external', key: of.namespace } },
          master: { roleArn: of.roles.master },
          worker: { roleArn: of.roles.worker },
          node: { instanceProfileArn: of.roles.node.replace(':role/', ':instance-profile/') },
        },
        staging: location('staging'),
        logs: location('logs'),
        network: { subnetIds: [`subnet-${of.namespace}`], securityGroupIds: [`sg-${of.namespace}`] },
        initScript: { uri: `s3://platform/${of.namespace}/init.sh` },
      },
    },
    jobs: [
      {
        metadata: { namespace: of.namespace, name: 'nightly' },
        spec: {
          runtime: of.name,
          connections: [
            { name: 'orders', usage: 'Source', location: `s3://${of.namespace}-orders/raw`, authentication: { roleArn: of.roles.orders } },
            { name: 'lake', usage: 'Target', location: `s3://${of.namespace}-lake/out` },
          ],
        },
      },
    ],
    clusterName,
    accountId: account,
    oidcProviderArn: provider,
    issuer: `https://${issuer}`,
    externalIds: { [`external/${of.namespace}`]: of.externalId },
  };
}

const plan: AccountPlan = accountPlan(tenants.map(inputOf), { environment: 'test', namePrefix: 'elastic' });

type RolePolicies = { readonly trust: Policy; readonly policies: readonly Policy[] };

export const roles: ReadonlyMap<string, RolePolicies> = new Map(
  plan.roles.map(({ arn, name, trust, policies }) => [
    arn,
    {
      trust: policyOf(trust, 'trust', `trust of ${name}`),
      policies: policies.map((policy) => policyOf(policy.document, 'identity', policy.name)),
    },
  ]),
);
/** People are no role of the plan: a permission set of each organization with its data access policy. */
const analysts = new Map(
  plan.analysts.map(({ organization, name, document }) => [analystArn(organization), [policyOf(document, 'identity', name)]]),
);
const buckets = new Map(plan.buckets.map(({ bucket, policy }) => [bucket, policyOf(policy, 'resource', bucket)]));
const keys = new Map(plan.keys.map(({ arn, policy }) => [arn, policyOf(policy, 'resource', arn)]));

export function permissionsOf(principal: Principal): readonly Policy[] {
  if (principal.kind !== 'role') return [];
  return roles.get(principal.roleArn)?.policies ?? analysts.get(principal.roleArn) ?? [];
}

/** Who calls: a session of one of a tenant's roles. */
export type Who = {
  readonly name: string;
  readonly principal: Extract<Principal, { kind: 'role' }>;
  readonly sessionPolicies?: readonly Policy[];
};

function session(of: Tenant, role: keyof Tenant['roles'], name: string, tags?: SessionTags, sessionPolicies?: readonly Policy[]): Who {
  return {
    name: `${name} of ${of.namespace}`,
    principal: { kind: 'role', roleArn: of.roles[role], sessionName: `${of.uid.slice(0, 8)}.-.${role}`, ...(tags && { tags }) },
    ...(sessionPolicies && { sessionPolicies }),
  };
}

const hop = (of: Tenant): SessionTags =>
  Object.fromEntries(Object.entries(of.tags).filter(([key]) => key !== 'elasticruntime.dev/runtime-uid'));
const by = (of: Tenant, actor: string): SessionTags => ({ ...hop(of), 'elasticruntime.dev/actor': actor });

/** The agent's role is shared and its sessions carry no tags: what keeps two tenants apart there is the session policy, which every session has. */
function agentCut(of: Tenant): readonly Policy[] {
  const made = sessionPolicyFor(
    sessionAccessOf({ runtime: inputOf(of).runtime as unknown as ElasticRuntime, identity: 'agent', tags: of.tags }),
  );
  if (!made.ok) throw new Error(made.reason);
  return [policyOf(JSON.parse(made.value.policy) as never, 'identity', 'session policy')];
}

/** As if stolen whole: without the session policy that cuts it, but for the agent's. */
export function sessionsOf(of: Tenant): Readonly<Record<WhoName, Who>> {
  return {
    agent: session(of, 'agent', 'agent', undefined, agentCut(of)),
    operator: session(of, 'operator', 'operator', hop(of)),
    master: session(of, 'master', 'master', by(of, 'operator')),
    worker: session(of, 'worker', 'worker', by(of, 'operator')),
    masterPod: session(of, 'master', 'master pod'),
    workerPod: session(of, 'worker', 'worker pod'),
    masterNodeAgent: session(of, 'master', "master node's agent", by(of, 'node-agent')),
    workerNodeAgent: session(of, 'worker', "worker node's agent", by(of, 'node-agent')),
    node: session(of, 'node', 'instance'),
    orders: session(of, 'orders', 'connection role'),
  };
}

/** A person of the tenant's organization, who reads all of it. */
export function analystOf(of: Tenant): Who {
  return {
    name: `analyst of ${of.namespace}'s organization`,
    principal: { kind: 'role', roleArn: analystArn(of.organization), sessionName: 'alice' },
  };
}

export type WhoName =
  | 'agent'
  | 'operator'
  | 'master'
  | 'worker'
  | 'masterPod'
  | 'workerPod'
  | 'masterNodeAgent'
  | 'workerNodeAgent'
  | 'node'
  | 'orders';

/** Resources say by their id whose they are: `i-finance`; `i-bare` has no tags, `i-without-<tag>-finance` lacks one, `i-other-<tag>-finance` has another value. */
export function tagsOf(id: string): Readonly<Record<string, string>> {
  const of = tenants.find(({ namespace }) => id.endsWith(`-${namespace}`));
  if (of === undefined) return {};
  const [, how, tag] = /^[a-z]+-(without|other)-([a-z]+)-/.exec(id) ?? [];
  const key = `elasticruntime.dev/${tag}`;
  if (how === 'without') return Object.fromEntries(Object.entries(of.tags).filter(([name]) => name !== key));
  return how === 'other' ? { ...of.tags, [key]: `${of.tags[key]}2` } : of.tags;
}

export const facts: AccountFacts = {
  accountId: account,
  region,
  now: Date.UTC(2026, 10, 2, 8),
  tagsOf,
  launchTemplate: (id) => {
    const of = tenants.find(({ namespace }) => id.endsWith(`-${namespace}`)) ?? finance;
    const profile = id.startsWith('lt-admin') ? 'admin' : id.startsWith('lt-worker') ? `${of.namespace}-worker` : `${of.namespace}-node`;
    return {
      imageId: 'ami-1',
      securityGroupIds: [`sg-${of.namespace}`],
      instanceProfileArn: `arn:aws:iam::${account}:instance-profile/${profile}`,
      launchTags: of.tags,
    };
  },
  roleOfProfile: (arn) => arn.replace(':instance-profile/', ':role/'),
  keyOfObject: (bucket, key) =>
    bucket === 'staging' || bucket === 'logs'
      ? tenants.find(({ organization }) => key.startsWith(`elastic/${organization}/`))?.key
      : undefined,
  keyOfBucket: () => undefined,
  keyOfSecret: () => undefined,
  secretArn: (id) => (id.startsWith('arn:') ? id : `arn:aws:secretsmanager:${region}:${account}:secret:${id}`),
};

/** One authorization under all policies that have a say: `Allow`, or who refuses. */
export function judge(who: Who, action: string, resource: string, context: RequestContext = {}): string {
  const [, , service, , , rest = ''] = resource.split(':');
  const bucket = service === 's3' ? buckets.get(rest.split('/')[0] ?? '') : undefined;
  const key = service === 'kms' ? keys.get(resource) : undefined;
  const { decision } = evaluate({
    principal: who.principal,
    action,
    resource,
    context: { 'aws:SecureTransport': 'true', 'aws:RequestedRegion': region, ...context },
    identityPolicies: permissionsOf(who.principal),
    ...(who.sessionPolicies && { sessionPolicies: who.sessionPolicies }),
    resourcePolicies: [bucket, key].filter((policy) => policy !== undefined),
    resourcePolicyRequired: service === 'kms',
  });
  return decision;
}

/** A whole call of ours: allowed only where everything that it needs is. */
export function judgeCall<M extends AwsMethod>(who: Who, method: M, request: AwsCalls[M]): string {
  for (const { action, resource, context } of authorizationsOf(method, request, facts)) {
    const decision = judge(who, action, resource, context);
    if (decision !== 'Allow') return decision;
  }
  return 'Allow';
}
