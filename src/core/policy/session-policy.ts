import { serviceNames } from '../access/partitions.ts';
import { malformed, type Parsed, parsed, quoted } from '../quantity/outcome.ts';
import type { PolicyStatement } from './document.ts';
import { certificateStatements, literal, type ObjectAction, pattern, tagsEqual } from './statements.ts';

/** Objects that a session is for. Keys have no slash at the end. */
export type ObjectAccess = {
  readonly bucket: string;
  /**
   * From the folder (or, with `object`, the one key) asked for to the widest allowed; each holds the one before. The last of several is the organization's,
   * the one before it the runtime's, then the job's. One alone is never widened.
   */
  readonly folders: readonly [string, ...string[]];
  /** The first of `folders` is the key of one object, which cannot be listed. */
  readonly object?: boolean;
  readonly actions: readonly ObjectAction[];
  readonly kmsKeyArn?: string;
};

type Ec2Action = 'launch' | 'terminate' | 'growVolumes' | 'launchTemplates' | 'describe';

export type SessionAccess = {
  readonly partition?: string;
  readonly region: string;
  readonly objects?: readonly ObjectAccess[];
  /** Roles that the session goes on to; `tagged`: with session tags. */
  readonly assume?: { readonly roleArns: readonly string[]; readonly tagged: boolean };
  readonly ec2?: {
    /** describe: what the other actions look at. */
    readonly actions: readonly Ec2Action[];
    /** On everything launched, ended or changed: the stable set, or more. */
    readonly tags: Readonly<Record<string, string>>;
    /** Some of `tags`, the organization's and the runtime's uid among them: what remains where all would not fit. */
    readonly widestTags?: Readonly<Record<string, string>>;
    readonly nodeRoleArn?: string;
  };
  /** Roles whose trust policy is read, and whose policies IAM evaluates. */
  readonly roles?: { readonly read?: readonly string[]; readonly simulate?: readonly string[] };
  /** Calls that show a resource, and the ARNs that AWS asks them of. */
  readonly described?: readonly { readonly actions: readonly string[]; readonly resources: readonly string[] }[];
  /** AWS IoT's certificates: issue and end them. */
  readonly certificates?: { readonly accountId: string };
  /** ARNs */
  readonly parameters?: readonly string[];
  /** ARNs */
  readonly secrets?: readonly string[];
};

export type SessionPolicy = {
  readonly policy: string;
  /** What had to be widened to fit, in order; empty = exactly what was asked for. */
  readonly widened: readonly WideningStep[];
};

/**
 * - encryption-context: the KMS keys may be used (through S3) for any object, not only for the folders'
 * - actions: every object action asked for anywhere is allowed on all folders
 * - tags: what is launched, ended or changed in EC2 is told by the organization and the runtime's uid alone
 * - job-folder, runtime-folder, organization-folder: each folder narrower than that is replaced by it
 */
export const wideningSteps = ['encryption-context', 'actions', 'tags', 'job-folder', 'runtime-folder', 'organization-folder'] as const;
export type WideningStep = (typeof wideningSteps)[number];

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: Policy */
export const maxSessionPolicyCharacters = 2048;

/**
 * An inline session policy that allows what the access needs and no more. What does not fit 2,048 characters is widened step by step, never past the
 * widest folder given; where it still does not fit, the answer is a reason (the caller splits the access into two sessions).
 */
export function sessionPolicyFor(access: SessionAccess, maxCharacters = maxSessionPolicyCharacters): Parsed<SessionPolicy> {
  const wrong = (access.objects ?? []).map(wrongFolders).find((reason) => reason !== undefined);
  if (wrong !== undefined) return malformed(wrong);
  for (const policy of sessionPoliciesFor(access, maxCharacters)) return parsed(policy);
  const lengths = [...sessionPoliciesFor(access, Number.POSITIVE_INFINITY)].map(({ policy }) => policy.length);
  return malformed(`the session policy has ${lengths.at(-1)} characters, more than ${maxCharacters}, at its widest`);
}

