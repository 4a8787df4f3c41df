import { wrongLocation } from './arn-locations.ts';
import { accessOf, findConnector, similarConnector } from './connectors.ts';
import { foreignFolder } from './foreign-folder.ts';
import type { AccessRuntime, Authentication, ConnectionSpec, JobConnection } from './input.ts';
import { formatS3Uri, parseS3Uri } from './locations.ts';
import { ownFolder } from './own-folders.ts';
import { nodeRoleArn, type Principals, parseRoleArn } from './roles.ts';
import { type Check, firstProblem } from './rules.ts';
import { wrongSecretSource } from './secrets.ts';

/** What is wrong with a field, before the object around it is known. `field` is relative to the connection. */
export type FieldProblem = { readonly field: string; readonly value: string; readonly message: string; readonly remedy: string };

export type Surroundings = {
  readonly runtime: AccessRuntime;
  readonly principals: Principals;
  readonly connections: ReadonlyMap<string, ConnectionSpec>;
};

type Subject = Surroundings & { readonly inline: JobConnection; readonly spec: ConnectionSpec };

/** What is wrong with the job's own entry. */
export function wrongEntry(subject: Subject): FieldProblem | undefined {
  return firstProblem(ENTRY_CHECKS, subject);
}

/** What is wrong with what the connection is, inline or in the ElasticConnection that the entry names. */
export function wrongSpec(subject: Subject): FieldProblem | undefined {
  return firstProblem(SPEC_CHECKS, subject);
}

// In this order; the first thing that is wrong is what is said.
const ENTRY_CHECKS: readonly Check<Subject, FieldProblem>[] = [
  wrongName,
  inlineBesideReference,
  missingReference,
  wrongUsage,
  writingIntoOwnFolder,
];
const SPEC_CHECKS: readonly Check<Subject, FieldProblem>[] = [
  noConnector,
  unknownConnector,
  contradictedConnector,
  locationOutsideAws,
  locationOfAnotherService,
  severalAuthentications,
  externalIdWithoutRole,
  awsAuthenticationOnIndirect,
  propertiesOnDirect,
  missingLogin,
  wrongRole,
  ownRole,
  secretOfConnection,
  unsafeLocation,
  locationOfOthers,
];

function wrongName({ inline: { name } }: Subject): FieldProblem | undefined {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return undefined;
  // The name becomes the name of an AWS profile and of a folder in the pods.
  return problem('name', name, 'is no name for a connection', "use a-z, 0-9 and '-', at most 63 characters");
}

function inlineBesideReference({ inline }: Subject): FieldProblem | undefined {
  if (inline.connectionRef === undefined) return undefined;
  const field = (['connector', 'access', 'location', 'authentication'] as const).find((name) => inline[name] !== undefined);
  if (field === undefined) return undefined;
  return problem(
    field,
    '',
    `is given beside connectionRef ${inline.connectionRef.name}, which has its own`,
    `remove ${field}, or remove connectionRef and write the whole connection here`,
  );
}

function missingReference({ inline: { connectionRef }, connections }: Subject): FieldProblem | undefined {
  if (connectionRef === undefined || connections.has(connectionRef.name)) return undefined;
  return problem(
    'connectionRef.name',
    connectionRef.name,
    'names no ElasticConnection of this namespace',
    `create ElasticConnection ${connectionRef.name}, or write the connection here`,
  );
}

function wrongUsage({ inline, spec }: Subject): FieldProblem | undefined {
  const asked = sides(inline.usage ?? spec.usage);
  if (asked.length === 0) return problem('usage', inline.usage ?? '', 'is no usage', 'write Source, Target or SourceAndTarget');
  const granted = spec.usage === undefined ? asked : sides(spec.usage);
  if (asked.every((side) => granted.includes(side))) return undefined;
  return problem(
    'usage',
    inline.usage ?? '',
    `goes beyond what ElasticConnection ${inline.connectionRef?.name ?? ''} is for: ${spec.usage ?? ''}`,
    `use it as ${spec.usage ?? ''}, or ask its owner`,
  );
}

/**
 * Logs of all jobs and the record of what they accessed lie there, the cluster's description and what other jobs staged: the plan gives each who writes it,
 * and a connection would give a job's pods the rest. What is wrong is never the ElasticConnection alone: read, or on another runtime, it may be right.
 */
