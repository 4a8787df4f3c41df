import type { Principals } from './roles.ts';
import type { Identity, RuntimeIdentity, Via } from './vocabulary.ts';

/**
 * Who makes a call. The operator pod starts as the agent; a job's pods start with their own web identity; a node agent holds nothing and is handed
 * a session by the broker; `designer` is the operator pod for a person who designs a job: a connection role is then assumed from the agent.
 */
export type Caller = 'designer' | 'operatorPod' | 'jobPod' | 'nodeAgent';

export type Route = {
  readonly via: Via;
  /** The identities in the order in which they are taken; empty for keys and logins, which nobody assumes. */
  readonly hops: readonly Identity[];
};

type IdentityKind = RuntimeIdentity | 'connectionRole' | 'connectionCredentials' | 'connectionProperties';

/**
 * How a caller comes to an identity. Throws where it never may (a pod as operator, a node agent as a connection): rules that ask for that are
 * wrong, whatever a user wrote.
 */
export function routeOf(identity: Identity, caller: Caller, agentProof: Principals['agentProof']): Route {
  const kind = kindOf(identity);
  if (NEVER[caller].includes(kind)) throw new TypeError(`a ${caller} is never ${identity}`);
  switch (kind) {
    case 'agent':
      return { via: agentProof === 'x509' ? 'X509' : 'IRSA', hops: [identity] };
    case 'operator':
      return { via: 'AssumeRole', hops: ['agent', identity] };
    case 'master':
    case 'worker':
      if (caller === 'jobPod') return { via: 'IRSA', hops: [identity] };
      return { via: caller === 'nodeAgent' ? 'Broker' : 'AssumeRole', hops: ['agent', 'operator', identity] };
    case 'connectionRole':
      if (caller === 'designer') return { via: 'AssumeRole', hops: ['agent', identity] };
      return { via: 'AssumeRole', hops: [...routeOf('worker', caller, agentProof).hops, identity] };
    case 'connectionCredentials':
    case 'connectionProperties':
      return { via: 'Secret', hops: [] };
  }
}

const NEVER: Readonly<Record<Caller, readonly IdentityKind[]>> = {
  designer: ['operator', 'master'],
  operatorPod: [],
  jobPod: ['agent', 'operator'],
  nodeAgent: ['agent', 'operator', 'connectionRole', 'connectionCredentials', 'connectionProperties'],
};

function kindOf(identity: Identity): IdentityKind {
  const colon = identity.indexOf(':');
  return (colon === -1 ? identity : identity.slice(0, colon)) as IdentityKind;
}

/** The connection of a connection's identity. */
export function connectionOf(identity: Identity): string | undefined {
  const colon = identity.indexOf(':');
  return colon === -1 ? undefined : identity.slice(colon + 1);
}
