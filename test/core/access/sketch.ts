import assert from 'node:assert/strict';
import type { AccessInput, AccessRuntime, ConnectionSpec, Dependency, JobConnection } from '../../../src/core/access/input.ts';
import { type AccessPlan, planAccess } from '../../../src/core/access/plan.ts';
import type { AccessError, AccessRow } from '../../../src/core/access/vocabulary.ts';

/** A runtime and a job in as few words as a row of a table allows. */
export type Sketch = {
  readonly connections?: readonly JobConnection[];
  readonly staging?: { readonly connection?: string; readonly identity?: string };
  readonly dependencies?: readonly Dependency[];
  readonly references?: Readonly<Record<string, ConnectionSpec>>;
  readonly defaultRoles?: boolean;
  readonly x509?: boolean;
  readonly initScript?: boolean;
  readonly script?: string;
  readonly spec?: Partial<AccessRuntime['spec']>;
  readonly identities?: Partial<AccessRuntime['spec']['identities']>;
};

export function arn(role: string): string {
  return `arn:aws:iam::111122223333:role/${role}`;
}

export function inputOf(sketch: Sketch): AccessInput {
  const roles = sketch.defaultRoles ? {} : { master: { roleArn: arn('master') }, worker: { roleArn: arn('worker') } };
  const agent = { roleArn: arn('agent'), ...(sketch.x509 ? { x509: { certificateSecretRef: { name: 'agent-certificate' } } } : {}) };
  const operator = { roleArn: arn('operator'), externalIdSecretRef: { name: 'external-id', key: 'externalId' } };
  return {
    runtime: {
      metadata: { name: 'analytics', namespace: 'finance' },
      spec: {
        organization: 'acme',
        identities: { agent, operator, ...roles, ...sketch.identities },
        staging: { uri: 's3://acme-staging/elastic' },
        logs: { uri: 's3://acme-logs/elastic' },
        ...(sketch.initScript ? { initScript: { uri: sketch.script ?? 's3://platform/init.sh' } } : {}),
        ...sketch.spec,
      },
    },
    job: {
      metadata: { name: 'nightly', namespace: 'finance' },
      spec: {
        runtime: 'analytics',
        ...(sketch.connections === undefined ? {} : { connections: sketch.connections }),
        ...(sketch.staging === undefined ? {} : { staging: sketch.staging }),
        ...(sketch.dependencies === undefined ? {} : { dependencies: sketch.dependencies }),
      },
    },
    connections: new Map(Object.entries(sketch.references ?? {})),
  };
}

export function planOf(sketch: Sketch): AccessPlan {
  const result = planAccess(inputOf(sketch));
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.errors));
  return result.plan;
}

export function errorsOf(sketch: Sketch): readonly AccessError[] {
  const result = planAccess(inputOf(sketch));
  assert.ok(!result.ok, 'a plan was made');
  return result.errors;
}

/** `Run staging read` */
export function keyOf({ phase, resource, action }: AccessRow): string {
  return `${phase} ${resource} ${action}`;
}

/** `worker IRSA worker`: identity, via, and the names of the chain's roles joined by `>` (`-`: none) */
export function accessOf({ identity, via, chain }: AccessRow): string {
  const roles = chain.map((roleArn) => roleArn.slice(roleArn.lastIndexOf('/') + 1));
  return `${identity} ${via} ${roles.join('>') || '-'}`;
}

type Usage = 'Source' | 'Target' | 'SourceAndTarget';

export function s3(name: string, usage: Usage, authentication?: JobConnection['authentication']): JobConnection {
  return {
    name,
    usage,
    connector: 'AmazonS3',
    location: `s3://data-${name}/`,
    ...(authentication === undefined ? {} : { authentication }),
  };
}

export function keys(secret = 'keys'): NonNullable<JobConnection['authentication']> {
  return { credentials: { secretRef: { name: secret } } };
}

export function role(name: string): NonNullable<JobConnection['authentication']> {
  return { roleArn: arn(name) };
}

export function login(secret = 'login'): NonNullable<JobConnection['authentication']> {
  return { properties: { secretRef: { name: secret } } };
}

export function jdbc(name: string, usage: Usage = 'Source'): JobConnection {
  return { name, usage, connector: 'JDBC', authentication: login() };
}
