import type { DocumentsInput, PolicyJob, PolicyRuntime } from '../../../src/core/policy/runtime-input.ts';

export const account = '111122223333';

export const roleArn = (name: string, of = account): string => `arn:aws:iam::${of}:role/${name}`;
export const keyArn = (name: string): string => `arn:aws:kms:us-east-1:${account}:key/${name}`;

type Given = {
  readonly name?: string;
  readonly key?: string;
  readonly identities?: Partial<PolicyRuntime['spec']['identities']>;
  readonly connections?: PolicyJob['spec']['connections'];
};

/** A runtime of an organization, in the bucket that all share, with roles that are called after it. */
export function inputOf(
  organization: string,
  { name = 'analytics', key = organization, identities, connections }: Given = {},
): DocumentsInput {
  const role = (use: string): { readonly roleArn: string } => ({ roleArn: roleArn(`${organization}-${use}`) });
  const location = { uri: 's3://shared/elastic', kmsKeyArn: keyArn(key) };
  const own = { agent: role('agent'), operator: role('operator'), master: role('master'), worker: role('worker') };
  return {
    runtime: {
      metadata: { namespace: organization, name },
      spec: { organization, region: 'us-east-1', identities: { ...own, ...identities }, staging: location, logs: location },
    },
    jobs: [{ metadata: { namespace: organization, name: 'nightly' }, spec: { runtime: name, connections } }],
    clusterName: 'hub',
    accountId: account,
    oidcProviderArn: `arn:aws:iam::${account}:oidc-provider/oidc.example.com/id/1`,
    issuer: 'https://oidc.example.com/id/1',
  };
}

export const options = { environment: 'test', namePrefix: 'elastic' };
