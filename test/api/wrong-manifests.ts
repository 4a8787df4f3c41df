import { requiredFields } from '../../src/core/classes/builtin.ts';
import { asClassDefaults, asConnections } from './derived-manifests.ts';
import { accessRequest, connection, job, type Manifest, node, runtime, runtimeClass } from './manifests.ts';

/** A manifest that is refused, and what is said about it. */
export type WrongManifest = {
  readonly name: string;
  readonly manifest: Manifest;
  /** For what only an update can do wrong: the manifest that is there already. */
  readonly old?: Manifest;
  /** Where: the path as the API server prints it, '' for the whole object. */
  readonly field: string;
  /** What must be in the message. */
  readonly message: string;
};

type Json = Record<string, unknown>;
/** Steps are field names and indexes: `set('spec.connections.0.name', 'Orders')`. undefined removes. */
type Change = readonly [path: string, value: unknown];

function changed(manifest: Manifest, changes: readonly Change[]): Manifest {
  // By way of JSON, so that what the manifest has twice is two things.
  const copy = JSON.parse(JSON.stringify(manifest)) as Manifest;
  for (const [path, value] of changes) {
    const steps = path.split('.').map((step) => step.replaceAll('~', '.'));
    const last = steps.pop() ?? '';
    const parent = steps.reduce<Json>((at, step) => (at[step] ??= {}) as Json, copy as unknown as Json);
    if (value === undefined) delete parent[last];
    else parent[last] = value;
  }
  return copy;
}

function creation(base: Manifest) {
  return (name: string, changes: Change | readonly Change[], field: string, message: string): WrongManifest => ({
    name: `${base.kind}: ${name}`,
    manifest: changed(base, typeof changes[0] === 'string' ? [changes as Change] : (changes as readonly Change[])),
    field,
    message,
  });
}

function update(base: Manifest) {
  return (name: string, changes: Change | readonly Change[], field: string, message: string): WrongManifest => ({
    ...creation(base)(`update: ${name}`, changes, field, message),
    old: base,
  });
}

const ert = creation(runtime);
const ertUpdate = update(runtime);
const ejob = creation(job);
const ejobUpdate = update(job);
const enodeUpdate = update(node);
const ertc = creation(runtimeClass);
const econn = creation(connection);
const ear = creation(accessRequest);

/** A runtime that names no class. */
function unclassed(name: string, changes: readonly Change[], field: string, message: string): WrongManifest {
  return ert(`${name}, and no class`, [['spec.runtimeClassName', undefined], ...changes], field, message);
}

const ROLE = 'use the ARN of an IAM role, arn:aws:iam::<account>:role/<name>';
const KMS = 'use the ARN of a KMS key (not of an alias)';
const DURATION = 'use a duration such as 30s, 10m, 1h30m or 720h';
const IMMUTABLE = 'is immutable: a job runs as it was made';
const OTHER_KEY = 'arn:aws:kms:us-east-1:111122223333:key/other';

