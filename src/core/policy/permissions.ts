import { tags as tagKeys } from '../../api/labels.ts';
import { type ArnLocation, locationOf } from '../access/arn-locations.ts';
import { parseS3Uri } from '../access/locations.ts';
import { defaultRolePattern, hasDefaultRoles } from '../access/roles.ts';
import { defaultRolesStatements } from './cloudformation/default-roles-access.ts';
import type { ConditionBlock, PolicyStatement } from './document.ts';
import { actor, ec2, launches, launchTemplates } from './launch-statements.ts';
import { accountOf } from './principal.ts';
import { resourceStatements } from './resource-statements.ts';
import type { DocumentsInput, PolicyConnection } from './runtime-input.ts';
import { stagingRole } from './staging-role.ts';
import {
  certificateStatements,
  type Folder,
  folderStatements,
  keyStatement,
  literal,
  merge,
  type ObjectAction,
  sidPart,
  storedBelow,
  storedKeyConditions,
  tagsEqual,
  withCondition,
} from './statements.ts';

/** What every generated document is made from. */
export type DocumentContext = {
  readonly input: DocumentsInput;
  readonly namespace: string;
  readonly name: string;
  readonly partition: string;
  readonly accountId: string;
  readonly region: string;
  /** Without scheme */
  readonly issuer: string;
  /** cluster, organization, namespace, runtime */
  readonly stableTags: Readonly<Record<string, string>>;
  readonly instanceProfileArn: string;
  readonly roles: Readonly<Record<'agent' | 'operator' | 'master' | 'worker' | 'node', string>>;
  /** The runtime's own folders: `<uri>/<organization>/<namespace>/<runtime>` */
  readonly staging: { readonly folder: Folder; readonly kmsKeyArn: string };
  readonly logs: { readonly folder: Folder; readonly kmsKeyArn: string };
  readonly connections: readonly PolicyConnection[];
};

const everything: readonly ObjectAction[] = ['read', 'write', 'delete', 'list'];

/** What the agent writes: its own log of each attempt, and the record of accesses with its parts. */
const agentLogs: FolderOptions = { objects: ['jobs/*/*/agent/*', 'jobs/*/access.json', 'jobs/*/access/*.json'], multipart: false };

export function agentStatements(context: DocumentContext): readonly PolicyStatement[] {
  return [
    assume('BecomeOperator', [context.roles.operator], true),
    ...assumeConnectionRoles(context, 'ReachConnectionsAtDesignTime'),
    // Default roles: the worker has what is attached to the agent, so that must be enough for the jobs.
    ...(hasDefaultRoles(context.input.runtime)
      ? directData(context, 'DataOfDefaultWorker', everything)
      : directData(context, 'DesignTimeData', ['read', 'list'])),
    ...folderObjects(context, 'UploadAgentLog', context.logs, ['write'], agentLogs),
    ...folderObjects(context, 'PollLogs', context.logs, ['read', 'list']),
    folderKey(context, 'LogsKey', context.logs, ['read', 'write'], { multipart: false }),
  ];
}

/** The role may be shared between runtimes: every statement asks for a session of this one. */
export function operatorStatements(context: DocumentContext): readonly PolicyStatement[] {
  const session = tagsEqual('aws:PrincipalTag', { [tagKeys.namespace]: context.namespace, [tagKeys.runtime]: context.name });
  return [
    { ...assume('BecomeMasterOrWorker', masterAndWorker(context), true), Condition: session },
    ...folder(context, 'ClusterInfoAndDependencies', context.staging, ['write', 'delete', 'list'], {
      condition: session,
      multipart: false,
    }),
    ...launchTemplates(context, session),
    ...describe(['ec2:DescribeLaunchTemplates', 'ec2:DescribeSubnets'], session),
    images(context, session),
    ...trustsToRead(context, session),
    rolesToAsk(context, session),
    ...(hasDefaultRoles(context.input.runtime) ? defaultRolesStatements(context, session) : []),
    ...certificates(context, session),
  ];
}

