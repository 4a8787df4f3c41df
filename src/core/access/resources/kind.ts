/** What is known of a kind of resource that a location may name (service-resources.ts), and the bricks to say it with. */

/** The parts of an ARN: `arn:<partition>:<service>:<region>:<account>:<resource>`. */
export type ArnParts = {
  readonly arn: string;
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly resource: string;
};

/** What a text that is no ARN names: AWS's own clients take a plain name for one of the caller's account and region; a URL may say both itself. */
export type Named = { readonly resource: string; readonly region?: string | undefined; readonly account?: string | undefined };

/** Actions of which a job may need any; which ones, only its code knows. */
export type Need = {
  /** What whoever uses the location usually does there: the generator allows these. */
  readonly actions: readonly string[];
  /** What would do as well, and is not allowed unasked: only when all of it is refused can nothing be done. */
  readonly also?: readonly string[];
  /** What the actions are asked of: ARNs, the one that counts first; left out = the location alone. */
  readonly on?: ((at: ArnParts) => readonly [string, ...string[]]) | undefined;
  /** Needed with the others, and nothing without them. */
  readonly besides?: true;
};

/** A kind of resource that a location may name. */
export type ServiceResource = {
  /** For people: `a DynamoDB table`. */
  readonly what: string;
  readonly service: string;
  /** Of the ARN's last part. */
  readonly pattern: RegExp;
  /** The same for people. */
  readonly form: string;
  /**
   * A plain name or a URL of it; undefined: the text is neither. No endpoint is here whose host has a part by chance: only that says whose it is, and nothing of
   * it stands in an ARN.
   */
  readonly named?: (text: string) => Named | undefined;
  readonly reads: readonly Need[];
  readonly writes: readonly Need[];
  /** The harmless call that shows it. */
  readonly describe: DescribeCall & {
    /** It shows this alone: `its cluster`. */
    readonly part?: string;
    /** What was made a moment ago it may not know yet: that it is not there is no ground to refuse a job. */
    readonly lags?: true;
  };
  /** A call that proves reading: it reads next to nothing of the data, or asks for the same right. */
  readonly sample?: DescribeCall;
  /** Its own policy may allow what the identity's do not. */
  readonly resourcePolicy?: true;
  /** Names of its kind mean one of the caller's own account: the call cannot name another's. */
  readonly byName?: true;
  /** It may let somebody in by a way that IAM does not judge (a certificate, a database user, no login at all): what IAM refuses is told, and refuses nothing. */
  readonly otherWaysIn?: true;
};

export type DescribeCall = {
  readonly action: DescribeAction;
  /** What must be allowed for it; left out = the action of its name, on the location alone. */
  readonly asks?: readonly (Pick<Need, 'on'> & { readonly actions: readonly string[] })[];
  /** What the request names, where it is not the location: what it lies in, or `*` of a list. */
  readonly names?: (at: ArnParts) => string;
};

/** Calls that show a resource, as CloudTrail names them; most are IAM's action, too. */
export type DescribeAction =
  | 'aoss:BatchGetCollection'
  | 'athena:GetDataCatalog'
  | 'athena:GetWorkGroup'
  | 'cassandra:GetTable'
  | 'cassandra:ListKeyspaces'
  | 'cassandra:ListTables'
  | 'dynamodb:DescribeTable'
  | 'dynamodb:Scan'
  | 'es:DescribeDomain'
  | 'firehose:DescribeDeliveryStream'
  | 'glue:GetDatabase'
  | 'glue:GetTable'
  | 'kafka:DescribeClusterV2'
  | 'kafka:DescribeTopic'
  | 'kinesis:DescribeStreamSummary'
  | 'rds:DescribeDBClusters'
  | 'redshift-serverless:ListWorkgroups'
  | 'redshift:DescribeClusters'
  | 's3tables:GetTable'
  | 's3tables:GetTableBucket'
  | 'sns:GetTopicAttributes'
  | 'sqs:GetQueueAttributes'
  | 'timestream:DescribeDatabase'
  | 'timestream:DescribeEndpoints'
  | 'timestream:DescribeTable';

/** What the groups of the first expression that fits found, put into the resource's form: `stream/<name>`. Groups `region` and `account` are what they say. */
export function namedBy(form: string, ...expressions: readonly RegExp[]): NonNullable<ServiceResource['named']> {
  return (text) => {
    const groups = expressions.map((expression) => expression.exec(text)?.groups).find((found) => found !== undefined);
    if (groups === undefined) return undefined;
    const resource = form.replaceAll(/<(\w+)>/g, (_, group: string) => groups[group] ?? '');
    return { resource, region: groups['region'], account: groups['account'] };
  };
}

/** What lies in it. */
export function beneath(suffix: string): NonNullable<Need['on']> {
  return ({ arn }) => [`${arn}${suffix}`];
}

/** Of the same service, region and account. */
export function sibling({ partition, service, region, account }: ArnParts, resource: string): string {
  return `arn:${partition}:${service}:${region}:${account}:${resource}`;
}

/** Actions that know no resources. */
export const everywhere: NonNullable<Need['on']> = () => ['*'];

/** Actions of one service. */
export function of(service: string, names: string): readonly string[] {
  return names.split(' ').map((name) => `${service}:${name}`);
}

/** The same to read and to write. */
export function inAndOut(needs: readonly Need[]): Pick<ServiceResource, 'reads' | 'writes'> {
  return { reads: needs, writes: needs };
}