/**
 * All that fit, from the narrowest to the widest, each made when it is asked for: STS also limits the packed size of policy and tags together, which only
 * its answer tells (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_know). Each is shorter than the one before. The
 * access is one that `sessionPolicyFor` has a policy for.
 */
export function* sessionPoliciesFor(access: SessionAccess, maxCharacters = maxSessionPolicyCharacters): Generator<SessionPolicy, void> {
  const widened: WideningStep[] = [];
  let shortest = Number.POSITIVE_INFINITY;
  for (const step of [undefined, ...stepsOf(access)]) {
    if (step !== undefined) widened.push(step);
    const policy = JSON.stringify({ Version: '2012-10-17', Statement: statementsOf(access, widened) });
    if (policy.length >= shortest) continue;
    shortest = policy.length;
    if (policy.length <= maxCharacters) yield { policy, widened: [...widened] };
  }
}

function wrongFolders({ bucket, folders }: ObjectAccess): string | undefined {
  for (const [index, folder] of folders.entries()) {
    const wider = folders[index + 1];
    if (folder.endsWith('/')) return `folder ${quoted(folder)} of ${bucket} ends in a slash`;
    if (wider !== undefined && wider !== '' && folder !== wider && !folder.startsWith(`${wider}/`)) {
      return `folder ${quoted(folder)} of ${bucket} does not lie in ${quoted(wider)}`;
    }
  }
  return undefined;
}

/** From the end of `folders`. */
const folderSteps = ['organization-folder', 'runtime-folder', 'job-folder'] as const;

function stepsOf({ objects = [], ec2 }: SessionAccess): readonly WideningStep[] {
  const wider = folderSteps.filter((_, fromEnd) => objects.some(({ folders }) => folders.length > fromEnd + 1));
  const steps = new Set<WideningStep>([
    ...(objects.length > 0 ? (['encryption-context', 'actions'] as const) : []),
    ...(ec2?.widestTags === undefined ? [] : (['tags'] as const)),
    ...wider,
  ]);
  return wideningSteps.filter((step) => steps.has(step));
}

/** Which of `folders` is allowed after the steps taken. */
function levelOf({ folders }: ObjectAccess, widened: readonly WideningStep[]): number {
  const reached = folderSteps.findIndex((step) => widened.includes(step));
  return reached < 0 ? 0 : Math.max(0, folders.length - 1 - reached);
}

function statementsOf(access: SessionAccess, widened: readonly WideningStep[]): readonly PolicyStatement[] {
  const statements = [...objectStatements(access, widened), ...ec2Statements(access, widened.includes('tags')), ...otherStatements(access)];
  // A policy needs a statement; who may do nothing may ask who it is, which needs no permission anyway.
  return statements.length > 0 ? statements : [{ Effect: 'Allow', Action: 'sts:GetCallerIdentity', Resource: '*' }];
}

type Cut = {
  readonly bucket: string;
  readonly folder: string;
  readonly object: boolean;
  readonly actions: readonly ObjectAction[];
  readonly kmsKeyArn?: string;
};

const names = { read: 's3:GetObject', write: 's3:PutObject', delete: 's3:DeleteObject' } as const;

function objectStatements(access: SessionAccess, widened: readonly WideningStep[]): readonly PolicyStatement[] {
  const { partition = 'aws', region, objects = [] } = access;
  const all = [...new Set(objects.flatMap(({ actions }) => actions))].sort();
  const cuts = objects.map((item): Cut => {
    const index = levelOf(item, widened);
    return {
      bucket: `arn:${partition}:s3:::${item.bucket}`,
      folder: literal(item.folders[index] ?? ''),
      object: item.object === true && index === 0,
      actions: widened.includes('actions') ? all : [...new Set(item.actions)].sort(),
      ...(item.kmsKeyArn === undefined ? {} : { kmsKeyArn: item.kmsKeyArn }),
    };
  });
  const statements: PolicyStatement[] = [];
  for (const [actions, group] of grouped(cuts, (cut) => cut.actions.filter((action) => action !== 'list').join())) {
    const allowed = actions.split(',').flatMap((action) => names[action as keyof typeof names] ?? []);
    if (allowed.length > 0) statements.push({ Effect: 'Allow', Action: allowed, Resource: unique(group.map(arnOf)) });
  }
  // One object has nothing to list, also where `actions` was widened: S3 would list every key that begins with its own.
  const listed = cuts.filter((cut) => cut.actions.includes('list') && !cut.object);
  for (const [bucket, group] of grouped(listed, (cut) => cut.bucket)) {
    const open = group.some((cut) => cut.folder === '');
    // Only with its slash: a folder's bare name would list those beside it whose names begin with it.
    const prefixes = unique(group.map((cut) => `${cut.folder}/*`));
    const condition = open ? {} : { Condition: { StringLike: { 's3:prefix': prefixes } } };
    statements.push({ Effect: 'Allow', Action: 's3:ListBucket', Resource: bucket, ...condition });
  }
  return [...statements, ...keyStatements(cuts, { region, partition }, !widened.includes('encryption-context'))];
}

