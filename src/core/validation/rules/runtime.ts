import type {
  DisruptionBudget,
  ElasticRuntime,
  Identities,
  MachineImage,
  Network,
  PoolVolumePlan,
  Requirement,
} from '../../../api/generated/types.ts';
import { hasPath, immutableFields, requiredFields } from '../../classes/builtin.ts';
import type { WrittenSpec } from '../../classes/merge.ts';
import * as patterns from '../patterns.ts';
import { immutableRule, type Rule, rule, textRule } from '../rule.ts';

const KIND = 'ElasticRuntime';
const OBJECT_NAME = new RegExp(patterns.OBJECT_NAME, 'u');
const KUBERNETES_LABEL = new RegExp(patterns.KUBERNETES_LABEL, 'u');
const POOL_NAME = new RegExp(patterns.POOL_NAME, 'u');
const TAG_TEXT = new RegExp(patterns.TAG_TEXT, 'u');
const ROLES = ['agent', 'operator', 'master', 'worker'].map((identity) => `spec.identities.${identity}.roleArn`);
const IMAGES = ['spec.machineImage', 'spec.workers.pools[].machineImage'];
const REQUIREMENTS = ['spec.masters.requirements[]', 'spec.workers.requirements[]', 'spec.workers.pools[].requirements[]'];
const VOLUMES = ['spec.masters.volumes', 'spec.workers.volumes', 'spec.workers.pools[].volumes'];
const ARN_HELP = 'of partition aws, aws-cn or aws-us-gov';

const identity: readonly Rule[] = [
  rule<ElasticRuntime>(KIND, '', {
    cel: `self.metadata.name.matches(r"${patterns.OBJECT_NAME}")`,
    message: 'metadata.name must be at most 40 lower-case letters, digits and hyphens, start with a letter and not end with a hyphen',
    check: (self) => OBJECT_NAME.test(self.metadata.name),
  }),
  textRule(
    KIND,
    'spec.organization',
    patterns.SLUG,
    'use lower-case letters, digits and hyphens, such as acme: it is the first folder of every object',
  ),
  immutableRule(KIND, 'spec.organization', 'organization is immutable: make a new runtime for another organization'),
  textRule(KIND, 'spec.region', patterns.REGION, 'use the code of an AWS region, such as us-east-1'),
  immutableRule(KIND, 'spec.region', 'region is immutable: make a new runtime in the other region'),
  textRule(KIND, ROLES, patterns.ROLE_ARN, `use the ARN of an IAM role, arn:aws:iam::<account>:role/<name>, ${ARN_HELP}`),
  textRule(
    KIND,
    'spec.identities.node.instanceProfileArn',
    patterns.INSTANCE_PROFILE_ARN,
    `use the ARN of an instance profile (not of a role), arn:aws:iam::<account>:instance-profile/<name>, ${ARN_HELP}`,
  ),
  textRule(
    KIND,
    'spec.identities.agent.x509.endpoint',
    patterns.IOT_ENDPOINT,
    "use the host of your account's credentials provider, <prefix>.credentials.iot.<region>.amazonaws.com (aws iot describe-endpoint --endpoint-type iot:CredentialProvider)",
  ),
  rule<Identities>(KIND, 'spec.identities', {
    cel: 'has(self.master) == has(self.worker)',
    message: 'give both master and worker, or neither: without both, default roles are made from the policies of the agent role',
    check: (self) => (self.master === undefined) === (self.worker === undefined),
  }),
  rule<WrittenSpec>(KIND, 'spec', {
    cel: `!has(self.region) || [self.?identities.agent.roleArn.orValue(''), self.?identities.operator.roleArn.orValue(''), self.?staging.kmsKeyArn.orValue(''), self.?logs.kmsKeyArn.orValue('')].all(arn, arn == '' || arn.startsWith(self.region.startsWith('cn-') ? 'arn:aws-cn:' : self.region.startsWith('us-gov-') ? 'arn:aws-us-gov:' : 'arn:aws:'))`,
    message: 'roles and keys must be in the partition of the region: arn:aws-cn for cn-*, arn:aws-us-gov for us-gov-*, arn:aws elsewhere',
    fieldPath: '.region',
    check: ({ region, identities, staging, logs }) => {
      if (region === undefined) return true;
      const arns = [identities?.agent?.roleArn, identities?.operator?.roleArn, staging?.kmsKeyArn, logs?.kmsKeyArn];
      const partition = region.startsWith('cn-') ? 'arn:aws-cn:' : region.startsWith('us-gov-') ? 'arn:aws-us-gov:' : 'arn:aws:';
      return arns.every((arn) => arn === undefined || arn === '' || arn.startsWith(partition));
    },
  }),
  // A class that is not named may be another tomorrow, or none: who leaves these to it says to which.
  ...requiredFields
    .filter((path) => path !== 'network')
    .map((path) =>
      rule<WrittenSpec>(KIND, 'spec', {
        cel: `has(self.runtimeClassName) || self.?${path}.hasValue()`,
        message: `give ${path}, or name the ElasticRuntimeClass that gives it (runtimeClassName)`,
        reason: 'FieldValueRequired',
        fieldPath: `.${path}`,
        check: (self) => self.runtimeClassName !== undefined || hasPath(self, path),
      }),
    ),
  // What a class gives in its place could be something else.
  ...immutableFields.map((field) =>
    rule<WrittenSpec>(KIND, 'spec', {
      cel: `!has(oldSelf.${field}) || has(self.${field})`,
      message: `${field} is immutable: it cannot be taken out again`,
      fieldPath: `.${field}`,
      check: (self, oldSelf) => oldSelf[field] === undefined || self[field] !== undefined,
    }),
  ),
];

