import type { KubernetesError } from '../../ports/kubernetes.ts';
import type { Result } from '../../ports/result.ts';
import { err } from '../../ports/result.ts';
import { type Kind, resourceName } from './kinds.ts';

/** The API server's refusals, worded as k8s.io/apimachinery/pkg/api/errors words them. */

type Refusal = { readonly ok: false; readonly error: KubernetesError };

export type FieldProblem = { readonly field: string; readonly value?: unknown; readonly message: string; readonly reason?: string };

export function notFound(kind: Kind, name: string): Refusal {
  return err({ kind: 'NotFound', reason: 'NotFound', message: `${resourceName(kind)} "${name}" not found` });
}

export function alreadyExists(kind: Kind, name: string): Refusal {
  return err({ kind: 'AlreadyExists', reason: 'AlreadyExists', message: `${resourceName(kind)} "${name}" already exists` });
}

export function conflict(kind: Kind, name: string, why: string): Refusal {
  return err({ kind: 'Conflict', reason: 'Conflict', message: `Operation cannot be fulfilled on ${resourceName(kind)} "${name}": ${why}` });
}

export function modified(kind: Kind, name: string): Refusal {
  return conflict(kind, name, 'the object has been modified; please apply your changes to the latest version and try again');
}

export function gone(message: string): Refusal {
  return err({ kind: 'Gone', reason: 'Expired', message });
}

export function forbidden(kind: Kind, name: string, why: string): Refusal {
  return err({ kind: 'Forbidden', reason: 'Forbidden', message: `${resourceName(kind)} "${name}" is forbidden: ${why}` });
}

export function namespaceTerminating(kind: Kind, name: string, namespace: string): Refusal {
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  return err({
    kind: 'Forbidden',
    reason: 'Forbidden',
    message: `${resourceName(kind)} "${name}" is forbidden: ${why}`,
    causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace', message: `namespace ${namespace} is being terminated` }],
  });
}

export function invalid(kind: Kind, name: string, problems: readonly FieldProblem[]): Refusal {
  const texts = problems.map(describe);
  return err({
    kind: 'Invalid',
    reason: 'Invalid',
    message: `${kind.kind}${kind.group === '' ? '' : `.${kind.group}`} "${name}" is invalid: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`,
    causes: problems.map((problem) => ({
      reason: problem.reason ?? reasonFor(problem.message),
      field: problem.field,
      message: describe(problem),
    })),
  });
}

/** The reason that the API server gives with a message of this kind. */
function reasonFor(message: string): string {
  if (message.startsWith('Required value')) return 'FieldValueRequired';
  if (message.startsWith('Duplicate value')) return 'FieldValueDuplicate';
  if (/^(U|u)nsupported value|^supported values/.test(message)) return 'FieldValueNotSupported';
  if (/in body must be of type/.test(message)) return 'FieldValueTypeInvalid';
  return 'FieldValueInvalid';
}

function describe(problem: FieldProblem): string {
  if (problem.value === undefined) return `${problem.field}: ${problem.message}`;
  return `${problem.field}: Invalid value: ${JSON.stringify(problem.value)}: ${problem.message}`;
}

export function tooManyRequests(message: string, retryAfterSeconds: number, causes?: KubernetesError['causes']): Refusal {
  return err({
    kind: 'TooManyRequests',
    reason: 'TooManyRequests',
    message,
    retryAfterSeconds,
    ...(causes === undefined ? {} : { causes }),
  });
}

export function server(message: string): Refusal {
  return err({ kind: 'Server', reason: 'InternalError', message });
}

export function network(message: string): Refusal {
  return err({ kind: 'Network', message });
}

export type Answer<T> = Result<T, KubernetesError>;
