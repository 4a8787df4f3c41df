/**
 * One AWS call on a tenant's behalf. Joins with CloudTrail by `requestId` and `sessionName`
 * (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html). Never holds a secret.
 */
export type AuditRecord = {
  /** RFC 3339, milliseconds, when the answer came (or did not) */
  readonly time: string;
  /** Name of the Kubernetes cluster */
  readonly cluster?: string;
  readonly namespace?: string;
  /** `<namespace>/<name>` */
  readonly runtime: string;
  /** `<namespace>/<name>` */
  readonly job?: string;
  readonly node?: string;
  /** Of the access plan: Design, Create, Run, Complete, Poll */
  readonly phase?: string;
  /** What `explain` calls it: `connection:NAME`, `staging`, `nodes`, … A hop of a chain names what the chain is for. */
  readonly planResource?: string;
  /** The rule of the access plan that decided it, as `explain` prints it */
  readonly rule?: string;
  /** Made to verify the access before a node starts, for the job that asked first; its answer may serve others. */
  readonly preflight?: true;
  /** Who asked for it, where a person did: their user name in the cluster. */
  readonly person?: string;
  /** Who made the call: for a hop, the identity that assumes the next one */
  readonly identity: string;
  readonly chain: readonly string[];
  readonly sessionName: string;
  /** Steps by which the session's policy is wider than the access it was made for; absent = not at all. */
  readonly widened?: readonly string[];
  /** IAM action, e.g. s3:PutObject */
  readonly action: string;
  /** ARN where there is one, else the id or `*` */
  readonly resource: string;
  /** `ok`, or the AWS error code; `no-answer` where the reply was lost */
  readonly outcome: string;
  /** AWS's code, or the network's where no answer came; left out where all went well */
  readonly errorCode?: string;
  readonly requestId?: string;
  /** From sending to the answer; the wait before it in a queue is not part of it */
  readonly durationMs?: number;
};

/** Where records go. A call counts as done once its record has been accepted here: whoever makes calls awaits `record` before it answers. */
export type AuditPort = {
  /** Rejects where the record could not be written in time. It is still written as soon as that is possible. */
  record(record: AuditRecord): void | Promise<void>;
  /** Why no record is taken at present: then no call may be made. undefined, or left out: all is well. */
  refusal?(): string | undefined;
};
