import { asksOf, resourceOfArn } from '../access/arn-locations.ts';
import { serviceNames } from '../access/partitions.ts';
import type { AwsCalls, AwsMethod, Tags } from './calls.ts';
import type { RequestContext } from './evaluate.ts';
import { tagContext } from './trust.ts';

/** One thing that must be allowed for a call to be carried out. */
export type Authorization = { readonly action: string; readonly resource: string; readonly context: RequestContext };

/** What an authorization depends on besides the request: the account's state, as AWS itself sees it. */
export type AccountFacts = {
  readonly accountId: string;
  readonly region: string;
  /** Default `aws`. */
  readonly partition?: string;
  /** Milliseconds since the epoch */
  readonly now: number;
  /** Of an instance, volume or launch template, by id. */
  tagsOf(id: string): Tags | undefined;
  launchTemplate(id: string):
    | {
        readonly imageId: string;
        readonly securityGroupIds: readonly string[];
        readonly instanceProfileArn?: string;
        readonly kmsKeyArn?: string;
        /** Of its tag specification for network interfaces. */
        readonly launchTags?: Tags;
      }
    | undefined;
  roleOfProfile(instanceProfileArn: string): string | undefined;
  /** KMS key that an object is encrypted with. */
  keyOfObject(bucket: string, key: string): string | undefined;
  /** Whether an object was written with an S3 Bucket Key; ours always are, so left out = yes. */
  usesBucketKey?(bucket: string, key: string): boolean;
  /** KMS key of a bucket's default encryption. */
  keyOfBucket(bucket: string): string | undefined;
  /** KMS key of a SecureString parameter, by name, or of a secret, by ARN. */
  keyOfSecret(nameOrArn: string): string | undefined;
  /** ARN of a role by its name, which is unique in the account whatever its path. */
  roleArn?(roleName: string): string | undefined;
  /** ARN and tags of a stack by its name or ARN. */
  stack?(name: string): { readonly arn: string; readonly tags: Tags } | undefined;
  /** ARN of a secret by its name or ARN. */
  secretArn(secretId: string): string | undefined;
};

/** Authorizations of one call, in the order in which AWS would refuse. STS is judged by trust.ts. */
export function authorizationsOf<M extends AwsMethod>(method: M, request: AwsCalls[M], facts: AccountFacts): readonly Authorization[] {
  const make: Maker<M> = makers[method];
  return make(request, facts).map((item) => ({ ...item, context: { ...requestContext(facts), ...item.context } }));
}

type Maker<M extends AwsMethod> = (request: AwsCalls[M], facts: AccountFacts) => readonly Authorization[];

const none: readonly Authorization[] = [];