/** Whether pods are let in by their own way is the trust policies' to say. GetRole knows the roles of its own account only. */
function trustsToRead({ roles, connections, input }: DocumentContext, session: ConditionBlock): readonly PolicyStatement[] {
  const own = hasDefaultRoles(input.runtime) ? [] : [roles.master, roles.worker];
  const all = [...own, ...connections.flatMap(({ authentication }) => authentication?.roleArn ?? [])];
  const readable = [...new Set(all)].filter((arn) => accountOf(arn) === accountOf(roles.operator));
  if (readable.length === 0) return [];
  return [{ Sid: 'ReadTrustForPods', Effect: 'Allow', Action: 'iam:GetRole', Resource: readable, Condition: session }];
}

/** A plain name is one of its user's account. Whose keys a Secret holds is not known here: of those only counts that there is something to look at. */
function locationAt(
  { partition, region, roles }: DocumentContext,
  { connector = '', location, authentication }: PolicyConnection,
): ArnLocation | undefined {
  const at = locationOf(connector, location, { partition, region, account: accountOf(authentication?.roleArn ?? roles.worker) });
  // A runtime reads and writes in its own region only.
  return at?.region === region ? at : undefined;
}

/** Whether they may do what they will do, before they have to. Like GetRole of its own account only. */
function rolesToAsk(context: DocumentContext, session: ConditionBlock): PolicyStatement {
  const { roles, connections, input } = context;
  const { operator, master, worker } = roles;
  // Of data that the operator cannot try out itself.
  const located = connections.filter((connection) => locationAt(context, connection) !== undefined);
  const defaultWorker = located.length === 0 ? [] : [defaultRolePattern(input.runtime, 'worker')];
  const own = hasDefaultRoles(input.runtime) ? [operator, ...defaultWorker] : [operator, master, worker];
  const all = [...own, ...located.flatMap(({ authentication }) => authentication?.roleArn ?? [])];
  // Whose keys a Secret holds is known when they are used.
  const [, partition = 'aws'] = operator.split(':');
  const users = located.some(({ authentication }) => authentication?.credentials !== undefined)
    ? [`arn:${partition}:iam::${accountOf(operator)}:user/*`]
    : [];
  const Resource = [...new Set([...all, ...users])].filter((arn) => accountOf(arn) === accountOf(operator));
  return { Sid: 'AskIamBeforeActing', Effect: 'Allow', Action: 'iam:SimulatePrincipalPolicy', Resource, Condition: session };
}

/** Default roles have the runtime's uid in their names, which a policy that is written before it does not know. */
function masterAndWorker({ roles, input: { runtime } }: DocumentContext): readonly string[] {
  if (!hasDefaultRoles(runtime)) return [roles.master, roles.worker];
  return [defaultRolePattern(runtime, 'master'), defaultRolePattern(runtime, 'worker')];
}

export function masterStatements(context: DocumentContext): readonly PolicyStatement[] {
  const script = context.input.runtime.spec.initScript?.uri;
  return [
    ...launches(context),
    {
      Sid: 'EndOnlyWhatCarriesOurTags',
      Effect: 'Allow',
      Action: 'ec2:TerminateInstances',
      Resource: ec2(context, 'instance/*'),
      ...withCondition(merge(actor, tagsEqual('aws:ResourceTag', context.stableTags))),
    },
    ...describe(['ec2:DescribeInstances'], actor),
    ...folder(context, 'StoreMasterLogs', context.logs, ['write'], { objects: ['jobs/*/*/master/*'], multipart: false }),
    ...(script === undefined ? [] : objectToRead('ReadInitScript', script, context)),
  ];
}