/** Neither ends in a slash. Where one lies in the other only who knows the namespace can tell (core/access/own-folders.ts). */
export const twoFolders: Rule = rule<WrittenSpec>(KIND, 'spec', {
  cel: "self.?staging.uri.orValue('') == '' || self.?staging.uri != self.?logs.uri",
  message:
    'staging and logs must be two folders: name another folder or another bucket for logs; else pods could write the record of accesses, and cleaning up a job would delete its logs',
  fieldPath: '.logs.uri',
  check: ({ staging, logs }) => (staging?.uri ?? '') === '' || staging?.uri !== logs?.uri,
});

const places: readonly Rule[] = [
  textRule(
    KIND,
    ['spec.staging.uri', 'spec.logs.uri'],
    patterns.S3_FOLDER,
    'use s3://<bucket> or s3://<bucket>/<folder>, without a slash at the end, empty, . or .. segments or wildcards',
  ),
  textRule(
    KIND,
    ['spec.staging.kmsKeyArn', 'spec.logs.kmsKeyArn'],
    patterns.KMS_KEY_ARN,
    `use the ARN of a KMS key (not of an alias), arn:aws:kms:<region>:<account>:key/<id>, ${ARN_HELP}`,
  ),
  immutableRule(KIND, ['spec.staging', 'spec.logs'], 'staging and logs are immutable: make a new runtime with the other location'),
  twoFolders,
  rule<Network>(KIND, 'spec.network', {
    cel: 'has(self.subnetIds) != has(self.subnetSelector)',
    message: 'give either subnetIds or subnetSelector',
    check: (self) => (self.subnetIds === undefined) !== (self.subnetSelector === undefined),
  }),
  rule<Network>(KIND, 'spec.network', {
    cel: 'has(self.securityGroupIds) != has(self.securityGroupSelector)',
    message: 'give either securityGroupIds or securityGroupSelector',
    check: (self) => (self.securityGroupIds === undefined) !== (self.securityGroupSelector === undefined),
  }),
  rule<MachineImage>(KIND, IMAGES, {
    cel: "(self.family == 'Custom') == has(self.amiId)",
    message: 'give amiId with family Custom, and with no other family',
    check: (self) => (self.family === 'Custom') === (self.amiId !== undefined),
  }),
  rule<MachineImage>(KIND, IMAGES, {
    cel: "self.family == 'Custom' || !has(self.userData)",
    message: 'userData goes with family Custom only: use initScript for the others',
    check: (self) => self.family === 'Custom' || self.userData === undefined,
  }),
  textRule(
    KIND,
    'spec.initScript.uri',
    patterns.S3_OBJECT,
    'use s3://<bucket>/<key> of one object, without empty, . or .. segments or wildcards',
  ),
];

