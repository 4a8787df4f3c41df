/**
 * What a location that is an ARN names, connector by connector: the forms that it may have, and the actions that a job may need there. Actions, resource types
 * and ARN forms are those of the Service Authorization Reference, the page of each service:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
 */
import { glueDatabase, glueTable, throughLakeFormation } from './resources/catalog.ts';
import {
  collection,
  dataCatalog,
  graph,
  redshiftCluster,
  redshiftDatabase,
  redshiftWorkgroup,
  searchDomain,
  workgroup,
} from './resources/engines.ts';
import type { ServiceResource } from './resources/kind.ts';
import { deliveryStream, kafkaCluster, kafkaTopic, kinesisStream, queue, topic } from './resources/streams.ts';
import {
  bucketTable,
  dynamoTable,
  keyspace,
  keyspacesTable,
  tableBucket,
  timestreamDatabase,
  timestreamTable,
} from './resources/tables.ts';

/** Of a connector, the form to recommend first. One that has none takes its location as it is. */
export function resourcesOf(connector: string): readonly ServiceResource[] {
  return Object.hasOwn(serviceResources, connector) ? (serviceResources[connector] ?? []) : [];
}

/** By connector. */
export const serviceResources: Readonly<Record<string, readonly [ServiceResource, ...ServiceResource[]]>> = {
  AmazonS3Tables: [tableBucket, bucketTable],
  Athena: [workgroup, dataCatalog],
  DynamoDB: [dynamoTable],
  Glue: [glueTable, glueDatabase],
  Kinesis: [kinesisStream],
  KinesisFirehose: [deliveryStream],
  LakeFormation: [throughLakeFormation(glueTable), throughLakeFormation(glueDatabase)],
  AmazonSNS: [topic],
  AmazonSQS: [queue],
  Timestream: [timestreamTable, timestreamDatabase],
  AmazonRedshift: [redshiftCluster, redshiftDatabase, redshiftWorkgroup],
  AmazonMSK: [kafkaCluster, kafkaTopic],
  AmazonKeyspaces: [keyspacesTable, keyspace],
  AmazonNeptune: [graph],
  AmazonOpenSearch: [searchDomain, collection],
};
