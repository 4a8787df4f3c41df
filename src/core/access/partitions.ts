/** What differs between AWS's partitions: the second part of every ARN, and the domain of services' names in China. */

/** Of a region's code: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/**
 * Names by which a condition or a trust policy knows a service (`ec2`, or of one region `s3.cn-north-1`). In China services go by either domain, and not always by
 * the same one: https://github.com/aws/karpenter-provider-aws/pull/6839
 */
export function serviceNames(service: string, partition: string): string | readonly string[] {
  const name = `${service}.amazonaws.com`;
  return partition === 'aws-cn' ? [name, `${name}.cn`] : name;
}

/** Of a bucket or, with a key, of an object. */
export function s3Arn(region: string, bucket: string, key?: string): string {
  return `arn:${partitionOf(region)}:s3:::${bucket}${key === undefined ? '' : `/${key}`}`;
}
