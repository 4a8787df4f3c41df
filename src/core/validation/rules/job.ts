import type {
  Authentication,
  Connection,
  Dependency,
  ElasticJob,
  ElasticJobSpec,
  JobStaging,
  JobWorkers,
  SecretSource,
} from '../../../api/generated/types.ts';
import { serviceResources } from '../../access/service-resources.ts';
import * as patterns from '../patterns.ts';
import { frozenFieldRule, immutableRule, type Rule, rule, textRule } from '../rule.ts';

const KIND = 'ElasticJob';
/** Of other connectors a location that begins with `arn:` is a text like any other. */
const ARN_CONNECTORS = Object.keys(serviceResources);
const WHOLE_ARN = new RegExp(patterns.RESOURCE_ARN, 'u');
const OBJECT_NAME = new RegExp(patterns.OBJECT_NAME, 'u');
const S3_DATA = new RegExp(patterns.S3_DATA, 'u');
/** User and password of a URL, or a password among its parameters, as the drivers of JDBC take them. */
const LOGIN = '://[^/?#]*:[^/?#]*@|^jdbc:oracle:[a-z0-9]+:[^@/]+/[^@]+@|[?&;]([pP]assword|PASSWORD|[pP]wd|PWD)=';
const CONNECTION = 'spec.connections[]';
const AUTHENTICATION = `${CONNECTION}.authentication`;
const SOURCES = [`${AUTHENTICATION}.credentials`, `${AUTHENTICATION}.properties`];
const IMMUTABLE_HELP =
  'is immutable: a job runs as it was made; make a new ElasticJob (only suspend, terminate, workers.min, workers.max and cleanupAfterSeconds change)';
/** Optional fields of the spec; runtime and master are required and have rows of their own. */
const FROZEN = [
  'connections',
  'staging',
  'dependencies',
  'spark',
  'backoffLimit',
  'activeDeadlineSeconds',
  'waitDeadlineSeconds',
  'startDeadlineSeconds',
  'ttlSecondsAfterFinished',
  'priorityClassName',
] as const;

const life: readonly Rule[] = [
  rule<ElasticJob>(KIND, '', {
    cel: `self.metadata.name.matches(r"${patterns.OBJECT_NAME}")`,
    message: 'metadata.name must be at most 40 lower-case letters, digits and hyphens, start with a letter and not end with a hyphen',
    check: (self) => OBJECT_NAME.test(self.metadata.name),
  }),
  immutableRule(KIND, 'spec.runtime', `runtime ${IMMUTABLE_HELP}`),
  immutableRule(KIND, 'spec.master', `master ${IMMUTABLE_HELP}`),
  frozenFieldRule(KIND, 'spec.workers', 'template', `workers.template ${IMMUTABLE_HELP}`),
  ...FROZEN.map((field) => frozenFieldRule(KIND, 'spec', field, `${field} ${IMMUTABLE_HELP}`)),
  rule<boolean>(KIND, 'spec.terminate', {
    cel: '!oldSelf || self',
    message: 'terminate is one way: make a new ElasticJob to run it again',
    check: (self, oldSelf) => !oldSelf || self,
  }),
  rule<JobWorkers>(KIND, 'spec.workers', {
    cel: 'self.min <= self.max',
    message: 'min must not be above max',
    fieldPath: '.min',
    check: (self) => self.min <= self.max,
  }),
  rule<JobWorkers>(KIND, 'spec.workers', {
    cel: 'self.max == 0 || has(self.template)',
    message: 'workers need a template where max is above 0',
    check: (self) => self.max === 0 || self.template !== undefined,
  }),
];