export function workerStatements(context: DocumentContext): readonly PolicyStatement[] {
  const { partition, region, accountId } = context;
  const organization = context.stableTags[tagKeys.organization] ?? '';
  const stored = storedBelow({ partition, region, account: accountId }, `${organization}/${context.namespace}`);
  const through = storedKeyConditions(context, stored);
  return [
    ...folder(context, 'StageForJobs', context.staging, everything),
    ...folderObjects(context, 'StoreWorkerLogs', context.logs, ['write'], { objects: ['jobs/*/*/worker/*'], multipart: false }),
    ...provingLogs(context),
    ...directData(context, 'RoleBasedData', everything),
    ...askOfItself(
      context,
      context.roles.worker,
      context.connections.filter(({ authentication }) => authentication === undefined),
    ),
    ...assumeConnectionRoles(context, 'BecomeConnectionRoles'),
    { Sid: 'ConnectionParametersOfThisNamespace', Effect: 'Allow', Action: 'ssm:GetParameter', Resource: stored.parameters },
    { Sid: 'ConnectionSecretsOfThisNamespace', Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: stored.secrets },
    // With the organization's key; AWS's own keys for these services need no permission.
    {
      Sid: 'DecryptConnectionParameters',
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: context.staging.kmsKeyArn,
      Condition: through.ssm,
    },
    {
      Sid: 'DecryptConnectionSecrets',
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: context.staging.kmsKeyArn,
      Condition: through.secretsManager,
    },
    {
      Sid: 'GrowOnlyVolumesWithOurTags',
      Effect: 'Allow',
      Action: 'ec2:ModifyVolume',
      Resource: ec2(context, 'volume/*'),
      ...withCondition(merge(actor, tagsEqual('aws:ResourceTag', context.stableTags))),
    },
    ...describe(['ec2:DescribeVolumes', 'ec2:DescribeVolumesModifications'], actor),
  ];
}

/**
 * What proves the location is all of it that a worker may read or delete: not the logs of others, not the record of accesses. A default worker proves
 * nothing: it is made with what it needs.
 */
function provingLogs(context: DocumentContext): readonly PolicyStatement[] {
  if (hasDefaultRoles(context.input.runtime)) return [folderKey(context, 'LogsKey', context.logs, ['write'], { multipart: false })];
  return [
    ...folderObjects(context, 'ProveLogLocation', context.logs, everything, { objects: ['.elastic-*'], multipart: false }),
    // Written under the statements that let masters and workers store their logs: what proves those must not be allowed by another.
    ...folderObjects(context, 'TakeProbesOfLogsAway', context.logs, ['delete'], { objects: ['jobs/-/0/*/.elastic-*'] }),
    folderKey(context, 'LogsKey', context.logs, ['read', 'write'], { multipart: false }),
  ];
}

/** Join the cluster and pull images (AWS's AmazonEKSWorkerNodeMinimalPolicy and AmazonEC2ContainerRegistryPullOnly), nothing else. */
export function nodeStatements({ partition, region, accountId }: DocumentContext): readonly PolicyStatement[] {
  return [
    { Sid: 'FindOwnInstance', Effect: 'Allow', Action: 'ec2:DescribeInstances', Resource: '*' },
    { Sid: 'LogInToRegistries', Effect: 'Allow', Action: 'ecr:GetAuthorizationToken', Resource: '*' },
    {
      Sid: 'PullImages',
      Effect: 'Allow',
      Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      Resource: [
        `arn:${partition}:ecr:${region}:${accountId}:repository/*`,
        ...addOnImages.map((name) => `arn:${partition}:ecr:${region}:*:repository/${name}`),
      ],
    },
  ];
}

/**
 * Network and proxy of every EKS node come from accounts of AWS's, another one in each region:
 * https://docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html
 */
const addOnImages = ['amazon-k8s-cni', 'amazon-k8s-cni-init', 'amazon/aws-network-policy-agent', 'eks/*'];

/** The connections that share a role: their data, and staging, which such a role reaches by precedence. */
export function connectionStatements(
  context: DocumentContext,
  roleArn: string,
  connections: readonly PolicyConnection[],
): readonly PolicyStatement[] {
  return [
    ...askOfItself(context, roleArn, connections),
    ...byLocation(connections).flatMap((connection) =>
      connectionData(context, `ConnectionData${sidPart(connection.name)}`, connection, everything),
    ),
    ...dependencyUris(context, (connection) => connection?.authentication?.roleArn === roleArn).flatMap((uri, index) =>
      objectToRead(`ConnectionDependency${index + 1}`, uri, context),
    ),
    ...(reachesStaging(context, roleArn) ? folder(context, 'StagingByPrecedence', context.staging, everything) : []),
  ];
}

