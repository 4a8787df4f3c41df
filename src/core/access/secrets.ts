import type { FieldProblem } from './connection-checks.ts';
import type { AccessRuntime, SecretSource } from './input.ts';
import { parseRoleArn } from './roles.ts';

// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html: the name, a dash and six characters of AWS's own.
const SECRET_ARN = /^arn:(aws(?:-[a-z]+)*):secretsmanager:([a-z0-9-]+):(\d{12}):secret:(.+)$/;
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
  const [, partition = '', region = '', account = '', name = ''] = SECRET_ARN.exec(arn) ?? [];
  if (name === '') {
    const remedy = `write arn:aws:secretsmanager:<region>:<account>:secret:${folder}<name>`;
    return { field: '.secretsManager.arn', value: arn, message: 'is no ARN of a secret', remedy };
  }
  // Secrets Manager's names need no leading slash, and most have none.
  if (!belowFolder(name.startsWith('/') ? name : `/${name}`, folder))
    return outside('.secretsManager.arn', arn, `a secret below ${folder}`);
  return elsewhere(arn, { partition, region, account }, runtime);
}

/** The worker's session reads in its own region, and the folder is this namespace's only in the runtime's own account: there the names are ours. */
function elsewhere(
  arn: string,
  found: { readonly partition: string; readonly region: string; readonly account: string },
  { spec: { identities, region } }: AccessRuntime,
): FieldProblem | undefined {
  const at = { field: '.secretsManager.arn', value: arn };
  const roles = [identities.operator.roleArn, ...(identities.worker === undefined ? [] : [identities.worker.roleArn])];
  const own = roles.flatMap((roleArn) => {
    const role = parseRoleArn(roleArn);
    return role.ok ? [role.value] : [];
  });
  const [first] = own;
  // Wrong roles are said of the runtime.
  if (first === undefined) return undefined;
  if (found.partition !== first.partition)
    return {
      ...at,
      message: `is of partition ${found.partition}, the runtime of ${first.partition}`,
      remedy: `name a secret of ${first.partition}`,
    };
  if (region !== undefined && found.region !== region)
    return {
      ...at,
      message: `is in region ${found.region}, the runtime in ${region}`,
      remedy: `name a secret in ${region}, a replica for example`,
    };
  if (own.some(({ account }) => account === found.account)) return undefined;
  const accounts = [...new Set(own.map(({ account }) => account))].join(' or ');
  return { ...at, message: `is of account ${found.account}, the runtime of ${accounts}`, remedy: `name a secret of account ${accounts}` };
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
