import type { AwsCalls, AwsMethod } from '../../src/core/policy/calls.ts';
import { describedByPath, describedByTarget, type Home } from './decode-resources.ts';
import type { WireRequest } from './http.ts';
import { listAt, parseQuery, type Tree, tagsAt, textAt } from './query.ts';

/** One of the product's calls, read off the wire in the words of its port. */
export type GateCall = { readonly [M in AwsMethod]: { readonly method: M; readonly request: AwsCalls[M] } }[AwsMethod];

export type Wire = {
  /** Of the credential scope: sts, s3, ec2, ssm, secretsmanager … */
  readonly service: string;
  /** AWS's name, e.g. CreateFleet */
  readonly operation: string;
  readonly parameters: Tree;
  /** Undefined: nothing that this product is known to call. */
  readonly call: GateCall | undefined;
};

/** `service` is that of the signature; the one unsigned call of all is STS's. */
export function decode(request: WireRequest, service: string, home: Home): Wire {
  const target = request.headers['x-amz-target'];
  if (service === 's3') return decodeS3(request);
  if (restServices.has(service))
    return { service, operation: `${request.method} ${request.path}`, parameters: {}, call: describedByPath(request, home) };
  if (target !== undefined) return decodeJson(request, service, target, home);
  const { action, parameters } = parseQuery(request.body.toString());
  const asked = textAt(parameters, 'DryRun') === 'true' ? `${service}:DryRun${action}` : `${service}:${action}`;
  return { service, operation: action, parameters, call: queryCalls[asked]?.(parameters, home) };
}

function decodeS3(request: WireRequest): Wire {
  const [, bucket = '', ...rest] = request.path.split('/').map(decodeURIComponent);
  const key = rest.join('/');
  const keyArn = request.headers['x-amz-server-side-encryption-aws-kms-key-id'];
  const parameters = { Bucket: bucket, Key: key };
  const where = { bucket, key };
  const found = ((): readonly [string, GateCall] | undefined => {
    if (key === '' && request.method === 'GET' && request.query.get('list-type') === '2') {
      const maxKeys = request.query.get('max-keys');
      const list = { bucket, prefix: request.query.get('prefix') ?? '', ...(maxKeys !== null && { maxKeys: Number(maxKeys) }) };
      return ['ListObjectsV2', { method: 's3.listObjects', request: list }];
    }
    const subresource = [...request.query.keys()].some((name) => name !== 'x-id' && !name.toLowerCase().startsWith('x-amz-'));
    if (key === '' || subresource || request.headers['x-amz-copy-source'] !== undefined) return undefined;
    switch (request.method) {
      case 'PUT':
        return ['PutObject', { method: 's3.putObject', request: { ...where, ...(keyArn !== undefined && { kmsKeyArn: keyArn }) } }];
      case 'GET':
        return ['GetObject', { method: 's3.getObject', request: where }];
      case 'HEAD':
        return ['HeadObject', { method: 's3.headObject', request: where }];
      case 'DELETE':
        return ['DeleteObject', { method: 's3.deleteObject', request: where }];
      default:
        return undefined;
    }
  })();
  return { service: 's3', operation: found?.[0] ?? `${request.method} ${request.path}`, parameters, call: found?.[1] };
}

function decodeJson(request: WireRequest, service: string, target: string, home: Home): Wire {
  const operation = target.slice(target.indexOf('.') + 1);
  const body = JSON.parse(request.body.toString() || '{}') as { readonly [name: string]: string };
  const call = ((): GateCall | undefined => {
    if (target === 'AmazonSSM.GetParameter') return { method: 'ssm.getParameter', request: { name: body['Name'] ?? '' } };
    if (target === 'secretsmanager.GetSecretValue') {
      return { method: 'secretsManager.getSecretValue', request: { secretId: body['SecretId'] ?? '' } };
    }
    return describedByTarget(target, body, home);
  })();
  return { service, operation, parameters: body, call };
}

/** Those whose operation is told by the path. */
const restServices: ReadonlySet<string> = new Set(['s3tables', 'es', 'kafka']);