const runtimes: readonly WrongManifest[] = [
  ert('no spec', ['spec', undefined], 'spec', 'Required value'),
  ert('an unknown field', ['spec.organisation', 'acme'], 'spec.organisation', 'unknown field'),
  ...requiredFields
    .filter((path) => path !== 'network')
    .map((path) => unclassed(`no ${path}`, [[`spec.${path}`, undefined]], `spec.${path}`, `Required value: give ${path}, or name`)),
  unclassed('no workers', [['spec.workers', undefined]], 'spec.workers.max', 'Required value: give workers.max, or name'),
  ert('a name of 41 characters', ['metadata.name', 'a'.repeat(41)], '', 'metadata.name must be at most 40'),
  ert('a name with a dot', ['metadata.name', 'a.b'], '', 'metadata.name must be at most 40'),
  ert(
    'an organization in capitals',
    ['spec.organization', 'Acme'],
    'spec.organization',
    'use lower-case letters, digits and hyphens, such as acme',
  ),
  ert(
    'an organization that climbs',
    ['spec.organization', '..'],
    'spec.organization',
    'use lower-case letters, digits and hyphens, such as acme',
  ),
  ert('an organization with a slash', ['spec.organization', 'a/b'], 'spec.organization', 'use lower-case letters, digits and hyphens'),
  ert(
    'an organization that looks like another',
    ['spec.organization', '\u0430cme'],
    'spec.organization',
    'use lower-case letters, digits and hyphens',
  ),
  ert('an organization of 64 characters', ['spec.organization', 'a'.repeat(64)], 'spec.organization', 'may not be more than 63'),
  ert('an organization that is a number', ['spec.organization', 4711], 'spec.organization', 'must be of type string: "integer"'),
  ertUpdate('another organization', ['spec.organization', 'other'], 'spec.organization', 'organization is immutable'),
  ert('a zone for a region', ['spec.region', 'us-east-1a'], 'spec.region', 'use the code of an AWS region'),
  ertUpdate('another region', ['spec.region', 'eu-west-1'], 'spec.region', 'region is immutable'),
  ...['organization', 'region', 'staging', 'logs'].map((field) =>
    ertUpdate(`no ${field} any more`, [`spec.${field}`, undefined], `spec.${field}`, `${field} is immutable: it cannot be taken out again`),
  ),
  ert('a region of another partition', ['spec.region', 'cn-north-1'], 'spec.region', 'must be in the partition of the region'),
  ert(
    'a user for a role',
    ['spec.identities.agent.roleArn', 'arn:aws:iam::111122223333:user/agent'],
    'spec.identities.agent.roleArn',
    ROLE,
  ),
  ert(
    'a wildcard in a role',
    ['spec.identities.operator.roleArn', 'arn:aws:iam::111122223333:role/*'],
    'spec.identities.operator.roleArn',
    ROLE,
  ),
  ert(
    'a role of no partition',
    ['spec.identities.master.roleArn', 'arn:aws-iso:iam::111122223333:role/m'],
    'spec.identities.master.roleArn',
    ROLE,
  ),
  ert('a role without an account', ['spec.identities.worker.roleArn', 'arn:aws:iam:::role/worker'], 'spec.identities.worker.roleArn', ROLE),
  ert('master without worker', ['spec.identities.worker', undefined], 'spec.identities', 'give both master and worker, or neither'),
  ert('worker without master', ['spec.identities.master', undefined], 'spec.identities', 'give both master and worker, or neither'),
  ert(
    'a role for an instance profile',
    ['spec.identities.node.instanceProfileArn', 'arn:aws:iam::111122223333:role/acme-node'],
    'spec.identities.node.instanceProfileArn',
    'use the ARN of an instance profile (not of a role)',
  ),
  ert(
    'an endpoint that is not of AWS',
    ['spec.identities.agent.x509.endpoint', 'c1a2b3.credentials.iot.us-east-1.amazonaws.com.example.org'],
    'spec.identities.agent.x509.endpoint',
    "use the host of your account's credentials provider",
  ),
  ert('staging and logs in one folder', ['spec.logs.uri', 's3://acme-staging/elastic'], 'spec.logs.uri', 'must be two folders'),
  unclassed(
    'staging and logs in one bucket',
    [['spec.staging.uri', 's3://acme-logs']],
    'spec.logs.uri',
    'name another folder or another bucket for logs',
  ),
  ert('a bucket without scheme', ['spec.staging.uri', 'acme-staging/elastic'], 'spec.staging.uri', 'use s3://<bucket> or'),
  ert('a slash at the end', ['spec.staging.uri', 's3://acme-staging/elastic/'], 'spec.staging.uri', 'without a slash at the end'),
  ert('an empty segment', ['spec.logs.uri', 's3://acme-logs//elastic'], 'spec.logs.uri', 'use s3://<bucket> or'),
  ert('a segment that climbs', ['spec.logs.uri', 's3://acme-logs/elastic/../other'], 'spec.logs.uri', 'use s3://<bucket> or'),
  ert('a segment that stays', ['spec.logs.uri', 's3://acme-logs/./elastic'], 'spec.logs.uri', 'use s3://<bucket> or'),
  ert('an encoded slash in a location', ['spec.logs.uri', 's3://acme-logs/elastic%2Fother'], 'spec.logs.uri', 'use s3://<bucket> or'),
  ert(
    'a letter in a location that looks like another',
    ['spec.logs.uri', 's3://acme-logs/el\u0430stic'],
    'spec.logs.uri',
    'use s3://<bucket> or',
  ),
  ert('a wildcard in a location', ['spec.logs.uri', 's3://acme-logs/*'], 'spec.logs.uri', 'or wildcards'),
  ert('a policy variable in a location', ['spec.logs.uri', 's3://acme-logs/${aws:username}'], 'spec.logs.uri', 'or wildcards'),
  ert('an alias for a key', ['spec.staging.kmsKeyArn', 'arn:aws:kms:us-east-1:111122223333:alias/acme'], 'spec.staging.kmsKeyArn', KMS),
  ertUpdate('another staging', ['spec.staging.uri', 's3://acme-staging/other'], 'spec.staging', 'staging and logs are immutable'),
  ertUpdate('another key of the logs', ['spec.logs.kmsKeyArn', OTHER_KEY], 'spec.logs', 'staging and logs are immutable'),
  ert(
    'ids and a selector',
    ['spec.network.subnetSelector', { Tier: 'private' }],
    'spec.network',
    'give either subnetIds or subnetSelector',
  ),
  ert('no subnets', ['spec.network.subnetIds', undefined], 'spec.network', 'give either subnetIds or subnetSelector'),
  ert('no security groups', ['spec.network.securityGroupIds', undefined], 'spec.network', 'give either securityGroupIds or'),
  ert('a subnet twice', ['spec.network.subnetIds', ['subnet-a', 'subnet-a']], 'spec.network.subnetIds[1]', 'Duplicate value'),
  ert(
    'an unknown family',
    ['spec.machineImage.family', 'Ubuntu'],
    'spec.machineImage.family',
    'supported values: "AL2023", "Bottlerocket", "Custom"',
  ),
  ert('Custom without an image', ['spec.machineImage', { family: 'Custom' }], 'spec.machineImage', 'give amiId with family Custom'),
  ert('an image id that has no use', ['spec.machineImage.amiId', 'ami-1'], 'spec.machineImage', 'give amiId with family Custom'),
  ert('user data that has no use', ['spec.machineImage.userData', 'x'], 'spec.machineImage', 'userData goes with family Custom only'),
  ert(
    'an init script that is a folder',
    ['spec.initScript.uri', 's3://acme-platform/'],
    'spec.initScript.uri',
    'use s3://<bucket>/<key> of one object',
  ),
  ert('a digest that is none', ['spec.initScript.sha256', 'abc'], 'spec.initScript.sha256', "should match '^[0-9a-f]{64}$'"),
  ert('masters: min above max', ['spec.masters.min', 5], 'spec.masters.min', 'min must not be above max'),
  ert('workers: min above max', ['spec.workers.min', 41], 'spec.workers.min', 'min must not be above max'),
  ert('a negative min', ['spec.workers.min', -1], 'spec.workers.min', 'greater than or equal to 0'),
  ert(
    'In without values',
    ['spec.workers.requirements.0.values', []],
    'spec.workers.requirements[0]',
    'operators In and NotIn need values',
  ),
  ert(
    'Exists with values',
    ['spec.workers.requirements.0.operator', 'Exists'],
    'spec.workers.requirements[0]',
    'Exists and DoesNotExist take no values',
  ),
  ert(
    'Gt of a word',
    ['spec.masters.requirements.0.values', ['many']],
    'spec.masters.requirements[0]',
    'Gt, Lt, Gte and Lte need exactly one value',
  ),
  ert(
    'an unknown operator',
    ['spec.workers.requirements.0.operator', 'Like'],
    'spec.workers.requirements[0].operator',
    'supported values: "In"',
  ),
  ert(
    'a volume that begins above its end',
    ['spec.workers.volumes.initialGiB', 2000],
    'spec.workers.volumes',
    'initialGiB must not be above maxGiB',
  ),
  ert(
    'throughput of a disk',
    ['spec.workers.volumes', { type: 'st1', throughputMiBps: 125 }],
    'spec.workers.volumes',
    'throughputMiBps goes with type gp3 only',
  ),
  ert(
    'IOPS of a disk',
    ['spec.workers.volumes', { type: 'st1', iops: 3000 }],
    'spec.workers.volumes',
    'iops goes with types gp3, io1 and io2',
  ),
  ert('money in euros', ['spec.workers.maxUsdPerHour', '60 EUR'], 'spec.workers.maxUsdPerHour', 'use US dollars as decimal text'),
  ert('money as a number', ['spec.workers.maxUsdPerHour', 60], 'spec.workers.maxUsdPerHour', 'must be of type string: "integer"'),
  ert(
    'money of a pool',
    ['spec.workers.pools.0.limits.maxUsdPerHour', '-1'],
    'spec.workers.pools[0].limits.maxUsdPerHour',
    'use US dollars as decimal text',
  ),
  ert('a share above all', ['spec.workers.spotPercent', 101], 'spec.workers.spotPercent', 'use a share between 0 and 100'),
  ert('a pool named workers', ['spec.workers.pools.0.name', 'workers'], 'spec.workers.pools[0].name', 'masters and workers are taken'),
  ert('two pools of one name', ['spec.workers.pools', [{ name: 'gpu' }, { name: 'gpu' }]], 'spec.workers.pools[1]', 'Duplicate value'),
  ert(
    'a label of ours',
    ['spec.workers.pools.0.labels', { 'elasticruntime.dev/pool': 'x' }],
    'spec.workers.pools[0].labels',
    'labels below elasticruntime.dev/',
  ),
  ert(
    'a role of machines',
    ['spec.workers.pools.0.labels', { 'node-role.kubernetes.io/control-plane': '' }],
    'spec.workers.pools[0].labels',
    "labels below kubernetes.io and k8s.io are Kubernetes' own",
  ),
  ert(
    'a label of Kubernetes itself',
    ['spec.workers.pools.0.labels', { 'kubernetes.io/hostname': 'ip-10-0-0-1' }],
    'spec.workers.pools[0].labels',
    "labels below kubernetes.io and k8s.io are Kubernetes' own",
  ),
  ert(
    'two labels in the value of one',
    ['spec.workers.pools.0.labels', { team: 'a,node-role.kubernetes.io/control-plane=' }],
    'spec.workers.pools[0].labels.team',
    'should match',
  ),
  ert(
    'a taint of ours',
    ['spec.workers.pools.0.taints.0.key', 'elasticruntime.dev/runtime'],
    'spec.workers.pools[0].taints[0].key',
    'taints below elasticruntime.dev/',
  ),
  ert('a duration in days', ['spec.idleTimeout', '1d'], 'spec.idleTimeout', DURATION),
  ert('a duration that is a number', ['spec.idleTimeout', 600], 'spec.idleTimeout', 'must be of type string: "integer"'),
  ert('an end that never comes', ['spec.orphanProtection.terminateAfter', 'Never'], 'spec.orphanProtection.terminateAfter', DURATION),
  ert(
    'a negative duration',
    ['spec.disruption.consolidateAfter', '-1s'],
    'spec.disruption.consolidateAfter',
    `${DURATION} (there is no unit for days), or Never`,
  ),
  ert('a budget of words', ['spec.disruption.budgets.1.nodes', 'some'], 'spec.disruption.budgets[1].nodes', 'use a number of nodes'),
  ert(
    'a schedule of words',
    ['spec.disruption.budgets.0.schedule', 'every monday'],
    'spec.disruption.budgets[0].schedule',
    'use a cron expression',
  ),
  ert(
    'a schedule without duration',
    ['spec.disruption.budgets.0.duration', undefined],
    'spec.disruption.budgets[0]',
    'give both schedule and duration',
  ),
  ert(
    'a time zone without schedule',
    ['spec.disruption.budgets.1.timeZone', 'UTC'],
    'spec.disruption.budgets[1]',
    'timeZone needs a schedule',
  ),
  ert('a tag of AWS', ['spec.tags', { 'AWS:owner': 'x' }], 'spec.tags', 'tags that begin with aws:'),
  ert('a tag of ours', ['spec.tags', { 'elasticruntime.dev/runtime': 'other' }], 'spec.tags', 'elasticruntime.dev/, karpenter.sh/'),
  ert('a tag that Karpenter reads', ['spec.tags', { 'karpenter.sh/nodepool': 'x' }], 'spec.tags', 'are refused: rename or remove them'),
  ert('a tag without a name', ['spec.tags', { '': 'x' }], 'spec.tags', 'the key of a tag has 1 to 128'),
  ert('a tag with a bracket', ['spec.tags', { Owner: '<me>' }], 'spec.tags[Owner]', 'the value of a tag has letters'),
  ert('a date that is none', ['spec.accessRevokedBefore', '2026-02-30T10:00:00Z'], 'spec.accessRevokedBefore', 'must be of type date-time'),
  ert(
    'too many allowed Secrets',
    ['spec.allowedSecrets', Array.from({ length: 65 }, (_, i) => `s${i}`)],
    'spec.allowedSecrets',
    'must have at most 64 items',
  ),
];

