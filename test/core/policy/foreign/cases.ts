import type { RequestContext } from '../../../../src/core/policy/evaluate.ts';
import { evaluateAssumeRole, evaluateAssumeRoleWithWebIdentity, tagContext } from '../../../../src/core/policy/trust.ts';
import {
  account,
  analystOf,
  issuer,
  judge,
  judgeCall,
  permissionsOf,
  provider,
  region,
  roles,
  sessionsOf,
  type Tenant,
  tenants,
  type Who,
  type WhoName,
} from './estate.ts';

export type Case = { readonly group: string; readonly says: string; readonly decided: () => string };

const everyone: readonly WhoName[] = [
  'agent',
  'operator',
  'master',
  'worker',
  'masterPod',
  'workerPod',
  'masterNodeAgent',
  'workerNodeAgent',
  'node',
  'orders',
];
const pods: readonly WhoName[] = ['masterPod', 'workerPod', 'masterNodeAgent', 'workerNodeAgent', 'node', 'orders'];

function each(of: Tenant, names: readonly WhoName[]): readonly Who[] {
  const sessions = sessionsOf(of);
  return names.map((name) => sessions[name]);
}

const othersOf = (of: Tenant): readonly Tenant[] => tenants.filter((other) => other !== of);
export const ec2 = (resource: string): string => `arn:aws:ec2:${region}:${account}:${resource}`;
export const s3 = (path: string): string => `arn:aws:s3:::${path}`;

export function fleetOf(
  of: Tenant,
  more: { readonly template?: string; readonly tags?: Readonly<Record<string, string>>; readonly subnet?: string } = {},
) {
  return {
    launchTemplate: { id: more.template ?? `lt-${of.namespace}` },
    offerings: [{ instanceType: 'm7i.large', subnetId: more.subnet ?? `subnet-${of.namespace}`, capacityType: 'spot' as const }],
    tags: more.tags ?? { ...of.tags, 'elasticruntime.dev/node-uid': 'n1' },
  };
}

/** Another runtime's instance, volume and template, and what carries no tags or not all of them: nobody ends, changes or launches from them. */
function instances(of: Tenant): readonly Case[] {
  const foreign = othersOf(of).map(({ namespace }) => namespace);
  const stable = ['cluster', 'organization', 'namespace', 'runtime'].flatMap((tag) => [
    `without-${tag}-${of.namespace}`,
    `other-${tag}-${of.namespace}`,
  ]);
  const ids = [...foreign, 'bare', ...stable];
  return each(of, ['master', 'worker', 'operator', 'masterPod']).flatMap((who) =>
    ids.flatMap((id): readonly Case[] => [
      {
        group: 'EC2 of others',
        says: `${who.name} ends i-${id}`,
        decided: () => judgeCall(who, 'ec2.terminateInstances', { instanceIds: [`i-${id}`] }),
      },
      {
        group: 'EC2 of others',
        says: `${who.name} grows vol-${id}`,
        decided: () => judgeCall(who, 'ec2.modifyVolume', { volumeId: `vol-${id}`, sizeGiB: 9 }),
      },
      {
        group: 'EC2 of others',
        says: `${who.name} deletes lt-${id}`,
        decided: () => judgeCall(who, 'ec2.deleteLaunchTemplate', { id: `lt-${id}` }),
      },
      {
        group: 'EC2 of others',
        says: `${who.name} launches from lt-${id}`,
        decided: () => judgeCall(who, 'ec2.createFleet', fleetOf(of, { template: `lt-${id}` })),
      },
    ]),
  );
}