const queryCalls: Readonly<Record<string, (parameters: Tree, home: Home) => GateCall>> = {
  'sts:AssumeRoleWithWebIdentity': (p) => ({ method: 'sts.assumeRoleWithWebIdentity', request: assumed(p) }),
  'sts:AssumeRole': (p) => ({ method: 'sts.assumeRole', request: { ...assumed(p), tags: tagsAt(p, 'Tags') } }),
  'sts:GetCallerIdentity': () => ({ method: 'sts.getCallerIdentity', request: {} }),
  'iam:GetRole': (p) => ({ method: 'iam.getRole', request: { roleName: textAt(p, 'RoleName') ?? '' } }),
  'iam:SimulatePrincipalPolicy': (p) => ({
    method: 'iam.simulatePrincipalPolicy',
    request: { principalArn: textAt(p, 'PolicySourceArn') ?? '' },
  }),
  'iam:ListAttachedRolePolicies': (p) => ({ method: 'iam.listAttachedRolePolicies', request: { roleName: textAt(p, 'RoleName') ?? '' } }),
  'iam:ListRolePolicies': (p) => ({ method: 'iam.listRolePolicies', request: { roleName: textAt(p, 'RoleName') ?? '' } }),
  'iam:GetRolePolicy': (p) => ({
    method: 'iam.getRolePolicy',
    request: { roleName: textAt(p, 'RoleName') ?? '', policyName: textAt(p, 'PolicyName') ?? '' },
  }),
  'cloudformation:CreateStack': (p) => ({ method: 'cloudFormation.createStack', request: { ...stack(p), tags: tagsAt(p, 'Tags') } }),
  'cloudformation:DescribeStacks': (p) => ({ method: 'cloudFormation.describeStack', request: stack(p) }),
  'cloudformation:UpdateStack': (p) => ({ method: 'cloudFormation.updateStack', request: { ...stack(p), tags: tagsAt(p, 'Tags') } }),
  'cloudformation:DeleteStack': (p) => ({ method: 'cloudFormation.deleteStack', request: stack(p) }),
  'cloudformation:DescribeStackEvents': (p) => ({ method: 'cloudFormation.describeStackEvents', request: stack(p) }),
  'redshift:DescribeClusters': (p, { id, region }) => ({
    method: 'resources.describe',
    request: {
      action: 'redshift:DescribeClusters',
      arn: `arn:aws:redshift:${region}:${id}:cluster:${textAt(p, 'ClusterIdentifier') ?? ''}`,
    },
  }),
  'rds:DescribeDBClusters': (p, { region, id }) => ({
    method: 'resources.describe',
    request: { action: 'rds:DescribeDBClusters', arn: `arn:aws:neptune-db:${region}:${id}:${filteredBy(p, 'db-cluster-resource-id')}/*` },
  }),
  'sns:GetTopicAttributes': (p) => ({
    method: 'resources.describe',
    request: { action: 'sns:GetTopicAttributes', arn: textAt(p, 'TopicArn') ?? '' },
  }),
  'ec2:CreateLaunchTemplate': (p) => ({
    method: 'ec2.createLaunchTemplate',
    request: { name: textAt(p, 'LaunchTemplateName') ?? '', tags: specifiedTags(p, 'launch-template') },
  }),
  'ec2:DescribeLaunchTemplates': () => ({ method: 'ec2.describeLaunchTemplates', request: {} }),
  'ec2:DeleteLaunchTemplate': (p) => ({ method: 'ec2.deleteLaunchTemplate', request: { id: textAt(p, 'LaunchTemplateId') ?? '' } }),
  'ec2:CreateFleet': (p) => ({ method: 'ec2.createFleet', request: fleet(p) }),
  'ec2:DryRunCreateFleet': (p) => ({ method: 'ec2.dryRunCreateFleet', request: fleet(p) }),
  'ec2:DryRunRunInstances': (p) => ({ method: 'ec2.dryRunRunInstances', request: ran(p) }),
  'ec2:DryRunDeleteLaunchTemplate': (p) => ({
    method: 'ec2.dryRunDeleteLaunchTemplate',
    request: { id: textAt(p, 'LaunchTemplateId') ?? '' },
  }),
  'ec2:DescribeInstances': () => ({ method: 'ec2.describeInstances', request: {} }),
  'ec2:TerminateInstances': (p) => ({ method: 'ec2.terminateInstances', request: { instanceIds: texts(p, 'InstanceId') } }),
  'ec2:DescribeVolumes': () => ({ method: 'ec2.describeVolumes', request: {} }),
  'ec2:ModifyVolume': (p) => ({
    method: 'ec2.modifyVolume',
    request: { volumeId: textAt(p, 'VolumeId') ?? '', sizeGiB: Number(textAt(p, 'Size')) },
  }),
  'ec2:DescribeVolumesModifications': () => ({ method: 'ec2.describeVolumesModifications', request: {} }),
  'ec2:DeleteVolume': (p) => ({ method: 'ec2.deleteVolume', request: { volumeId: textAt(p, 'VolumeId') ?? '' } }),
  'ec2:DescribeSubnets': () => ({ method: 'ec2.describeSubnets', request: {} }),
};

