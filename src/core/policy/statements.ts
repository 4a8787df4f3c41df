import { serviceNames } from '../access/partitions.ts';
import type { ConditionBlock, PolicyStatement } from './document.ts';

/** Bricks of the generated documents. */

export type Folder = { readonly bucket: string; readonly key: string };
export type ObjectAction = 'read' | 'write' | 'list' | 'delete';

const objectActions: { readonly [action in Exclude<ObjectAction, 'list'>]: readonly string[] } = {
  read: ['s3:GetObject'],
  write: ['s3:PutObject'],
  delete: ['s3:DeleteObject'],
};

type Options = {
  readonly partition: string;
  readonly condition?: ConditionBlock | undefined;
  /** Whole objects only: what the operator itself writes is never uploaded in parts. Default true. */
  readonly multipart?: boolean;
  /** Which objects below the folder, as patterns; default all. */
  readonly objects?: readonly string[];
};

/** To replace a certificate of AWS IoT by a new one. Issuing one knows no resources: https://docs.aws.amazon.com/iot/latest/developerguide/iot-action-resources.html */
export function certificateStatements(certificates: string): readonly PolicyStatement[] {
  return [
    { Effect: 'Allow', Action: ['iot:CreateCertificateFromCsr'], Resource: '*' },
    {
      Effect: 'Allow',
      Action: [
        'iot:AttachPolicy',
        'iot:AttachThingPrincipal',
        'iot:DetachThingPrincipal',
        'iot:UpdateCertificate',
        'iot:DeleteCertificate',
      ],
      Resource: certificates,
    },
  ];
}

/**
 * Whatever lies below a folder, as a pattern; the folder itself, with its slash, is among it. Never the bare key: S3 lists every key that begins with the prefix,
 * so that `acme` lists `acme2/...`, too.
 */
export function belowKey(key: string): string {
  return key === '' ? '*' : `${literal(key)}/*`;
}

/** Objects below a folder, and its listing. `name` makes the Sids. */
export function folderStatements(
  name: string,
  folder: Folder,
  actions: readonly ObjectAction[],
  options: Options,
): readonly PolicyStatement[] {
  const { partition, condition } = options;
  const bucket = `arn:${partition}:s3:::${folder.bucket}`;
  const key = literal(folder.key);
  const within = (pattern: string): string => `${bucket}/${key === '' ? '' : `${key}/`}${pattern}`;
  const resources = (options.objects ?? ['*']).map(within);
  const parts = options.multipart !== false && actions.includes('write') ? ['s3:AbortMultipartUpload'] : [];
  const onObjects = [...actions.flatMap((action) => (action === 'list' ? [] : objectActions[action])), ...parts].sort();
  const statements: PolicyStatement[] = [];
  if (onObjects.length > 0)
    statements.push({
      Sid: name,
      Effect: 'Allow',
      Action: onObjects,
      Resource: resources.length === 1 ? (resources[0] ?? '') : resources,
      ...withCondition(condition),
    });
  if (actions.includes('list')) {
    const prefixes = folder.key === '' ? undefined : { StringLike: { 's3:prefix': belowKey(folder.key) } };
    statements.push({
      Sid: `${name}List`,
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: bucket,
      ...withCondition(merge(condition, prefixes)),
    });
  }
  return statements;
}

/** One key, only through S3, and only for what lies in the buckets named (the encryption context of S3 is the object's or bucket's ARN). */
export function keyStatement(
  name: string,
  keyArn: string,
  folders: readonly Folder[],
  actions: readonly ObjectAction[],
  region: string,
  options: Options,
): PolicyStatement {
  const { partition, condition } = options;
  const arns = folders.flatMap(({ bucket, key }) => [
    `arn:${partition}:s3:::${bucket}${key === '' ? '' : `/${literal(key)}`}/*`,
    `arn:${partition}:s3:::${bucket}`,
  ]);
  const through: ConditionBlock = {
    StringEquals: { 'kms:ViaService': serviceNames(`s3.${region}`, partition) },
    StringLike: { 'kms:EncryptionContext:aws:s3:arn': [...new Set(arns)] },
  };
  // A multipart upload decrypts its parts: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
  const decrypts = actions.includes('read') || (actions.includes('write') && options.multipart !== false);
  const kms = [...(decrypts ? ['kms:Decrypt'] : []), ...(actions.includes('write') ? ['kms:GenerateDataKey'] : [])];
  return { Sid: name, Effect: 'Allow', Action: kms, Resource: keyArn, ...withCondition(merge(condition, through)) };
}

/** Names below which an organization's parameters and secrets lie, as ARNs: `<organization>/<rest>`, with or without a slash before it. */
export function storedBelow(
  place: { readonly partition: string; readonly region: string; readonly account: string },
  path: string,
): { readonly parameters: string; readonly secrets: readonly string[] } {
  const { partition, region, account } = place;
  return {
    parameters: `arn:${partition}:ssm:${region}:${account}:parameter/${path}/*`,
    secrets: [path, `/${path}`].map((name) => `arn:${partition}:secretsmanager:${region}:${account}:secret:${name}/*`),
  };
}

/** A key through Parameter Store and through Secrets Manager, for what lies below a path. */
export function storedKeyConditions(
  { region, partition }: { readonly region: string; readonly partition: string },
  stored: ReturnType<typeof storedBelow>,
): { readonly ssm: ConditionBlock; readonly secretsManager: ConditionBlock } {
  return {
    ssm: {
      StringEquals: { 'kms:ViaService': serviceNames(`ssm.${region}`, partition) },
      StringLike: { 'kms:EncryptionContext:PARAMETER_ARN': stored.parameters },
    },
    secretsManager: {
      StringEquals: { 'kms:ViaService': serviceNames(`secretsmanager.${region}`, partition) },
      StringLike: { 'kms:EncryptionContext:SecretARN': stored.secrets },
    },
  };
}

/** A text in which `*`, `?` and `$` mean themselves: S3 keys may hold them. */
export function literal(text: string): string {
  return text.replaceAll(/[*?$]/g, (character) => `\${${character}}`);
}

/** An ARN of a location. Names have no wildcards (service-resources.ts), so those in it are meant; a `$` could begin a policy variable. */
export function pattern(arn: string): string {
  return arn.replaceAll('$', () => '${$}');
}

/** Both blocks must hold; keys of the same operator are put together (no key is in both). */
export function merge(...blocks: readonly (ConditionBlock | undefined)[]): ConditionBlock | undefined {
  const merged: Record<string, ConditionBlock[string]> = {};
  for (const block of blocks) {
    for (const [operator, keys] of Object.entries(block ?? {})) merged[operator] = { ...merged[operator], ...keys };
  }
  return Object.keys(merged).length === 0 ? undefined : merged;
}

export function withCondition(condition: ConditionBlock | undefined): { readonly Condition?: ConditionBlock } {
  return condition === undefined ? {} : { Condition: condition };
}

/** Values of `tags` under a tag condition key: `aws:ResourceTag`, `aws:RequestTag`, `aws:PrincipalTag`. */
export function tagsEqual(key: string, tags: Readonly<Record<string, string>>): ConditionBlock {
  return { StringEquals: Object.fromEntries(Object.entries(tags).map(([tag, value]) => [`${key}/${tag}`, value])) };
}

/** A name of ours as part of a Sid: letters and digits only. */
export function sidPart(text: string): string {
  return text
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
