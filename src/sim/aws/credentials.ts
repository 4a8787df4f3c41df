import { createHash } from 'node:crypto';
import { parseS3Uri, runtimePrefix } from '../../core/access/locations.ts';
import { partitionOf } from '../../core/access/partitions.ts';
import type { PolicyStatement } from '../../core/policy/document.ts';
import { resourceStatements } from '../../core/policy/resource-statements.ts';
import { type Folder, folderStatements, keyStatement, sidPart } from '../../core/policy/statements.ts';
import { locatedBy, type PlacedConnection } from './places.ts';
import type { ParameterSpec, SecretSpec, UserSpec } from './spec.ts';

export type SecretManifest = {
  readonly metadata: { readonly name?: string; readonly namespace?: string };
  /** base64 */
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
};

export function secretValues({ data = {}, stringData = {} }: SecretManifest): Readonly<Record<string, string>> {
  const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()] as const);
  return Object.fromEntries([...decoded, ...Object.entries(stringData)].map(([key, value]) => [key, value.replace(/\r?\n$/, '')]));
}

/** Where a connection's keys or login come from. */
type Source = {
  readonly secretRef?: { readonly name: string };
  readonly parameterStore?: { readonly name: string };
  readonly secretsManager?: { readonly arn: string };
};

export type ConnectionUser = UserSpec & { readonly connections: readonly string[] };

/** An IAM user for each pair of keys: its connection's data, staging (credentials override roles) and reading logs. */
export function credentialUsers(
  connections: readonly PlacedConnection[],
  secrets: readonly SecretManifest[],
  accountId: string,
): readonly ConnectionUser[] {
  const users = new Map<string, ConnectionUser>();
  for (const placed of connections) {
    const source = placed.connection.authentication?.credentials as Source | undefined;
    const keys = source === undefined ? undefined : keysFrom(source, placed, secrets);
    if (keys === undefined) continue;
    const owner = placed.connection.expectedBucketOwner ?? accountId;
    const known = users.get(keys.accessKeyId);
    const name = `${placed.runtime.metadata.namespace ?? 'default'}-${placed.connection.name}`;
    const document = { Version: '2012-10-17', Statement: statementsFor(placed, accountId) } as const;
    users.set(keys.accessKeyId, {
      arn: known?.arn ?? `arn:${partitionOf(placed.runtime.spec.region)}:iam::${owner}:user/${name}`,
      ...keys,
      connections: [...(known?.connections ?? []), placed.connection.name],
      policies: [...(known?.policies ?? []), { name: `user ${name}`, document }],
    });
  }
  return [...users.values()];
}

type Keys = Pick<UserSpec, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>;

function keysFrom(source: Source, { runtime }: PlacedConnection, secrets: readonly SecretManifest[]): Keys | undefined {
  const stored = source.parameterStore?.name ?? source.secretsManager?.arn;
  if (stored !== undefined) return madeUpKeys(stored);
  const namespace = runtime.metadata.namespace ?? 'default';
  const secret = secrets.find(
    ({ metadata }) => metadata.name === source.secretRef?.name && (metadata.namespace ?? 'default') === namespace,
  );
  const values = secret === undefined ? {} : secretValues(secret);
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey, aws_session_token: sessionToken } = values;
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

function madeUpKeys(name: string): Keys {
  const digest = createHash('sha256').update(name).digest('hex');
  return { accessKeyId: `AKIA${digest.slice(0, 16).toUpperCase()}`, secretAccessKey: `simulated-secret-key.${digest}` };
}

function statementsFor(placed: PlacedConnection, accountId: string): readonly PolicyStatement[] {
  const { connection, runtime } = placed;
  const { spec, metadata } = runtime;
  const owner = { organization: spec.organization, namespace: metadata.namespace ?? 'default', runtime: metadata.name ?? '' };
  const everything = ['read', 'write', 'delete', 'list'] as const;
  const partition = partitionOf(spec.region);
  const data = folderOf(parseS3Uri(connection.location ?? ''));
  const at = locatedBy(placed, accountId);
  const staging = folderOf(runtimePrefix(spec.staging.uri, owner));
  const logs = folderOf(runtimePrefix(spec.logs.uri, owner));
  const keyed = (sid: string, folder: Folder | undefined, arn: string | undefined): readonly PolicyStatement[] =>
    folder === undefined || arn === undefined ? [] : [keyStatement(sid, arn, [folder], everything, spec.region, { partition })];
  const wanted = connection.usage === 'Source' ? (['read', 'list'] as const) : everything;
  return [
    ...(data === undefined ? [] : folderStatements(`Data${sidPart(connection.name)}`, data, wanted, { partition })),
    ...(at === undefined ? [] : resourceStatements(`Data${sidPart(connection.name)}`, at, connection.usage)),
    ...keyed('DataKey', data, connection.kmsKeyArn ?? undefined),
    ...(staging === undefined ? [] : folderStatements('Staging', staging, everything, { partition })),
    ...keyed('StagingKey', staging, spec.staging.kmsKeyArn),
    ...(logs === undefined ? [] : folderStatements('PollLogs', logs, ['read', 'list'], { partition })),
    ...keyed('LogsKey', logs, spec.logs.kmsKeyArn),
  ];
}

function folderOf(location: ReturnType<typeof parseS3Uri>): Folder | undefined {
  return location.ok ? location.value : undefined;
}

/** What Parameter Store and Secrets Manager hold for the connections that name them: JSON objects, keys or a login. */
export function storedSecrets(connections: readonly PlacedConnection[]): {
  readonly parameters: readonly ParameterSpec[];
  readonly secrets: readonly SecretSpec[];
} {
  const parameters = new Map<string, ParameterSpec>();
  const secrets = new Map<string, SecretSpec>();
  for (const { connection } of connections) {
    for (const kind of ['credentials', 'properties'] as const) {
      const source = connection.authentication?.[kind] as Source | undefined;
      const name = source?.parameterStore?.name;
      const arn = source?.secretsManager?.arn;
      const value = valueFor(kind, name ?? arn ?? '');
      if (name !== undefined) parameters.set(name, { name, value });
      if (arn !== undefined) secrets.set(arn, { arn, name: secretName(arn), versions: { AWSCURRENT: value, AWSPREVIOUS: value } });
    }
  }
  return { parameters: [...parameters.values()], secrets: [...secrets.values()] };
}

function valueFor(kind: 'credentials' | 'properties', name: string): string {
  if (kind === 'properties') return JSON.stringify({ username: 'simulated', password: `simulated-secret.${name}` });
  const { accessKeyId, secretAccessKey } = madeUpKeys(name);
  return JSON.stringify({ aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey });
}

/** An ARN ends in a hyphen and six characters after the name. */
function secretName(arn: string): string {
  return arn
    .split(':')
    .slice(6)
    .join(':')
    .replace(/-[A-Za-z0-9]{6}$/, '');
}
