/**
 * Locations that are ARNs: what they name, and what is wrong with them. A location that does not begin with `arn:` is a text of the connector's own; where it
 * has the form of a name or a URL of AWS's, it is taken for what AWS's own clients would take it for.
 */
import { findConnector } from './connectors.ts';
import type { ArnParts, DescribeAction, DescribeCall, Named, Need, ServiceResource } from './resources/kind.ts';
import { resourcesOf, serviceResources } from './service-resources.ts';

export type ArnLocation = ArnParts & {
  readonly kind: ServiceResource;
  /** The text that was taken for this ARN; undefined: the ARN itself is written. */
  readonly takenFrom?: string;
  /** Text does not say in which account: it is whoever uses it. */
  readonly ofItsUser?: true;
};

/** Where a runtime is: what its locations must be in, too. */
export type ArnPlace = { readonly partition: string; readonly region?: string | undefined };

/** undefined: no ARN, or none of the forms of the connector. */
export function arnLocation(connector: string, location: string | undefined): ArnLocation | undefined {
  const at = location === undefined ? undefined : partsOf(location);
  const kind = at === undefined ? undefined : kindOf(resourcesOf(connector), at);
  return at === undefined || kind === undefined ? undefined : { ...at, kind };
}

/** Whose names a text may mean: the account of whoever uses it, in the runtime's region. */
export type NameSpace = { readonly partition: string; readonly region: string; readonly account: string };

/** Of an ARN, a name or a URL; undefined: the text means something to the connector alone. */
export function locationOf(connector: string, location: string | undefined, space: NameSpace): ArnLocation | undefined {
  if (location === undefined || location.startsWith('arn:')) return arnLocation(connector, location);
  const found = namedOf(connector, location);
  if (found === undefined) return undefined;
  const { kind, resource, region = space.region, account } = found;
  const { partition } = space;
  const owner = account ?? space.account;
  const arn = `arn:${partition}:${kind.service}:${region}:${owner}:${resource}`;
  const of = account === undefined ? { ofItsUser: true as const } : {};
  return { arn, partition, service: kind.service, region, account: owner, resource, kind, takenFrom: location, ...of };
}

/** A name of another account, once it is known whose keys they are. */
export function inAccount(at: ArnLocation, account: string): ArnLocation {
  if (at.ofItsUser !== true || at.account === account) return at;
  const { partition, service, region, resource } = at;
  return { ...at, account, arn: `arn:${partition}:${service}:${region}:${account}:${resource}` };
}

/** The resource's own way to say it without service, region and account (`table/orders`) will do, too. */
function namedOf(connector: string, text: string): (Named & { readonly kind: ServiceResource }) | undefined {
  for (const kind of resourcesOf(connector)) {
    const named = /[/:]/.test(text) && kind.pattern.test(text) ? { resource: text } : kind.named?.(text);
    if (named !== undefined) return { ...named, kind };
  }
  return undefined;
}

/** Of any connector: for whoever sees a call alone. */
export function resourceOfArn(arn: string): ArnLocation | undefined {
  const at = partsOf(arn);
  const kind = at === undefined ? undefined : kindOf(Object.values(serviceResources).flat(), at);
  return at === undefined || kind === undefined ? undefined : { ...at, kind };
}

/** What must be allowed for a call that shows a resource, what counts first. */
export function asksOf(at: ArnLocation, action: DescribeAction): readonly Asked[] {
  const { asks = [{ actions: [action] }] } = callOf(at, action);
  return asks.map((need) => ({ actions: need.actions, resources: onOf(at, need) }));
}

/** One for each set of resources, in the order in which these come first. */
export function byResources(asked: readonly Asked[]): readonly Asked[] {
  const groups = new Map<string, Asked>();
  for (const { actions, resources } of asked) {
    const key = resources.join(' ');
    groups.set(key, { resources, actions: [...new Set([...(groups.get(key)?.actions ?? []), ...actions])] });
  }
  return [...groups.values()];
}

export type Asked = { readonly actions: readonly string[]; readonly resources: readonly string[] };

/** The ARN, or `*`, that a call that shows a resource names. */
export function namedByCall(arn: string, action: DescribeAction): string {
  const at = resourceOfArn(arn);
  return at === undefined ? arn : (callOf(at, action).names?.(at) ?? arn);
}

function callOf({ kind: { describe, sample } }: ArnLocation, action: DescribeAction): DescribeCall {
  return [describe, sample].find((call) => call?.action === action) ?? { action };
}

/** What the actions of a need are asked of, the one that counts first. */
export function onOf(at: ArnParts, { on }: Pick<Need, 'on'>): readonly [string, ...string[]] {
  return on === undefined ? [at.arn] : on(at);
}

/** How the location of a connector is written so that it can be verified; undefined where there is no such form. */
export function arnForm(connector: string, { partition, region = '<region>' }: ArnPlace): string | undefined {
  const [first] = resourcesOf(connector);
  return first === undefined ? undefined : `arn:${partition}:${first.service}:${region}:<account>:${first.form}`;
}

