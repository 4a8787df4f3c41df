import type { ElasticRuntimeClass, ElasticRuntimeSpec } from '../../api/generated/types.ts';
import { labels } from '../../api/labels.ts';
import { covers } from './glob.ts';
import { listed } from './select.ts';

/** What a runtime says and may not. */
export type ClassViolation = {
  /** Undefined where no class is concerned: the label of the namespace, or that no class holds. */
  readonly className: string | undefined;
  /** Path in the object, such as `spec.identities.agent.roleArn`. */
  readonly field: string;
  readonly value: string;
  /** What is wrong, and what is allowed. */
  readonly message: string;
};

/** `ElasticRuntimeClass standard: spec.staging.uri "s3://x": …` */
export function formatClassViolation({ className, field, value, message }: ClassViolation): string {
  const of = className === undefined ? '' : `ElasticRuntimeClass ${className}: `;
  return `${of}${field}${value === '' ? '' : ` ${JSON.stringify(value)}`}: ${message}`;
}

export type Found = Omit<ClassViolation, 'className'>;
type Subject = { readonly spec: ElasticRuntimeSpec; readonly ofClass: ElasticRuntimeClass['spec'] };
export type Site = readonly [field: string, value: string | undefined];

/** In the order of the class's fields; all that is wrong is said at once. */
const CHECKS: readonly ((subject: Subject) => readonly Found[])[] = [
  organization,
  roleArns,
  uris,
  kmsKeyArns,
  subnets,
  securityGroups,
  imageFamilies,
  defaultRoles,
  x509,
  requiredTags,
];

export function violationsOf(spec: ElasticRuntimeSpec, { metadata, spec: ofClass }: ElasticRuntimeClass): readonly ClassViolation[] {
  return CHECKS.flatMap((check) => check({ spec, ofClass })).map((found) => ({ ...found, className: metadata.name }));
}

/** The label says whose the namespace is, whatever class holds. */
export function namespaceViolations(spec: Pick<ElasticRuntimeSpec, 'organization'>, namespace: Namespace): readonly ClassViolation[] {
  const said = namespace.labels[labels.organization];
  if (said === undefined || said === spec.organization) return [];
  const message = `namespace ${namespace.name} is labelled ${labels.organization}=${said}: only this organization is allowed in it`;
  return [{ className: undefined, field: 'spec.organization', value: spec.organization, message }];
}

type Namespace = { readonly name: string; readonly labels: Readonly<Record<string, string>> };

/** Without a class that says who may, a certificate in a tenant's Secret would stand in for the cluster's own token. */
export function withoutClass(spec: Pick<ElasticRuntimeSpec, 'identities'>): readonly ClassViolation[] {
  if (spec.identities.agent.x509 === undefined) return [];
  const message = 'an X.509 agent identity needs an ElasticRuntimeClass with allowed.x509: Allowed, and there is no class in this cluster';
  return [{ className: undefined, field: 'spec.identities.agent.x509', value: '', message }];
}

function organization({ spec, ofClass }: Subject): readonly Found[] {
  if (ofClass.organization === undefined || ofClass.organization === spec.organization) return [];
  return [{ field: 'spec.organization', value: spec.organization, message: `the class is for organization ${ofClass.organization} only` }];
}

function roleArns({ spec: { identities }, ofClass: { allowed } }: Subject): readonly Found[] {
  const roles = (['agent', 'operator', 'master', 'worker'] as const).map((name): Site => {
    return [`spec.identities.${name}.roleArn`, identities[name]?.roleArn];
  });
  return [...outside(roles, allowed.roleArns, 'roleArns'), ...instanceProfile(identities.node?.instanceProfileArn, allowed.roleArns)];
}

/**
 * A profile is a role for the machines. The console gives it the name of its role, so a pattern for the role covers it, too.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2_instance-profiles.html
 */
function instanceProfile(arn: string | undefined, allowed: readonly string[] | undefined): readonly Found[] {
  const asRole = arn?.replace(':instance-profile/', ':role/');
  if (asRole !== undefined && outside([['', asRole]], allowed, '').length === 0) return [];
  return outside([['spec.identities.node.instanceProfileArn', arn]], allowed, 'roleArns');
}