const connections: readonly Rule[] = [
  textRule(KIND, `${CONNECTION}.name`, patterns.SLUG, 'use lower-case letters, digits and hyphens, such as orders'),
  rule<Connection>(KIND, CONNECTION, {
    cel: 'has(self.connector) != has(self.connectionRef)',
    message: 'give either a connector, such as AmazonS3 or JDBC, or a connectionRef',
    check: (self) => (self.connector === undefined) !== (self.connectionRef === undefined),
  }),
  rule<Connection>(KIND, CONNECTION, {
    cel: '!has(self.connectionRef) || (!has(self.authentication) && !has(self.access) && !has(self.location) && !has(self.expectedBucketOwner) && !has(self.kmsKeyArn))',
    message:
      'connectionRef brings authentication, access, location, expectedBucketOwner and kmsKeyArn of its ElasticConnection: remove them here',
    check: (self) =>
      self.connectionRef === undefined ||
      [self.authentication, self.access, self.location, self.expectedBucketOwner, self.kmsKeyArn].every((field) => field === undefined),
  }),
  rule<Connection>(KIND, CONNECTION, {
    cel: "!has(self.connector) || self.connector != 'AmazonS3' || has(self.location)",
    message: 'connector AmazonS3 needs a location, s3://<bucket>/<folder>/',
    check: (self) => self.connector !== 'AmazonS3' || self.location !== undefined,
  }),
  rule<Connection>(KIND, CONNECTION, {
    cel: `!has(self.connector) || !(self.connector in [${ARN_CONNECTORS.map((name) => `'${name}'`).join(', ')}]) || !has(self.location) || !self.location.startsWith('arn:') || self.location.matches(r"${patterns.RESOURCE_ARN}")`,
    message: 'it begins like an ARN and is none: write arn:<partition>:<service>:<region>:<account of 12 digits>:<resource>',
    fieldPath: '.location',
    check: ({ connector = '', location = '' }) =>
      !ARN_CONNECTORS.includes(connector) || !location.startsWith('arn:') || WHOLE_ARN.test(location),
  }),
  rule<Connection>(KIND, CONNECTION, {
    cel: "!has(self.access) || self.access != 'Indirect' || !has(self.authentication) || (!has(self.authentication.roleArn) && !has(self.authentication.credentials))",
    message: 'a connection with access Indirect logs in with properties: it takes no roleArn and no AWS credentials',
    check: (self) =>
      self.access !== 'Indirect' || (self.authentication?.roleArn === undefined && self.authentication?.credentials === undefined),
  }),
  rule<string>(KIND, `${CONNECTION}.location`, {
    cel: `!self.matches(r"^[sS]3[a-z]?:") || self.matches(r"${patterns.S3_DATA}")`,
    message: 'use s3://<bucket>/<folder>/ without empty, . or .. segments or wildcards',
    check: (self) => !/^[sS]3[a-z]?:/u.test(self) || S3_DATA.test(self),
  }),
  rule<string>(KIND, `${CONNECTION}.location`, {
    cel: `!self.matches(r"${LOGIN}")`,
    message: 'put the login of a location into the Secret of authentication.properties: whoever reads the job reads its location',
    check: (self) => !new RegExp(LOGIN, 'u').test(self),
  }),
  textRule(
    KIND,
    `${CONNECTION}.kmsKeyArn`,
    patterns.KMS_KEY_ARN,
    'use the ARN of a KMS key (not of an alias), arn:aws:kms:<region>:<account>:key/<id>, of partition aws, aws-cn or aws-us-gov',
  ),
  textRule(
    KIND,
    `${AUTHENTICATION}.roleArn`,
    patterns.ROLE_ARN,
    'use the ARN of an IAM role, arn:aws:iam::<account>:role/<name>, of partition aws, aws-cn or aws-us-gov',
  ),
  rule<Authentication>(KIND, AUTHENTICATION, {
    cel: '[has(self.roleArn), has(self.credentials), has(self.properties)].filter(given, given).size() <= 1',
    message: 'give at most one of roleArn, credentials and properties',
    check: (self) => [self.roleArn, self.credentials, self.properties].filter((given) => given !== undefined).length <= 1,
  }),
  rule<Authentication>(KIND, AUTHENTICATION, {
    cel: '!has(self.externalIdSecretRef) || has(self.roleArn)',
    message: 'externalIdSecretRef goes with roleArn',
    check: (self) => self.externalIdSecretRef === undefined || self.roleArn !== undefined,
  }),
  rule<SecretSource>(KIND, SOURCES, {
    cel: '[has(self.secretRef), has(self.parameterStore), has(self.secretsManager)].filter(given, given).size() == 1',
    message: 'give exactly one of secretRef, parameterStore and secretsManager',
    check: (self) => [self.secretRef, self.parameterStore, self.secretsManager].filter((given) => given !== undefined).length === 1,
  }),
  textRule(
    KIND,
    SOURCES.map((source) => `${source}.parameterStore.name`),
    patterns.PARAMETER_NAME,
    'use a parameter below /<organization>/<namespace>/, such as /acme/finance/crm',
  ),
  textRule(
    KIND,
    SOURCES.map((source) => `${source}.secretsManager.arn`),
    patterns.SECRETS_MANAGER_ARN,
    'use the ARN of a Secrets Manager secret below /<organization>/<namespace>/, arn:aws:secretsmanager:<region>:<account>:secret:/acme/finance/crm-AbCdEf',
  ),
];

