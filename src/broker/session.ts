import type { ElasticRuntime } from '../api/generated/types.ts';
import type { Stored } from '../api/kubernetes.ts';
import { runtimePrefix, type S3Folder } from '../core/access/locations.ts';
import { partitionOf, s3Arn, serviceNames } from '../core/access/partitions.ts';
import type { PolicyStatement } from '../core/policy/document.ts';
import { maxSessionPolicyCharacters, type SessionPolicy } from '../core/policy/session-policy.ts';
import { literal } from '../core/policy/statements.ts';
import type { Grant } from '../ports/aws/index.ts';
import { err, ok, type Result } from '../ports/result.ts';

/** How the broker comes to a session: the operator's grant keeper satisfies it. */
export type ObtainSession = (request: {
  readonly runtime: Stored<ElasticRuntime>;
  readonly identity: 'master' | 'worker';
  readonly caller: 'nodeAgent';
  readonly node: string;
  /** From the narrowest to the widest. */
  readonly policies: readonly SessionPolicy[];
}) => Promise<Result<{ readonly grant: Grant }, { readonly code: string; readonly message: string }>>;

/** The runtime's folder in its log location. */
export function logFolder(runtime: Stored<ElasticRuntime>): Result<S3Folder, string> {
  const { organization, logs } = runtime.spec;
  const folder = runtimePrefix(logs.uri, { organization, namespace: runtime.metadata.namespace ?? '', runtime: runtime.metadata.name });
  return folder.ok ? ok(folder.value) : err(folder.reason);
}

/**
 * Session policies, narrowest first: write objects below `jobs/<any job>/<any attempt>/<role>/<node>/` and encrypt them, nothing else; without the encryption
 * context where STS finds that too large. IAM's `*` also matches slashes
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html), so the Deny keeps the role and the node at their place in
 * the key: no object in another node's folder can be named so that it matches.
 */
export function nodeLogPolicies(
  runtime: Stored<ElasticRuntime>,
  folder: S3Folder,
  role: 'master' | 'worker',
  node: string,
): Result<readonly SessionPolicy[], string> {
  const { region } = runtime.spec;
  const bucket = s3Arn(region, folder.bucket);
  const jobs = `${bucket}/${literal(folder.key === '' ? 'jobs' : `${folder.key}/jobs`)}`;
  const own = `${role}/${literal(node)}/*`;
  const through = { StringEquals: { 'kms:ViaService': serviceNames(`s3.${region}`, partitionOf(region)) } };
  // With an S3 Bucket Key the context is the bucket's ARN: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
  const context = { StringLike: { 'kms:EncryptionContext:aws:s3:arn': [bucket, `${jobs}/*/*/${own}`] } };
  const policyOf = (Condition: PolicyStatement['Condition'] & object): string =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Sid: 'WriteLogsOfThisNode', Effect: 'Allow', Action: 's3:PutObject', Resource: `${jobs}/*/*/${own}` },
        { Sid: 'InTheirPlaceOnly', Effect: 'Deny', Action: 's3:*', Resource: `${jobs}/*/*/*/${own}` },
        { Sid: 'EncryptLogs', Effect: 'Allow', Action: 'kms:GenerateDataKey', Resource: runtime.spec.logs.kmsKeyArn, Condition },
      ],
    });
  const steps: readonly SessionPolicy[] = [
    { policy: policyOf({ ...through, ...context }), widened: [] },
    { policy: policyOf(through), widened: ['encryption-context'] },
  ];
  const fitting = steps.filter(({ policy }) => policy.length <= maxSessionPolicyCharacters);
  return fitting.length > 0
    ? ok(fitting)
    : err(
        `the session policy of node ${node} has ${steps[1]?.policy.length} characters, more than ${maxSessionPolicyCharacters}, at its widest`,
      );
}
