import type { ElasticJob, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { agentNamespace } from '../../api/labels.ts';
import type { Connection } from '../../core/access/connections.ts';
import { agentServiceAccountName } from '../../core/jobs/names.ts';
import { runtimeDocuments } from '../../core/policy/documents.ts';
import { accountOf } from '../../core/policy/principal.ts';
import type { PolicyJob, RuntimeDocuments } from '../../core/policy/runtime-input.ts';
import type { OperatorContext } from '../context.ts';

/**
 * What `kubectl-elastic iam` writes for a runtime and one job; undefined where it cannot be made. External IDs are secrets: where one belongs, the
 * text names its Secret.
 */
export async function generatedDocuments(
  context: Pick<OperatorContext, 'kubernetes' | 'settings'>,
  runtime: Stored<ElasticRuntime>,
  job: Stored<ElasticJob> | undefined,
  connections: readonly Connection[],
): Promise<RuntimeDocuments | undefined> {
  const issuer = await tokenIssuer(context, runtime);
  if (issuer === undefined) return undefined;
  const { agent, operator } = runtime.spec.identities;
  const jobs: readonly PolicyJob[] =
    job === undefined
      ? []
      : [
          {
            metadata: job.metadata,
            spec: { ...job.spec, connections: connections.map(({ name, usage, spec }) => ({ ...spec, name, usage })) } as PolicyJob['spec'],
          },
        ];
  try {
    return runtimeDocuments({
      runtime,
      jobs,
      clusterName: context.settings.clusterName,
      accountId: accountOf(operator.roleArn),
      oidcProviderArn: providerArn(agent.roleArn, issuer),
      issuer,
    });
  } catch {
    // A malformed location or ARN has a message of its own.
    return undefined;
  }
}

/** The IAM OIDC provider that an account has for the cluster: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html */
export function providerArn(roleArn: string, issuer: string): string {
  const [, partition = 'aws'] = roleArn.split(':');
  return `arn:${partition}:iam::${accountOf(roleArn)}:oidc-provider/${issuer.replace(/^https:\/\//, '')}`;
}

/** Who signs the cluster's ServiceAccount tokens: the `iss` of one, which is no secret. */
export async function tokenIssuer(
  context: Pick<OperatorContext, 'kubernetes'>,
  { metadata: { namespace = '', name } }: Stored<ElasticRuntime>,
): Promise<string | undefined> {
  const account = { namespace: agentNamespace, name: agentServiceAccountName(namespace, name) };
  const token = await context.kubernetes.requestToken(account, { audiences: ['sts.amazonaws.com'], expirationSeconds: 600 });
  if (!token.ok) return undefined;
  const [, payload = ''] = token.value.token.split('.');
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const issuer = typeof claims === 'object' && claims !== null && 'iss' in claims ? claims.iss : undefined;
    return typeof issuer === 'string' ? issuer : undefined;
  } catch {
    return undefined;
  }
}
