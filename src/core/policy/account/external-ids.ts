import { logicalIds } from '../cloudformation/template.ts';
import type { DocumentsInput, PolicyRuntime } from '../runtime-input.ts';
import type { ExternalIdParameter } from './view.ts';

/** The runtime's external IDs, by the marker that stands for them; values that the input has are kept. */
export function withMarkers(input: DocumentsInput): DocumentsInput {
  const references = referencesOf(input);
  const markers = Object.fromEntries(references.map((reference) => [reference, markerOf(input.runtime, reference)]));
  return { ...input, externalIds: { ...markers, ...input.externalIds } };
}

/** One parameter per Secret and key, for those whose value is not given. */
export function externalIdParameters(inputs: readonly DocumentsInput[]): readonly ExternalIdParameter[] {
  const unique = new Map<string, ExternalIdParameter>();
  for (const input of inputs) {
    for (const reference of referencesOf(input)) {
      if (input.externalIds?.[reference] !== undefined) continue;
      const secret = `${input.runtime.metadata.namespace ?? 'default'}/${reference}`;
      unique.set(secret, { parameter: '', marker: markerOf(input.runtime, reference), secret });
    }
  }
  const ids = logicalIds();
  return [...unique.values()]
    .toSorted((one, other) => (one.secret < other.secret ? -1 : 1))
    .map((external) => ({ ...external, parameter: ids.of(`ExternalId ${external.secret.replace(/\/externalId$/, '')}`) }));
}

/** `<Secret>/<key>` of the operator role and of the connection roles. */
function referencesOf({ runtime, jobs = [] }: DocumentsInput): readonly string[] {
  const connections = jobs.flatMap((job) => job.spec.connections ?? []);
  const secrets = [
    runtime.spec.identities.operator.externalIdSecretRef,
    ...connections.map((connection) => connection.authentication?.externalIdSecretRef),
  ];
  return [...new Set(secrets.flatMap((secret) => (secret === undefined ? [] : [`${secret.name}/${secret.key}`])))];
}

/** An external ID holds no space (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html): the marker matches nobody. */
function markerOf({ metadata }: PolicyRuntime, reference: string): string {
  return `external ID of Secret ${metadata.namespace ?? 'default'}/${reference}`;
}
