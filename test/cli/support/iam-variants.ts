import { readFileSync } from 'node:fs';
import { runIam } from '../../../src/cli/iam.ts';

export const provider = 'arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/D539D4633E53DE1B71';

const example = (name: string): string => readFileSync(new URL(`../../../examples/${name}`, import.meta.url), 'utf8');
const finance = example('finance.yaml');
const defaultRoles = example('default-roles.yaml');

/** Manifests that together use every kind of resource that the generator knows. */
export const variants: Readonly<Record<string, Readonly<{ files: Readonly<Record<string, string>>; users?: readonly string[] }>>> = {
  finance: { files: { 'finance.yaml': finance } },
  'default roles': { files: { 'default-roles.yaml': defaultRoles } },
  'two runtimes that share agent and operator, users attached': {
    files: { 'finance.yaml': finance, 'default-roles.yaml': defaultRoles },
    users: ['alice', 'acme=bob'],
  },
  X509: { files: { 'finance.yaml': withCertificate(finance) } },
  'many connections': { files: { 'finance.yaml': finance, 'many.yaml': manyConnections(40) } },
};

export function withCertificate(text: string): string {
  const x509 =
    'x509: { endpoint: abc.credentials.iot.us-east-1.amazonaws.com, roleAlias: acme-agent, thingName: hub-1, certificateSecretRef: { name: hub-cert } }';
  return text.replace('agent: { roleArn: "arn:aws:iam::111122223333:role/acme-agent" }', (agent) => agent.replace(' }', `, ${x509} }`));
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
