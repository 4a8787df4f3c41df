import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { agentServiceAccount } from '../../core/access/sessions.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { type AccessFailure, kubernetesFailure } from '../identity/failure.ts';
import type { RuntimeTools } from './tools.ts';

const tokenSeconds = 600;

/**
 * Who issues the cluster's tokens, as they say themselves (claim `iss`): what roles must trust. Nobody has to configure it, and it cannot be configured
 * wrongly. Asked once in the life of the process.
 */
export async function clusterIssuer(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<Result<string, AccessFailure>> {
  if (tools.issuer.value !== undefined) return ok(tools.issuer.value);
  const { name, namespace = '' } = runtime.metadata;
  const account = agentServiceAccount({ namespace, runtime: name });
  const at = { identity: 'agent', chain: [], action: 'TokenRequest', resource: `ServiceAccount ${account.namespace}/${account.name}` };
  const token = await tools.context.kubernetes.requestToken(account, { audiences: ['sts.amazonaws.com'], expirationSeconds: tokenSeconds });
  if (!token.ok) return err(kubernetesFailure(at, token.error));
  const issuer = issuerOf(token.value.token);
  if (issuer === undefined) return err({ ...at, code: 'NoIssuer', message: 'the token names no issuer', transient: false });
  tools.issuer.value = issuer;
  return ok(issuer);
}

/** Nothing of the token but its issuer leaves this function, in an error neither. */
function issuerOf(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const issuer = (claims as { readonly iss?: unknown } | null)?.iss;
    return typeof issuer === 'string' && issuer !== '' ? issuer : undefined;
  } catch {
    return undefined;
  }
}
