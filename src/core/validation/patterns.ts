/**
 * Regular expressions that mean the same in CEL (RE2) and in JavaScript (u flag): no look-around, no back reference, no quote sign.
 * `$` is the end of the text in both.
 */

const PARTITION = '(aws|aws-cn|aws-us-gov)';
/** A path segment that is not empty, not `.` and not `..`: `any` is a class of characters, `notDot` the same without the dot. */
function segment(notDot: string, any: string): string {
  return `(${notDot}${any}*|[.]${notDot}${any}*|[.][.]${any}+)`;
}
/** Key characters that are safe in URLs and mean nothing in an IAM policy (no * ? $). https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const SAFE = segment('[A-Za-z0-9!_()=+@:,~-]', '[.A-Za-z0-9!_()=+@:,~-]');
const BUCKET = 's3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]';

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html */
export const ROLE_ARN = `^arn:${PARTITION}:iam::[0-9]{12}:role/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$`;
export const INSTANCE_PROFILE_ARN = `^arn:${PARTITION}:iam::[0-9]{12}:instance-profile/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,128}$`;
export const KMS_KEY_ARN = `^arn:${PARTITION}:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$`;
export const SECRETS_MANAGER_ARN = `^arn:${PARTITION}:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:/?${SAFE}(/${SAFE})*$`;
/** At least three levels: /<organization>/<namespace>/<name>. */
export const PARAMETER_NAME = '^(/([A-Za-z0-9_-][A-Za-z0-9_.-]*)){3,15}$';
/** https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html */
export const IOT_ENDPOINT = '^[a-z0-9]+[.]credentials[.]iot[.][a-z0-9-]+[.]amazonaws[.]com([.]cn)?$';

/** A bucket or folder, without a slash at the end. */
export const S3_FOLDER = `^${BUCKET}(/${SAFE})*$`;
/** An object: a bucket and a key. */
export const S3_OBJECT = `^${BUCKET}(/${SAFE})+$`;
/** A bucket or a prefix of data, with or without a slash at the end: no escapes (%2F) and no letters that look like others, as in all that goes into a policy. */
export const S3_DATA = `^${BUCKET}(/${SAFE})*/?$`;
export const RELATIVE_PATH = `^${SAFE}(/${SAFE})*$`;

export const SLUG = '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$';
/** A DNS label of at most 40 characters that starts with a letter, as the names of Services must (RFC 1035). */
export const OBJECT_NAME = '^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$';
export const POOL_NAME = '^[a-z]([a-z0-9-]*[a-z0-9])?$';
export const REGION = '^[a-z]{2}(-[a-z]+)+-[0-9]+$';
/** A label in a domain of Kubernetes' own. */
export const KUBERNETES_LABEL = '^([a-z0-9.-]+[.])?(kubernetes|k8s)[.]io/';
/** A Go duration without sign; https://pkg.go.dev/time#ParseDuration */
export const DURATION = '^([0-9]{1,9}([.][0-9]{1,9})?(h|m|s|ms))+$';
export const DURATION_OR_NEVER = '^(Never|([0-9]{1,9}([.][0-9]{1,9})?(h|m|s|ms))+)$';
export const MONEY = '^[0-9]{1,9}([.][0-9]{1,6})?$';
export const BUDGET_NODES = '^([0-9]{1,6}|(100|[0-9]{1,2})%)$';
export const CRON = '^(@(annually|yearly|monthly|weekly|daily|midnight|hourly)|[0-9A-Za-z*/,?-]+( +[0-9A-Za-z*/,?-]+){4})$';
/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions */
export const TAG_TEXT = '^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$';

/** What an ElasticRuntimeClass allows: letters of ARNs and URIs that mean nothing in a regular expression once dots, pluses and brackets are enclosed. */
export const ARN_GLOB = '^([*]|arn:[A-Za-z0-9:/_+=,.@*-]+)$';
export const URI_GLOB = `^([*]|arn:[A-Za-z0-9:/_+=,.@*-]+|s3://[a-z0-9*][a-z0-9.*-]*(/${segment('[A-Za-z0-9!_()=+@:,~*-]', '[.A-Za-z0-9!_()=+@:,~*-]')})*)$`;
/** Whole, of a resource in a region of an account: what a location that begins like an ARN must be. */
export const RESOURCE_ARN = '^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]+:[0-9]{12}:[^ \\t\\n\\f\\r]+$';
