import type { PolicyDocument, PolicyStatement } from '../../src/core/policy/document.ts';
import type { Grant } from '../../src/ports/aws/index.ts';
import type { AccountPlan } from '../gate/provision.ts';
import { agentSubject, as, must, type Stand, subject } from './stand.ts';

export const accountId = '111122223333';
export const externalId = 'canary-external-id-7f3a';
export const stableTags = { 'elasticruntime.dev/namespace': 'finance', 'elasticruntime.dev/runtime': 'analytics' };
export const operatorTags = { ...stableTags, 'elasticruntime.dev/actor': 'operator' };

export function arnOf(role: string): string {
  return `arn:aws:iam::${accountId}:role/${role}`;
}

export function allow(
  actions: string | readonly string[],
  resources: string | readonly string[],
  condition?: PolicyStatement['Condition'],
): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: actions, Resource: resources, ...(condition && { Condition: condition }) }],
  };
}

function trustOf(
  principal: PolicyStatement['Principal'],
  actions: readonly string[],
  condition?: PolicyStatement['Condition'],
): PolicyDocument {
  return {
    Version: '2012-10-17',
    // Tags are asked for apart, where IAM knows no external ID.
    Statement: actions.map((action) => ({
      Effect: 'Allow',
      ...(principal && { Principal: principal }),
      Action: action,
      ...(condition && action !== 'sts:TagSession' && { Condition: condition }),
    })),
  };
}

/** The four identities of DESIGN's table in small, and a connection role that trusts the worker. `permissions` are the worker's and master's. */
export function roles(
  issuer: string,
  permissions: { readonly worker?: PolicyDocument; readonly master?: PolicyDocument; readonly operator?: PolicyDocument },
): NonNullable<AccountPlan['roles']> {
  const provider = issuer.replace('https://', '');
  const nothing = allow('sts:GetCallerIdentity', '*');
  const tagged = Object.fromEntries(Object.entries(stableTags).map(([key, value]) => [`aws:RequestTag/${key}`, value]));
  const fromOperator = trustOf({ AWS: arnOf('operator') }, ['sts:AssumeRole', 'sts:TagSession'], { StringEquals: tagged });
  return {
    agent: {
      trust: trustOf({ Federated: `arn:aws:iam::${accountId}:oidc-provider/${provider}` }, ['sts:AssumeRoleWithWebIdentity'], {
        StringEquals: { [`${provider}:sub`]: agentSubject, [`${provider}:aud`]: 'sts.amazonaws.com' },
      }),
      permissions: allow(['sts:AssumeRole', 'sts:TagSession'], arnOf('operator')),
    },
    operator: {
      trust: trustOf({ AWS: arnOf('agent') }, ['sts:AssumeRole', 'sts:TagSession'], {
        StringEquals: { 'sts:ExternalId': externalId, ...tagged },
      }),
      permissions: [allow(['sts:AssumeRole', 'sts:TagSession'], [arnOf('worker'), arnOf('master')]), permissions.operator ?? nothing],
    },
    worker: { trust: fromOperator, permissions: [allow('sts:AssumeRole', arnOf('orders-reader')), permissions.worker ?? nothing] },
    master: { trust: fromOperator, permissions: permissions.master ?? nothing },
    // A customer's own: it allows neither session tags nor anything but AssumeRole.
    'orders-reader': { trust: trustOf({ AWS: arnOf('worker') }, ['sts:AssumeRole']), permissions: permissions.worker ?? nothing },
  };
}

export type Chain = { readonly agent: Grant; readonly operator: Grant; readonly worker: Grant; readonly master: Grant };

/** token -> agent -> operator -> worker, master. */
export async function assumeChain(stand: Stand, policies: { readonly worker?: PolicyDocument } = {}): Promise<Chain> {
  const { sts } = stand.aws;
  const common = { durationSeconds: 3600 };
  const agent = must(
    await sts.assumeRoleWithWebIdentity(subject, {
      ...common,
      identity: 'agent',
      roleArn: arnOf('agent'),
      sessionName: 'r.j.agent',
      token: stand.token(),
    }),
  );
  const operator = must(
    await sts.assumeRole(as(agent), {
      ...common,
      identity: 'operator',
      roleArn: arnOf('operator'),
      sessionName: 'r.j.operator',
      externalId,
      tags: stableTags,
    }),
  );
  const next = (identity: string, policy?: PolicyDocument) =>
    sts.assumeRole(as(operator), {
      ...common,
      identity,
      roleArn: arnOf(identity),
      sessionName: `r.j.${identity}`,
      tags: operatorTags,
      ...(policy && { policy: JSON.stringify(policy) }),
    });
  return { agent, operator, worker: must(await next('worker', policies.worker)), master: must(await next('master')) };
}