/** What is wrong with a location that claims to be an ARN, or that says its region: in a URL, or in the host of an endpoint. */
export function wrongLocation(
  connector: string,
  location: string,
  place: ArnPlace,
): { readonly message: string; readonly remedy: string } | undefined {
  if (findConnector(connector)?.s3 === true) return arnOfObjects(location);
  const kinds = resourcesOf(connector);
  if (kinds.length === 0) return undefined;
  if (!location.startsWith('arn:')) {
    const regions = [namedOf(connector, location)?.region, ...regionsOfHosts(location)];
    return elsewhere(
      regions.find((region) => region !== undefined && region !== place.region),
      place.region,
    );
  }
  const forms = kinds.map(
    ({ service, form, what }) => `arn:${place.partition}:${service}:${place.region ?? '<region>'}:<account>:${form} (${what})`,
  );
  const remedy = `write ${forms.join(' or ')}`;
  const at = partsOf(location);
  if (at === undefined) return { message: 'begins like an ARN and is none', remedy };
  const services = [...new Set(kinds.map(({ service }) => service))];
  if (!services.includes(at.service))
    return { message: `is an ARN of service ${at.service}, but ${connector} reads and writes ${services.join(' or ')}`, remedy };
  if (kindOf(kinds, at) === undefined)
    return { message: `names no ${kinds.map(({ what }) => what.replace(/^an? /, '')).join(' or ')}`, remedy };
  if (at.partition !== place.partition) return { message: `is of partition ${at.partition}, the runtime of ${place.partition}`, remedy };
  return elsewhere(at.region, place.region);
}

/** Whoever writes it as a URI has it looked at; an ARN of anything else (a table of Glue) means something to the connector alone. */
function arnOfObjects(location: string): { readonly message: string; readonly remedy: string } | undefined {
  if (!/^arn:aws[a-z-]*:s3:/.test(location)) return undefined;
  const [, path] = /^arn:aws[a-z-]*:s3:::([^*]+?)\/?\*?$/.exec(location) ?? [];
  return { message: 'is an ARN, and objects are named by a URI', remedy: `write it as s3://${path ?? '<bucket>/<folder>'}` };
}

const region = '(?<region>[a-z]{2}(?:-[a-z]+)+-\\d{1,2})';
/** Where a host says it: before the service or behind it. https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html */
const hostsWithRegion: readonly RegExp[] = [
  new RegExp(`\\.${region}\\.(?:aoss|es|neptune|redshift|redshift-serverless)\\.amazonaws\\.com(?:\\.cn)?$`),
  new RegExp(
    `(?:^|\\.)(?:athena|cassandra|dynamodb|firehose|glue|kafka|kafka-serverless|kinesis|sns|sqs)\\.${region}\\.amazonaws\\.com(?:\\.cn)?$`,
  ),
];

/** Of every host in a text, as in a list of brokers; what follows a `?` names others. */
function regionsOfHosts(text: string): readonly string[] {
  const [address = ''] = text.toLowerCase().split('?');
  const hosts = address.match(/[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?(?![a-z0-9-])/g) ?? [];
  return hosts.flatMap((host) => hostsWithRegion.map((expression) => expression.exec(host)?.groups?.['region']).find(Boolean) ?? []);
}

function elsewhere(
  region: string | undefined,
  home: string | undefined,
): { readonly message: string; readonly remedy: string } | undefined {
  if (region === undefined || home === undefined || region === home) return undefined;
  return {
    message: `is in region ${region}, the runtime in ${home}: a runtime reads and writes in its own region only`,
    remedy: `name one in ${home}, or use a runtime in ${region}`,
  };
}

/** Of every action that a connection may need at such a location: whether it reads, writes, or belongs to both, as what shows the resource does. */
export const locationActions: ReadonlyMap<string, ReadonlySet<'read' | 'write'>> = allActions();

function allActions(): ReadonlyMap<string, ReadonlySet<'read' | 'write'>> {
  const found = new Map<string, Set<'read' | 'write'>>();
  const add = (action: string, side: 'read' | 'write'): void => void found.set(action, (found.get(action) ?? new Set()).add(side));
  for (const { reads, writes, describe, sample } of Object.values(serviceResources).flat()) {
    for (const { actions, also = [] } of reads) for (const action of [...actions, ...also]) add(action, 'read');
    for (const { actions, also = [] } of writes) for (const action of [...actions, ...also]) add(action, 'write');
    if (sample !== undefined) add(sample.action, 'read');
    for (const side of ['read', 'write'] as const) add(describe.action, side);
  }
  return found;
}

function kindOf(kinds: readonly ServiceResource[], { service, resource }: ArnParts): ServiceResource | undefined {
  return kinds.find((kind) => kind.service === service && kind.pattern.test(resource));
}

const arnPattern = /^arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]+):(\d{12}):([^ \t\n\f\r]+)$/;

function partsOf(arn: string): ArnParts | undefined {
  const [, partition, service, region, account, resource] = arnPattern.exec(arn) ?? [];
  if (partition === undefined || service === undefined || region === undefined || account === undefined || resource === undefined)
    return undefined;
  return { arn, partition, service, region, account, resource };
}
