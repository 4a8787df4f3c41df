import { readFileSync } from 'node:fs';
import { runIam } from '../../../src/cli/iam.ts';

export const provider = 'arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/D539D4633E53DE1B71';

const example = (name: string): string => readFileSync(new URL(`../../../examples/${name}`, import.meta.url), 'utf8');
const finance = example('finance.yaml');
const defaultRoles = example('default-roles.yaml');

type Variant = {
  readonly files: Readonly<Record<string, string>>;
  readonly users?: readonly string[];
  /** The flags, too, are as long as they may be. */
  readonly longest?: true;
};

/** Manifests that together use every kind of resource that the generator knows. */
export const variants: Readonly<Record<string, Variant>> = {
  finance: { files: { 'finance.yaml': finance } },
  'default roles': { files: { 'default-roles.yaml': defaultRoles } },
  'two runtimes that share agent and operator, users attached': {
    files: { 'finance.yaml': finance, 'default-roles.yaml': defaultRoles },
    users: ['alice', 'acme=bob'],
  },
  X509: { files: { 'finance.yaml': withCertificate(finance) } },
  'names as long as they may be': { files: { 'finance.yaml': withLongNames(finance) }, longest: true },
  'organizations that look alike': {
    files: Object.fromEntries(['x-1', 'x1', 'x-11', 'x'].map((one) => [`${one}.yaml`, ofOrganization(one)])),
  },
  'organizations with buckets of their own': {
    files: Object.fromEntries(['acme', 'other', 'third'].map((one) => [`${one}.yaml`, inOwnBuckets(one)])),
  },
  'many connections': { files: { 'finance.yaml': finance, 'many.yaml': manyConnections(40) } },
};

export function withCertificate(text: string): string {
  const x509 =
    'x509: { endpoint: abc.credentials.iot.us-east-1.amazonaws.com, roleAlias: acme-agent, thingName: hub-1, certificateSecretRef: { name: hub-cert } }';
  return text.replace('agent: { roleArn: "arn:aws:iam::111122223333:role/acme-agent" }', (agent) => agent.replace(' }', `, ${x509} }`));
}

/** Roles of 64 characters, an instance profile of 128, everything else at its limit, too. */
function withLongNames(text: string): string {
  const long = (letter: string, length: number): string => letter.repeat(length);
  return withCertificate(text)
    .replaceAll(/role\/([a-z-]+)"/g, (_, name: string) => `role/${name.padEnd(64, 'r')}"`)
    .replace(
      'worker: { roleArn',
      `node: { instanceProfileArn: "arn:aws:iam::111122223333:instance-profile/${long('n', 128)}" }\n    worker: { roleArn`,
    )
    .replace('organization: acme', `organization: ${long('o', 63)}`)
    .replaceAll('roleAlias: acme-agent', `roleAlias: ${long('a', 128)}`)
    .replaceAll(/(name(?:space)?): finance\b/g, `$1: ${long('f', 63)}`)
    .replaceAll('analytics', long('a', 40));
}

/** The example in the same buckets, with roles and a key of its own. */
export function ofOrganization(organization: string): string {
  return finance
    .replaceAll('organization: acme', `organization: ${organization}`)
    .replaceAll(/(name(?:space)?): finance\b/g, `$1: of-${organization}`)
    .replaceAll('role/acme-', `role/${organization}-`)
    .replaceAll(/role\/(orders|clicks)-reader/g, `role/${organization}-$1-reader`)
    .replaceAll('0d9f7a10', organization);
}

export function inOwnBuckets(organization: string): string {
  return ofOrganization(organization).replaceAll('s3://acme-', `s3://${organization}-`);
}

/** Jobs with so many role-based sources (32 a job at most) that the worker role outgrows its inline policies. */
export function manyConnections(count: number): string {
  const jobs = Array.from({ length: Math.ceil(count / 30) }, (_, job) => {
    const connections = Array.from({ length: Math.min(30, count - 30 * job) }, (_unused, index) => {
      const number = 30 * job + index;
      return `{ name: source-${number}, usage: Source, connector: AmazonS3, location: s3://acme-source-${number}/raw/, kmsKeyArn: "arn:aws:kms:us-east-1:111122223333:key/source-${number}" }`;
    });
    return `apiVersion: elasticruntime.dev/v1alpha1
kind: ElasticJob
metadata: { name: many-${job}, namespace: finance }
spec:
  runtime: analytics
  connections: [${connections.join(', ')}]
  master: { template: { spec: { containers: [{ name: main, image: "registry.example.com/etl:1" }] } } }
`;
  });
  return jobs.join('---\n');
}

/** What `iam` is run with for a variant. */
export function flagsOf({ users = [], longest }: Variant): Flags {
  return { users, ...(longest === true && { environment: 'e'.repeat(32), namePrefix: 'p'.repeat(32) }) };
}

export type IamRun = { readonly code: number; readonly out: string; readonly err: readonly string[] };

type Flags = Partial<Parameters<typeof runIam>[0]>;

/** `kubectl-elastic iam` over files in memory. */
export async function iam(files: Readonly<Record<string, string>>, flags: Flags = {}): Promise<IamRun> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runIam(
    {
      files: Object.keys(files),
      clusterName: 'production-1',
      oidcProviderArn: provider,
      environment: 'production',
      namePrefix: 'elastic',
      users: [],
      format: 'cloudformation',
      output: 'yaml',
      ...flags,
    },
    {
      readFile: (path) => (files[path] === undefined ? Promise.reject(new Error('no such file')) : Promise.resolve(files[path])),
      readDir: () => Promise.resolve(undefined),
      stdin: () => Promise.resolve(''),
      stdout: (text) => out.push(text),
      stderr: (text) => err.push(text),
    },
  );
  return { code, out: out.join('\n'), err };
}