function credentialed(spec: ElasticJobSpec): boolean {
  return (spec.connections ?? []).some((connection) => connection.authentication?.credentials !== undefined);
}

const HAS_CREDENTIALS = 'has(c.authentication) && has(c.authentication.credentials)';

const staging: readonly Rule[] = [
  rule<JobStaging>(KIND, 'spec.staging', {
    cel: 'has(self.connection) != has(self.identity)',
    message: 'give either connection or identity: Worker, or leave staging out',
    check: (self) => (self.connection === undefined) !== (self.identity === undefined),
  }),
  rule<ElasticJobSpec>(KIND, 'spec', {
    cel: '!has(self.staging) || !has(self.staging.connection) || (has(self.connections) && self.connections.exists(c, c.name == self.staging.connection))',
    message: 'staging.connection must be the name of one of the connections',
    fieldPath: '.staging',
    check: (self) => self.staging?.connection === undefined || (self.connections ?? []).some((c) => c.name === self.staging?.connection),
  }),
  rule<ElasticJobSpec>(KIND, 'spec', {
    cel: `!has(self.staging) || !has(self.staging.connection) || !has(self.connections) || self.connections.all(c, c.name != self.staging.connection || has(c.connectionRef) || (${HAS_CREDENTIALS}) || (has(c.authentication) && has(c.authentication.roleArn) && !self.connections.exists(c, ${HAS_CREDENTIALS})))`,
    message: 'staging.connection must have credentials if any connection has them (credentials override roles), else a roleArn',
    fieldPath: '.staging',
    check: (self) =>
      self.staging?.connection === undefined ||
      (self.connections ?? []).every(
        (c) =>
          c.name !== self.staging?.connection ||
          c.connectionRef !== undefined ||
          c.authentication?.credentials !== undefined ||
          (c.authentication?.roleArn !== undefined && !credentialed(self)),
      ),
  }),
  rule<ElasticJobSpec>(KIND, 'spec', {
    cel: `!has(self.staging) || !has(self.staging.identity) || !has(self.connections) || !self.connections.exists(c, ${HAS_CREDENTIALS})`,
    message: 'staging.identity Worker is possible only where no connection has credentials: credentials override roles',
    fieldPath: '.staging',
    check: (self) => self.staging?.identity === undefined || !credentialed(self),
  }),
  textRule(
    KIND,
    'spec.dependencies[].path',
    patterns.RELATIVE_PATH,
    'use a relative path such as app/etl.py, without empty, . or .. segments or wildcards',
  ),
  textRule(
    KIND,
    'spec.dependencies[].uri',
    patterns.S3_OBJECT,
    'use s3://<bucket>/<key> of one object, without empty, . or .. segments or wildcards',
  ),
  rule<Dependency>(KIND, 'spec.dependencies[]', {
    cel: 'has(self.uri) != has(self.configMapKeyRef)',
    message: 'give either uri or configMapKeyRef',
    check: (self) => (self.uri === undefined) !== (self.configMapKeyRef === undefined),
  }),
  rule<Dependency>(KIND, 'spec.dependencies[]', {
    cel: '!has(self.connection) || has(self.uri)',
    message: 'connection goes with uri',
    check: (self) => self.connection === undefined || self.uri !== undefined,
  }),
  rule<ElasticJobSpec>(KIND, 'spec', {
    cel: '!has(self.dependencies) || self.dependencies.all(d, !has(d.connection) || (has(self.connections) && self.connections.exists(c, c.name == d.connection)))',
    message: 'the connection of a dependency must be the name of one of the connections',
    fieldPath: '.dependencies',
    check: (self) =>
      (self.dependencies ?? []).every((d) => d.connection === undefined || (self.connections ?? []).some((c) => c.name === d.connection)),
  }),
];

export const jobRules: readonly Rule[] = [...life, ...connections, ...staging];