const makers: { readonly [M in AwsMethod]: Maker<M> } = {
  'sts.assumeRoleWithWebIdentity': () => none,
  'sts.assumeRole': () => none,
  // Judged by the certificate's own IoT policy and the role's trust.
  'iotCredentials.assumeRoleWithCertificate': () => none,
  // Which of them know resources: https://docs.aws.amazon.com/iot/latest/developerguide/iot-action-resources.html
  'iot.createCertificateFromCsr': describing('iot:CreateCertificateFromCsr'),
  'iot.describeCertificate': onCertificate('iot:DescribeCertificate'),
  'iot.updateCertificate': onCertificate('iot:UpdateCertificate'),
  'iot.deleteCertificate': onCertificate('iot:DeleteCertificate'),
  'iot.attachPolicy': ({ certificateArn }) => [{ action: 'iot:AttachPolicy', resource: certificateArn, context: {} }],
  'iot.attachThingPrincipal': ({ certificateArn }) => [{ action: 'iot:AttachThingPrincipal', resource: certificateArn, context: {} }],
  'iot.detachThingPrincipal': ({ certificateArn }) => [{ action: 'iot:DetachThingPrincipal', resource: certificateArn, context: {} }],
  // Needs no permission: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
  'sts.getCallerIdentity': () => none,
  's3.putObject': putObject,
  's3.getObject': (request, facts) => [
    onObject('s3:GetObject', request, facts),
    ...viaKms('kms:Decrypt', facts.keyOfObject(request.bucket, request.key), 's3', facts, encryptionContext(request, facts)),
  ],
  's3.headObject': (request, facts) => [onObject('s3:GetObject', request, facts)],
  's3.listObjects': ({ bucket, prefix, maxKeys }, facts) => [
    {
      action: 's3:ListBucket',
      resource: bucketArn(bucket, facts),
      context: { 's3:prefix': prefix, ...(maxKeys === undefined ? {} : { 's3:max-keys': String(maxKeys) }) },
    },
  ],
  's3.deleteObject': (request, facts) => [onObject('s3:DeleteObject', request, facts)],
  'ec2.createLaunchTemplate': ({ tags }, facts) => {
    const resource = ec2Arn('launch-template/*', facts);
    return [
      { action: 'ec2:CreateLaunchTemplate', resource, context: tagContext(tags) },
      ...tagging([resource], 'CreateLaunchTemplate', tags),
    ];
  },
  'ec2.describeLaunchTemplates': describing('ec2:DescribeLaunchTemplates'),
  'ec2.deleteLaunchTemplate': ({ id }, facts) => [onTagged('ec2:DeleteLaunchTemplate', 'launch-template', id, facts)],
  'ec2.createFleet': createFleet,
  'ec2.dryRunCreateFleet': (request, facts) => createFleet(request, facts).filter(({ resource }) => resource.includes(':fleet/')),
  'ec2.dryRunRunInstances': (request, facts) => runInstances(request, facts, 'RunInstances'),
  'ec2.dryRunDeleteLaunchTemplate': ({ id }, facts) => [onTagged('ec2:DeleteLaunchTemplate', 'launch-template', id, facts)],
  'ec2.describeInstances': describing('ec2:DescribeInstances'),
  'ec2.terminateInstances': ({ instanceIds }, facts) => instanceIds.map((id) => onTagged('ec2:TerminateInstances', 'instance', id, facts)),
  'ec2.describeVolumes': describing('ec2:DescribeVolumes'),
  'ec2.modifyVolume': ({ volumeId }, facts) => [onTagged('ec2:ModifyVolume', 'volume', volumeId, facts)],
  'ec2.describeVolumesModifications': describing('ec2:DescribeVolumesModifications'),
  'ec2.deleteVolume': ({ volumeId }, facts) => [onTagged('ec2:DeleteVolume', 'volume', volumeId, facts)],
  'ec2.describeSubnets': describing('ec2:DescribeSubnets'),
  'ssm.getParameter': ({ name }, facts) => [
    { action: 'ssm:GetParameter', resource: parameterArn(name, facts), context: {} },
    ...viaKms('kms:Decrypt', facts.keyOfSecret(name), 'ssm', facts, parameterArn(name, facts)),
  ],
  'secretsManager.getSecretValue': ({ secretId }, facts) => {
    const resource = facts.secretArn(secretId) ?? (secretId.startsWith('arn:') ? secretId : secretArnOf(secretId, facts));
    return [
      { action: 'secretsmanager:GetSecretValue', resource, context: { 'secretsmanager:SecretId': secretId } },
      ...viaKms('kms:Decrypt', facts.keyOfSecret(resource), 'secretsmanager', facts, resource),
    ];
  },
  'iam.getRole': onRole('iam:GetRole'),
  'iam.simulatePrincipalPolicy': ({ principalArn }) => [{ action: 'iam:SimulatePrincipalPolicy', resource: principalArn, context: {} }],
  'iam.listAttachedRolePolicies': onRole('iam:ListAttachedRolePolicies'),
  'iam.listRolePolicies': onRole('iam:ListRolePolicies'),
  'iam.getRolePolicy': onRole('iam:GetRolePolicy'),
  'iam.putRolePolicy': onRole('iam:PutRolePolicy'),
  'cloudFormation.createStack': onStack('cloudformation:CreateStack', 'CreateStack'),
  'cloudFormation.describeStack': onStack('cloudformation:DescribeStacks'),
  'cloudFormation.updateStack': onStack('cloudformation:UpdateStack', 'UpdateStack'),
  'cloudFormation.deleteStack': onStack('cloudformation:DeleteStack'),
  'cloudFormation.describeStackEvents': onStack('cloudformation:DescribeStackEvents'),
  'resources.describe': ({ action, arn }) => {
    const at = resourceOfArn(arn);
    const asked = at === undefined ? [{ actions: [action], resources: [arn] }] : asksOf(at, action);
    return asked.flatMap(({ actions, resources }) =>
      resources.flatMap((resource) => actions.map((needed) => ({ action: needed, resource, context: {} }))),
    );
  },
};

function onRole(action: string): (request: { readonly roleName: string }, facts: AccountFacts) => readonly Authorization[] {
  return ({ roleName }, facts) => {
    const { partition = 'aws', accountId } = facts;
    return [{ action, resource: facts.roleArn?.(roleName) ?? `arn:${partition}:iam::${accountId}:role/${roleName}`, context: {} }];
  };
}