const jobs: readonly WrongManifest[] = [
  ejob('a name of 41 characters', ['metadata.name', 'a'.repeat(41)], '', 'metadata.name must be at most 40'),
  ejob('a name that begins with a digit', ['metadata.name', '1st'], '', 'start with a letter'),
  ejob('a runtime of another namespace', ['spec.runtime', 'research/scratch'], 'spec.runtime', 'should match'),
  ejob('no master', ['spec.master', undefined], 'spec.master', 'Required value'),
  ejob('min above max', ['spec.workers.min', 11], 'spec.workers.min', 'min must not be above max'),
  ejob('workers without template', ['spec.workers.template', undefined], 'spec.workers', 'workers need a template where max is above 0'),
  ejob('a deadline of none', ['spec.activeDeadlineSeconds', 0], 'spec.activeDeadlineSeconds', 'greater than or equal to 1'),
  ejob(
    'a name in capitals',
    ['spec.connections.2.name', 'CRM'],
    'spec.connections[2].name',
    'use lower-case letters, digits and hyphens, such as orders',
  ),
  ejob('two connections of one name', ['spec.connections.2.name', 'orders'], 'spec.connections[2]', 'Duplicate value'),
  ejob(
    'an unknown usage',
    ['spec.connections.2.usage', 'Both'],
    'spec.connections[2].usage',
    'supported values: "Source", "Target", "SourceAndTarget"',
  ),
  ejob('no connector', ['spec.connections.2.connector', undefined], 'spec.connections[2]', 'give either a connector'),
  ejob('a connector and a reference', ['spec.connections.4.connector', 'JDBC'], 'spec.connections[4]', 'give either a connector'),
  ejob(
    'authentication beside a reference',
    ['spec.connections.4.authentication', { roleArn: 'arn:aws:iam::111122223333:role/x' }],
    'spec.connections[4]',
    'connectionRef brings authentication',
  ),
  ejob('S3 without location', ['spec.connections.1.location', undefined], 'spec.connections[1]', 'connector AmazonS3 needs a location'),
  ejob(
    'S3 of a Hadoop scheme',
    ['spec.connections.1.location', 's3a://acme-warehouse'],
    'spec.connections[1].location',
    'use s3://<bucket>/<folder>/',
  ),
  ejob(
    'a location that climbs',
    ['spec.connections.0.location', 's3://acme-orders/../x'],
    'spec.connections[0].location',
    'use s3://<bucket>/<folder>/',
  ),
  ejob(
    'an encoded slash in a location',
    ['spec.connections.0.location', 's3://acme-orders/acme%2Fraw'],
    'spec.connections[0].location',
    'use s3://<bucket>/<folder>/',
  ),
  ejob(
    'a letter in a location that looks like another',
    ['spec.connections.0.location', 's3://acme-orders/\u0430cme/raw'],
    'spec.connections[0].location',
    'use s3://<bucket>/<folder>/',
  ),
  ejob(
    'an empty segment in a location',
    ['spec.connections.0.location', 's3://acme-orders//raw'],
    'spec.connections[0].location',
    'use s3://<bucket>/<folder>/',
  ),
  ejob(
    'an encoded slash in a dependency',
    ['spec.dependencies.1.uri', 's3://acme-artifacts/lib%2Fa.jar'],
    'spec.dependencies[1].uri',
    'use s3://<bucket>/<key> of one object',
  ),
  ejob('an encoded slash in a path', ['spec.dependencies.0.path', 'app%2F..%2Fx'], 'spec.dependencies[0].path', 'use a relative path'),
  ...[
    'jdbc:postgresql://reader:sesame@db.example.com:5432/crm',
    'mongodb+srv://reader:sesame@db.example.com/crm',
    'jdbc:sqlserver://db.example.com;user=reader;password=sesame',
    'jdbc:oracle:thin:reader/sesame@//db.example.com:1521/crm',
    'jdbc:mysql://db.example.com/crm?user=reader&PASSWORD=sesame',
  ].map((location) =>
    ejob(
      `a login in the location ${location}`,
      [['spec.connections.2.location', location]],
      'spec.connections[2].location',
      'put the login of a location into',
    ),
  ),
  ...[
    'arn:aws:dynamodb:us-east-1',
    'arn:aws:dynamodb:us-east-1:1111:table/orders',
    'arn:aws:dynamodb:us-east-1:111122223333:table/or ders',
  ].map((location) =>
    ejob(
      `an ARN that is none, ${location}`,
      [
        ['spec.connections.0.connector', 'DynamoDB'],
        ['spec.connections.0.location', location],
      ],
      'spec.connections[0].location',
      'it begins like an ARN and is none',
    ),
  ),
  ejob('a location of everything', ['spec.connections.0.location', 's3://acme-orders/*'], 'spec.connections[0].location', 'or wildcards'),
  ejob(
    'an account that is none',
    ['spec.connections.0.expectedBucketOwner', '42'],
    'spec.connections[0].expectedBucketOwner',
    'should match',
  ),
  ejob('an alias for a key', ['spec.connections.0.kmsKeyArn', 'alias/acme'], 'spec.connections[0].kmsKeyArn', KMS),
  ejob(
    'a role that is none',
    ['spec.connections.0.authentication.roleArn', 'orders-reader'],
    'spec.connections[0].authentication.roleArn',
    ROLE,
  ),
  ejob(
    'two ways to authenticate',
    ['spec.connections.0.authentication.credentials', { secretRef: { name: 'keys' } }],
    'spec.connections[0].authentication',
    'give at most one of roleArn, credentials and properties',
  ),
  ejob(
    'an external ID without role',
    ['spec.connections.1.authentication.externalIdSecretRef', { name: 'x' }],
    'spec.connections[1].authentication',
    'externalIdSecretRef goes with roleArn',
  ),
  ejob(
    'indirect access with a role',
    ['spec.connections.0.access', 'Indirect'],
    'spec.connections[0]',
    'a connection with access Indirect logs in',
  ),
  ejob(
    'credentials of no source',
    ['spec.connections.1.authentication.credentials', {}],
    'spec.connections[1].authentication.credentials',
    'give exactly one of secretRef, parameterStore and secretsManager',
  ),
  ejob(
    'properties of two sources',
    ['spec.connections.2.authentication.properties.secretRef', { name: 'crm' }],
    'spec.connections[2].authentication.properties',
    'give exactly one of secretRef, parameterStore and secretsManager',
  ),
  ejob(
    'a parameter of everyone',
    ['spec.connections.2.authentication.properties.parameterStore.name', '/crm'],
    'spec.connections[2].authentication.properties.parameterStore.name',
    'use a parameter below /<organization>/<namespace>/',
  ),
  ejob(
    'a parameter that climbs',
    ['spec.connections.2.authentication.properties.parameterStore.name', '/acme/finance/../hr/crm'],
    'spec.connections[2].authentication.properties.parameterStore.name',
    'use a parameter below /<organization>/<namespace>/',
  ),
  ejob(
    'a secret by its name',
    ['spec.connections.3.authentication.properties.secretsManager.arn', '/acme/finance/erp'],
    'spec.connections[3].authentication.properties.secretsManager.arn',
    'use the ARN of a Secrets Manager secret',
  ),
  ejob('staging by two', ['spec.staging.identity', 'Worker'], 'spec.staging', 'give either connection or identity: Worker'),
  ejob('staging by nobody', ['spec.staging', {}], 'spec.staging', 'give either connection or identity: Worker'),
  ejob(
    'staging by an unknown connection',
    ['spec.staging.connection', 'lake'],
    'spec.staging',
    'must be the name of one of the connections',
  ),
  ejob(
    'staging by a role where there are credentials',
    ['spec.staging.connection', 'orders'],
    'spec.staging',
    'credentials override roles',
  ),
  ejob(
    'staging by the worker where there are credentials',
    ['spec.staging', { identity: 'Worker' }],
    'spec.staging',
    'only where no connection has credentials',
  ),
  ejob('staging by another identity', ['spec.staging', { identity: 'Master' }], 'spec.staging.identity', 'supported values: "Worker"'),
  ejob('a path that is absolute', ['spec.dependencies.0.path', '/app/etl.py'], 'spec.dependencies[0].path', 'use a relative path'),
  ejob('a path that climbs', ['spec.dependencies.0.path', 'app/../../x'], 'spec.dependencies[0].path', 'use a relative path'),
  ejob('a path with an empty segment', ['spec.dependencies.0.path', 'app//x'], 'spec.dependencies[0].path', 'use a relative path'),
  ejob('a path twice', ['spec.dependencies.0.path', 'app/lib.jar'], 'spec.dependencies[1]', 'Duplicate value'),
  ejob(
    'a folder as dependency',
    ['spec.dependencies.1.uri', 's3://acme-artifacts/lib/'],
    'spec.dependencies[1].uri',
    'use s3://<bucket>/<key> of one object',
  ),
  ejob(
    'a dependency of two sources',
    ['spec.dependencies.0.uri', 's3://acme-artifacts/x'],
    'spec.dependencies[0]',
    'give either uri or configMapKeyRef',
  ),
  ejob(
    'a dependency of no source',
    ['spec.dependencies.0.configMapKeyRef', undefined],
    'spec.dependencies[0]',
    'give either uri or configMapKeyRef',
  ),
  ejob('a connection for a ConfigMap', ['spec.dependencies.0.connection', 'orders'], 'spec.dependencies[0]', 'connection goes with uri'),
  ejob(
    'a dependency of an unknown connection',
    ['spec.dependencies.1.connection', 'artifacts'],
    'spec.dependencies',
    'connection of a dependency must be the name',
  ),
  ejob('an unknown Spark', ['spec.spark.type', 'Perl'], 'spec.spark.type', 'supported values: "Python", "Scala", "Java", "R"'),
  ejobUpdate('another runtime', ['spec.runtime', 'scratch'], 'spec.runtime', `runtime ${IMMUTABLE}`),
  ejobUpdate('another location', ['spec.connections.1.location', 's3://acme-other'], 'spec.connections', `connections ${IMMUTABLE}`),
  ejobUpdate(
    'a connection less',
    ['spec.connections', (job.spec.connections as Json[]).slice(0, -1)],
    'spec.connections',
    `connections ${IMMUTABLE}`,
  ),
  ejobUpdate('no staging', ['spec.staging', undefined], 'spec.staging', `staging ${IMMUTABLE}`),
  ejobUpdate('no dependencies', ['spec.dependencies', undefined], 'spec.dependencies', `dependencies ${IMMUTABLE}`),
  ejobUpdate('another image', ['spec.master.template.spec.containers.0.image', 'x'], 'spec.master', `master ${IMMUTABLE}`),
  ejobUpdate(
    'an argument more',
    ['spec.workers.template.spec.containers.0.args', ['a', 'b']],
    'spec.workers.template',
    `workers.template ${IMMUTABLE}`,
  ),
  ejobUpdate(
    'another grace period',
    ['spec.workers.template.spec.terminationGracePeriodSeconds', 1],
    'spec.workers.template',
    `workers.template ${IMMUTABLE}`,
  ),
  ejobUpdate(
    'a field of a template in place of another',
    [
      ['spec.master.template.spec.containers.1.image', undefined],
      ['spec.master.template.spec.containers.1.workingDir', '/x'],
    ],
    'spec.master',
    `master ${IMMUTABLE}`,
  ),
  ejobUpdate('another Spark', ['spec.spark.version', '3.5.0'], 'spec.spark', `spark ${IMMUTABLE}`),
  ejobUpdate('another limit', ['spec.backoffLimit', 3], 'spec.backoffLimit', `backoffLimit ${IMMUTABLE}`),
  ejobUpdate('no deadline', ['spec.activeDeadlineSeconds', undefined], 'spec.activeDeadlineSeconds', `activeDeadlineSeconds ${IMMUTABLE}`),
  ejobUpdate('another start', ['spec.startDeadlineSeconds', 60], 'spec.startDeadlineSeconds', `startDeadlineSeconds ${IMMUTABLE}`),
  ejobUpdate('another wait', ['spec.waitDeadlineSeconds', 1], 'spec.waitDeadlineSeconds', `waitDeadlineSeconds ${IMMUTABLE}`),
  ejobUpdate(
    'an end of its own',
    ['spec.ttlSecondsAfterFinished', 1],
    'spec.ttlSecondsAfterFinished',
    `ttlSecondsAfterFinished ${IMMUTABLE}`,
  ),
  ejobUpdate('another priority', ['spec.priorityClassName', 'high'], 'spec.priorityClassName', `priorityClassName ${IMMUTABLE}`),
  {
    ...ejobUpdate('back from its end', ['spec.terminate', false], 'spec.terminate', 'terminate is one way'),
    old: changed(job, [['spec.terminate', true]]),
  },
];

