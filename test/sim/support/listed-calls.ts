import assert from 'node:assert/strict';
import { keyAdministration } from '../../../src/core/policy/account/keys.ts';
import { type PolicyDocument, policyOf } from '../../../src/core/policy/document.ts';
import { decidersOf, type Evaluation, evaluate, type RequestContext } from '../../../src/core/policy/evaluate.ts';
import type { Principal } from '../../../src/core/policy/principal.ts';
import { evaluateAssumeRoleWithWebIdentity } from '../../../src/core/policy/trust.ts';
import type { AccountSpec } from '../../../src/sim/aws/index.ts';

/** What pods, nodes and people do with the generated policies, and the simulated operator does not. */
export type ListedCall = {
  /** A role's name, `service:NAME`, `account` (its administrators), or the name of a policy for users. */
  readonly as: string;
  readonly actions: readonly string[];
  readonly resource: string;
  readonly context?: RequestContext;
};

const account = '111122223333';
const region = 'us-east-1';
const kms = (key: string): string => `arn:aws:kms:${region}:${account}:key/${key}`;
const ownKey = kms('0d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e01');
const s3 = (path: string): string => `arn:aws:s3:::${path}`;
const below = 'elastic/acme/finance/analytics';
const through = (bucket: string): RequestContext => ({
  'kms:ViaService': `s3.${region}.amazonaws.com`,
  'kms:CallerAccount': account,
  'kms:EncryptionContext:aws:s3:arn': s3(bucket),
});
const withKey = { 's3:x-amz-server-side-encryption-aws-kms-key-id': ownKey };
const abort = ['s3:AbortMultipartUpload'];
const glue = (resource: string): string => `arn:aws:glue:${region}:${account}:${resource}`;
const events = `arn:aws:dynamodb:${region}:${account}:table/events`;
const analyst = 'elastic-athena-us-east-1-production-acme-policy';

export const listedCalls: readonly ListedCall[] = [
  // pods: Spark reads and writes in parts, as worker and as a connection's role
  { as: 'worker', actions: ['s3:GetObject', ...abort], resource: s3('acme-lake/out/part-0') },
  { as: 'worker', actions: abort, resource: s3(`acme-staging/${below}/jobs/j-1/1/stage/part-0`) },
  { as: 'orders', actions: ['s3:GetObject', ...abort], resource: s3('acme-orders/raw/part-0') },
  { as: 'orders', actions: abort, resource: s3(`acme-staging/${below}/jobs/j-1/1/stage/part-0`) },
  {
    as: 'worker',
    actions: ['BatchGetItem', 'BatchWriteItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'Scan', 'UpdateItem'].map(
      (name) => `dynamodb:${name}`,
    ),
    resource: events,
  },
  { as: 'worker', actions: ['dynamodb:Query', 'dynamodb:Scan'], resource: `${events}/index/by-day` },
  {
    as: 'worker',
    actions: ['glue:BatchGetPartition', 'glue:GetPartition', 'glue:GetPartitions', 'glue:GetTables'],
    resource: glue('table/sales/orders'),
  },
  // nodes
  { as: 'node', actions: ['ec2:DescribeInstances', 'ecr:GetAuthorizationToken'], resource: '*' },
  {
    as: 'node',
    actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
    resource: `arn:aws:ecr:${region}:${account}:repository/etl`,
  },
  // the agent on a person's behalf: preview at design time (the log location it reads for itself, too)
  { as: 'agent', actions: ['s3:GetObject'], resource: s3('acme-lake/out/part-0') },
  { as: 'agent', actions: ['kms:Decrypt'], resource: kms('lake'), context: through('acme-lake') },
  { as: 'agent', actions: ['sts:AssumeRole'], resource: `arn:aws:iam::${account}:role/orders` },
  // people of the organization
  { as: analyst, actions: ['s3:GetObject'], resource: s3('acme-staging/elastic/acme/finance/table/part-0') },
  { as: analyst, actions: ['s3:ListBucket'], resource: s3('acme-staging'), context: { 's3:prefix': 'elastic/acme/finance/' } },
  { as: analyst, actions: ['s3:ListBucket'], resource: s3('acme-logs'), context: { 's3:prefix': 'elastic/acme/finance/' } },
  { as: analyst, actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resource: ownKey, context: through('acme-staging') },
  {
    as: analyst,
    actions: ['glue:BatchGetPartition', 'glue:GetDatabase', 'glue:GetPartition', 'glue:GetPartitions', 'glue:GetTable', 'glue:GetTables'],
    resource: glue('database/elastic_production_acme'),
  },
  {
    as: analyst,
    actions: ['GetQueryExecution', 'GetQueryResults', 'GetWorkGroup', 'StartQueryExecution', 'StopQueryExecution'].map(
      (name) => `athena:${name}`,
    ),
    resource: `arn:aws:athena:${region}:${account}:workgroup/elastic-production-acme`,
  },
  { as: analyst, actions: ['s3:PutObject', ...abort], resource: s3('acme-staging/elastic/acme/athena.results/q.csv'), context: withKey },
  { as: analyst, actions: ['s3:GetBucketLocation'], resource: s3('acme-staging') },
  // whoever stores the logins of connections
  {
    as: 'account',
    actions: ['kms:Encrypt'],
    resource: ownKey,
    context: {
      'kms:ViaService': `ssm.${region}.amazonaws.com`,
      'kms:EncryptionContext:PARAMETER_ARN': `arn:aws:ssm:${region}:${account}:parameter/acme/finance/crm`,
    },
  },
  {
    as: 'account',
    actions: ['kms:GenerateDataKey'],
    resource: ownKey,
    context: {
      'kms:ViaService': `secretsmanager.${region}.amazonaws.com`,
      'kms:EncryptionContext:SecretARN': `arn:aws:secretsmanager:${region}:${account}:secret:acme/finance/ledger-AbCdEf`,
    },
  },
  // whoever administers the account
  {
    as: 'account',
    actions: keyAdministration,
    resource: ownKey,
  },
];

