import { schemas } from '../api/generated/schemas.ts';
import type { ElasticJob, ElasticRuntime, ElasticRuntimeClass } from '../api/generated/types.ts';
import { apiGroup, apiVersion } from '../api/labels.ts';
import { type ElasticKind, elasticKinds } from '../api/schema.ts';
import type { ConnectionSpec } from '../core/access/input.ts';
import { parseS3Uri } from '../core/access/locations.ts';
import { type AccessPlan, planAccess, runtimeErrors } from '../core/access/plan.ts';
import type { AccessError, AccessRow } from '../core/access/vocabulary.ts';
import { refusedAccesses } from '../core/classes/connections.ts';
import { type Resolution, resolveRuntime, type WrittenRuntime } from '../core/classes/resolve.ts';
import { type ClassViolation, formatClassViolation } from '../core/classes/violations.ts';
import { neverProved } from '../core/preflight/probes.ts';
import { applyDefaults } from '../core/validation/defaults.ts';
import { prune, unknownFields } from '../core/validation/prune.ts';
import { refusedTemplateSecrets } from '../core/validation/secrets.ts';
import { formatViolation, type Violation, validateObject } from '../core/validation/validate.ts';
import { formatInputError, type InputError, type Manifest, type ManifestIo, namespaceOf, objectName, readManifests } from './manifests.ts';
import { columns } from './table.ts';
import { rowsWithSessions, wideningNotes } from './widening.ts';

export type ExplainArguments = { readonly files: readonly string[]; readonly output: 'table' | 'json' };

/** `stdout` and `stderr` take whole texts and end them with a line break. */
export type ExplainIo = ManifestIo & { readonly stdout: (text: string) => void; readonly stderr: (text: string) => void };

type Explained = {
  readonly job: ElasticJob;
  readonly plan: AccessPlan;
  /** The plan's, with what the sessions for them are widened by. */
  readonly rows: readonly AccessRow[];
  readonly notes: readonly string[];
};

/** What the manifests hold, by `namespace/name`, with the defaults of the API and of the classes. */
export type World = {
  readonly runtimes: ReadonlyMap<string, ElasticRuntime>;
  /** What holds for each runtime, as far as the manifests say it. */
  readonly resolutions: ReadonlyMap<string, Resolution>;
  readonly classes: readonly ElasticRuntimeClass[];
  readonly connections: ReadonlyMap<string, ConnectionSpec>;
  readonly jobs: readonly ElasticJob[];
  /** By `Kind namespace/name`. */
  readonly places: ReadonlyMap<string, Manifest['place']>;
};

/**
 * `kubectl-elastic explain`: who accesses what as whom, for every job in the manifests. Answers the exit code: 0 explained, 2 wrong usage or bad input (each
 * message names file, object and field; then nothing is explained).
 */
export async function runExplain({ files, output }: ExplainArguments, io: ExplainIo): Promise<number> {
  if (files.length === 0) return refuse(['name the manifests: -f FILE, -f DIR or -f -'], io);
  const read = await readManifests(files, io);
  const manifests = read.manifests.filter(isOurs);
  const errors = [...read.errors, ...checkManifests(read.manifests)];
  const spaces = read.manifests.filter(({ object }) => object.kind === 'Namespace');
  // A plan of objects that the API server would refuse says nothing.
  if (errors.length > 0) return refuse(errors.map(formatInputError), io);
  const world = worldOf([...spaces, ...manifests]);
  if (world.jobs.length === 0) return refuse([`${files.join(', ')}: no ElasticJob of ${apiVersion}`], io);
  const answers = world.jobs.map((job) => explainJob(job, world));
  const wrong = answers.flatMap((answer) => ('plan' in answer ? [] : answer));
  if (wrong.length > 0) return refuse(wrong.map(formatInputError), io);
  const explained = answers.flatMap((answer) => ('plan' in answer ? [answer] : []));
  io.stdout(output === 'json' ? JSON.stringify(explained.map(jsonOf), undefined, 2) : explained.map(tableOf).join('\n\n'));
  return 0;
}