/** A stack that does not exist yet is judged by its name, and what tags it is asked for its tags too: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html */
function onStack(
  action: string,
  tagging?: 'CreateStack' | 'UpdateStack',
): (request: { readonly name: string; readonly tags?: Tags }, facts: AccountFacts) => readonly Authorization[] {
  return ({ name, tags }, facts) => {
    const { partition = 'aws', region, accountId } = facts;
    const known = facts.stack?.(name);
    const resource =
      known?.arn ?? (name.startsWith('arn:') ? name : `arn:${partition}:cloudformation:${region}:${accountId}:stack/${name}/*`);
    const tagged = Object.entries(known?.tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value]);
    const context = { ...Object.fromEntries(tagged), ...tagContext(tags) };
    const asked = { action: 'cloudformation:TagResource', resource, context: { ...context, 'cloudformation:CreateAction': tagging ?? '' } };
    return [{ action, resource, context }, ...(tagging === undefined ? [] : [asked])];
  };
}

function describing(action: string): () => readonly Authorization[] {
  // Describe actions of EC2 have no resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
  return () => [{ action, resource: '*', context: {} }];
}

function putObject(request: AwsCalls['s3.putObject'], facts: AccountFacts): readonly Authorization[] {
  const encryption: Record<string, string> =
    request.kmsKeyArn === undefined
      ? {}
      : { 's3:x-amz-server-side-encryption': 'aws:kms', 's3:x-amz-server-side-encryption-aws-kms-key-id': request.kmsKeyArn };
  // The adapter switches Bucket Keys on with every key that it names.
  const written = request.kmsKeyArn === undefined ? objectArn(request, facts) : bucketArn(request.bucket, facts);
  return [
    { ...onObject('s3:PutObject', request, facts), context: encryption },
    ...viaKms('kms:GenerateDataKey', request.kmsKeyArn ?? facts.keyOfBucket(request.bucket), 's3', facts, written),
  ];
}

/**
 * An instant fleet launches with the caller's own permissions: ec2:RunInstances, ec2:CreateTags for the tags at creation, iam:PassRole for the template's
 * instance profile (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-fleet-prerequisites.html). The fleet's tags reach fleet, instance and
 * volumes; network interfaces have the template's.
 */
function createFleet(request: AwsCalls['ec2.createFleet'], facts: AccountFacts): readonly Authorization[] {
  const fleet = ec2Arn('fleet/*', facts);
  return [
    { action: 'ec2:CreateFleet', resource: fleet, context: tagContext(request.tags) },
    ...tagging([fleet], 'CreateFleet', request.tags),
    ...runInstances(request, facts, 'CreateFleet'),
  ];
}

/** By CreateFleet the same resources are asked for under both names. */
function runInstances(
  { launchTemplate, offerings, tags }: AwsCalls['ec2.createFleet'],
  facts: AccountFacts,
  by: 'CreateFleet' | 'RunInstances',
): readonly Authorization[] {
  const template = facts.launchTemplate(launchTemplate.id);
  const { instanceProfileArn, kmsKeyArn, launchTags = {} } = template ?? {};
  const used: RequestContext = {
    'ec2:LaunchTemplate': ec2Arn(`launch-template/${launchTemplate.id}`, facts),
    ...(instanceProfileArn === undefined ? {} : { 'ec2:InstanceProfile': instanceProfileArn }),
  };
  const existing = [
    ...(template === undefined ? [] : [imageArn(`image/${template.imageId}`, facts)]),
    ...(template?.securityGroupIds ?? []).map((id) => ec2Arn(`security-group/${id}`, facts)),
    ...new Set(offerings.map((offering) => ec2Arn(`subnet/${offering.subnetId}`, facts))),
  ];
  const tagged = ['instance', 'volume'].map((kind) => ec2Arn(`${kind}/*`, facts));
  const networkInterface = ec2Arn('network-interface/*', facts);
  const launch = (action: string): readonly Authorization[] => [
    onTagged(action, 'launch-template', launchTemplate.id, facts),
    ...existing.map((resource) => ({ action, resource, context: used })),
    ...tagged.map((resource) => ({ action, resource, context: { ...used, ...tagContext(tags) } })),
    { action, resource: networkInterface, context: { ...used, ...tagContext(launchTags) } },
  ];
  const spot = offerings.some((offering) => offering.capacityType === 'spot');
  const role = instanceProfileArn === undefined ? undefined : facts.roleOfProfile(instanceProfileArn);
  return [
    ...(by === 'CreateFleet' ? launch('ec2:CreateFleet') : []),
    ...launch('ec2:RunInstances'),
    ...(spot ? [{ action: 'ec2:RunInstances', resource: ec2Arn('spot-instances-request/*', facts), context: used }] : []),
    ...tagging(tagged, by, tags),
    ...tagging([networkInterface], 'RunInstances', launchTags),
    ...(role === undefined
      ? []
      : [{ action: 'iam:PassRole', resource: role, context: { 'iam:PassedToService': callingName('ec2', facts.partition) } }]),
    ...viaKms('kms:CreateGrant', kmsKeyArn, 'ec2', facts),
  ];
}