/** What each Deny statement of the bucket policies is for: who could do it, were it not for that statement. */
export const refusedCalls: readonly (ListedCall & { readonly by: string })[] = ['acme-staging', 'acme-logs'].flatMap((bucket) => [
  {
    as: 'account',
    actions: ['s3:GetObject'],
    resource: s3(`${bucket}/${below}/x`),
    context: { 'aws:SecureTransport': 'false' },
    by: `TlsOnly of policy of bucket ${bucket}`,
  },
  { as: 'account', actions: ['s3:PutObject'], resource: s3(`${bucket}/${below}/x`), by: `OnlyTheKeyOfAcme1 of policy of bucket ${bucket}` },
  {
    as: 'administrator-as-worker',
    actions: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', ...abort],
    resource: s3(`${bucket}/elastic/acme2/finance/analytics/x`),
    by: `RolesOfAcmeOnlyBelowTheirPrefix of policy of bucket ${bucket}`,
  },
  {
    as: 'administrator-as-worker',
    actions: ['s3:ListBucket'],
    resource: s3(bucket),
    context: { 's3:prefix': 'elastic/' },
    by: `RolesOfAcmeListOnlyTheirPrefix of policy of bucket ${bucket}`,
  },
]);

const everything: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [{ Sid: 'Everything', Effect: 'Allow', Action: '*', Resource: '*' }],
};