type Bounds = { readonly min?: number; readonly max?: number };
type PoolName = string;
type Labels = Readonly<Record<string, string>>;

const scaling: readonly Rule[] = [
  rule<Bounds>(KIND, ['spec.masters', 'spec.workers'], {
    cel: '!has(self.min) || !has(self.max) || self.min <= self.max',
    message: 'min must not be above max',
    fieldPath: '.min',
    check: (self) => self.min === undefined || self.max === undefined || self.min <= self.max,
  }),
  rule<Requirement>(KIND, REQUIREMENTS, {
    cel: "!(self.operator in ['In', 'NotIn']) || (has(self.values) && self.values.size() > 0)",
    message: 'operators In and NotIn need values',
    check: (self) => !['In', 'NotIn'].includes(self.operator) || (self.values ?? []).length > 0,
  }),
  rule<Requirement>(KIND, REQUIREMENTS, {
    cel: "!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || self.values.size() == 0",
    message: 'operators Exists and DoesNotExist take no values',
    check: (self) => !['Exists', 'DoesNotExist'].includes(self.operator) || (self.values ?? []).length === 0,
  }),
  rule<Requirement>(KIND, REQUIREMENTS, {
    cel: "!(self.operator in ['Gt', 'Lt', 'Gte', 'Lte']) || (has(self.values) && self.values.size() == 1 && self.values[0].matches(r\"^[0-9]{1,15}$\"))",
    message: 'operators Gt, Lt, Gte and Lte need exactly one value, a whole number written as text',
    check: (self) =>
      !['Gt', 'Lt', 'Gte', 'Lte'].includes(self.operator) || (self.values?.length === 1 && /^[0-9]{1,15}$/u.test(self.values[0] ?? '')),
  }),
  rule<PoolVolumePlan>(KIND, VOLUMES, {
    cel: '!has(self.initialGiB) || !has(self.maxGiB) || self.initialGiB <= self.maxGiB',
    message: 'initialGiB must not be above maxGiB',
    check: (self) => self.initialGiB === undefined || self.maxGiB === undefined || self.initialGiB <= self.maxGiB,
  }),
  rule<PoolVolumePlan>(KIND, VOLUMES, {
    cel: "!has(self.type) || !has(self.throughputMiBps) || self.type == 'gp3'",
    message: 'throughputMiBps goes with type gp3 only',
    check: (self) => self.type === undefined || self.throughputMiBps === undefined || self.type === 'gp3',
  }),
  rule<PoolVolumePlan>(KIND, VOLUMES, {
    cel: "!has(self.type) || !has(self.iops) || self.type in ['gp3', 'io1', 'io2']",
    message: 'iops goes with types gp3, io1 and io2 only',
    check: (self) => self.type === undefined || self.iops === undefined || ['gp3', 'io1', 'io2'].includes(self.type),
  }),
  textRule(
    KIND,
    ['spec.workers.maxUsdPerHour', 'spec.workers.pools[].limits.maxUsdPerHour'],
    patterns.MONEY,
    'use US dollars as decimal text with at most six decimals, such as "60" or "4.25"',
  ),
  rule<number>(KIND, ['spec.workers.spotPercent', 'spec.workers.pools[].spotPercent'], {
    cel: 'self >= 0 && self <= 100',
    message: 'use a share between 0 and 100',
    check: (self) => self >= 0 && self <= 100,
  }),
  rule<PoolName>(KIND, 'spec.workers.pools[].name', {
    cel: `self.matches(r"${patterns.POOL_NAME}") && !(self in ['masters', 'workers'])`,
    message: 'use lower-case letters, digits and hyphens, start with a letter; masters and workers are taken',
    check: (self) => POOL_NAME.test(self) && !['masters', 'workers'].includes(self),
  }),
  rule<Labels>(KIND, 'spec.workers.pools[].labels', {
    cel: "self.all(key, !key.startsWith('elasticruntime.dev/') && !key.contains('node-restriction.kubernetes.io/'))",
    message: "labels below elasticruntime.dev/ and node-restriction.kubernetes.io/ are the operator's: use a prefix of your own",
    check: (self) =>
      Object.keys(self).every((key) => !key.startsWith('elasticruntime.dev/') && !key.includes('node-restriction.kubernetes.io/')),
  }),
  // The operator writes them to the Node, where a kubelet could not: a pool must not say more of a machine than the machine itself may
  // (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction). A kubelet that is told to does not start.
  rule<Labels>(KIND, 'spec.workers.pools[].labels', {
    cel: `self.all(key, !key.matches(r"${patterns.KUBERNETES_LABEL}") || key.startsWith('node.kubernetes.io/') || key.startsWith('kubelet.kubernetes.io/'))`,
    message: "labels below kubernetes.io and k8s.io are Kubernetes' own, but for node.kubernetes.io/: use a prefix of your own",
    check: (self) =>
      Object.keys(self).every(
        (key) => !KUBERNETES_LABEL.test(key) || key.startsWith('node.kubernetes.io/') || key.startsWith('kubelet.kubernetes.io/'),
      ),
  }),
  rule<string>(KIND, 'spec.workers.pools[].taints[].key', {
    cel: "!self.startsWith('elasticruntime.dev/')",
    message: "taints below elasticruntime.dev/ are the operator's: use a prefix of your own",
    check: (self) => !self.startsWith('elasticruntime.dev/'),
  }),
];