/** What templates may not set, wherever there is a template. */
const templates: readonly WrongManifest[] = ['spec.master.template', 'spec.workers.template'].flatMap((template) => {
  const spec = `${template}.spec`;
  const refused = (name: string, change: Change, field: string, message: string) =>
    ejob(`${template}: ${name}`, [`${spec}.${change[0]}`, change[1]], `${spec}.${field}`, message);
  return [
    refused('serviceAccountName', ['serviceAccountName', 'admin'], 'serviceAccountName', 'remove serviceAccountName: pods run as'),
    refused('serviceAccount', ['serviceAccount', 'admin'], 'serviceAccount', 'remove serviceAccount: pods run as'),
    refused(
      'automountServiceAccountToken',
      ['automountServiceAccountToken', true],
      'automountServiceAccountToken',
      'remove automountServiceAccountToken',
    ),
    refused('nodeName', ['nodeName', 'ip-10-0-0-1'], 'nodeName', 'remove nodeName'),
    refused('hostname', ['hostname', 'x'], 'hostname', 'remove hostname'),
    refused('subdomain', ['subdomain', 'x'], 'subdomain', 'remove subdomain'),
    refused('hostNetwork', ['hostNetwork', true], 'hostNetwork', 'remove hostNetwork'),
    refused('hostPID', ['hostPID', true], 'hostPID', 'remove hostPID'),
    refused('hostIPC', ['hostIPC', true], 'hostIPC', 'remove hostIPC'),
    refused('ephemeralContainers', ['ephemeralContainers', [{ name: 'debug' }]], 'ephemeralContainers', 'remove ephemeralContainers'),
    ...['4 GB', '../..', '-1Gi', '1e', 'Gi'].map((memory) =>
      refused(
        `memory of ${memory}`,
        ['containers.0.resources', { requests: { memory } }],
        'containers[0].resources.requests.memory',
        'in body should match',
      ),
    ),
    refused(
      'fewer than no processors',
      ['containers.0.resources', { limits: { cpu: -1 } }],
      'containers[0].resources.limits.cpu',
      'greater than or equal to 0',
    ),
    refused('restartPolicy', ['restartPolicy', 'OnFailure'], 'restartPolicy', 'remove restartPolicy or use Never'),
    refused(
      'a toleration of everything',
      ['tolerations.0', { operator: 'Exists' }],
      'tolerations[0]',
      'a toleration of everything is refused',
    ),
    refused(
      'a toleration of every drain',
      ['tolerations.0', { operator: 'Exists', key: '', effect: 'NoExecute' }],
      'tolerations[0]',
      'name the key of the taint',
    ),
    refused('a toleration of ours', ['tolerations.0.key', 'elasticruntime.dev/runtime'], 'tolerations[0]', 'remove the toleration'),
    refused('hostPath', ['volumes.0', { name: 'x', hostPath: { path: '/' } }], 'volumes[0].hostPath', 'hostPath is refused'),
    refused(
      'a token',
      ['volumes.1.projected.sources.0', { serviceAccountToken: { path: 't' } }],
      'volumes[1].projected.sources[0].serviceAccountToken',
      'tokens are refused',
    ),
    refused('a volume of ours', ['volumes.0.name', 'elastic-aws'], 'volumes[0].name', 'volumes that begin with elastic-'),
    refused(
      'a windows host process',
      ['securityContext.windowsOptions.hostProcess', true],
      'securityContext.windowsOptions.hostProcess',
      'remove hostProcess',
    ),
    refused('no containers', ['containers', undefined], 'containers', 'Required value'),
    refused('two containers, none main', ['containers.0.name', 'one'], 'containers', 'name the one that does the work main'),
    ejob(
      `${template}: a label of ours`,
      [`${template}.metadata.labels`, { 'elasticruntime.dev/job': 'x' }],
      `${template}.metadata.labels`,
      "are not a template's",
    ),
    ejob(
      `${template}: an annotation of the identity webhook`,
      [`${template}.metadata.annotations`, { 'eks.amazonaws.com/skip-containers': 'main' }],
      `${template}.metadata.annotations`,
      "are not a template's",
    ),
    ...['containers', 'initContainers'].flatMap((list) => [
      refused(
        `${list}: a name of ours`,
        [`${list}.${list === 'containers' ? 1 : 0}.name`, 'elastic-init'],
        `${list}[${list === 'containers' ? 1 : 0}].name`,
        'containers that begin with elastic-',
      ),
      refused(
        `${list}: privileged`,
        [`${list}.0.securityContext.privileged`, true],
        `${list}[0].securityContext.privileged`,
        'remove privileged',
      ),
      refused(
        `${list}: a host process`,
        [`${list}.0.securityContext.windowsOptions`, { hostProcess: true }],
        `${list}[0].securityContext.windowsOptions.hostProcess`,
        'remove hostProcess',
      ),
      refused(
        `${list}: capabilities`,
        [`${list}.0.securityContext.capabilities`, { add: ['SYS_ADMIN'] }],
        `${list}[0].securityContext.capabilities.add`,
        'added capabilities are refused',
      ),
      refused(
        `${list}: keys in the environment`,
        [`${list}.0.env.0.name`, 'AWS_ACCESS_KEY_ID'],
        `${list}[0].env[0].name`,
        'remove this variable',
      ),
      refused(`${list}: a variable of ours`, [`${list}.0.env.0.name`, 'ELASTIC_JOB_UID'], `${list}[0].env[0].name`, 'remove this variable'),
      refused(
        `${list}: a mount of ours`,
        [`${list}.0.volumeMounts.0.name`, 'elastic-aws'],
        `${list}[0].volumeMounts[0]`,
        'mount another volume elsewhere',
      ),
      refused(
        `${list}: a mount over ours`,
        [`${list}.0.volumeMounts.0.mountPath`, '/run/elastic/aws'],
        `${list}[0].volumeMounts[0]`,
        'mount another volume elsewhere',
      ),
    ]),
  ];
});

