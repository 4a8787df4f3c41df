import { tags as tagKeys } from '../../api/labels.ts';
import { parseS3Uri, runtimePrefix } from '../access/locations.ts';
import { defaultRoleArn, nodeProfileArn, nodeRoleArn, parseRoleArn } from '../access/roles.ts';
import type { PolicyDocument, PolicyStatement } from './document.ts';
import {
  agentStatements,
  connectionStatements,
  type DocumentContext,
  masterStatements,
  nodeStatements,
  operatorStatements,
  workerStatements,
} from './permissions.ts';
import type { DocumentsInput, PolicyConnection, RoleDocuments, RuntimeDocuments } from './runtime-input.ts';
import type { Folder } from './statements.ts';
import { agentTrust, connectionTrust, nodeTrust, operatorTrust, ownRoleTrust } from './trusts.ts';

export type { PolicyDocument } from './document.ts';
export type { DocumentsInput, PolicyConnection, PolicyJob, PolicyRuntime, RoleDocuments, RuntimeDocuments } from './runtime-input.ts';

/**
 * The IAM that one runtime needs: trust and permissions of its roles and of its jobs' connection roles. Deterministic. Throws where a URI or ARN of the
 * runtime is malformed (the API server refuses those).
 */
export function runtimeDocuments(input: DocumentsInput): RuntimeDocuments {
  const context = contextOf(input);
  const { roles } = context;
  const own = (arn: string, trust: readonly PolicyStatement[], permissions: readonly PolicyStatement[]): RoleDocuments => ({
    roleArn: arn,
    trust: documentOf(trust),
    permissions: documentOf(permissions),
  });
  return {
    agent: own(roles.agent, agentTrust(context), agentStatements(context)),
    operator: own(roles.operator, operatorTrust(context), operatorStatements(context)),
    master: own(roles.master, ownRoleTrust(context, 'master'), masterStatements(context)),
    worker: own(roles.worker, ownRoleTrust(context, 'worker'), workerStatements(context)),
    node: { ...own(roles.node, nodeTrust(context), nodeStatements(context)), instanceProfileArn: context.instanceProfileArn },
    connectionRoles: connectionRoles(context, own),
  };
}

/** One document of many, equal statements once and no Sid twice. For what several runtimes share. */
export function mergeDocuments(documents: readonly PolicyDocument[]): PolicyDocument {
  return documentOf(documents.flatMap(statementsOf));
}

function statementsOf(document: PolicyDocument): readonly PolicyStatement[] {
  return 'Effect' in document.Statement ? [document.Statement] : document.Statement;
}

/** Equal statements once, Sids that meet again numbered. */
function documentOf(statements: readonly PolicyStatement[]): PolicyDocument {
  const unique = new Map(statements.map((statement) => [JSON.stringify(statement), statement]));
  const used = new Set<string>();
  const named = [...unique.values()].map((statement) => {
    let sid = statement.Sid;
    for (let number = 2; sid !== undefined && used.has(sid); number += 1) sid = `${statement.Sid ?? ''}${number}`;
    if (sid === undefined) return statement;
    used.add(sid);
    return { ...statement, Sid: sid };
  });
  return { Version: '2012-10-17', Statement: named };
}

function connectionRoles(
  context: DocumentContext,
  make: (arn: string, trust: readonly PolicyStatement[], permissions: readonly PolicyStatement[]) => RoleDocuments,
): Readonly<Record<string, RoleDocuments>> {
  const byRole = new Map<string, PolicyConnection[]>();
  for (const connection of context.connections) {
    const arn = connection.authentication?.roleArn;
    if (arn !== undefined) byRole.set(arn, [...(byRole.get(arn) ?? []), connection]);
  }
  return Object.fromEntries(
    [...byRole].map(([arn, connections]) => [
      arn,
      make(arn, connectionTrust(context, connections), connectionStatements(context, arn, connections)),
    ]),
  );
}

function contextOf(input: DocumentsInput): DocumentContext {
  const { runtime, clusterName, accountId } = input;
  const { spec } = runtime;
  const namespace = runtime.metadata.namespace ?? 'default';
  const name = runtime.metadata.name ?? '';
  const operator = parseRoleArn(spec.identities.operator.roleArn);
  const partition = operator.ok ? operator.value.partition : 'aws';
  const owner = { organization: spec.organization, namespace, runtime: name };
  const stableTags = {
    [tagKeys.cluster]: clusterName,
    [tagKeys.organization]: spec.organization,
    [tagKeys.namespace]: namespace,
    [tagKeys.runtime]: name,
  };
  const instanceProfileArn = nodeProfileArn(runtime);
  return {
    input: { ...input, oidcProviderArn: withoutSlash(input.oidcProviderArn) },
    namespace,
    name,
    partition,
    accountId,
    region: spec.region,
    issuer: withoutSlash(input.issuer.replace(/^https:\/\//, '')),
    stableTags,
    instanceProfileArn,
    roles: {
      agent: spec.identities.agent.roleArn,
      operator: spec.identities.operator.roleArn,
      master: spec.identities.master?.roleArn ?? defaultRoleArn(runtime, 'master'),
      worker: spec.identities.worker?.roleArn ?? defaultRoleArn(runtime, 'worker'),
      node: nodeRoleArn(runtime),
    },
    staging: { folder: folderOf(runtimePrefix(spec.staging.uri, owner)), kmsKeyArn: spec.staging.kmsKeyArn },
    logs: { folder: folderOf(runtimePrefix(spec.logs.uri, owner)), kmsKeyArn: spec.logs.kmsKeyArn },
    connections: uniqueConnections(input),
  };
}

/** No issuer of EKS ends in a slash, which is easily written after an address. Another's may, and is another one without it. */
function withoutSlash(issuer: string): string {
  return issuer.replace(/(oidc\.eks\.[^/]+\/id\/[^/]+)\/+$/, '$1');
}

function folderOf(location: ReturnType<typeof parseS3Uri>): Folder {
  if (!location.ok) throw new Error(location.reason);
  return location.value;
}

/** Connections of all jobs by name, whatever the order of the jobs; equal ones of several jobs once. */
function uniqueConnections({ jobs }: DocumentsInput): readonly PolicyConnection[] {
  const unique = new Map<string, PolicyConnection>();
  for (const connection of (jobs ?? []).flatMap((job) => job.spec.connections ?? [])) unique.set(JSON.stringify(connection), connection);
  return [...unique]
    .toSorted(([one, { name: oneName }], [other, { name: otherName }]) => (`${oneName} ${one}` < `${otherName} ${other}` ? -1 : 1))
    .map(([, connection]) => connection);
}