/** Whether the pods of any job read and write staging as this role. */
function reachesStaging({ input }: DocumentContext, roleArn: string): boolean {
  return (input.jobs ?? []).some((job) => stagingRole(job) === roleArn);
}

/** Of dependencies that are read through such a connection (undefined: through none), but where its own location has them. */
function dependencyUris({ input }: DocumentContext, isRead: (through: PolicyConnection | undefined) => boolean): readonly string[] {
  const uris = (input.jobs ?? []).flatMap(({ spec: { connections, dependencies } }) =>
    (dependencies ?? []).flatMap(({ uri, connection: name }) => {
      const through = name === undefined || name === null ? undefined : (connections ?? []).find((connection) => connection.name === name);
      const isUnknown = through === undefined && name !== undefined && name !== null;
      if (uri === undefined || uri === null || isUnknown || !isRead(through)) return [];
      const folderUri = through?.location?.startsWith('s3://') === true ? `${through.location.replace(/\/$/, '')}/` : undefined;
      return folderUri !== undefined && uri.startsWith(folderUri) ? [] : [uri];
    }),
  );
  return [...new Set(uris)].sort();
}

/** In another account the operator role is answered nothing: whom a connection's role trusts, and what it may do at a location, is asked by itself. */
function askOfItself(context: DocumentContext, roleArn: string, connections: readonly PolicyConnection[]): readonly PolicyStatement[] {
  if (accountOf(roleArn) === accountOf(context.roles.operator)) return [];
  const reads = roleArn === context.roles.worker ? [] : ['iam:GetRole'];
  const asks = connections.some((connection) => locationAt(context, connection) !== undefined) ? ['iam:SimulatePrincipalPolicy'] : [];
  const Action = [...reads, ...asks];
  return Action.length === 0 ? [] : [{ Sid: 'AskIamOfItself', Effect: 'Allow', Action, Resource: roleArn }];
}

/** Describe actions of EC2 know no resources. */
function describe(actions: readonly string[], condition: ConditionBlock): readonly PolicyStatement[] {
  return [{ Sid: 'DescribeKnowsNoResources', Effect: 'Allow', Action: actions, Resource: '*', Condition: condition }];
}

/** A certificate's id is not known before it is issued, so that these cannot name one; only a runtime that has certificates has them. */
function certificates({ input, partition, accountId, region }: DocumentContext, session: ConditionBlock): readonly PolicyStatement[] {
  if (input.runtime.spec.identities.agent.x509 === undefined) return [];
  const names = ['IssueCertificates', 'ReplaceCertificates'];
  return certificateStatements(`arn:${partition}:iot:${region}:${accountId}:cert/*`).map((statement, index) => ({
    Sid: names[index] ?? '',
    ...statement,
    ...withCondition(session),
  }));
}

function images({ partition, region }: DocumentContext, condition: ConditionBlock): PolicyStatement {
  return {
    Sid: 'FindMachineImages',
    Effect: 'Allow',
    Action: 'ssm:GetParameter',
    Resource: `arn:${partition}:ssm:${region}::parameter/aws/service/*`,
    Condition: condition,
  };
}

function assume(sid: string, roles: readonly string[], tagged: boolean): PolicyStatement {
  return {
    Sid: sid,
    Effect: 'Allow',
    Action: tagged ? ['sts:AssumeRole', 'sts:TagSession'] : 'sts:AssumeRole',
    Resource: [...new Set(roles)],
  };
}

function assumeConnectionRoles({ connections }: DocumentContext, sid: string): readonly PolicyStatement[] {
  const roles = connections.flatMap((connection) => connection.authentication?.roleArn ?? []);
  return roles.length === 0 ? [] : [assume(sid, roles, false)];
}

