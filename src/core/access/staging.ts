import type { FieldProblem } from './connection-checks.ts';
import type { Connection, ConnectionAuthentication } from './connections.ts';
import type { AccessJob } from './input.ts';
import { type Check, type Decision, decide, firstProblem, type Rule } from './rules.ts';
import type { Identity } from './vocabulary.ts';

/** What of a connection says whether it reaches staging. */
export type StagingConnection = Pick<Connection, 'name'> & {
  readonly usage?: string | undefined;
  readonly authentication: Pick<ConnectionAuthentication, 'kind'>;
};

type Asking = { readonly spec: Pick<AccessJob['spec'], 'staging'> };
type Subject = { readonly connections: readonly StagingConnection[]; readonly asked: AccessJob['spec']['staging'] };

/** As whom the job's pods read and write staging. */
export function decideStaging(job: Asking, connections: readonly StagingConnection[]): Decision<Identity> {
  return decide(RULES, { connections, asked: job.spec.staging });
}

/** What is wrong with `spec.staging`, at most one thing; the field is relative to it. */
export function wrongStaging(job: AccessJob, connections: readonly Connection[]): readonly FieldProblem[] {
  const problem = firstProblem(CHECKS, { connections, asked: job.spec.staging });
  return problem === undefined ? [] : [problem];
}

const RULES: readonly Rule<Subject, Identity>[] = [
  {
    id: 'staging-named-credentials',
    judge: ({ connections, asked }) => {
      const named = withCredentials(connections).find(({ name }) => name === asked?.connection);
      return named && { value: named.identity, reason: `spec.staging names connection ${named.name}, which carries AWS credentials` };
    },
  },
  {
    id: 'staging-credentials-override',
    judge: ({ connections }) => {
      const [first] = withCredentials(connections);
      return first && { value: first.identity, reason: `${first.side} ${first.name} carries AWS credentials, which override roles` };
    },
  },
  {
    id: 'staging-asked-worker',
    judge: ({ asked }) =>
      asked?.identity === 'Worker'
        ? { value: 'worker', reason: 'spec.staging asks for the worker role, and no connection carries credentials' }
        : undefined,
  },
  {
    id: 'staging-named-role',
    judge: ({ connections, asked }) => {
      const named = withRole(connections).find(({ name }) => name === asked?.connection);
      return named && { value: named.identity, reason: `spec.staging names connection ${named.name}, which has a role` };
    },
  },
  {
    id: 'staging-connection-role',
    judge: ({ connections }) => {
      const [first] = withRole(connections);
      return first && { value: first.identity, reason: `no connection carries credentials, and ${first.side} ${first.name} has a role` };
    },
  },
  { id: 'staging-worker', judge: () => ({ value: 'worker', reason: 'no direct connection has credentials or a role of its own' }) },
];

const CHECKS: readonly Check<Subject, FieldProblem>[] = [
  ({ asked }) => {
    if (asked?.connection === undefined || asked.identity === undefined) return undefined;
    return { field: '', value: '', message: 'gives both connection and identity', remedy: 'keep one of the two' };
  },
  ({ asked }) => {
    if (asked?.identity === undefined || asked.identity === 'Worker') return undefined;
    return {
      field: 'identity',
      value: asked.identity,
      message: 'is no identity for staging',
      remedy: 'write Worker, or name a connection',
    };
  },
  ({ asked, connections }) => {
    const [first] = withCredentials(connections);
    if (asked?.identity === undefined || first === undefined) return undefined;
    return {
      field: 'identity',
      value: asked.identity,
      message: `cannot be: connection ${first.name} carries AWS credentials, and credentials override roles`,
      remedy: `remove it, or write connection: ${first.name}`,
    };
  },
  ({ asked, connections }) => {
    if (asked?.connection === undefined || connections.some(({ name }) => name === asked.connection)) return undefined;
    return { field: 'connection', value: asked.connection, message: 'names no connection of this job', remedy: choices(connections) };
  },
  ({ asked, connections }) => {
    if (asked?.connection === undefined) return undefined;
    const credentials = withCredentials(connections);
    const eligible = credentials.length > 0 ? credentials : withRole(connections);
    if (eligible.some(({ name }) => name === asked.connection)) return undefined;
    const message =
      credentials.length > 0
        ? 'carries no AWS credentials, and those of another connection override roles'
        : 'has neither AWS credentials nor a role that could reach staging';
    return { field: 'connection', value: asked.connection, message, remedy: choices(connections) };
  },
];

type Candidate = { readonly name: string; readonly identity: Identity; readonly side: 'target' | 'source' };

/** Direct connections that carry AWS credentials: targets (of both ways, too) before sources, each in the order listed. */
export function withCredentials(connections: readonly StagingConnection[]): readonly Candidate[] {
  return candidates(connections, 'credentials');
}

function withRole(connections: readonly StagingConnection[]): readonly Candidate[] {
  return candidates(connections, 'role');
}

function candidates(connections: readonly StagingConnection[], kind: 'credentials' | 'role'): readonly Candidate[] {
  const found = connections.flatMap(({ name, usage, authentication }): Candidate[] => {
    if (authentication.kind !== kind) return [];
    const identity: Identity = kind === 'role' ? `connectionRole:${name}` : `connectionCredentials:${name}`;
    return [{ name, identity, side: usage === 'Source' ? 'source' : 'target' }];
  });
  return [...found.filter(({ side }) => side === 'target'), ...found.filter(({ side }) => side === 'source')];
}

function choices(connections: readonly StagingConnection[]): string {
  const credentials = withCredentials(connections);
  const names = (credentials.length > 0 ? credentials : withRole(connections)).map(({ name }) => name);
  if (names.length > 0) return `name one of: ${names.join(', ')}`;
  return 'remove it, or write identity: Worker; no connection has AWS credentials or a role of its own';
}
