import type { Connection } from '../../core/access/connections.ts';
import type { AwsPort, Caller, Grant } from '../../ports/aws/index.ts';
import { secrets } from '../../ports/resources.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import { type AccessFailure, kubernetesFailure } from '../identity/failure.ts';
import { readSecretKey } from '../identity/secret.ts';
import { subjectOf } from '../identity/subject.ts';
import { type JobTools, type JobView, onBehalf } from './tools.ts';

/** Values of a connection's secret, from wherever it says; they stay in this process's memory for one use. */
export async function openSecret(
  tools: Pick<JobTools, 'context'>,
  view: JobView,
  connection: Connection,
): Promise<Result<Readonly<Record<string, string>>, AccessFailure>> {
  const { authentication, name } = connection;
  if ((authentication.kind !== 'credentials' && authentication.kind !== 'properties') || authentication.origin === undefined) return ok({});
  const { origin, identity } = authentication;
  if (origin.kind === 'secretRef') {
    const namespace = view.job.metadata.namespace ?? '';
    const at = { identity, chain: [], action: 'read Secret', resource: `${namespace}/${origin.name}` };
    const secret = await tools.context.kubernetes.get(secrets, { namespace, name: origin.name });
    if (!secret.ok) return err(kubernetesFailure(at, secret.error));
    const keys = Object.keys(secret.value.data ?? {});
    return ok(Object.fromEntries(keys.map((key) => [key, readSecretKey(secret.value, key) ?? ''])));
  }
  const resource = origin.kind === 'parameterStore' ? origin.name : origin.arn;
  const action = origin.kind === 'parameterStore' ? 'ssm:GetParameter' : 'secretsmanager:GetSecretValue';
  const value = await actAs(tools.context, onBehalf(view, 'worker', `connection-secret:${name}`), { action, resource }, (aws, caller) =>
    origin.kind === 'parameterStore'
      ? aws.ssm.getParameter(caller, { name: origin.name, secure: true })
      : aws.secretsManager.getSecretValue(caller, {
          secretId: origin.arn,
          ...(origin.versionStage !== undefined && { versionStage: origin.versionStage }),
        }),
  );
  if (!value.ok) return value;
  const parsed = parseObject(value.value.value);
  if (parsed !== undefined) return ok(parsed);
  const message = `the value that connection ${name} names is not a JSON object of texts, numbers and truth values: store {"key": "value"}`;
  return err({ identity: 'worker', chain: [], action, resource, code: 'NotAnObject', message, transient: false });
}

function parseObject(text: string): Readonly<Record<string, string>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const entries = Object.entries(value);
    // As the init container reads it: AWS's own database secrets hold a port that is a number.
    const plain = entries.every(([, entry]) => typeof entry === 'string' || typeof entry === 'number' || typeof entry === 'boolean');
    return plain ? Object.fromEntries(entries.map(([key, entry]) => [key, String(entry)])) : undefined;
  } catch {
    // The parser's message would quote the value.
    return undefined;
  }
}

/** Runs calls with a connection's static keys; the sealed grant is dropped afterwards. */
export async function withKeys<T>(
  tools: Pick<JobTools, 'context'>,
  view: JobView,
  connection: Connection,
  /** Of the access plan. */
  resource: string,
  run: (aws: AwsPort, caller: Caller) => Promise<Result<T, AccessFailure>>,
): Promise<Result<T, AccessFailure>> {
  const values = await openSecret(tools, view, connection);
  if (!values.ok) return values;
  const identity = `connectionCredentials:${connection.name}` as const;
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey, aws_session_token: sessionToken } = values.value;
  if (!accessKeyId || !secretAccessKey) {
    const message = `the secret of connection ${connection.name} needs the keys aws_access_key_id and aws_secret_access_key`;
    return err({ identity, chain: [], action: 'read keys', resource: connection.name, code: 'KeysMissing', message, transient: false });
  }
  const aws = tools.context.aws(view.runtime.spec.region);
  const grant: Grant = aws.sts.staticGrant(identity, { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) });
  try {
    return await run(aws, { grant, subject: subjectOf(onBehalf(view, identity, resource), tools.context.settings.clusterName) });
  } finally {
    aws.sts.release(grant);
  }
}