const nodes: readonly WrongManifest[] = [
  creation(node)('no offering', ['spec.offerings', []], 'spec.offerings', 'should have at least 1 items'),
  creation(node)('an unknown role', ['spec.role', 'driver'], 'spec.role', 'supported values: "master", "worker"'),
  creation(node)('a slot that is none', ['spec.reservedFor.0.slots', ['driver']], 'spec.reservedFor[0].slots[0]', 'should match'),
  enodeUpdate('another runtime', ['spec.runtimeRef.uid', 'other'], 'spec.runtimeRef', 'runtimeRef is immutable'),
  enodeUpdate('another pool', ['spec.pool', 'gpu'], 'spec.pool', 'pool is immutable'),
  enodeUpdate('another role', ['spec.role', 'master'], 'spec.role', 'role is immutable'),
  enodeUpdate('another offering', ['spec.offerings.0.zone', 'us-east-1b'], 'spec.offerings', 'offerings is immutable'),
  enodeUpdate('no image', ['spec.image', undefined], 'spec.image', 'image is immutable'),
  enodeUpdate('another template', ['spec.launchTemplate.version', '2'], 'spec.launchTemplate', 'launchTemplate is immutable'),
  enodeUpdate('other user data', ['spec.userDataSha256', 'd'.repeat(64)], 'spec.userDataSha256', 'userDataSha256 is immutable'),
  enodeUpdate('another volume', ['spec.volume.maxGiB', 2000], 'spec.volume', 'volume is immutable'),
  enodeUpdate('another request', ['spec.requested.pods', 4], 'spec.requested', 'requested is immutable'),
  enodeUpdate('other labels', ['spec.labels', {}], 'spec.labels', 'labels is immutable'),
  enodeUpdate('other taints', ['spec.taints', undefined], 'spec.taints', 'taints is immutable'),
  enodeUpdate('another grace', ['spec.terminationGracePeriod', '1h'], 'spec.terminationGracePeriod', 'terminationGracePeriod is immutable'),
  enodeUpdate('another end', ['spec.expireAfter', '1h'], 'spec.expireAfter', 'expireAfter is immutable'),
  enodeUpdate('an attempt back', ['spec.attempt', 0], 'spec.attempt', 'attempt only moves on'),
];

