import type { Connection, Usage } from './connections.ts';
import { decideDependencySource, decideDesign, decideRun } from './identities.ts';
import type { Dependency } from './input.ts';
import type { Caller } from './routes.ts';
import type { Decision } from './rules.ts';
import type { Action, Identity, Phase, Resource } from './vocabulary.ts';

/** One access before its chain is laid out; who makes the call decides the chain. */
export type Access = {
  readonly phase: Phase;
  readonly resource: Resource;
  readonly actions: readonly Action[];
  readonly caller: Caller;
  readonly decision: Decision<Identity>;
};

export type JobAccess = {
  readonly connections: readonly Connection[];
  readonly dependencies: readonly Dependency[];
  readonly defaultRoles: boolean;
  readonly initScript: boolean;
  readonly staging: Decision<Identity>;
  readonly polling: Decision<Identity>;
};

/** All that a job and its runtime touch, in the order of their life. */
export function accessesOf(job: JobAccess): readonly Access[] {
  return [...design(job), ...create(job), ...run(job), ...complete(), ...poll(job)];
}

/** A person designs a job: metadata and previews. Nothing is written, whatever the connection is for later. */
function design({ connections }: JobAccess): readonly Access[] {
  return connections.flatMap((connection) => [
    ...secret('Design', 'designer', connection),
    {
      phase: 'Design',
      resource: `connection:${connection.name}`,
      actions: ['read'],
      caller: 'designer',
      decision: decideDesign(connection),
    },
  ]);
}

/** The cluster comes to be: its locations are proven, and what makes it is stored and created. */
function create({ defaultRoles, initScript }: JobAccess): readonly Access[] {
  const probe = ['read', 'write', 'list', 'delete'] as const;
  const verified: readonly Access[] = [
    operatorPod('Create', 'staging', probe, 'worker', 'create-verify-staging: a probe object proves that the worker role reaches staging'),
    operatorPod('Create', 'log', probe, 'worker', 'create-verify-log: a probe object proves that the worker role reaches the log location'),
  ];
  const script = operatorPod(
    'Create',
    'init-script',
    ['read'],
    'master',
    'create-init-script: read once, pinned by its digest, embedded in the user data of nodes',
  );
  return [
    // Default roles are made by us with what they need: there is nothing to prove.
    ...(defaultRoles ? [] : verified),
    ...(initScript ? [script] : []),
    operatorPod(
      'Create',
      'cluster-info',
      ['write'],
      'operator',
      'create-cluster-info: the operator role stores what the cluster is in staging',
    ),
    operatorPod(
      'Create',
      'cluster-resources',
      ['create'],
      'operator',
      'create-cluster-resources: launch templates, profiles and access entries are made by the operator role',
    ),
  ];
}

function run({ connections, dependencies, staging }: JobAccess): readonly Access[] {
  const stored = operatorPod(
    'Run',
    'dependencies',
    ['write'],
    'operator',
    'run-dependencies: the operator role puts the dependencies of the job into staging',
  );
  return [
    ...dependencies.flatMap((dependency) => source(dependency, connections)),
    ...(dependencies.length === 0 ? [] : [stored]),
    ...connections.flatMap((connection): readonly Access[] => [
      ...secret('Run', 'jobPod', connection),
      {
        phase: 'Run',
        resource: `connection:${connection.name}`,
        actions: ACTIONS[connection.usage],
        caller: 'jobPod',
        decision: decideRun(connection),
      },
    ]),
    { phase: 'Run', resource: 'staging', actions: ['read', 'write'], caller: 'jobPod', decision: staging },
    operatorPod(
      'Run',
      'volumes',
      ['grow'],
      'worker',
      'run-volumes: the operator pod grows volumes as worker; the sessions of pods are refused',
    ),
    operatorPod(
      'Run',
      'nodes',
      ['scale'],
      'master',
      'run-nodes: the operator pod launches and ends nodes as master; the sessions of pods are refused',
    ),
    nodeLog('worker'),
    nodeLog('master'),
  ];
}

function complete(): readonly Access[] {
  return [
    operatorPod(
      'Complete',
      'log:agent',
      ['write'],
      'agent',
      'complete-agent-log: the agent role uploads the agent job log and the record of accesses',
    ),
  ];
}

function poll({ connections, polling }: JobAccess): readonly Access[] {
  const reader = connections.find(
    ({ authentication }) => authentication.kind === 'credentials' && authentication.identity === polling.value,
  );
  return [
    ...(reader === undefined ? [] : secret('Poll', 'operatorPod', reader)),
    { phase: 'Poll', resource: 'log', actions: ['read', 'list'], caller: 'operatorPod', decision: polling },
  ];
}

const ACTIONS: Readonly<Record<Usage, readonly Action[]>> = { Source: ['read'], Target: ['write'], SourceAndTarget: ['read', 'write'] };

/** Parameter Store and Secrets Manager are read as worker, by whoever is to use what they hold. A Secret of Kubernetes is no access in AWS. */
function secret(phase: Phase, caller: Caller, { name, authentication }: Connection): readonly Access[] {
  if (authentication.kind !== 'credentials' && authentication.kind !== 'properties') return [];
  const { origin } = authentication;
  if (origin === undefined || origin.kind === 'secretRef') return [];
  const store = origin.kind === 'parameterStore' ? 'Parameter Store' : 'Secrets Manager';
  const rule = `${phase.toLowerCase()}-connection-secret: the worker role reads ${store}, below its organization and namespace`;
  return [{ phase, resource: `connection-secret:${name}`, actions: ['read'], caller, decision: { value: 'worker', rule } }];
}

/** Where a dependency comes from a ConfigMap there is nothing to read in AWS. */
function source(dependency: Dependency, connections: readonly Connection[]): readonly Access[] {
  if (dependency.uri === undefined) return [];
  const connection = connections.find(({ name }) => name === dependency.connection);
  const decision = decideDependencySource(dependency, connection);
  return [{ phase: 'Run', resource: `dependency:${dependency.path}`, actions: ['read'], caller: 'operatorPod', decision }];
}

/** The node agent has no identity of its own, and never one of a connection. */
function nodeLog(role: 'worker' | 'master'): Access {
  const rule = `run-log-${role}: the agents of ${role} nodes store their logs with a session that the broker cut to their node`;
  return { phase: 'Run', resource: `log:${role}`, actions: ['write'], caller: 'nodeAgent', decision: { value: role, rule } };
}

function operatorPod(phase: Phase, resource: Resource, actions: readonly Action[], value: Identity, rule: string): Access {
  return { phase, resource, actions, caller: 'operatorPod', decision: { value, rule } };
}
