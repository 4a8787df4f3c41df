/** One AWS call on a tenant's behalf. Joins with CloudTrail by `requestId` and `sessionName`. Never holds a secret. */
export type AuditRecord = {
  /** RFC 3339, milliseconds, when the answer came (or did not) */
  readonly time: string;
  /** `<namespace>/<name>` */
  readonly runtime: string;
  readonly job?: string;
  readonly node?: string;
  readonly identity: string;
  readonly chain: readonly string[];
  readonly sessionName: string;
  /** IAM action, e.g. s3:PutObject */
  readonly action: string;
  /** ARN where there is one, else the id or `*` */
  readonly resource: string;
  /** `ok`, or the AWS error code; `no-answer` where the reply was lost */
  readonly outcome: string;
  readonly requestId?: string;
};

export type AuditPort = { record(record: AuditRecord): void };