const classes: readonly WrongManifest[] = [
  ertc('no spec', ['spec', undefined], 'spec', 'Required value'),
  ertc('an unknown field', ['spec.allow', {}], 'spec.allow', 'unknown field'),
  ertc('a default for the name of the class', ['spec.defaults.runtimeClassName', 'b'], 'spec.defaults.runtimeClassName', 'unknown field'),
  ertc(
    'an organization of a class in capitals',
    ['spec.organization', 'Acme'],
    'spec.organization',
    'use lower-case letters, digits and hyphens',
  ),
  ertc(
    'In without values in a selector',
    ['spec.namespaceSelector.matchExpressions.0.values', []],
    'spec.namespaceSelector.matchExpressions[0]',
    'operators In and NotIn need values',
  ),
  ertc(
    'DoesNotExist with values',
    ['spec.namespaceSelector.matchExpressions.1.values', ['x']],
    'spec.namespaceSelector.matchExpressions[1]',
    'operators Exists and DoesNotExist take no values',
  ),
  ertc(
    'an unknown operator of a selector',
    ['spec.namespaceSelector.matchExpressions.0.operator', 'Like'],
    'spec.namespaceSelector.matchExpressions[0].operator',
    'supported values: "In"',
  ),
  ertc(
    'one folder for staging and logs',
    [
      ['spec.defaults.staging', { uri: 's3://acme/elastic' }],
      ['spec.defaults.logs', { uri: 's3://acme/elastic' }],
    ],
    'spec.defaults.logs.uri',
    'staging and logs must be two folders',
  ),
  ertc('a role that is no ARN', ['spec.allowed.roleArns.0', 'acme-*'], 'spec.allowed.roleArns[0]', 'use an ARN, with *'),
  ertc('a regular expression', ['spec.allowed.roleArns.0', 'arn:aws:iam::1:role/(a|b)'], 'spec.allowed.roleArns[0]', 'use an ARN, with *'),
  ertc('a pattern twice', ['spec.allowed.uris.1', 's3://acme-staging/*'], 'spec.allowed.uris[1]', 'Duplicate value'),
  ertc(
    'a pattern without scheme',
    ['spec.allowed.uris.0', 'acme-staging/*'],
    'spec.allowed.uris[0]',
    'use s3://<bucket>/<folder>, or with /*',
  ),
  ertc(
    'a pattern that climbs',
    ['spec.allowed.uris.0', 's3://acme/../x'],
    'spec.allowed.uris[0]',
    'use s3://<bucket>/<folder>, or with /*',
  ),
  ertc('a name for a subnet', ['spec.allowed.subnetIds.0', 'private'], 'spec.allowed.subnetIds[0]', 'should match'),
  ertc(
    'an unknown image family',
    ['spec.allowed.imageFamilies.0', 'Ubuntu'],
    'spec.allowed.imageFamilies[0]',
    'supported values: "AL2023"',
  ),
  ertc(
    'unverified access: no',
    ['spec.allowed.unverifiedAccess', 'No'],
    'spec.allowed.unverifiedAccess',
    'supported values: "Never", "Allowed"',
  ),
  ertc('default roles: yes', ['spec.allowed.defaultRoles', 'Yes'], 'spec.allowed.defaultRoles', 'supported values: "Never", "Allowed"'),
  ertc('X.509: true', ['spec.allowed.x509', true], 'spec.allowed.x509', 'must be of type string'),
  ertc('a required tag twice', ['spec.requiredTags.1', 'CostCenter'], 'spec.requiredTags[1]', 'Duplicate value'),
  ertc('less than no nodes', ['spec.limitsPerNamespace.nodes', -1], 'spec.limitsPerNamespace.nodes', 'greater than or equal to 0'),
  ertc(
    'a limit in euros',
    ['spec.limitsPerNamespace.maxUsdPerHour', '100 EUR'],
    'spec.limitsPerNamespace.maxUsdPerHour',
    'use US dollars as decimal text',
  ),
  ...asClassDefaults(runtimes),
];

