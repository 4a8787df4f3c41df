import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessOf, findConnector, similarConnector } from '../../../src/core/access/connectors.ts';

const DIRECT = 'AmazonS3 AmazonRedshift Athena DynamoDB Iceberg DeltaLake Hudi Glue Kinesis'.split(' ');
const INDIRECT = 'JDBC Oracle PostgreSQL MySQL SqlServer Snowflake MongoDB Kafka Sftp Http'.split(' ');

for (const [access, names] of [['Direct', DIRECT] as const, ['Indirect', INDIRECT] as const]) {
  for (const connector of names) test(`${connector} is ${access}`, () => assert.equal(accessOf({ connector }), access));
}

const SIMILAR: readonly (readonly [string, string | undefined])[] = [
  ['s3', 'AmazonS3'],
  ['AMAZONS3', 'AmazonS3'],
  ['AWSGlue', 'Glue'],
  ['Amazon_DynamoDB', 'DynamoDB'],
  ['sql-server', 'SqlServer'],
  ['redshift', 'AmazonRedshift'],
  ['Acme', undefined],
  ['', undefined],
];
for (const [name, meant] of SIMILAR) {
  test(`${JSON.stringify(name)} probably means ${meant}`, () => {
    assert.equal(findConnector(name), undefined);
    assert.equal(similarConnector(name)?.name, meant);
  });
}