function launches(of: Tenant): readonly Case[] {
  const { master, operator } = sessionsOf(of);
  const launch = (says: string, fleet: ReturnType<typeof fleetOf>): Case => ({
    group: 'launches',
    says: `${master.name} launches ${says}`,
    decided: () => judgeCall(master, 'ec2.createFleet', fleet),
  });
  const without = (tag: string): Readonly<Record<string, string>> =>
    Object.fromEntries(Object.entries(of.tags).filter(([key]) => key !== `elasticruntime.dev/${tag}`));
  return [
    ...othersOf(of).flatMap((other) => [
      launch(`with the tags of ${other.namespace}`, fleetOf(of, { tags: other.tags })),
      launch(`into the subnet of ${other.namespace}`, fleetOf(of, { subnet: `subnet-${other.namespace}` })),
      {
        group: 'launches',
        says: `${operator.name} makes a template with the tags of ${other.namespace}`,
        decided: () => judgeCall(operator, 'ec2.createLaunchTemplate', { name: 'n', tags: other.tags }),
      },
    ]),
    ...['cluster', 'organization', 'namespace', 'runtime'].map((tag) =>
      launch(`without the tag ${tag}`, fleetOf(of, { tags: without(tag) })),
    ),
    launch('without tags', fleetOf(of, { tags: {} })),
    launch('with a tag key that is not ours', fleetOf(of, { tags: { ...of.tags, Owner: 'x' } })),
    launch('with the tag of an actor', fleetOf(of, { tags: { ...of.tags, 'elasticruntime.dev/actor': 'operator' } })),
    launch('with the tag of a job', fleetOf(of, { tags: { ...of.tags, 'elasticruntime.dev/job': 'x' } })),
    launch('with the role of an administrator', fleetOf(of, { template: `lt-admin-${of.namespace}` })),
    launch('with the worker role', fleetOf(of, { template: `lt-worker-${of.namespace}` })),
  ];
}

/** Tags of what exists: not added, not changed, not taken away, by nobody, on nobody's. */
function tagRewriting(of: Tenant): readonly Case[] {
  const ids = [`i-${of.namespace}`, 'i-bare', ...othersOf(of).map(({ namespace }) => `i-${namespace}`)];
  return each(of, everyone).flatMap((who) =>
    ids.flatMap((id): readonly Case[] => {
      const context = (tags: Readonly<Record<string, string>>): RequestContext => ({
        ...tagContext(tags),
        ...Object.fromEntries(Object.entries(id === 'i-bare' ? {} : of.tags).map(([key, value]) => [`aws:ResourceTag/${key}`, value])),
      });
      return [
        {
          group: 'tag rewriting',
          says: `${who.name} puts its runtime's tags on ${id}`,
          decided: () => judge(who, 'ec2:CreateTags', ec2(`instance/${id}`), context(of.tags)),
        },
        {
          group: 'tag rewriting',
          says: `${who.name} takes tags from ${id}`,
          decided: () => judge(who, 'ec2:DeleteTags', ec2(`instance/${id}`), context(of.tags)),
        },
      ];
    }),
  );
}

/** User code in a pod, a node's own credentials, a connection's role: nothing in EC2, its own runtime's included. */
function fromPods(of: Tenant): readonly Case[] {
  const own = of.namespace;
  return each(of, pods).flatMap((who): readonly Case[] => {
    const on = (says: string, decided: () => string): Case => ({ group: 'EC2 from pods and nodes', says: `${who.name} ${says}`, decided });
    return [
      on('ends its own instance', () => judgeCall(who, 'ec2.terminateInstances', { instanceIds: [`i-${own}`] })),
      on('grows its own volume', () => judgeCall(who, 'ec2.modifyVolume', { volumeId: `vol-${own}`, sizeGiB: 9 })),
      on('launches', () => judgeCall(who, 'ec2.createFleet', fleetOf(of))),
      on('makes a template', () => judgeCall(who, 'ec2.createLaunchTemplate', { name: 'n', tags: of.tags })),
      on('passes the node role', () => judge(who, 'iam:PassRole', of.roles.node, { 'iam:PassedToService': 'ec2.amazonaws.com' })),
      on('changes IAM', () => judge(who, 'iam:PutRolePolicy', of.roles.worker)),
    ];
  });
}

