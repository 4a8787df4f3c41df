import type { FieldProblem, Surroundings } from './connection-checks.ts';
import { type Connection, resolveConnection } from './connections.ts';
import { wrongDependencies } from './dependencies.ts';
import { decidePolling, decideSecurityType } from './identities.ts';
import type { AccessInput, AccessJob, AccessRuntime } from './input.ts';
import { accessesOf } from './phases.ts';
import { type Principals, principalsOf } from './roles.ts';
import { routeOf } from './routes.ts';
import { wrongRuntime } from './runtime.ts';
import { decideStaging, withCredentials, wrongStaging } from './staging.ts';
import type { AccessError, AccessRow, Identity, SecurityType } from './vocabulary.ts';

/** Who accesses what as whom, in every phase of a job's life. */
export type AccessPlan = {
  readonly securityType: SecurityType;
  /** Why it is of that type. */
  readonly securityRule: string;
  /** One row per (phase, resource, action), in the order of the phases. */
  readonly rows: readonly AccessRow[];
  /** As whom the pods read and write staging. */
  readonly staging: { readonly identity: Identity; readonly rule: string };
  /** The job's connections with everything that was open decided: what wires the pods. */
  readonly connections: readonly Connection[];
  readonly principals: Principals;
  /** What the plan cannot hold to, said plainly. */
  readonly notes: readonly string[];
};

export type PlanResult = { readonly ok: true; readonly plan: AccessPlan } | { readonly ok: false; readonly errors: readonly AccessError[] };

/** Pure: the same runtime, job and connections give the same plan. All errors are given at once; a plan only where there is none. */
export function planAccess({ runtime, job, connections: found = new Map() }: AccessInput): PlanResult {
  const principals = principalsOf(runtime);
  const { connections, errors } = resolveAll(job, { runtime, principals, connections: found });
  const ofJob = nameOf('ElasticJob', job.metadata);
  const all = [
    ...runtimeErrors(runtime),
    ...wrongPlace(runtime, job).map(within(ofJob, '')),
    ...errors,
    // Further choices are judged only among connections that stand: one mistake, one message.
    ...(errors.length > 0 ? [] : wrongStaging(job, connections).map(within(ofJob, 'spec.staging'))),
    ...(errors.length > 0 ? [] : wrongDependencies(runtime, job, connections).map(within(ofJob, 'spec.dependencies'))),
  ];
  return all.length > 0 ? { ok: false, errors: all } : { ok: true, plan: planOf(runtime, job, connections, principals) };
}

/** What is wrong with the runtime alone, whatever its jobs are. */
export function runtimeErrors(runtime: AccessRuntime): readonly AccessError[] {
  return wrongRuntime(runtime).map(within(nameOf('ElasticRuntime', runtime.metadata), 'spec'));
}

function resolveAll(
  job: AccessJob,
  around: Surroundings,
): { readonly connections: readonly Connection[]; readonly errors: readonly AccessError[] } {
  const connections: Connection[] = [];
  const errors: AccessError[] = [];
  for (const [index, inline] of (job.spec.connections ?? []).entries()) {
    const inEntry = within(nameOf('ElasticJob', job.metadata), `spec.connections[${index}]`);
    const resolved = resolveConnection(inline, around);
    if (resolved.ok) {
      if (connections.some(({ name }) => name === inline.name)) errors.push(inEntry(duplicate(inline.name)));
      connections.push(resolved.value);
    } else if (resolved.reference === undefined) {
      errors.push(inEntry(resolved.problem));
    } else {
      const reference = nameOf('ElasticConnection', { ...job.metadata, name: resolved.reference });
      errors.push(within(reference, 'spec')(resolved.problem));
    }
  }
  return { connections, errors };
}

function planOf(runtime: AccessRuntime, job: AccessJob, connections: readonly Connection[], principals: Principals): AccessPlan {
  const staging = decideStaging(job, connections);
  const security = decideSecurityType(connections);
  const accesses = accessesOf({
    connections,
    dependencies: job.spec.dependencies ?? [],
    defaultRoles: principals.defaultRoles,
    initScript: runtime.spec.initScript !== undefined,
    staging,
    polling: decidePolling(staging.value, withCredentials(connections)),
  });
  const arnOf = roleArns(principals, connections);
  const rows = accesses.flatMap(({ phase, resource, actions, caller, decision }) => {
    const { via, hops } = routeOf(decision.value, caller, principals.agentProof);
    return actions.map(
      (action): AccessRow => ({ phase, resource, action, identity: decision.value, via, chain: hops.map(arnOf), rule: decision.rule }),
    );
  });
  return {
    securityType: security.value,
    securityRule: security.rule,
    rows,
    staging: { identity: staging.value, rule: staging.rule },
    connections,
    principals,
    notes: notesOf(connections, principals),
  };
}

/** The role behind an identity. Keys and logins have none, and are never a hop. */
function roleArns(principals: Principals, connections: readonly Connection[]): (identity: Identity) => string {
  const byIdentity = new Map<string, string>(Object.entries(principals.roles));
  for (const { authentication } of connections)
    if (authentication.kind === 'role') byIdentity.set(authentication.identity, authentication.roleArn);
  return (identity) => {
    const roleArn = byIdentity.get(identity);
    if (roleArn === undefined) throw new TypeError(`${identity} has no role`);
    return roleArn;
  };
}

function notesOf(connections: readonly Connection[], principals: Principals): readonly string[] {
  const keys = withCredentials(connections).map(({ name }) => name);
  return [
    ...(principals.agentProof === 'x509'
      ? ['agent: a session by X.509 certificate carries neither a session policy nor a session name of ours; it is not cut to the job']
      : []),
    ...keys.map((name) => `connection ${name}: static keys carry no session policy; they reach whatever their IAM user may`),
    ...(principals.defaultRoles
      ? ['master, worker: default roles; their names end in the uid that the runtime gets when it is applied']
      : []),
  ];
}

/** No reference crosses a namespace. */
function wrongPlace(runtime: AccessRuntime, job: AccessJob): readonly FieldProblem[] {
  const there = runtime.metadata.namespace ?? 'default';
  const here = job.metadata.namespace ?? 'default';
  if (job.spec.runtime !== runtime.metadata.name) {
    const remedy = `write ${runtime.metadata.name ?? ''}`;
    return [
      { field: 'spec.runtime', value: job.spec.runtime, message: `is not the runtime at hand, ${runtime.metadata.name ?? ''}`, remedy },
    ];
  }
  if (there === here) return [];
  return [
    {
      field: 'spec.runtime',
      value: job.spec.runtime,
      message: `is a runtime of namespace ${there}`,
      remedy: `use a runtime of namespace ${here}`,
    },
  ];
}

function duplicate(name: string): FieldProblem {
  return {
    field: 'name',
    value: name,
    message: 'is the name of another connection of this job, too',
    remedy: 'give each connection a name of its own',
  };
}

function nameOf(kind: string, { namespace, name }: AccessJob['metadata']): string {
  return `${kind} ${namespace ?? 'default'}/${name ?? ''}`;
}

function within(object: string, field: string): (problem: FieldProblem) => AccessError {
  return (problem) => ({ ...problem, object, field: joined(field, problem.field) });
}

function joined(outer: string, inner: string): string {
  if (outer === '' || inner === '') return outer + inner;
  return inner.startsWith('[') ? outer + inner : `${outer}.${inner}`;
}