function uris({ spec, ofClass: { allowed } }: Subject): readonly Found[] {
  const sites: readonly Site[] = [
    ['spec.staging.uri', spec.staging.uri],
    ['spec.logs.uri', spec.logs.uri],
    ['spec.initScript.uri', spec.initScript?.uri],
  ];
  return outside(sites, allowed.uris, 'uris');
}

function kmsKeyArns({ spec, ofClass: { allowed } }: Subject): readonly Found[] {
  const sites: readonly Site[] = [
    ['spec.staging.kmsKeyArn', spec.staging.kmsKeyArn],
    ['spec.logs.kmsKeyArn', spec.logs.kmsKeyArn],
  ];
  return outside(sites, allowed.kmsKeyArns, 'kmsKeyArns');
}

function subnets({ spec: { network }, ofClass: { allowed } }: Subject): readonly Found[] {
  return [
    ...outside(each('spec.network.subnetIds', network?.subnetIds), allowed.subnetIds, 'subnetIds'),
    ...selector('spec.network.subnetSelector', network?.subnetSelector, allowed.subnetIds, 'subnetIds'),
  ];
}

function securityGroups({ spec: { network }, ofClass: { allowed } }: Subject): readonly Found[] {
  return [
    ...outside(each('spec.network.securityGroupIds', network?.securityGroupIds), allowed.securityGroupIds, 'securityGroupIds'),
    ...selector('spec.network.securityGroupSelector', network?.securityGroupSelector, allowed.securityGroupIds, 'securityGroupIds'),
  ];
}

/** What tags select can change without a change of the runtime. */
function selector(field: string, value: object | undefined, allowed: readonly string[] | undefined, list: string): readonly Found[] {
  if (value === undefined || allowed === undefined) return [];
  return [{ field, value: '', message: `the class lists allowed.${list} (${shown(allowed)}): name ids in place of a selector` }];
}

function imageFamilies({ spec, ofClass: { allowed } }: Subject): readonly Found[] {
  const pools = (spec.workers.pools ?? []).map(
    ({ machineImage }, index): Site => [`spec.workers.pools[${index}].machineImage.family`, machineImage?.family],
  );
  const sites: readonly Site[] = [['spec.machineImage.family', spec.machineImage.family], ...pools];
  return outside(sites, allowed.imageFamilies, 'imageFamilies');
}

function defaultRoles({ spec: { identities }, ofClass: { allowed } }: Subject): readonly Found[] {
  if (allowed.defaultRoles === 'Allowed' || identities.master !== undefined || identities.worker !== undefined) return [];
  const message = 'the class allows no default roles (allowed.defaultRoles: Never): give identities.master and identities.worker';
  return [{ field: 'spec.identities', value: '', message }];
}

function x509({ spec: { identities }, ofClass: { allowed } }: Subject): readonly Found[] {
  if (allowed.x509 === 'Allowed' || identities.agent.x509 === undefined) return [];
  const message = "the class allows no X.509 agent identity (allowed.x509: Never): leave it out to use the cluster's token";
  return [{ field: 'spec.identities.agent.x509', value: '', message }];
}

function requiredTags({ spec: { tags = {} }, ofClass: { requiredTags: keys = [] } }: Subject): readonly Found[] {
  const missing = keys.filter((key) => !Object.hasOwn(tags, key) || tags[key] === '');
  if (missing.length === 0) return [];
  return [{ field: 'spec.tags', value: '', message: `the class requires the tags ${listed(keys)}: add ${listed(missing)}` }];
}

function each(field: string, values: readonly string[] | undefined): readonly Site[] {
  return (values ?? []).map((value, index) => [`${field}[${index}]`, value]);
}

/** Of a list that is left out nothing is refused; of an empty one everything. */
export function outside(sites: readonly Site[], allowed: readonly string[] | undefined, list: string): readonly Found[] {
  if (allowed === undefined) return [];
  return sites.flatMap(([field, value]) => {
    if (value === undefined || allowed.some((pattern) => covers(pattern, value))) return [];
    return [{ field, value, message: `not among what the class allows (allowed.${list}: ${shown(allowed)})` }];
  });
}

function shown(allowed: readonly string[]): string {
  return allowed.length === 0 ? 'none' : listed(allowed);
}