export function judge(spec: AccountSpec, policies: Readonly<Record<string, PolicyDocument>>, call: ListedCall, action: string): Evaluation {
  const { principal, documents } = callerOf(spec, policies, call.as);
  const [, , service, , , rest = ''] = call.resource.split(':');
  const bucket = service === 's3' ? spec.buckets.find(({ name }) => name === rest.split('/')[0]) : undefined;
  const key = spec.keys.find(({ arn }) => arn === call.resource);
  const trust = spec.roles.find(({ arn }) => arn === call.resource);
  const resourcePolicies = [
    ...(bucket?.policy === undefined ? [] : [policyOf(bucket.policy, 'resource', `policy of bucket ${bucket.name}`)]),
    ...(key?.policy === undefined
      ? []
      : [policyOf(key.policy, 'resource', `policy of key ${call.resource.slice(call.resource.lastIndexOf('/') + 1)}`)]),
    ...(trust === undefined ? [] : [policyOf(trust.trust, 'trust', `trust of ${nameOf(trust.arn)}`)]),
  ];
  return evaluate({
    principal,
    action,
    resource: call.resource,
    context: { 'aws:SecureTransport': 'true', 'sts:ExternalId': 'external-orders', ...call.context },
    identityPolicies: documents.map(([name, document]) => policyOf(document, 'identity', name)),
    resourcePolicies,
    resourcePolicyRequired: key?.policy !== undefined || trust !== undefined,
  });
}

function callerOf(
  spec: AccountSpec,
  policies: Readonly<Record<string, PolicyDocument>>,
  as: string,
): { readonly principal: Principal; readonly documents: readonly (readonly [string, PolicyDocument])[] } {
  const name = as.replace('administrator-as-', '');
  const role = spec.roles.find(({ arn }) => (name === 'node' ? isNode(arn) : nameOf(arn) === name));
  const wide = as.startsWith('administrator-as-') ? [['administrator', everything] as const] : [];
  if (role !== undefined) {
    const own = role.policies.map(({ name, document }) => [name, document] as const);
    return { principal: { kind: 'role', roleArn: role.arn, sessionName: 'listed' }, documents: [...own, ...wide] };
  }
  const user = (document: PolicyDocument) => ({
    principal: { kind: 'user', arn: `arn:aws:iam::${account}:user/alice` } as const,
    documents: [[as, document] as const],
  });
  if (as === 'account') return user(everything);
  const policy = policies[as];
  assert.ok(policy !== undefined, `nobody is ${as}`);
  return user(policy);
}

/** Given, or the role behind the profile that the runtime's nodes have where none is given. */
function isNode(arn: string): boolean {
  return /(^|\.)node$/.test(nameOf(arn));
}

/** Pods and instances take their roles: `<Sid> of <policy>` of the statement that lets them. */
export function entrances(spec: AccountSpec): readonly (readonly [action: string, by: string])[] {
  const provider = spec.oidcProviders[0];
  const accounts = [
    ['master', 'system:serviceaccount:finance:analytics-master'],
    ['worker', 'system:serviceaccount:finance:analytics-worker'],
    ['worker', 'system:serviceaccount:finance:analytics-master'],
  ] as const;
  const pods = accounts.map(([name, sub]) => {
    const role = spec.roles.find(({ arn }) => nameOf(arn) === name);
    assert.ok(role !== undefined && provider !== undefined);
    const { issuer, arn: providerArn } = provider;
    const trust = policyOf(role.trust, 'trust', `trust of ${name}`);
    const claims = { sub, aud: 'sts.amazonaws.com' };
    const verdict = evaluateAssumeRoleWithWebIdentity({ roleArn: role.arn, trust, providerArn, issuer, claims, sessionName: 'pod' });
    assert.equal(verdict.decision, 'Allow', `${sub} as ${name}: ${verdict.because}`);
    return verdict.allowed.flatMap(({ action, by }) => by.map((one) => [action, one] as const));
  });
  const node = spec.roles.find(({ arn }) => isNode(arn));
  assert.ok(node !== undefined);
  const instance = evaluate({
    principal: { kind: 'service', service: 'ec2.amazonaws.com' },
    action: 'sts:AssumeRole',
    resource: node.arn,
    identityPolicies: [],
    resourcePolicies: [policyOf(node.trust, 'trust', `trust of ${nameOf(node.arn)}`)],
    resourcePolicyRequired: true,
  });
  assert.equal(instance.decision, 'Allow', instance.because);
  return [...pods.flat(), ...decidersOf(instance).map((by) => ['sts:AssumeRole', by] as const)];
}

function nameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}