/** Data of the connections that nobody else authenticates, each location once, and the dependencies that are read through none but them. */
function directData(context: DocumentContext, sid: string, allowed: readonly ObjectAction[]): readonly PolicyStatement[] {
  const isOpen = ({ authentication: by }: PolicyConnection): boolean => (by?.roleArn ?? by?.credentials ?? by?.properties) === undefined;
  const open = context.connections.filter(isOpen);
  // Read at run time only, by whoever is the worker.
  const uris = allowed.includes('write') ? dependencyUris(context, (connection) => connection === undefined || isOpen(connection)) : [];
  return [
    ...byLocation(open).flatMap((connection) => connectionData(context, `${sid}${sidPart(connection.name)}`, connection, allowed)),
    ...uris.flatMap((uri, index) => objectToRead(`${sid}Dependency${index + 1}`, uri, context)),
  ];
}

/** Connections of many jobs to one place are one access: the widest of them, under the first name. */
function byLocation(connections: readonly PolicyConnection[]): readonly PolicyConnection[] {
  const places = new Map<string, PolicyConnection>();
  for (const connection of connections) {
    const { connector, location, kmsKeyArn } = connection;
    // A plain name means something else to each connector, and what one needs at an ARN is not what another does.
    const place = JSON.stringify([location?.startsWith('s3://') === true ? undefined : connector, location, kmsKeyArn]);
    const known = places.get(place);
    if (known === undefined) places.set(place, connection);
    else if (known.usage !== connection.usage) places.set(place, { ...known, usage: 'SourceAndTarget' });
  }
  return [...places.values()];
}

function connectionData(
  context: DocumentContext,
  sid: string,
  connection: PolicyConnection,
  allowed: readonly ObjectAction[],
): readonly PolicyStatement[] {
  const at = locationAt(context, connection);
  // Who looks at design time previews objects alone.
  if (at !== undefined) return allowed.includes('write') ? resourceStatements(sid, at, connection.usage, connection.kmsKeyArn) : [];
  const location = parseS3Uri(connection.location ?? '');
  if (!location.ok) return [];
  const wanted: readonly ObjectAction[] = connection.usage === 'Source' ? ['read', 'list'] : everything;
  const actions = wanted.filter((action) => allowed.includes(action));
  const { partition, region } = context;
  return [
    ...folderStatements(sid, location.value, actions, { partition }),
    ...(connection.kmsKeyArn === undefined
      ? []
      : [keyStatement(`${sid}Key`, connection.kmsKeyArn, [location.value], actions, region, { partition })]),
  ];
}

type FolderOptions = Omit<Parameters<typeof folderStatements>[3], 'partition'>;

function folder(
  context: DocumentContext,
  sid: string,
  location: DocumentContext['staging'],
  actions: readonly ObjectAction[],
  options: FolderOptions = {},
): readonly PolicyStatement[] {
  return [...folderObjects(context, sid, location, actions, options), folderKey(context, `${sid}Key`, location, actions, options)];
}

function folderObjects(
  { partition }: DocumentContext,
  sid: string,
  location: DocumentContext['staging'],
  actions: readonly ObjectAction[],
  options: FolderOptions = {},
): readonly PolicyStatement[] {
  return folderStatements(sid, location.folder, actions, { partition, ...options });
}

function folderKey(
  { partition, region }: DocumentContext,
  sid: string,
  location: DocumentContext['staging'],
  actions: readonly ObjectAction[],
  options: FolderOptions = {},
): PolicyStatement {
  return keyStatement(sid, location.kmsKeyArn, [location.folder], actions, region, { partition, ...options });
}

/** One object by its URI, to read. */
function objectToRead(sid: string, uri: string, { partition }: DocumentContext): readonly PolicyStatement[] {
  const location = parseS3Uri(uri);
  if (!location.ok) return [];
  const { bucket, key } = location.value;
  return [{ Sid: sid, Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:${partition}:s3:::${bucket}/${literal(key)}` }];
}