/** What the API server would refuse of our kinds: schema, rules, unknown fields. */
export function checkManifests(manifests: readonly Manifest[]): readonly InputError[] {
  return manifests.flatMap((manifest) => (isOurs(manifest) ? wrongManifest(manifest) : ofAnotherGroup(manifest)));
}

/** A slip in the group would have the object passed over without a word. */
function ofAnotherGroup({ place, object }: Manifest): readonly InputError[] {
  if (!isElasticKind(object.kind)) return [];
  return [
    { place, object: objectName(object), field: 'apiVersion', message: `${object.apiVersion} has no such kind: write ${apiVersion}` },
  ];
}

function isOurs({ object }: Manifest): boolean {
  return object.apiVersion.split('/')[0] === apiGroup;
}

function refuse(messages: readonly string[], io: ExplainIo): number {
  for (const message of new Set(messages)) io.stderr(`explain: ${message}`);
  return 2;
}

function wrongManifest({ place, object }: Manifest): readonly InputError[] {
  const { kind } = object;
  const named = { place, object: objectName(object) };
  if (object.apiVersion !== apiVersion)
    return [{ ...named, field: 'apiVersion', message: `${object.apiVersion} is not known: write ${apiVersion}` }];
  // The account of a simulation is no object of a cluster, and may say either group.
  if (kind === 'SimulatedAccount') return [];
  if (!isElasticKind(kind)) return [{ ...named, field: 'kind', message: `is no kind of ${apiVersion}: ${elasticKinds.join(', ')} are` }];
  const unknown = unknownFields(kind, object).map((field) => ({ ...named, field, message: 'is no field of the API' }));
  return [...unknown, ...validateObject(kind, object).map((violation) => ({ place, message: said(violation) }))];
}

/**
 * What stands below an authentication is not shown, nor a location: somebody may have written a secret where its name belongs, or a login into a URL. What has
 * the form of a name or of a place in S3, and no login in it, is shown.
 */
function said(violation: Violation): string {
  const value = typeof violation.value === 'string' ? violation.value : '';
  const { field } = violation;
  const inS3 = /^s3[a-z]?:/i.test(value) && !LOGIN_IN_S3.test(value);
  const open = field.includes('authentication') ? isName(field, value) : !field.endsWith('location') || inS3;
  const text = formatViolation(open ? violation : { ...violation, value: undefined });
  const bucket = open && value.startsWith('s3://') ? parseS3Uri(value.split('/', 3).join('/')) : undefined;
  return bucket === undefined || bucket.ok ? text : `${text}; ${bucket.reason}`;
}