const REFUSED_TAG_PREFIXES = ['aws:', 'eks:', 'elasticruntime.dev/', 'karpenter.sh/', 'kubernetes.io/cluster/'] as const;
const DURATION_HELP = 'use a duration such as 30s, 10m, 1h30m or 720h (there is no unit for days)';

const life: readonly Rule[] = [
  textRule(
    KIND,
    [
      'spec.idleTimeout',
      'spec.disruption.terminationGracePeriod',
      'spec.disruption.budgets[].duration',
      'spec.orphanProtection.terminateAfter',
    ],
    patterns.DURATION,
    DURATION_HELP,
  ),
  textRule(
    KIND,
    ['spec.disruption.consolidateAfter', 'spec.disruption.expireAfter'],
    patterns.DURATION_OR_NEVER,
    `${DURATION_HELP}, or Never`,
  ),
  textRule(KIND, 'spec.disruption.budgets[].nodes', patterns.BUDGET_NODES, 'use a number of nodes such as "5" or a share such as 10%'),
  textRule(
    KIND,
    'spec.disruption.budgets[].schedule',
    patterns.CRON,
    'use a cron expression of five fields, such as "0 8 * * 1-5", or @daily',
  ),
  rule<DisruptionBudget>(KIND, 'spec.disruption.budgets[]', {
    cel: 'has(self.schedule) == has(self.duration)',
    message: 'give both schedule and duration, or neither: a budget without them always holds',
    check: (self) => (self.schedule === undefined) === (self.duration === undefined),
  }),
  rule<DisruptionBudget>(KIND, 'spec.disruption.budgets[]', {
    cel: '!has(self.timeZone) || has(self.schedule)',
    message: 'timeZone needs a schedule',
    check: (self) => self.timeZone === undefined || self.schedule !== undefined,
  }),
  rule<Labels>(KIND, 'spec.tags', {
    cel: `self.all(key, ![${REFUSED_TAG_PREFIXES.map((prefix) => `'${prefix}'`).join(', ')}].exists(prefix, key.lowerAscii().startsWith(prefix)))`,
    message: `tags that begin with ${REFUSED_TAG_PREFIXES.join(', ')} are refused: rename or remove them`,
    check: (self) => Object.keys(self).every((key) => !REFUSED_TAG_PREFIXES.some((prefix) => lowerAscii(key).startsWith(prefix))),
  }),
  rule<Labels>(KIND, 'spec.tags', {
    cel: `self.all(key, key.size() >= 1 && key.size() <= 128 && key.matches(r"${patterns.TAG_TEXT}"))`,
    message: 'the key of a tag has 1 to 128 letters, digits, spaces and _ . : / = + - @',
    check: (self) => Object.keys(self).every((key) => key !== '' && Array.from(key).length <= 128 && TAG_TEXT.test(key)),
  }),
  textRule(KIND, 'spec.tags{}', patterns.TAG_TEXT, 'the value of a tag has letters, digits, spaces and _ . : / = + - @ only'),
];

/** As CEL's lowerAscii: other letters stay. */
function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

export const runtimeRules: readonly Rule[] = [...identity, ...places, ...scaling, ...life];