/** Keys that look as if they were below a tenant's own folder, and are not. */
export function lookAlikes(of: Tenant): readonly string[] {
  const { below, organization, namespace, name } = of;
  return [
    `elastic/${organization}`,
    `elastic/${organization}x/${namespace}/${name}/x`,
    `elastic/${organization}/${namespace}x/${name}/x`,
    `${below}x/jobs/x`,
    `elastic//${organization}/${namespace}/${name}/x`,
    `elastic/${organization.toUpperCase()}/${namespace}/${name}/x`,
    `elastic/${organization}%2F${namespace}/${name}/x`,
    `elastic/\u0430${organization.slice(1)}/${namespace}/${name}/x`,
    `x/${below}/x`,
    'x',
  ];
}

function objects(of: Tenant): readonly Case[] {
  const foreignKeys = [...othersOf(of).map(({ below }) => `${below}/jobs/nightly-1/1/stage/part-0`), ...lookAlikes(of)];
  const cases: Case[] = [];
  for (const who of each(of, everyone)) {
    for (const bucket of ['staging', 'logs']) {
      for (const key of foreignKeys) {
        for (const action of ['s3:GetObject', 's3:PutObject', 's3:DeleteObject']) {
          cases.push({
            group: 'objects of others',
            says: `${who.name} ${action} ${bucket}/${key}`,
            decided: () => judge(who, action, s3(`${bucket}/${key}`), { 's3:x-amz-server-side-encryption-aws-kms-key-id': of.key }),
          });
        }
      }
      for (const prefix of ['', 'elastic', 'elastic/', `elastic/${of.organization}`, ...othersOf(of).map(({ below }) => `${below}/`)]) {
        cases.push({
          group: 'objects of others',
          says: `${who.name} lists ${bucket} by "${prefix}"`,
          decided: () => judge(who, 's3:ListBucket', s3(bucket), { 's3:prefix': prefix }),
        });
      }
    }
    for (const other of othersOf(of)) {
      for (const place of [`${other.namespace}-orders/raw/x`, `${other.namespace}-lake/out/x`, `platform/${other.namespace}/init.sh`]) {
        cases.push({
          group: 'objects of others',
          says: `${who.name} reads ${place}`,
          decided: () => judge(who, 's3:GetObject', s3(place)),
        });
      }
    }
  }
  return cases;
}

/**
 * S3 lists every key that begins with the prefix: a folder's name without its slash lists the folders beside it whose names begin with it, whoever they belong to.
 */
function listings(of: Tenant): readonly Case[] {
  const lists = (who: Who, bucket: string, folder: string): readonly Case[] =>
    cutsOf(folder).map((prefix) => ({
      group: 'listings',
      says: `${who.name} lists ${bucket} by "${prefix}"`,
      decided: () => judge(who, 's3:ListBucket', s3(bucket), { 's3:prefix': prefix }),
    }));
  const [orders] = each(of, ['orders']);
  return [
    ...['staging', 'logs'].flatMap((bucket) => [
      ...each(of, everyone).flatMap((who) => lists(who, bucket, of.below)),
      ...lists(analystOf(of), bucket, `elastic/${of.organization}`),
    ]),
    ...each(of, ['agent', 'worker', 'workerPod']).flatMap((who) => lists(who, `${of.namespace}-lake`, 'out')),
    ...(orders === undefined ? [] : lists(orders, `${of.namespace}-orders`, 'raw')),
  ];
}

/** A folder's name and each of its beginnings, the empty one too; those that end in a slash are other folders'. */
function cutsOf(folder: string): readonly string[] {
  return Array.from({ length: folder.length + 1 }, (_, length) => folder.slice(0, length));
}

/** Keys: of another organization at all; the own one directly, through another service, or for objects elsewhere. */
function keys(of: Tenant): readonly Case[] {
  const viaS3 = { 'kms:ViaService': `s3.${region}.amazonaws.com`, 'kms:CallerAccount': account };
  const foreign = tenants.filter(({ organization }) => organization !== of.organization).map(({ key }) => key);
  return each(of, everyone).flatMap((who) =>
    ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:CreateGrant', 'kms:PutKeyPolicy'].flatMap((action): readonly Case[] => {
      const use = (says: string, key: string, context: RequestContext): Case => ({
        group: 'keys',
        says: `${who.name} ${action} ${says}`,
        decided: () => judge(who, action, key, context),
      });
      return [
        ...[...new Set(foreign)].map((key) =>
          use(`with ${key.split('/')[1]}'s key`, key, { ...viaS3, 'kms:EncryptionContext:aws:s3:arn': s3('staging') }),
        ),
        use('with its own key, directly', of.key, { 'kms:CallerAccount': account }),
        use('with its own key, through EC2', of.key, { ...viaS3, 'kms:ViaService': `ec2.${region}.amazonaws.com` }),
        use('with its own key, for an object elsewhere', of.key, { ...viaS3, 'kms:EncryptionContext:aws:s3:arn': s3('elsewhere/x') }),
      ];
    }),
  );
}

