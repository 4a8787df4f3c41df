import { s3Arn } from '../access/partitions.ts';
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
  /** ARN of the role whose session made the call; for AssumeRoleWithWebIdentity, of the role that is asked for */
  readonly roleArn: string | undefined;
  readonly sessionName: string | undefined;
  /** The session was had with a web identity token: a pod's own, or the agent's. */
  readonly webIdentity: boolean;
  readonly outcome: string;
  /** A call of KMS that S3 made for the session: ARN of the object, or of the bucket where it has a key of its own. */
  readonly encrypts?: string;
  /** It asks whether an object is there, and reads none of it. */
  readonly onlyLooks?: true;
  /** ARN of the object that a copy is made of. */
  readonly copyOf?: string;
};

type Fields = Readonly<Record<string, unknown>>;

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
  const [, assumedSession] = /:assumed-role\/[^/]+\/(.+)$/.exec(text(identity?.['arn']) ?? '') ?? [];
  return [
    {
      time,
      requestId: text(event['requestID']),
      action: `${source.replace(/\.amazonaws\.com(\.cn)?$/, '')}:${iamName(name)}`,
      resource: resourceOf(event, parameters),
      roleArn: text(issuer?.['arn']) ?? text(parameters?.['roleArn']),
      sessionName: assumedSession ?? text(parameters?.['roleSessionName']),
      webIdentity: text(identity?.['type']) === 'WebIdentityUser' || fields(session?.['webIdFederationData']) !== undefined,
      outcome: text(event['errorCode']) ?? 'ok',
      ...(name === 'HeadObject' && { onlyLooks: true }),
      ...behind(event, parameters, identity),
    },
  ];
}

/**
 * S3 asks KMS in the caller's session, from within AWS, and says for what: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
 * A copy names its source as the request does: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 */
function behind(event: Fields, parameters: Fields | undefined, identity: Fields | undefined): Pick<TrailEvent, 'encrypts' | 'copyOf'> {
  const isOfAws = [event['sourceIPAddress'], identity?.['invokedBy']].some((by) => by === 'AWS Internal' || by === 's3.amazonaws.com');
  const encrypts = isOfAws ? text(fields(parameters?.['encryptionContext'])?.['aws:s3:arn']) : undefined;
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
function iamName(name: string): string {
  return { ListObjects: 'ListBucket', ListObjectsV2: 'ListBucket', HeadObject: 'GetObject' }[name] ?? name;
}

function resourceOf(event: Fields, parameters: Fields | undefined): string {
  const bucket = text(parameters?.['bucketName']);
  const key = text(parameters?.['key']);
  // Whose objects a list shows is said by its prefix, in the audit too.
  const prefix = text(parameters?.['prefix']);
  if (bucket !== undefined) return s3Arn(text(event['awsRegion']) ?? '', bucket, key ?? (prefix === undefined ? undefined : `${prefix}*`));
  const [first] = Array.isArray(event['resources']) ? event['resources'] : [];
  const arn = fields(first)?.['ARN'];
  return text(arn) ?? text(parameters?.['roleArn']) ?? text(parameters?.['name']) ?? text(parameters?.['secretId']) ?? '*';
}

function fields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