const connections: readonly WrongManifest[] = [
  econn('no spec', ['spec', undefined], 'spec', 'Required value'),
  econn('no connector at all', ['spec.connector', undefined], 'spec.connector', 'Required value'),
  econn('a name of its own', ['spec.name', 'orders'], 'spec.name', 'unknown field'),
  econn('a reference', ['spec.connectionRef', { name: 'other' }], 'spec.connectionRef', 'unknown field'),
  ...asConnections(jobs),
];

const requests: readonly WrongManifest[] = [
  ear('logs of a connection', ['spec.connection', 'orders'], 'spec', 'Logs needs log and no connection'),
  ear('a preview without connection', ['spec.kind', 'Preview'], 'spec', 'Preview needs connection and neither log nor attempt'),
  ear('a key of another kind', ['spec.publicKey', '*'.repeat(88)], 'spec.publicKey', 'should match'),
  update(accessRequest)('another job', ['spec.job', 'other'], 'spec', 'a request is immutable: make another one'),
];

export const wrongManifests: readonly WrongManifest[] = [
  ...runtimes,
  ...classes,
  ...connections,
  ...jobs,
  ...templates,
  ...nodes,
  ...requests,
];

/** Updates that are allowed. */
export const rightUpdates: readonly { readonly name: string; readonly old: Manifest; readonly manifest: Manifest }[] = [
  { name: 'a job grows', old: job, manifest: changed(job, [['spec.workers.max', 20]]) },
  { name: 'a job keeps its records longer', old: job, manifest: changed(job, [['spec.cleanupAfterSeconds', 1]]) },
  { name: 'a job is suspended', old: job, manifest: changed(job, [['spec.suspend', true]]) },
  { name: 'a job ends', old: job, manifest: changed(job, [['spec.terminate', true]]) },
  {
    name: 'a runtime grows and takes other roles',
    old: runtime,
    manifest: changed(runtime, [
      ['spec.workers.max', 80],
      ['spec.identities.agent.roleArn', 'arn:aws:iam::111122223333:role/other'],
    ]),
  },
  {
    name: 'a node is reserved anew, in its next attempt',
    old: node,
    manifest: changed(node, [
      ['spec.attempt', 2],
      ['spec.reservedFor', []],
    ]),
  },
];
