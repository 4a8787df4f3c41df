import { secrets } from '../../ports/resources.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { GrantKeeperOptions, GrantRequest } from './grants.ts';
import type { GrantInput, InputWatch } from './inputs.ts';
import { readSecretKey } from './secret.ts';

/** The external ID of the operator role, or of a connection's (`connection:NAME`). The text lives as long as the call that it goes into. */
export async function openExternalId(
  { kubernetes, inputs }: Pick<GrantKeeperOptions, 'kubernetes'> & { readonly inputs: InputWatch },
  request: Pick<GrantRequest, 'runtime' | 'connections'>,
  reference: string,
): Promise<Result<{ readonly text: string; readonly input: GrantInput }, string>> {
  const namespace = request.runtime.metadata.namespace ?? '';
  const connection = reference.startsWith('connection:') ? reference.slice('connection:'.length) : undefined;
  const ref =
    connection === undefined
      ? request.runtime.spec.identities.operator.externalIdSecretRef
      : request.connections?.find(({ name }) => name === connection)?.authentication?.externalIdSecretRef;
  if (ref === undefined) return err('no Secret is named for the external ID');
  const key = ref.key ?? 'externalId';
  const secret = await kubernetes.get(secrets, { namespace, name: ref.name });
  if (!secret.ok) return err(`Secret ${namespace}/${ref.name}: ${secret.error.kind}: ${secret.error.message}`);
  const text = readSecretKey(secret.value, key);
  if (text === undefined) return err(`Secret ${namespace}/${ref.name} has no key "${key}": add it`);
  return ok({ text, input: inputs.seen('Secret', secret.value) });
}
