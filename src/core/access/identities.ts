import type { Connection } from './connections.ts';
import type { Dependency } from './input.ts';
import { type Decision, decide, type Rule } from './rules.ts';
import type { Identity, SecurityType } from './vocabulary.ts';

/** As whom a person's design-time reads reach a connection. */
export function decideDesign(connection: Connection): Decision<Identity> {
  return decide(DESIGN_RULES, connection);
}

/** As whom the job's pods reach a connection. */
export function decideRun(connection: Connection): Decision<Identity> {
  return decide(RUN_RULES, connection);
}

/** As whom the operator pod reads the source of a dependency; `connection` is the one that the dependency names. */
export function decideDependencySource(dependency: Dependency, connection: Connection | undefined): Decision<Identity> {
  return decide(DEPENDENCY_RULES, { dependency, connection });
}

export function decideSecurityType(connections: readonly Connection[]): Decision<SecurityType> {
  return decide(SECURITY_RULES, connections);
}

/** As whom logs are polled. `credentials`: of the direct connections that carry them; staging has chosen one of those already. */
export function decidePolling(staging: Identity, credentials: readonly CredentialConnection[]): Decision<Identity> {
  return decide(POLL_RULES, { staging, credentials });
}

type CredentialConnection = { readonly name: string; readonly identity: Identity };

const DESIGN_RULES = [
  ...ownIdentity('design'),
  {
    id: 'design-agent',
    judge: ({ connector }) => ({
      value: 'agent',
      reason: `${connector} is direct and its connection names no identity: the agent role reads`,
    }),
  },
] satisfies readonly Rule<Connection, Identity>[];

const RUN_RULES = [
  ...ownIdentity('run'),
  {
    id: 'run-worker',
    judge: ({ connector }) => ({
      value: 'worker',
      reason: `${connector} is direct and its connection names no identity: the worker role is used`,
    }),
  },
] satisfies readonly Rule<Connection, Identity>[];

const DEPENDENCY_RULES: readonly Rule<{ dependency: Dependency; connection: Connection | undefined }, Identity>[] = [
  {
    id: 'dependency-connection',
    judge: ({ connection }) => {
      if (connection === undefined || connection.authentication.kind === 'none') return undefined;
      return {
        value: connection.authentication.identity,
        reason: `the dependency names connection ${connection.name}, which has an identity of its own`,
      };
    },
  },
  {
    id: 'dependency-worker',
    judge: ({ connection }) => ({
      value: 'worker',
      reason:
        connection === undefined
          ? 'the dependency names no connection'
          : `connection ${connection.name} names no identity: the worker role is used`,
    }),
  },
];

const SECURITY_RULES: readonly Rule<readonly Connection[], SecurityType>[] = [
  {
    id: 'security-credential',
    judge: (connections) => {
      const found = connections.find(({ authentication }) => authentication.kind === 'credentials');
      return found && { value: 'Credential', reason: `direct connection ${found.name} carries AWS credentials` };
    },
  },
  {
    id: 'security-role',
    judge: (connections) => {
      const found = connections.find(({ access }) => access === 'Direct');
      return found && { value: 'Role', reason: `connection ${found.name} is direct, and no direct connection carries AWS credentials` };
    },
  },
  { id: 'security-indirect', judge: () => ({ value: 'Indirect', reason: 'no connection is direct' }) },
];

const POLL_RULES: readonly Rule<{ staging: Identity; credentials: readonly CredentialConnection[] }, Identity>[] = [
  {
    id: 'poll-credentials',
    judge: ({ staging, credentials }) => {
      const found = credentials.find(({ identity }) => identity === staging) ?? credentials[0];
      return found && { value: found.identity, reason: `direct connection ${found.name} carries AWS credentials` };
    },
  },
  { id: 'poll-agent', judge: () => ({ value: 'agent', reason: 'no direct connection carries AWS credentials' }) },
];

/** What a connection says of itself comes before any role of the runtime. */
function ownIdentity(phase: 'design' | 'run'): readonly Rule<Connection, Identity>[] {
  return [
    {
      id: `${phase}-properties`,
      judge: ({ authentication, connector }) => {
        if (authentication.kind !== 'properties') return undefined;
        const how = authentication.origin === undefined ? 'reached without a login' : 'reached by the login of its properties';
        return { value: authentication.identity, reason: `${connector} is indirect: ${how}` };
      },
    },
    {
      id: `${phase}-credentials`,
      judge: ({ authentication }) =>
        authentication.kind === 'credentials'
          ? { value: authentication.identity, reason: 'the connection is direct and carries AWS credentials' }
          : undefined,
    },
    {
      id: `${phase}-connection-role`,
      judge: ({ authentication }) => {
        if (authentication.kind !== 'role') return undefined;
        return {
          value: authentication.identity,
          reason: `the connection is direct and names a role, assumed from the ${phase === 'run' ? 'worker' : 'agent'} role`,
        };
      },
    },
  ];
}
