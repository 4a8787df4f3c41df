/**
 * At what a call was made, as its event of CloudTrail tells: events of data have ARNs, most others nothing but what the request names, in the caller's account.
 * Requests are those of each service's API reference, their fields in the letters of CloudTrail.
 */
import { partitionOf, s3Arn } from '../access/partitions.ts';
import { type Fields, fields, text, textsOf } from './fields.ts';

/** Each of them; none where the event does not say. */
export function resourcesOf(event: Fields, service: string): readonly string[] {
  const request = fields(event['requestParameters']) ?? {};
  const region = text(event['awsRegion']) ?? '';
  const bucket = text(request['bucketName']);
  const key = text(request['key']);
  // Whose objects a list shows is said by its prefix, in the audit too.
  const prefix = text(request['prefix']);
  if (bucket !== undefined) return [s3Arn(region, bucket, key ?? (prefix === undefined ? undefined : `${prefix}*`))];
  const arns = listed(event['resources']).flatMap((one) => text(fields(one)?.['ARN']) ?? []);
  const own = arns.filter((arn) => arn.split(':')[2] === service);
  if (own.length > 0) return own;
  const account = text(fields(event['userIdentity'])?.['accountId']) ?? text(event['recipientAccountId']) ?? '';
  const arnOf = (resource: string, of: Place = {}): string =>
    `arn:${partitionOf(region)}:${of.service ?? service}:${region}:${of.account ?? account}:${resource}`;
  const ask = (...names: readonly string[]): readonly string[] =>
    names.flatMap((name) => text(inLetters(request)[name.toLowerCase()]) ?? []);
  const named = Object.hasOwn(naming, service)
    ? (naming[service]?.({ ask, arnOf, request, call: text(event['eventName']) ?? '' }) ?? [])
    : [];
  if (named.length > 0) return [...new Set(named)];
  return arns.length > 0 ? arns : ask('roleArn', 'name', 'secretId').slice(0, 1);
}

type Place = { readonly service?: string; readonly account?: string };
type Asked = {
  /** What the request has in these fields. */
  readonly ask: (...names: readonly string[]) => readonly string[];
  readonly arnOf: (resource: string, of?: Place) => string;
  readonly request: Fields;
  readonly call: string;
};

/** `ARN` in the fields of one service, `Arn` in those of another. */
function inLetters(request: Fields): Fields {
  return Object.fromEntries(Object.entries(request).map(([name, value]) => [name.toLowerCase(), value]));
}

const naming: Readonly<Record<string, (asked: Asked) => readonly string[]>> = {
  athena({ ask, arnOf, call }) {
    const workgroups = ask('workGroup');
    const catalogs = ask('catalogName', ...(call === 'GetDataCatalog' ? ['name'] : []));
    // https://docs.aws.amazon.com/athena/latest/ug/workgroups-create-update-delete.html: who names none is in the first.
    const isInFirst = /^(StartQueryExecution|List(QueryExecutions|NamedQueries))$/.test(call) && workgroups.length === 0;
    return [
      ...(isInFirst ? ['primary'] : workgroups).map((name) => arnOf(`workgroup/${name}`)),
      ...catalogs.map((name) => arnOf(`datacatalog/${name}`)),
    ];
  },
  cassandra({ ask, arnOf }) {
    const [keyspace] = ask('keyspaceName');
    const [table] = ask('tableName');
    return keyspace === undefined ? ask('resourceArn') : [arnOf(`/keyspace/${keyspace}/${table === undefined ? '' : `table/${table}`}`)];
  },
  dynamodb({ ask, arnOf, request }) {
    const tables = [
      ...ask('tableName', 'tableArn', 'sourceTableName', 'sourceTableArn', 'targetTableName', 'streamArn'),
      ...Object.keys(fields(request['requestItems']) ?? {}),
      ...Object.values(textsOf({ made: fields(request['tableCreationParameters'])?.['tableName'] }) ?? {}),
    ];
    return tables.map((table) => (table.startsWith('arn:') ? table : arnOf(`table/${table}`)));
  },
  es: ({ ask, arnOf }) => ask('domainName').map((name) => arnOf(`domain/${name}`)),
  firehose: ({ ask, arnOf }) => ask('deliveryStreamName').map((name) => arnOf(`deliverystream/${name}`)),
  glue({ ask, arnOf, request, call }) {
    // https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html: of another account, or of a catalog within one.
    const [, account, inside] = /^(?:(\d{12})(?::|$))?(.*)$/.exec(ask('catalogId')[0] ?? '') ?? [];
    const of = account === undefined ? {} : { account };
    const within = (inside ?? '') === '' ? '' : `${inside}/`;
    const made = textsOf(fields(request['databaseInput']))?.['name'];
    const databases = [...ask('databaseName', ...(/^\w+Database$/.test(call) ? ['name'] : [])), ...(made === undefined ? [] : [made])];
    const tables = [
      ...ask('tableName', ...(databases[0] === ask('name')[0] ? [] : ['name'])),
      ...Object.values(textsOf({ made: fields(request['tableInput'])?.['name'] }) ?? {}),
      ...listed(request['tablesToDelete']).flatMap((name) => text(name) ?? []),
    ];
    const [database] = databases;
    if (database === undefined) return [];
    return tables.length === 0
      ? databases.map((name) => arnOf(`database/${within}${name}`, of))
      : tables.map((name) => arnOf(`table/${within}${database}/${name}`, of));
  },
  kafka({ ask }) {
    const [cluster] = ask('clusterArn');
    const [topic] = ask('topicName');
    if (cluster === undefined) return [];
    return [topic === undefined ? cluster : `${cluster.replace(':cluster/', ':topic/')}/${topic}`];
  },
  kinesis({ ask, arnOf }) {
    const [arn = ask('consumerARN')[0]] = ask('streamARN');
    return arn === undefined ? ask('streamName').map((name) => arnOf(`stream/${name}`)) : [arn];
  },
  redshift({ ask, arnOf, call }) {
    const [cluster] = ask('clusterIdentifier');
    if (cluster === undefined) return [];
    if (!call.startsWith('GetClusterCredentials')) return [arnOf(`cluster:${cluster}`)];
    return [...ask('dbUser').map((user) => `dbuser:${cluster}/${user}`), ...ask('dbName').map((name) => `dbname:${cluster}/${name}`)].map(
      (one) => arnOf(one),
    );
  },
  // A workgroup of Redshift Serverless is known by its id alone, and named by its name.
  'redshift-data': ({ ask, arnOf }) => ask('clusterIdentifier').map((name) => arnOf(`cluster:${name}`, { service: 'redshift' })),
  s3tables: ({ ask }) => [...ask('tableARN'), ...ask('tableBucketARN')].slice(0, 1),
  sns: ({ ask, arnOf, call }) => [
    ...ask('topicArn', 'targetArn'),
    ...(call === 'CreateTopic' ? ask('name') : []).map((name) => arnOf(name)),
  ],
  sqs({ ask, arnOf }) {
    const urls = ask('queueUrl').map((url) => /\/(\d{12})\/([^/]+)$/.exec(url));
    return [
      ...urls.flatMap((found) => (found?.[1] === undefined || found[2] === undefined ? [] : [arnOf(found[2], { account: found[1] })])),
      ...ask('queueName').map((name) => arnOf(name)),
    ];
  },
  timestream({ ask, arnOf }) {
    const [database] = ask('databaseName');
    const [table] = ask('tableName');
    return database === undefined ? [] : [arnOf(`database/${database}${table === undefined ? '' : `/table/${table}`}`)];
  },
};

function listed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