type Place = { readonly region: string; readonly partition: string };

function keyStatements(cuts: readonly Cut[], { region, partition }: Place, withContext: boolean): readonly PolicyStatement[] {
  const used = cuts.filter((cut) => cut.kmsKeyArn !== undefined && cut.actions.some((action) => action === 'read' || action === 'write'));
  return grouped(used, (cut) => `${cut.actions.includes('write') ? 'w' : ''}${cut.actions.includes('read') ? 'r' : ''}`).map(
    ([kind, group]) => {
      // With an S3 Bucket Key the context is the bucket's ARN: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
      const context = unique(group.flatMap((cut) => [arnOf(cut), cut.bucket]));
      const through = { StringEquals: { 'kms:ViaService': serviceNames(`s3.${region}`, partition) } };
      return {
        Effect: 'Allow',
        // A multipart upload decrypts its own parts.
        Action: kind.includes('w') ? ['kms:GenerateDataKey', 'kms:Decrypt'] : ['kms:Decrypt'],
        Resource: unique(group.flatMap((cut) => cut.kmsKeyArn ?? [])),
        Condition: withContext ? { ...through, StringLike: { 'kms:EncryptionContext:aws:s3:arn': context } } : through,
      } satisfies PolicyStatement;
    },
  );
}

const launching = ['ec2:CreateFleet', 'ec2:RunInstances'];
/** By name: DescribeInstanceAttribute and the like would show user data. */
const describing: { readonly [action in Ec2Action]?: readonly string[] } = {
  launch: ['Instances', 'InstanceStatus', 'Volumes'],
  terminate: ['Instances', 'InstanceStatus', 'Volumes'],
  growVolumes: ['Volumes', 'VolumesModifications'],
  launchTemplates: ['LaunchTemplates', 'Subnets', 'SecurityGroups', 'Images'],
};