function stack(p: Tree): { name: string } {
  return { name: textAt(p, 'StackName') ?? '' };
}

function assumed(p: Tree): { roleArn: string; sessionName: string } {
  return { roleArn: textAt(p, 'RoleArn') ?? '', sessionName: textAt(p, 'RoleSessionName') ?? '' };
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Filter.html */
function filteredBy(p: Tree, name: string): string {
  const values = listAt(p, 'Filters', 'Filter').find((filter) => textAt(filter, 'Name') === name);
  return values === undefined ? '' : (listAt(values, 'Values', 'Value').find((value) => typeof value === 'string') ?? '');
}

function texts(p: Tree, name: string): string[] {
  return listAt(p, name).filter((item) => typeof item === 'string');
}

/** Tags of one kind of resource in a request's TagSpecification list. */
export function specifiedTags(p: Tree, resourceType: string): Readonly<Record<string, string>> {
  const specification = listAt(p, 'TagSpecification').find((item) => textAt(item, 'ResourceType') === resourceType);
  return tagsAt(specification, 'Tag');
}

export type FleetParameters = {
  readonly launchTemplate: { readonly id: string; readonly version: string };
  readonly offerings: readonly (AwsCalls['ec2.createFleet']['offerings'][number] & { readonly zone: string })[];
  readonly tags: Readonly<Record<string, string>>;
};

export function fleet(p: Tree): FleetParameters {
  const configuration = listAt(p, 'LaunchTemplateConfigs')[0];
  const capacityType: 'spot' | 'on-demand' =
    textAt(p, 'TargetCapacitySpecification', 'DefaultTargetCapacityType') === 'spot' ? 'spot' : 'on-demand';
  return {
    launchTemplate: {
      id: textAt(configuration, 'LaunchTemplateSpecification', 'LaunchTemplateId') ?? '',
      version: textAt(configuration, 'LaunchTemplateSpecification', 'Version') ?? '$Default',
    },
    offerings: listAt(configuration, 'Overrides').map((override) => ({
      instanceType: textAt(override, 'InstanceType') ?? '',
      subnetId: textAt(override, 'SubnetId') ?? '',
      zone: textAt(override, 'AvailabilityZone') ?? '',
      capacityType,
    })),
    tags: specifiedTags(p, 'instance'),
  };
}

/** A launch without a fleet, of one instance. */
function ran(p: Tree): FleetParameters {
  const zone = textAt(p, 'Placement', 'AvailabilityZone') ?? '';
  const capacityType = textAt(p, 'InstanceMarketOptions', 'MarketType') === 'spot' ? 'spot' : 'on-demand';
  return {
    launchTemplate: {
      id: textAt(p, 'LaunchTemplate', 'LaunchTemplateId') ?? '',
      version: textAt(p, 'LaunchTemplate', 'Version') ?? '$Default',
    },
    offerings: [{ instanceType: textAt(p, 'InstanceType') ?? '', subnetId: textAt(p, 'SubnetId') ?? '', zone, capacityType }],
    tags: specifiedTags(p, 'instance'),
  };
}
