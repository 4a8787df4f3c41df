import { s3Arn } from '../access/partitions.ts';
import { resourcesOf } from './event-resources.ts';
import { type Fields, fields, text, textsOf } from './fields.ts';

/**
 * Events of CloudTrail as far as a join with the audit needs them:
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html and …-user-identity.html.
 */
export type TrailEvent = {
  readonly time: string;
  readonly requestId: string | undefined;
  /** As IAM names it, e.g. s3:GetObject */
  readonly action: string;
  readonly resource: string;
  /** Each that the event names, where it names any; `resource` is all of them, or `*`. */
  readonly resources: readonly string[];
  /** ARN of the role whose session made the call; where a token is exchanged for a session, of the role that is asked for */
  readonly roleArn: string | undefined;
  readonly sessionName: string | undefined;
  /** The session was had with a web identity token: a pod's own, or the agent's. */
  readonly webIdentity: boolean;
  readonly outcome: string;
  /** The service of AWS's that made the call in the session: `ec2fleet`, or `AWS Internal` where it does not say which. */
  readonly service?: string;
  /** What a call of KMS says of whose key it is: https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html */
  readonly encryptionContext?: Readonly<Record<string, string>>;
  /** A call of KMS that S3 made for the session: ARN of the object, or of the bucket where it has a key of its own. */
  readonly encrypts?: string;
  /** It asks whether an object is there, and reads none of it. */
  readonly onlyLooks?: true;
  /** ARN of the object that a copy is made of. */
  readonly copyOf?: string;
};

/** The events of CloudTrail's own files, or of `aws cloudtrail lookup-events`, as they are; undefined where the document is neither. */
export function readTrail(document: unknown): { readonly field: string; readonly events: readonly unknown[] } | undefined {
  const { Records: records, Events: events } = fields(document) ?? {};
  if (Array.isArray(records)) return { field: 'Records', events: records };
  return Array.isArray(events) ? { field: 'Events', events: events.map(lookedUp) } : undefined;
}

/** lookup-events gives the event itself as a text within its own words on it. */
function lookedUp(event: unknown): unknown {
  const inner = text(fields(event)?.['CloudTrailEvent']);
  try {
    return inner === undefined ? event : JSON.parse(inner);
  } catch {
    return undefined;
  }
}

export function looksLikeEvent(value: unknown): boolean {
  const event = fields(value) ?? {};
  return ['eventName', 'eventSource', 'eventTime', 'eventVersion'].filter((name) => event[name] !== undefined).length > 1;
}

/** `unread`: the indexes of what is no event that could be judged. */
export function readEvents(events: readonly unknown[]): { readonly read: readonly TrailEvent[]; readonly unread: readonly number[] } {
  const all = events.map((event) => readEvent(fields(event)));
  return { read: all.flat(), unread: all.flatMap((event, index) => (event.length === 0 ? [index] : [])) };
}

function readEvent(event: Fields | undefined): readonly TrailEvent[] {
  const time = text(event?.['eventTime']);
  const name = text(event?.['eventName']);
  const source = text(event?.['eventSource']);
  if (event === undefined || time === undefined || Number.isNaN(Date.parse(time)) || name === undefined || source === undefined) return [];
  const parameters = fields(event['requestParameters']);
  const identity = fields(event['userIdentity']);
  const session = fields(identity?.['sessionContext']);
  const issuer = fields(session?.['sessionIssuer']);
  // Whoever has but a token, or an assertion, is no session yet: the one that is asked for is told.
  const asked = /^AssumeRoleWith(WebIdentity|SAML)$/.test(name) ? parameters : undefined;
  const service = serviceOf(event, identity);
  const context = textsOf(parameters?.['encryptionContext']);
  const from = source.replace(/\.amazonaws\.com(\.cn)?$/, '');
  const resources = resourcesOf(event, from);
  return [
    {
      time,
      requestId: text(event['requestID']),
      action: iamName(from, name),
      resource: resources.length === 0 ? '*' : resources.join(', '),
      resources,
      roleArn: text(issuer?.['arn']) ?? text(asked?.['roleArn']),
      sessionName: sessionOf(identity) ?? text(asked?.['roleSessionName']),
      webIdentity: text(identity?.['type']) === 'WebIdentityUser' || fields(session?.['webIdFederationData']) !== undefined,
      outcome: text(event['errorCode']) ?? 'ok',
      ...(name === 'HeadObject' && { onlyLooks: true }),
      ...(service !== undefined && { service }),
      ...(context !== undefined && { encryptionContext: context }),
      ...behind(event, parameters, service),
    },
  ];
}

/** The trail of another account, whose role or bucket is asked, has no ARN of the caller, but `<id of its role>:<its session>`. */
function sessionOf(identity: Fields | undefined): string | undefined {
  const [, assumed] = /:assumed-role\/[^/]+\/(.+)$/.exec(text(identity?.['arn']) ?? '') ?? [];
  const [, named] = /^AROA[^:]*:(.+)$/.exec(text(identity?.['principalId']) ?? '') ?? [];
  return assumed ?? named;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html */
function serviceOf(event: Fields, identity: Fields | undefined): string | undefined {
  const callers = [identity?.['invokedBy'], event['sourceIPAddress']].map(text);
  const [, named] = callers.flatMap((caller) => /^([a-z0-9-]+)\.(?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?$/.exec(caller ?? '') ?? []);
  return named ?? callers.find((caller) => caller === ofAws);
}

const ofAws = 'AWS Internal';

/**
 * S3 asks KMS in the caller's session, from within AWS, and says for what: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
 * A copy names its source as the request does: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 */
function behind(event: Fields, parameters: Fields | undefined, service: string | undefined): Pick<TrailEvent, 'encrypts' | 'copyOf'> {
  const encrypts = service === ofAws || service === 's3' ? text(fields(parameters?.['encryptionContext'])?.['aws:s3:arn']) : undefined;
  const source = text(parameters?.['x-amz-copy-source'])
    ?.replace(/^\//, '')
    .replace(/\?versionId=.*$/, '');
  const [bucket = '', ...key] = (source ?? '').split('/');
  return {
    ...(encrypts !== undefined && { encrypts }),
    ...(source !== undefined && { copyOf: s3Arn(text(event['awsRegion']) ?? '', bucket, decoded(key.join('/'))) }),
  };
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** The event is named after the API, the permission is not: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html */
function iamName(service: string, name: string): string {
  const action = `${service}:${name}`;
  return permissions[action] ?? action;
}

const permissions: Readonly<Record<string, string>> = {
  's3:ListObjects': 's3:ListBucket',
  's3:ListObjectsV2': 's3:ListBucket',
  's3:HeadObject': 's3:GetObject',
  'dynamodb:TransactGetItems': 'dynamodb:GetItem',
  'dynamodb:TransactWriteItems': 'dynamodb:PutItem',
  'sns:PublishBatch': 'sns:Publish',
  'sqs:ChangeMessageVisibilityBatch': 'sqs:ChangeMessageVisibility',
  'sqs:DeleteMessageBatch': 'sqs:DeleteMessage',
  'sqs:SendMessageBatch': 'sqs:SendMessage',
  'timestream:Query': 'timestream:Select',
};