function writingIntoOwnFolder({ inline, spec, runtime }: Subject): FieldProblem | undefined {
  const { location = '' } = spec;
  if (!sides(inline.usage ?? spec.usage).includes('Target')) return undefined;
  const place = location.startsWith('s3://') ? parseS3Uri(location) : undefined;
  const own = place?.ok === true ? ownFolder(runtime, place.value) : undefined;
  if (own === undefined) return undefined;
  const { field, folder } = own;
  const what = field === 'logs' ? "other jobs' logs and the records of accesses" : 'the cluster info and what other jobs staged';
  const folderOf = `the runtime's own folder in spec.${field}, ${formatS3Uri(folder)}, and would be written: ${what} lie there`;
  const remedy = 'name a location outside of it, or only read there (usage: Source)';
  if (inline.connectionRef === undefined) return problem('location', location, `lies in ${folderOf}`, remedy);
  const { name } = inline.connectionRef;
  return problem('usage', inline.usage ?? spec.usage ?? '', `cannot be: ElasticConnection ${name} lies in ${folderOf}`, remedy);
}

function noConnector({ spec }: Subject): FieldProblem | undefined {
  if (spec.connector !== undefined && spec.connector !== '') return undefined;
  return problem('connector', '', 'is missing', 'name the connector, for example AmazonS3 or JDBC');
}

function unknownConnector({ spec }: Subject): FieldProblem | undefined {
  const name = spec.connector ?? '';
  if (findConnector(name) !== undefined) return undefined;
  const similar = similarConnector(name);
  // A known connector in other letters would let `access` say what the table does not.
  if (similar !== undefined) return problem('connector', name, 'is no known connector', `write ${similar.name}`);
  if (spec.access === 'Direct' || spec.access === 'Indirect') return undefined;
  return problem(
    'connector',
    name,
    'is no known connector, and access does not say what it reaches',
    'add access: Direct (AWS data, reached as an AWS identity) or access: Indirect (its own login)',
  );
}

function contradictedConnector({ spec }: Subject): FieldProblem | undefined {
  const { access } = spec;
  const known = findConnector(spec.connector ?? '');
  if (known === undefined || access === undefined || access === accessOf(spec)) return undefined;
  const why = accessOf(spec) === known.access ? '' : ' when it is reached by a login';
  return problem(
    'access',
    access,
    `contradicts connector ${known.name}, which is ${accessOf(spec)}${why}`,
    `remove access, or write ${accessOf(spec)}`,
  );
}

function locationOutsideAws({ spec: { connector, location } }: Subject): FieldProblem | undefined {
  const outside = findConnector(connector ?? '')?.s3 === true && location?.includes('://') === true && !location.startsWith('s3://');
  if (!outside) return undefined;
  // The location may hold a login: only its scheme is shown.
  return problem(
    'location',
    `${location.slice(0, location.indexOf('://'))}://…`,
    `is not in S3, but ${connector ?? ''} is read and written with an AWS identity`,
    'write s3://bucket/prefix, or use a connector of the system that holds the data',
  );
}

/** Only what claims to be an ARN, or says its region, is judged: any other text means something to the connector alone. */
function locationOfAnotherService({ spec, runtime, principals }: Subject): FieldProblem | undefined {
  const { connector = '', location = '' } = spec;
  if (accessOf(spec) !== 'Direct') return undefined;
  const partition = principals.roles.agent.split(':')[1] ?? 'aws';
  const wrong = wrongLocation(connector, location, { partition, region: runtime.spec.region });
  return wrong === undefined ? undefined : problem('location', location, wrong.message, wrong.remedy);
}

/** Escapes, wildcards and look-alikes would mean one thing to S3 and another to whoever reads the policy or the plan. */
function unsafeLocation({ spec: { location } }: Subject): FieldProblem | undefined {
  const folder = location?.startsWith('s3://') === true ? parseS3Uri(location) : undefined;
  if (folder === undefined || folder.ok) return undefined;
  return problem('location', location ?? '', folder.reason, 'write s3://bucket/prefix with plain names');
}

function locationOfOthers({ spec: { location }, runtime }: Subject): FieldProblem | undefined {
  const folder = location?.startsWith('s3://') === true ? parseS3Uri(location) : undefined;
  const field = folder?.ok === true ? foreignFolder(runtime, folder.value) : undefined;
  if (field === undefined) return undefined;
  return problem(
    'location',
    location ?? '',
    `lies in spec.${field} of the runtime, but not below its organization ${runtime.spec.organization}`,
    `name a folder below ${runtime.spec[field]?.uri ?? ''}/${runtime.spec.organization}/, or another bucket`,
  );
}

