import { type ArnParts, everywhere, type Need, namedBy, of, type ServiceResource, sibling } from './kind.ts';

/** Glue asks for the catalog and the database around a table, too: https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html */
function inCatalog(at: ArnParts): readonly [string, ...string[]] {
  const [kind = '', ...path] = at.resource.split('/');
  const database = path.slice(0, kind === 'table' ? -1 : undefined);
  const catalog = database.slice(0, -1).join('/');
  const around = [
    ...(kind === 'table' ? [sibling(at, `database/${database.join('/')}`)] : []),
    sibling(at, 'catalog'),
    ...(catalog === '' ? [] : [sibling(at, `catalog/${catalog}`)]),
  ];
  return [at.arn, ...around];
}

/** The database with all its tables. */
function tablesIn(at: ArnParts): readonly [string, ...string[]] {
  return [sibling(at, `table/${at.resource.slice('database/'.length)}/*`), ...inCatalog(at)];
}

const readTables = {
  actions: of('glue', 'BatchGetPartition GetPartition GetPartitions GetTable GetTables'),
  also: of(
    'glue',
    'GetColumnStatisticsForPartition GetColumnStatisticsForTable GetPartitionIndexes GetTableVersion GetTableVersions SearchTables',
  ),
} as const;
const writeTables = {
  actions: of('glue', 'BatchCreatePartition CreatePartition CreateTable DeletePartition UpdatePartition UpdateTable'),
  also: of(
    'glue',
    'BatchDeletePartition BatchDeleteTable BatchUpdatePartition DeleteTable UpdateColumnStatisticsForPartition UpdateColumnStatisticsForTable',
  ),
} as const;

export const glueTable: ServiceResource = {
  what: 'a table of the Glue catalog',
  service: 'glue',
  // Letters of a policy document: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
  pattern: /^table(\/[!-).0->@-~\u00a1-\u00ff+,-]{1,255}){2,}$/,
  form: 'table/<database>/<name>',
  named: namedBy('table/<database>/<name>', /^(?<database>[\w-]{1,255})\.(?<name>[\w-]{1,255})$/),
  reads: [{ ...readTables, on: inCatalog }],
  writes: [{ ...writeTables, on: inCatalog }],
  describe: { action: 'glue:GetTable', asks: [{ actions: ['glue:GetTable'], on: inCatalog }] },
  resourcePolicy: true,
};

export const glueDatabase: ServiceResource = {
  what: 'a database of the Glue catalog',
  service: 'glue',
  pattern: /^database(\/[!-).0->@-~\u00a1-\u00ff+,-]{1,255})+$/,
  form: 'database/<name>',
  named: namedBy('database/<name>', /^(?<name>[\w-]{1,255})$/),
  reads: [
    { ...readTables, on: tablesIn },
    { actions: of('glue', 'GetDatabase'), on: inCatalog },
  ],
  writes: [
    { ...writeTables, on: tablesIn },
    { actions: [], also: of('glue', 'CreateDatabase UpdateDatabase'), on: inCatalog },
  ],
  describe: { action: 'glue:GetDatabase', asks: [{ actions: ['glue:GetDatabase'], on: inCatalog }] },
  resourcePolicy: true,
};

/** Engines get credentials of Lake Formation for the data: https://docs.aws.amazon.com/lake-formation/latest/dg/access-control-underlying-data.html */
export function throughLakeFormation(resource: ServiceResource): ServiceResource {
  const dataAccess: Need = { actions: ['lakeformation:GetDataAccess'], on: everywhere };
  return { ...resource, reads: [...resource.reads, dataAccess], writes: [...resource.writes, dataAccess] };
}