function tagging(resources: readonly string[], createAction: string, tags: Tags): readonly Authorization[] {
  if (Object.keys(tags).length === 0) return none;
  const context = { ...tagContext(tags), 'ec2:CreateAction': createAction };
  return resources.map((resource) => ({ action: 'ec2:CreateTags', resource, context }));
}

function onTagged(action: string, kind: string, id: string, facts: AccountFacts): Authorization {
  const context: Record<string, string> = {};
  for (const [key, value] of Object.entries(facts.tagsOf(id) ?? {})) {
    context[`aws:ResourceTag/${key}`] = value;
    context[`ec2:ResourceTag/${key}`] = value;
  }
  return { action, resource: ec2Arn(`${kind}/${id}`, facts), context };
}

function onObject(action: string, request: { readonly bucket: string; readonly key: string }, facts: AccountFacts): Authorization {
  return { action, resource: objectArn(request, facts), context: {} };
}

/** What the service does with the key on the caller's behalf: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service */
function viaKms(
  action: string,
  keyArn: string | undefined,
  service: 's3' | 'ssm' | 'secretsmanager' | 'ec2',
  facts: AccountFacts,
  encrypted?: string,
): readonly Authorization[] {
  if (keyArn === undefined) return none;
  const context: Record<string, string> = {
    'kms:ViaService': callingName(`${service}.${facts.region}`, facts.partition),
    'kms:CallerAccount': facts.accountId,
  };
  if (encrypted !== undefined) context[`kms:EncryptionContext:${encryptionKeys[service]}`] = encrypted;
  if (action === 'kms:CreateGrant') context['kms:GrantIsForAWSResource'] = 'true';
  return [{ action, resource: keyArn, context }];
}

/** The name that a service goes by where a condition sees it: in China, of the two the country's own. */
function callingName(service: string, partition = 'aws'): string {
  return [serviceNames(service, partition)].flat().at(-1) ?? service;
}

/**
 * The key of the encryption context under which each service names what it decrypts: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html,
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html,
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html, https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html
 */
const encryptionKeys = { s3: 'aws:s3:arn', ssm: 'PARAMETER_ARN', secretsmanager: 'SecretARN', ec2: 'aws:ebs:id' } as const;

function onCertificate(action: string) {
  return ({ certificateId }: { readonly certificateId: string }, facts: AccountFacts): readonly Authorization[] => {
    const { partition = 'aws', region, accountId } = facts;
    return [{ action, resource: `arn:${partition}:iot:${region}:${accountId}:cert/${certificateId}`, context: {} }];
  };
}

function requestContext(facts: AccountFacts): RequestContext {
  return {
    'aws:CurrentTime': new Date(facts.now).toISOString(),
    'aws:EpochTime': String(Math.floor(facts.now / 1000)),
    'aws:SecureTransport': 'true',
    'aws:RequestedRegion': facts.region,
    'ec2:Region': facts.region,
  };
}

function bucketArn(bucket: string, { partition = 'aws' }: AccountFacts): string {
  return `arn:${partition}:s3:::${bucket}`;
}

/** The object's ARN, or the bucket's with an S3 Bucket Key (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html#bucket-key-changes). */
function encryptionContext(request: { readonly bucket: string; readonly key: string }, facts: AccountFacts): string {
  return facts.usesBucketKey?.(request.bucket, request.key) === false ? objectArn(request, facts) : bucketArn(request.bucket, facts);
}

function objectArn({ bucket, key }: { readonly bucket: string; readonly key: string }, facts: AccountFacts): string {
  return `${bucketArn(bucket, facts)}/${key}`;
}

function ec2Arn(resource: string, { partition = 'aws', region, accountId }: AccountFacts): string {
  return `arn:${partition}:ec2:${region}:${accountId}:${resource}`;
}

/** An image's ARN has no account. */
function imageArn(resource: string, { partition = 'aws', region }: AccountFacts): string {
  return `arn:${partition}:ec2:${region}::${resource}`;
}

/** AWS's public parameters belong to no account. */
function parameterArn(name: string, { partition = 'aws', region, accountId }: AccountFacts): string {
  return `arn:${partition}:ssm:${region}:${name.startsWith('/aws/') ? '' : accountId}:parameter/${name.replace(/^\//, '')}`;
}

function secretArnOf(name: string, { partition = 'aws', region, accountId }: AccountFacts): string {
  return `arn:${partition}:secretsmanager:${region}:${accountId}:secret:${name}`;
}