/** Hadoop's old way to write keys before a bucket, and parameters behind a place. */
const LOGIN_IN_S3 = /^s3[a-z]?:\/*([^/]*@|[^/]*:.*@)|[?&;][^=]*(key|secret|token|pass|pwd|signature|credential)[^=]*=/i;

/** ARNs, and parameters below two folders: no key or password looks like one. */
function isName(field: string, value: string): boolean {
  return /^arn:aws[a-z-]*:/.test(value) || (field.endsWith('.parameterStore.name') && /^\/[a-z0-9-]+\/[a-z0-9-]+\//.test(value));
}

/** Of our own manifests, and the Namespaces whose labels choose classes. */
export function worldOf(manifests: readonly Manifest[]): World {
  const written = new Map<string, WrittenRuntime>();
  const classes: ElasticRuntimeClass[] = [];
  const labels = new Map<string, Readonly<Record<string, string>>>();
  const connections = new Map<string, ConnectionSpec>();
  const jobs: ElasticJob[] = [];
  for (const { object } of manifests) {
    const key = `${namespaceOf(object.metadata)}/${object.metadata.name}`;
    if (object.kind === 'ElasticRuntime') written.set(key, stored('ElasticRuntime', object) as unknown as WrittenRuntime);
    if (object.kind === 'ElasticRuntimeClass') classes.push(stored('ElasticRuntimeClass', object) as unknown as ElasticRuntimeClass);
    if (object.kind === 'Namespace')
      labels.set(object.metadata.name, (object.metadata['labels'] ?? {}) as Readonly<Record<string, string>>);
    if (object.kind === 'ElasticJob') jobs.push(stored('ElasticJob', object) as unknown as ElasticJob);
    if (object.kind === 'ElasticConnection') connections.set(key, object['spec'] as ConnectionSpec);
  }
  const resolutions = new Map(
    [...written].map(([key, runtime]) => {
      const name = namespaceOf(runtime.metadata);
      return [key, resolveRuntime(runtime, classes, { name, labels: labels.get(name) ?? {} })] as const;
    }),
  );
  const runtimes = new Map(
    [...written].map(([key, runtime]) => [key, { ...runtime, spec: (resolutions.get(key) as Resolution).spec }] as const),
  );
  const places = new Map(manifests.map(({ place, object }) => [objectName(object), place]));
  return { runtimes, resolutions, classes, connections, jobs, places };
}

/** As the API server would keep it: defaults filled in, unknown fields gone. */
function stored(kind: ElasticKind, object: Manifest['object']): Manifest['object'] {
  const { metadata } = object;
  return applyDefaults(kind, prune(kind, { ...object, metadata: { ...metadata, namespace: namespaceOf(metadata) } }));
}

/** A job that the operator would begin, as far as the manifests say it. */
type Checked = {
  readonly job: ElasticJob;
  readonly runtime: ElasticRuntime;
  readonly plan: AccessPlan;
  /** What nothing can verify before a node starts. */
  readonly open: readonly string[];
};

/** Everything that is checked before a job is begun: its runtime and that one's class, the plan, Secrets in templates, what the class lets it name. */
export function checkJob(job: ElasticJob, world: World): Checked | readonly InputError[] {
  const namespace = namespaceOf(job.metadata);
  const name = `ElasticJob ${namespace}/${job.metadata.name}`;
  const key = `${namespace}/${job.spec.runtime}`;
  const runtime = world.runtimes.get(key);
  if (runtime === undefined) {
    const message = `"${job.spec.runtime}": no ElasticRuntime of this name in namespace ${namespace} among the manifests`;
    return [{ place: placeOf(name, world), object: name, field: 'spec.runtime', message }];
  }
  const violated = violationsOf(key, world);
  if (violated.length > 0) return violated;
  const here = [...world.connections].filter(([named]) => named.startsWith(`${namespace}/`));
  const connections = new Map(here.map(([named, spec]) => [named.slice(namespace.length + 1), spec]));
  const result = planAccess({ runtime, job, connections });
  if (!result.ok) return result.errors.map((error) => inputError(error, world));
  const referenced = result.plan.connections.flatMap(({ spec: { authentication } }) =>
    [authentication?.credentials?.secretRef?.name, authentication?.properties?.secretRef?.name].filter((secret) => secret !== undefined),
  );
  const refused = refusedTemplateSecrets(job, runtime, referenced);
  if (refused.length > 0) return refused.map((violation) => ({ place: placeOf(name, world), message: said(violation) }));
  const open = neverProved(result.plan, runtime.spec.region).map((text) => `not verified before a node starts: ${text}`);
  const checked = { job, runtime, plan: result.plan, open };
  const outside = refusedByClass(world.resolutions.get(key)?.class, checked, world);
  return outside.length > 0 ? outside : checked;
}

/** The same of a runtime, whether it has a job or not; by `namespace/name`. */
export function checkRuntime(key: string, world: World): readonly InputError[] {
  const violated = violationsOf(key, world);
  const runtime = world.runtimes.get(key);
  if (violated.length > 0 || runtime === undefined) return violated;
  return runtimeErrors(runtime).map((error) => inputError(error, world));
}

function violationsOf(key: string, world: World): readonly InputError[] {
  const resolution = world.resolutions.get(key);
  if (resolution === undefined) return [];
  return violationsIn(resolution, world).map((violation) => ofRuntime(`ElasticRuntime ${key}`, violation, world));
}

/** Without any class among the manifests the cluster's are not known: only what does not depend on them is judged. */
export function violationsIn({ violations, absent }: Resolution, { classes }: World): readonly ClassViolation[] {
  if (classes.length > 0) return violations;
  const ofClasses: readonly string[] = ['spec.runtimeClassName', 'spec.identities.agent.x509', 'spec.network', 'spec.workers.max'];
  const unknown = absent.map((path) => ({
    className: undefined,
    field: `spec.${path}`,
    value: '',
    message: 'must be given: write it in the runtime, or give the manifest of its class, too: there is none among these',
  }));
  const known = violations.filter(({ field }) => !unknown.some((one) => one.field === field));
  return [...known, ...unknown].filter(({ field }) => !ofClasses.includes(field));
}

function ofRuntime(object: string, violation: ClassViolation, world: World): InputError {
  return { place: placeOf(object, world), object, message: formatClassViolation(violation) };
}

function refusedByClass(
  ofClass: ElasticRuntimeClass | undefined,
  { job, runtime, plan, open }: Checked,
  world: World,
): readonly InputError[] {
  const object = `ElasticJob ${namespaceOf(job.metadata)}/${job.metadata.name}`;
  const namedIn = { principals: plan.principals, region: runtime.spec.region };
  const refused = refusedAccesses(ofClass, { connections: plan.connections, dependencies: job.spec.dependencies, namedIn });
  if (refused.length > 0) return refused.map((violation) => ofRuntime(object, violation, world));
  if (ofClass?.spec.allowed.unverifiedAccess !== 'Never') return [];
  return open.map((message) => ({
    place: placeOf(object, world),
    object,
    message: `${message}: ElasticRuntimeClass ${ofClass.metadata.name} lets nothing begin that is not verified (allowed.unverifiedAccess: Never)`,
  }));
}

function explainJob(job: ElasticJob, world: World): Explained | readonly InputError[] {
  const checked = checkJob(job, world);
  if (!('plan' in checked)) return checked;
  const { runtime, plan, open } = checked;
  const { runtimeClassName } = runtime.spec;
  const unknown =
    world.classes.length > 0 || runtimeClassName === undefined
      ? []
      : [`ElasticRuntimeClass ${runtimeClassName} is not among the manifests: what it allows and gives as defaults is not in this plan`];
  const rows = rowsWithSessions(job, runtime, plan);
  return { job, plan, rows, notes: [...plan.notes, ...unknown, ...wideningNotes(rows), ...open] };
}

function inputError({ object, field, value, message, remedy }: AccessError, world: World): InputError {
  return { place: placeOf(object, world), object, field, message: `${value === '' ? '' : `"${value}" `}${message}: ${remedy}` };
}

export function placeOf(object: string, { places }: World): Manifest['place'] {
  return places.get(object) ?? { file: '(not among the manifests)' };
}

function isElasticKind(kind: string): kind is ElasticKind {
  return Object.hasOwn(schemas, kind);
}

function jsonOf({ job, plan, rows, notes }: Explained): Readonly<Record<string, unknown>> {
  return {
    job: job.metadata.name,
    namespace: namespaceOf(job.metadata),
    runtime: job.spec.runtime,
    securityType: plan.securityType,
    securityRule: plan.securityRule,
    access: rows,
    notes,
  };
}

function tableOf({ job, plan, notes }: Explained): string {
  const title = `${namespaceOf(job.metadata)}/${job.metadata.name} on ${job.spec.runtime}: ${plan.securityType}  (${plan.securityRule})`;
  const rows = grouped(plan.rows).map(({ phase, resource, actions, identity, via, chain, rule }) => {
    const roles = chain.map((roleArn) => roleArn.slice(roleArn.lastIndexOf('/') + 1)).join(' > ');
    return [phase, resource, actions.join(','), identity, via, roles || '-', rule];
  });
  const table = columns([['PHASE', 'RESOURCE', 'ACTION', 'IDENTITY', 'VIA', 'CHAIN', 'RULE'], ...rows]);
  return [title, ...table, ...notes.map((note) => `Note: ${note}`)].join('\n');
}

/** For people: one line where only the action differs. */
function grouped(rows: readonly AccessRow[]): readonly (AccessRow & { readonly actions: readonly string[] })[] {
  const groups = new Map<string, AccessRow & { actions: string[] }>();
  for (const row of rows) {
    const key = JSON.stringify([row.phase, row.resource, row.identity, row.via, row.chain]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ...row, actions: [row.action] });
    else group.actions.push(row.action);
  }
  return [...groups.values()];
}