export type Assumption = {
  readonly who: Who;
  readonly target: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly externalId?: string;
};

export function assumes({ who, target, tags, externalId }: Assumption): string {
  const role = roles.get(target);
  if (role === undefined) throw new Error(`no role ${target}`);
  return evaluateAssumeRole({
    roleArn: target,
    trust: role.trust,
    caller: who.principal,
    callerPolicies: {
      identityPolicies: permissionsOf(who.principal),
      ...(who.sessionPolicies && { sessionPolicies: who.sessionPolicies }),
    },
    sessionName: 'stolen',
    ...(tags && { tags }),
    ...(externalId !== undefined && { externalId }),
  }).decision;
}

/** Every role of another tenant that is not the own one too, with the own tags and with the other's. */
function otherRoles(of: Tenant): readonly Case[] {
  const cases: Case[] = [];
  for (const who of each(of, everyone)) {
    for (const other of othersOf(of)) {
      for (const role of ['operator', 'master', 'worker', 'node', 'agent', 'orders'] as const) {
        if (other.roles[role] === of.roles[role]) continue;
        for (const tagged of [of, other]) {
          const tags = { ...sessionsOf(tagged).master.principal.tags };
          cases.push({
            group: 'roles of others',
            says: `${who.name} becomes ${role} of ${other.namespace} with the tags of ${tagged.namespace}`,
            decided: () => assumes({ who, target: other.roles[role], tags, externalId: other.externalId }),
          });
        }
        cases.push({
          group: 'roles of others',
          says: `${who.name} becomes ${role} of ${other.namespace} without tags`,
          decided: () => assumes({ who, target: other.roles[role], externalId: other.externalId }),
        });
      }
    }
  }
  return cases;
}

/** Within a runtime, too: nobody takes the node role, nobody goes back, and a hop needs all of its proof. */
function ownRoles(of: Tenant): readonly Case[] {
  const sessions = sessionsOf(of);
  const tags = sessions.operator.principal.tags ?? {};
  const up = each(of, ['master', 'worker', ...pods]).flatMap((who) =>
    (['agent', 'operator', 'master', 'worker', 'node'] as const).map(
      (role): Case => ({
        group: 'own roles',
        says: `${who.name} becomes ${role}`,
        decided: () => assumes({ who, target: of.roles[role], tags, externalId: of.externalId }),
      }),
    ),
  );
  const short = (says: string, assumption: Assumption): Case => ({ group: 'own roles', says, decided: () => assumes(assumption) });
  const { agent, operator } = sessions;
  const target = of.roles.operator;
  return [
    ...up,
    ...(['agent', 'operator'] as const).map((name) =>
      short(`${sessions[name].name} becomes node`, { who: sessions[name], target: of.roles.node, tags }),
    ),
    short(`${agent.name} becomes operator without the external ID`, { who: agent, target, tags }),
    short(`${agent.name} becomes operator with another external ID`, { who: agent, target, tags, externalId: 'guess' }),
    short(`${agent.name} becomes operator without tags`, { who: agent, target, externalId: of.externalId }),
    short(`${agent.name} becomes operator with a tag that is not ours`, {
      who: agent,
      target,
      tags: { ...tags, admin: 'yes' },
      externalId: of.externalId,
    }),
    short(`${operator.name} becomes worker without tags`, { who: operator, target: of.roles.worker }),
    ...othersOf(of).map((other) =>
      short(`${operator.name} becomes its worker with the tags of ${other.namespace}`, {
        who: operator,
        target: of.roles.worker,
        tags: sessionsOf(other).operator.principal.tags ?? {},
      }),
    ),
  ];
}