function severalAuthentications({ spec }: Subject): FieldProblem | undefined {
  const kinds = authenticationKinds(spec.authentication);
  if (kinds.length < 2) return undefined;
  return problem('authentication', kinds.join(', '), 'says more than one identity', 'keep one of roleArn, credentials and properties');
}

function externalIdWithoutRole({ spec: { authentication } }: Subject): FieldProblem | undefined {
  if (authentication?.externalIdSecretRef === undefined || authentication.roleArn !== undefined) return undefined;
  return problem(
    'authentication.externalIdSecretRef',
    authentication.externalIdSecretRef.name,
    'is given without a role that could ask for it',
    'add authentication.roleArn, or remove externalIdSecretRef',
  );
}

function awsAuthenticationOnIndirect({ spec }: Subject): FieldProblem | undefined {
  const kind = authenticationKinds(spec.authentication).find((name) => name !== 'properties');
  if (kind === undefined || accessOf(spec) === 'Direct') return undefined;
  return problem(
    `authentication.${kind}`,
    kind === 'roleArn' ? (spec.authentication?.roleArn ?? '') : '',
    `is an AWS identity, but ${spec.connector ?? ''} is indirect: it is reached by its own login`,
    'use authentication.properties',
  );
}

/** A service that also takes a login (a database user of Redshift) is not here: properties make it indirect. */
function propertiesOnDirect({ spec }: Subject): FieldProblem | undefined {
  if (spec.authentication?.properties === undefined || accessOf(spec) === 'Indirect') return undefined;
  return problem(
    'authentication.properties',
    '',
    `is a login, but ${spec.connector ?? ''} is direct: it is reached as an AWS identity`,
    'use authentication.roleArn or authentication.credentials, or leave authentication out for the worker role',
  );
}

function missingLogin({ spec }: Subject): FieldProblem | undefined {
  if (accessOf(spec) === 'Direct' || spec.authentication?.properties !== undefined) return undefined;
  const known = findConnector(spec.connector ?? '');
  if (known === undefined || known.login === 'Optional') return undefined;
  return problem(
    'authentication',
    '',
    `has no properties, but ${known.name} is indirect: it is reached by its own login, never as an AWS role`,
    'add authentication.properties with a secretRef, parameterStore or secretsManager',
  );
}

function wrongRole({ spec: { authentication } }: Subject): FieldProblem | undefined {
  const roleArn = authentication?.roleArn;
  if (roleArn === undefined) return undefined;
  const parsed = parseRoleArn(roleArn);
  return parsed.ok ? undefined : problem('authentication.roleArn', roleArn, 'is no IAM role', parsed.reason);
}

/** A job's author must not turn a connection into the operator's own rights; the trust policies refuse it too. */
function ownRole({ spec: { authentication }, principals, runtime }: Subject): FieldProblem | undefined {
  // As the node role a job could name its session so that the cluster takes it for a node.
  const roles = { ...principals.roles, node: nodeRoleArn(runtime) };
  const own = Object.entries(roles).find(([, roleArn]) => roleArn === authentication?.roleArn);
  if (own === undefined) return undefined;
  return problem(
    'authentication.roleArn',
    own[1],
    `is the runtime's own ${own[0]} role`,
    own[0] === 'worker'
      ? 'leave authentication out: the worker role is what is used then'
      : 'name a role of the data, not one of the runtime',
  );
}

function secretOfConnection({ spec: { authentication }, runtime }: Subject): FieldProblem | undefined {
  const kind = authentication?.credentials === undefined ? 'properties' : 'credentials';
  const source = authentication?.[kind];
  const wrong = source === undefined ? undefined : wrongSecretSource(source, runtime);
  return wrong === undefined ? undefined : { ...wrong, field: `authentication.${kind}${wrong.field}` };
}

function authenticationKinds(authentication: Authentication | undefined): readonly ('roleArn' | 'credentials' | 'properties')[] {
  return (['roleArn', 'credentials', 'properties'] as const).filter((kind) => authentication?.[kind] !== undefined);
}

function sides(usage: string | undefined): readonly ('Source' | 'Target')[] {
  if (usage === 'SourceAndTarget') return ['Source', 'Target'];
  return usage === 'Source' || usage === 'Target' ? [usage] : [];
}

function problem(field: string, value: string, message: string, remedy: string): FieldProblem {
  return { field, value, message, remedy };
}
