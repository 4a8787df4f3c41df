import { type FieldProblem, type Surroundings, wrongEntry, wrongSpec } from './connection-checks.ts';
import { accessOf, type ConnectorAccess } from './connectors.ts';
import type { ConnectionSpec, JobConnection, SecretKey, SecretSource } from './input.ts';
import type { ConnectionCredentials, ConnectionProperties, ConnectionRole } from './vocabulary.ts';

export type Usage = 'Source' | 'Target' | 'SourceAndTarget';

/** Where credentials or properties come from. The last two are read as worker. */
export type SecretOrigin =
  | { readonly kind: 'secretRef'; readonly name: string }
  | { readonly kind: 'parameterStore'; readonly name: string }
  | { readonly kind: 'secretsManager'; readonly arn: string; readonly versionStage?: string | undefined };

/** A role or credentials are AWS identities: only direct connections have them. Properties: only indirect ones. */
export type ConnectionAuthentication =
  | { readonly kind: 'none' }
  | { readonly kind: 'role'; readonly identity: ConnectionRole; readonly roleArn: string; readonly externalIdSecretRef?: SecretKey }
  | { readonly kind: 'credentials'; readonly identity: ConnectionCredentials; readonly origin: SecretOrigin }
  /** No origin: the system is open. */
  | { readonly kind: 'properties'; readonly identity: ConnectionProperties; readonly origin?: SecretOrigin };

/** A job's connection with everything that was open decided. */
export type Connection = {
  readonly name: string;
  readonly usage: Usage;
  readonly connector: string;
  readonly access: ConnectorAccess;
  readonly authentication: ConnectionAuthentication;
  /** The fields of the connection as they were found, inline or in its ElasticConnection. */
  readonly spec: ConnectionSpec;
};

/** `reference`: the ElasticConnection that the problem is in; else it is in the job's own entry. */
export type Resolved =
  | { readonly ok: true; readonly value: Connection }
  | { readonly ok: false; readonly problem: FieldProblem; readonly reference?: string };

export function resolveConnection(inline: JobConnection, around: Surroundings): Resolved {
  const reference = inline.connectionRef?.name;
  const spec = (reference === undefined ? inline : around.connections.get(reference)) ?? {};
  const subject = { ...around, inline, spec };
  const entry = wrongEntry(subject);
  if (entry !== undefined) return { ok: false, problem: entry };
  const problem = wrongSpec(subject);
  if (problem !== undefined) return { ok: false, problem, ...(reference === undefined ? {} : { reference }) };
  return {
    ok: true,
    value: {
      name: inline.name,
      usage: (inline.usage ?? spec.usage) as Usage,
      connector: spec.connector ?? '',
      access: accessOf(spec),
      authentication: authenticationOf(inline.name, spec),
      spec,
    },
  };
}

function authenticationOf(name: string, spec: ConnectionSpec): ConnectionAuthentication {
  const { roleArn, externalIdSecretRef, credentials, properties } = spec.authentication ?? {};
  if (roleArn !== undefined) {
    const identity: ConnectionRole = `connectionRole:${name}`;
    return {
      kind: 'role',
      identity,
      roleArn,
      ...(externalIdSecretRef === undefined ? {} : { externalIdSecretRef }),
    };
  }
  if (credentials !== undefined) return { kind: 'credentials', identity: `connectionCredentials:${name}`, origin: originOf(credentials) };
  if (properties !== undefined) return { kind: 'properties', identity: `connectionProperties:${name}`, origin: originOf(properties) };
  return accessOf(spec) === 'Direct' ? { kind: 'none' } : { kind: 'properties', identity: `connectionProperties:${name}` };
}

function originOf({ secretRef, parameterStore, secretsManager }: SecretSource): SecretOrigin {
  if (secretRef !== undefined) return { kind: 'secretRef', name: secretRef.name };
  if (parameterStore !== undefined) return { kind: 'parameterStore', name: parameterStore.name };
  if (secretsManager === undefined) throw new TypeError('a secret source without a source was not refused');
  return { kind: 'secretsManager', ...secretsManager };
}