/** The role's own policy says which images and networks; a session adds whose things are made, ended and changed. */
function ec2Statements({ ec2, partition = 'aws' }: SessionAccess, fewTags: boolean): readonly PolicyStatement[] {
  if (ec2 === undefined) return [];
  const has = (action: Ec2Action): boolean => ec2.actions.includes(action);
  const kinds = (...names: readonly string[]): readonly string[] => names.map((kind) => `arn:${partition}:ec2:*:*:${kind}/*`);
  const tags = fewTags ? (ec2.widestTags ?? ec2.tags) : ec2.tags;
  const created = kinds('fleet', 'instance', 'volume', 'network-interface');
  const templates = kinds('launch-template');
  const statements: PolicyStatement[] = [];
  // CreateTags is asked for only with the call that creates (and so under the tags demanded of that): it changes no tag of what exists.
  const tagging = (...calls: readonly string[]): PolicyStatement => ({
    Effect: 'Allow',
    Action: 'ec2:CreateTags',
    Resource: '*',
    Condition: { StringEquals: { 'ec2:CreateAction': calls } },
  });
  if (has('launch')) {
    statements.push(
      { Effect: 'Allow', Action: launching, NotResource: [...created, ...templates] },
      { Effect: 'Allow', Action: launching, Resource: created, Condition: tagsEqual('aws:RequestTag', tags) },
      tagging('CreateFleet', 'RunInstances'),
    );
    if (ec2.nodeRoleArn !== undefined) {
      const toEc2 = { StringEquals: { 'iam:PassedToService': serviceNames('ec2', partition) } };
      statements.push({ Effect: 'Allow', Action: 'iam:PassRole', Resource: ec2.nodeRoleArn, Condition: toEc2 });
    }
  }
  if (has('launchTemplates')) {
    statements.push(
      { Effect: 'Allow', Action: 'ec2:CreateLaunchTemplate', Resource: templates, Condition: tagsEqual('aws:RequestTag', tags) },
      tagging('CreateLaunchTemplate'),
    );
  }
  const onTagged = [
    ...(has('launch') ? launching : []),
    ...(has('terminate') ? ['ec2:TerminateInstances', 'ec2:DeleteVolume'] : []),
    ...(has('growVolumes') ? ['ec2:ModifyVolume'] : []),
    ...(has('launchTemplates') ? ['ec2:DeleteLaunchTemplate'] : []),
  ];
  const existing = [
    ...(has('launch') || has('launchTemplates') ? templates : []),
    ...(has('terminate') ? kinds('instance') : []),
    ...(has('terminate') || has('growVolumes') ? kinds('volume') : []),
  ];
  if (onTagged.length > 0)
    statements.push({ Effect: 'Allow', Action: onTagged, Resource: existing, Condition: tagsEqual('aws:ResourceTag', tags) });
  if (has('describe')) {
    const described = unique(ec2.actions.flatMap((action) => describing[action] ?? [])).map((what) => `ec2:Describe${what}`);
    statements.push({ Effect: 'Allow', Action: described, Resource: '*' });
  }
  return statements;
}

function otherStatements({
  partition = 'aws',
  region,
  assume,
  roles = {},
  described = [],
  certificates,
  parameters = [],
  secrets = [],
}: SessionAccess): readonly PolicyStatement[] {
  const statements: PolicyStatement[] = [];
  if (assume !== undefined) {
    const action = assume.tagged ? ['sts:AssumeRole', 'sts:TagSession'] : 'sts:AssumeRole';
    statements.push({ Effect: 'Allow', Action: action, Resource: unique(assume.roleArns) });
  }
  if (roles.read !== undefined) statements.push({ Effect: 'Allow', Action: 'iam:GetRole', Resource: unique(roles.read) });
  if (roles.simulate !== undefined)
    statements.push({ Effect: 'Allow', Action: 'iam:SimulatePrincipalPolicy', Resource: unique(roles.simulate).map(literal) });
  for (const { actions, resources } of described)
    statements.push({ Effect: 'Allow', Action: unique(actions), Resource: unique(resources).map(pattern) });
  if (certificates !== undefined)
    statements.push(...certificateStatements(`arn:${partition}:iot:${region}:${certificates.accountId}:cert/*`));
  if (parameters.length > 0) statements.push({ Effect: 'Allow', Action: 'ssm:GetParameter', Resource: unique(parameters) });
  if (secrets.length > 0) statements.push({ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: unique(secrets) });
  // A SecureString, a secret or a table may be encrypted with any key of the account: usable through these services only.
  const through = [
    ...(parameters.length > 0 ? ['ssm'] : []),
    ...(secrets.length > 0 ? ['secretsmanager'] : []),
    ...(described.some(({ actions }) => actions.includes('dynamodb:Scan')) ? ['dynamodb'] : []),
  ];
  if (through.length > 0) {
    const services = through.flatMap((service) => serviceNames(`${service}.${region}`, partition));
    statements.push({ Effect: 'Allow', Action: 'kms:Decrypt', Resource: '*', Condition: { StringEquals: { 'kms:ViaService': services } } });
  }
  return statements;
}

function arnOf({ bucket, folder, object }: Cut): string {
  if (object) return `${bucket}/${folder}`;
  return folder === '' ? `${bucket}/*` : `${bucket}/${folder}/*`;
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly [string, readonly T[]])[] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups];
}

function unique(items: readonly string[]): readonly string[] {
  return [...new Set(items)].sort();
}