export function identified(target: string, sub: string, aud = 'sts.amazonaws.com', providerArn = provider): string {
  const role = roles.get(target);
  if (role === undefined) throw new Error(`no role ${target}`);
  return evaluateAssumeRoleWithWebIdentity({
    roleArn: target,
    trust: role.trust,
    providerArn,
    issuer: providerArn === provider ? issuer : 'oidc.example.com/id/2',
    claims: { sub, aud },
    sessionName: 'stolen',
  }).decision;
}

/** Tokens of a cluster's ServiceAccounts, shown to roles that are not theirs. */
function tokens(of: Tenant): readonly Case[] {
  const pod = (namespace: string, name: string): string => `system:serviceaccount:${namespace}:${name}`;
  const master = pod(of.namespace, `${of.name}-master`);
  const worker = pod(of.namespace, `${of.name}-worker`);
  const agent = pod('elastic-agents', `${of.namespace}.${of.name}`);
  const shown = (says: string, decided: () => string): Case => ({ group: 'tokens', says, decided });
  const own = [
    ...([master, worker, pod(of.namespace, 'default'), pod(of.namespace, `${of.namespace}.${of.name}`)] as const).flatMap((sub) => [
      shown(`${sub} becomes agent`, () => identified(of.roles.agent, sub)),
      shown(`${sub} becomes operator`, () => identified(of.roles.operator, sub)),
      shown(`${sub} takes the node role`, () => identified(of.roles.node, sub)),
    ]),
    shown(`${worker} becomes master`, () => identified(of.roles.master, worker)),
    shown(`${agent} becomes worker`, () => identified(of.roles.worker, agent)),
    shown(`${agent} becomes operator`, () => identified(of.roles.operator, agent)),
    shown(`a token of ${worker} for the API server`, () => identified(of.roles.worker, worker, 'https://kubernetes.default.svc')),
    shown(`a token of ${agent} for the broker`, () => identified(of.roles.agent, agent, 'elastic-broker')),
    shown(`a token of ${worker} by another cluster`, () =>
      identified(of.roles.worker, worker, 'sts.amazonaws.com', `arn:aws:iam::${account}:oidc-provider/oidc.example.com/id/2`),
    ),
    shown(`${worker}x becomes worker`, () => identified(of.roles.worker, `${worker}x`)),
  ];
  const foreign = othersOf(of).flatMap((other) =>
    (['master', 'worker', 'orders', 'node'] as const).flatMap((role) =>
      [master, worker, agent].map((sub) => shown(`${sub} becomes ${role} of ${other.namespace}`, () => identified(other.roles[role], sub))),
    ),
  );
  return [...own, ...foreign];
}

/** Secrets of connections: below `/<organization>/<namespace>/` of the own runtime only. */
function secrets(of: Tenant): readonly Case[] {
  const paths = [
    ...othersOf(of).map(({ organization, namespace }) => `${organization}/${namespace}/db`),
    `${of.organization}x/${of.namespace}/db`,
    `${of.organization}/${of.namespace}x/db`,
    `${of.organization}/${of.namespace}`,
    'db',
  ];
  return each(of, everyone).flatMap((who) =>
    paths.flatMap((path): readonly Case[] => [
      {
        group: 'secrets of others',
        says: `${who.name} reads parameter /${path}`,
        decided: () => judgeCall(who, 'ssm.getParameter', { name: `/${path}` }),
      },
      {
        group: 'secrets of others',
        says: `${who.name} reads secret ${path}`,
        decided: () => judgeCall(who, 'secretsManager.getSecretValue', { secretId: path }),
      },
    ]),
  );
}

export const foreignCases: readonly Case[] = tenants.flatMap((of) => [
  ...instances(of),
  ...launches(of),
  ...tagRewriting(of),
  ...fromPods(of),
  ...objects(of),
  ...listings(of),
  ...keys(of),
  ...otherRoles(of),
  ...ownRoles(of),
  ...tokens(of),
  ...secrets(of),
]);
