import type { FieldProblem } from './connection-checks.ts';
import type { AccessRuntime, SecretSource } from './input.ts';

// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html: the name, a dash and six characters of AWS's own.
const SECRET_ARN = /^arn:aws(?:-[a-z]+)*:secretsmanager:[a-z0-9-]+:\d{12}:secret:(.+)$/;
// Letters that both services take in a name: no wildcard of a policy, no escape.
const SECRET_NAME = /^[A-Za-z0-9/_+=.@-]+$/;

/**
 * What is wrong with where a connection's credentials or properties come from. Parameter Store and Secrets Manager are read as the worker role, which
 * jobs of several authors share: so they lie below the folder of this organization and namespace, and nowhere else.
 */
export function wrongSecretSource(source: SecretSource, runtime: AccessRuntime): FieldProblem | undefined {
  const given = (['secretRef', 'parameterStore', 'secretsManager'] as const).filter((kind) => source[kind] !== undefined);
  if (given.length !== 1) {
    const message = given.length === 0 ? 'says no source' : 'says more than one source';
    return { field: '', value: given.join(', '), message, remedy: 'give one of secretRef, parameterStore and secretsManager' };
  }
  if (source.secretRef !== undefined) return secretOfRuntime(source.secretRef.name, runtime);
  const folder = `/${runtime.spec.organization}/${runtime.metadata.namespace ?? 'default'}/`;
  if (source.parameterStore !== undefined) {
    const { name } = source.parameterStore;
    return belowFolder(name, folder) ? undefined : outside('.parameterStore.name', name, `a parameter below ${folder}`);
  }
  const arn = source.secretsManager?.arn ?? '';
  const name = SECRET_ARN.exec(arn)?.[1];
  if (name === undefined) {
    const remedy = `write arn:aws:secretsmanager:<region>:<account>:secret:${folder}<name>`;
    return { field: '.secretsManager.arn', value: arn, message: 'is no ARN of a secret', remedy };
  }
  // Secrets Manager's names need no leading slash, and most have none.
  return belowFolder(name.startsWith('/') ? name : `/${name}`, folder)
    ? undefined
    : outside('.secretsManager.arn', arn, `a secret below ${folder}`);
}

/** A Secret of the runtime's own identities would hand them to every pod of the job. */
function secretOfRuntime(name: string, { spec: { identities } }: AccessRuntime): FieldProblem | undefined {
  const own = [identities.operator.externalIdSecretRef?.name, identities.agent.x509?.certificateSecretRef?.name];
  if (!own.includes(name)) return undefined;
  return {
    field: '.secretRef.name',
    value: name,
    message: "is a Secret of the runtime's own identities",
    remedy: 'keep what a connection needs in a Secret of its own',
  };
}

function belowFolder(name: string, folder: string): boolean {
  if (!SECRET_NAME.test(name) || !name.startsWith(folder)) return false;
  return name
    .slice(folder.length)
    .split('/')
    .every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

function outside(field: string, value: string, wanted: string): FieldProblem {
  return {
    field,
    value,
    message: 'is read as the worker role, which reads only below its organization and namespace',
    remedy: `name ${wanted}`,
  };
}
