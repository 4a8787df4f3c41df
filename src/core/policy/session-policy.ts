import { malformed, type Parsed, parsed, quoted } from '../quantity/outcome.ts';
import type { PolicyStatement } from './document.ts';
import { literal, type ObjectAction, tagsEqual } from './statements.ts';

/** Objects that a session is for. Keys have no slash at the end. */
export type ObjectAccess = {
  readonly bucket: string;
  /** From the folder (or, with `object`, the one key) asked for to the widest allowed: the organization's. Each holds the one before. */
  readonly folders: readonly [string, ...string[]];
  /** The first of `folders` is the key of one object. */
  readonly object?: boolean;
  readonly actions: readonly ObjectAction[];
  readonly kmsKeyArn?: string;
};

export type SessionAccess = {
  readonly partition?: string;
  readonly region: string;
  readonly objects?: readonly ObjectAccess[];
  /** Roles that the session goes on to; `tagged`: with session tags. */
  readonly assume?: { readonly roleArns: readonly string[]; readonly tagged: boolean };
  readonly ec2?: {
    readonly actions: readonly ('launch' | 'terminate' | 'growVolumes' | 'launchTemplates' | 'describe')[];
    /** On everything launched, ended or changed: the stable set, or more. */
    readonly tags: Readonly<Record<string, string>>;
    readonly nodeRoleArn?: string;
  };
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
 * - folders: each folder is replaced by the next wider one, until the organization's
 */
type WideningStep = 'encryption-context' | 'actions' | `folders:${number}`;

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: Policy */
export const maxSessionPolicyCharacters = 2048;

/**
 * An inline session policy that allows what the access needs and no more. What does not fit 2,048 characters is widened step by step, never past the
 * widest folder given; where it still does not fit, the answer is a reason (the caller splits the access into two sessions).
 */
export function sessionPolicyFor(access: SessionAccess, maxCharacters = maxSessionPolicyCharacters): Parsed<SessionPolicy> {
  const wrong = (access.objects ?? []).map(wrongFolders).find((reason) => reason !== undefined);
  if (wrong !== undefined) return malformed(wrong);
  const widened: WideningStep[] = [];
  const steps = stepsOf(access);
  for (;;) {
    const policy = JSON.stringify({ Version: '2012-10-17', Statement: statementsOf(access, widened) });
    if (policy.length <= maxCharacters) return parsed({ policy, widened });
    const step = steps.shift();
    if (step === undefined)
      return malformed(`the session policy has ${policy.length} characters, more than ${maxCharacters}, at its widest`);
    widened.push(step);
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

function stepsOf({ objects = [] }: SessionAccess): WideningStep[] {
  if (objects.length === 0) return [];
  const deepest = Math.max(...objects.map(({ folders }) => folders.length));
  return ['encryption-context', 'actions', ...Array.from({ length: deepest - 1 }, (_, index): WideningStep => `folders:${index + 1}`)];
}

function statementsOf(access: SessionAccess, widened: readonly WideningStep[]): readonly PolicyStatement[] {
  const statements = [...objectStatements(access, widened), ...ec2Statements(access), ...otherStatements(access)];
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
  const level = widened.filter((step) => step.startsWith('folders:')).length;
  const all = [...new Set(objects.flatMap(({ actions }) => actions))].sort();
  const cuts = objects.map((item): Cut => {
    const index = Math.min(level, item.folders.length - 1);
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
  const listed = cuts.filter((cut) => cut.actions.includes('list'));
  for (const [bucket, group] of grouped(listed, (cut) => cut.bucket)) {
    const open = group.some((cut) => cut.folder === '');
    const prefixes = unique(group.flatMap((cut) => (cut.object ? [cut.folder] : [cut.folder, `${cut.folder}/*`])));
    const condition = open ? {} : { Condition: { StringLike: { 's3:prefix': prefixes } } };
    statements.push({ Effect: 'Allow', Action: 's3:ListBucket', Resource: bucket, ...condition });
  }
  return [...statements, ...keyStatements(cuts, region, !widened.includes('encryption-context'))];
}

function keyStatements(cuts: readonly Cut[], region: string, withContext: boolean): readonly PolicyStatement[] {
  const used = cuts.filter((cut) => cut.kmsKeyArn !== undefined && cut.actions.some((action) => action === 'read' || action === 'write'));
  return grouped(used, (cut) => `${cut.actions.includes('write') ? 'w' : ''}${cut.actions.includes('read') ? 'r' : ''}`).map(
    ([kind, group]) => {
      // With an S3 Bucket Key the context is the bucket's ARN: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
      const context = unique(group.flatMap((cut) => [arnOf(cut), cut.bucket]));
      const through = { StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` } };
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

function ec2Statements({ ec2 }: SessionAccess): readonly PolicyStatement[] {
  if (ec2 === undefined) return [];
  const has = (action: (typeof ec2.actions)[number]): boolean => ec2.actions.includes(action);
  const onTagged = tagsEqual('aws:ResourceTag', ec2.tags);
  const requested = tagsEqual('aws:RequestTag', ec2.tags);
  const statements: PolicyStatement[] = [];
  // The role's own policy says which templates, networks and images; these name what a session policy adds to that.
  if (has('launch')) {
    statements.push({ Effect: 'Allow', Action: ['ec2:CreateFleet', 'ec2:RunInstances'], Resource: '*' });
    if (ec2.nodeRoleArn !== undefined) statements.push({ Effect: 'Allow', Action: 'iam:PassRole', Resource: ec2.nodeRoleArn });
  }
  const creating = [
    ...(has('launch') ? ['ec2:CreateTags'] : []),
    ...(has('launchTemplates') ? ['ec2:CreateLaunchTemplate', 'ec2:CreateTags'] : []),
  ];
  if (creating.length > 0) statements.push({ Effect: 'Allow', Action: unique(creating), Resource: '*', Condition: requested });
  const changing = [
    ...(has('terminate') ? ['ec2:TerminateInstances', 'ec2:DeleteVolume'] : []),
    ...(has('growVolumes') ? ['ec2:ModifyVolume'] : []),
    ...(has('launchTemplates') ? ['ec2:DeleteLaunchTemplate'] : []),
  ];
  if (changing.length > 0) statements.push({ Effect: 'Allow', Action: changing, Resource: '*', Condition: onTagged });
  if (has('describe')) statements.push({ Effect: 'Allow', Action: 'ec2:Describe*', Resource: '*' });
  return statements;
}

function otherStatements({ region, assume, parameters = [], secrets = [] }: SessionAccess): readonly PolicyStatement[] {
  const statements: PolicyStatement[] = [];
  if (assume !== undefined) {
    const action = assume.tagged ? ['sts:AssumeRole', 'sts:TagSession'] : 'sts:AssumeRole';
    statements.push({ Effect: 'Allow', Action: action, Resource: unique(assume.roleArns) });
  }
  if (parameters.length > 0) statements.push({ Effect: 'Allow', Action: 'ssm:GetParameter', Resource: unique(parameters) });
  if (secrets.length > 0) statements.push({ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: unique(secrets) });
  // A SecureString or a secret may be encrypted with any key of the account: usable through these services only.
  const through = [...(parameters.length > 0 ? ['ssm'] : []), ...(secrets.length > 0 ? ['secretsmanager'] : [])];
  if (through.length > 0) {
    const services = through.map((service) => `${service}.${region}.amazonaws.com`);
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
