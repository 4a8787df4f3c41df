/** Where the resource of a row of the plan lies, and whether a call was made there. */
import { namedByCall, onOf, resourceOfArn } from '../access/arn-locations.ts';
import { locationOfConnection } from '../access/connection-locations.ts';
import {
  clusterInfoKey,
  type JobObject,
  jobPrefix,
  type PlacedRuntime,
  parseS3ObjectUri,
  parseS3Uri,
  runtimeFolder,
  type S3Location,
} from '../access/locations.ts';
import { partitionOf, s3Arn } from '../access/partitions.ts';
import type { AccessPlan } from '../access/plan.ts';
import type { ArnParts, DescribeCall, Need } from '../access/resources/kind.ts';
import { serviceResources } from '../access/service-resources.ts';
import type { AccessRow } from '../access/vocabulary.ts';

/**
 * `location`: the ARN of an object or another resource; with a slash at its end, of the folder that all of it lies in. Left out where nothing in AWS is meant, or
 * where the row alone does not say which.
 */
export type PlacedRow = AccessRow & { readonly location?: string };

export type PlacedJob = {
  readonly runtime: PlacedRuntime & {
    readonly spec: { readonly region: string; readonly initScript?: { readonly uri: string } | undefined };
  };
  readonly job: JobObject;
  readonly dependencies?: readonly { readonly path: string; readonly uri?: string | undefined }[] | undefined;
};

export function placedRows(plan: AccessPlan, of: PlacedJob): readonly PlacedRow[] {
  return plan.rows.map((row) => {
    const location = locationOfRow(row, plan, of);
    return { ...row, ...(location !== undefined && { location }) };
  });
}

function locationOfRow({ resource }: AccessRow, plan: AccessPlan, { runtime, job, dependencies = [] }: PlacedJob): string | undefined {
  const { region, initScript } = runtime.spec;
  const object = ({ bucket, key }: S3Location): string => s3Arn(region, bucket, key);
  const folder = ({ bucket, key }: S3Location): string => `${s3Arn(region, bucket)}/${key === '' ? '' : `${key}/`}`;
  const named = (uri: string | undefined): string | undefined => {
    const location = uri === undefined ? undefined : parseS3ObjectUri(uri);
    return location?.ok === true ? object(location.value) : undefined;
  };
  const [kind, name] = split(resource);
  const connection = plan.connections.find((one) => one.name === name);
  switch (kind) {
    case 'staging':
      return folder(runtimeFolder(runtime, 'staging'));
    case 'dependencies':
      return folder(jobPrefix(runtimeFolder(runtime, 'staging'), job));
    case 'cluster-info':
      return object(clusterInfoKey(runtimeFolder(runtime, 'staging')));
    case 'init-script':
      return named(initScript?.uri);
    case 'dependency':
      return named(dependencies.find(({ path }) => path === name)?.uri);
    case 'log':
      return name === '' ? folder(runtimeFolder(runtime, 'logs')) : folder(jobPrefix(runtimeFolder(runtime, 'logs'), job));
    case 'connection': {
      if (connection === undefined) return undefined;
      const location = connection.spec.location?.startsWith('s3://') === true ? parseS3Uri(connection.spec.location) : undefined;
      if (location?.ok === true) return folder(location.value);
      const at = locationOfConnection(connection, { principals: plan.principals, region });
      // A plain name is one of the account of the keys, which only STS knows.
      return at?.ofItsUser === true && connection.authentication.kind === 'credentials' ? undefined : at?.arn;
    }
    case 'connection-secret': {
      const authentication = connection?.authentication;
      const origin = authentication !== undefined && 'origin' in authentication ? authentication.origin : undefined;
      if (origin?.kind === 'secretsManager') return origin.arn;
      const account = plan.principals.roles.worker.split(':')[4] ?? '';
      return origin?.kind === 'parameterStore' ? `arn:${partitionOf(region)}:ssm:${region}:${account}:parameter${origin.name}` : undefined;
    }
    default:
      return undefined;
  }
}

export function split(resource: string): readonly [kind: string, name: string] {
  const colon = resource.indexOf(':');
  return colon === -1 ? [resource, ''] : [resource.slice(0, colon), resource.slice(colon + 1)];
}

const inS3 = /^arn:[a-z-]+:s3:::/;
export function isAt(
  row: { readonly resource: string; readonly location?: string | undefined },
  action: string,
  resource: string,
): boolean {
  const { location } = row;
  // A text that is no place of AWS's: only its connector knows what it means.
  if (location === undefined) return true;
  if (inS3.test(location)) return /^(s3|kms):/.test(action) && isInFolder(location, action, resource);
  return isOfResource(location, action, resource);
}

/** What the bucket itself is asked; and of many objects at once, or of the bucket's own data key, CloudTrail names no more than the bucket. */
const ofBucket = /^(s3:(HeadBucket|GetBucketLocation|ListMultipartUploads|DeleteObjects)|kms:(GenerateDataKey|Decrypt))$/;

function isInFolder(location: string, action: string, resource: string): boolean {
  if (!location.endsWith('/')) return resource === location;
  // That there is such a folder is asked of its name without the slash, too.
  if (resource.startsWith(location) || `${resource}/` === location) return true;
  return ofBucket.test(action) && location.startsWith(`${resource}/`);
}

function isOfResource(location: string, action: string, resource: string): boolean {
  // A parameter is named without its ARN.
  if (action === 'ssm:GetParameter') return resource === location || location.endsWith(`:parameter${resource}`);
  const at = resourceOfArn(location);
  if (at === undefined) return resource === location;
  const { calls, own } = needsAt(at, action);
  const call = calls.find((one) => one.action === action);
  if (call !== undefined && resource === namedByCall(location, call.action)) return true;
  return own.flatMap(({ on }) => [location, ...onOf(at, { on })]).some((arn) => isBelow(arn, resource));
}

function isBelow(arn: string, resource: string): boolean {
  return arn.endsWith('*') ? resource.startsWith(arn.slice(0, -1)) : resource === arn || resource.startsWith(`${arn}/`);
}

/** Whether a call of this kind may belong to a location that is an ARN, wherever it was made. */
export function takes(location: string, action: string): boolean {
  const at = resourceOfArn(location);
  return at !== undefined && needsAt(at, action).own.length > 0;
}

/** Of its kind of resource: the calls that show one, and what the action is asked of. */
function needsAt(at: ArnParts, action: string): { readonly calls: readonly DescribeCall[]; readonly own: readonly Pick<Need, 'on'>[] } {
  const kinds = Object.values(serviceResources)
    .flat()
    .filter(({ service, pattern }) => service === at.service && pattern.test(at.resource));
  const calls = kinds.flatMap(({ describe, sample }) => (sample === undefined ? [describe] : [describe, sample]));
  const needs = kinds.flatMap(({ reads, writes }) => [...reads, ...writes]);
  const asked = calls.flatMap(({ asks = [] }) => asks);
  const own = [
    ...needs.map(({ actions, also = [], on }) => ({ actions: [...actions, ...also], on })),
    ...asked,
    ...calls.map((one) => ({ actions: [one.action], on: undefined })),
  ].filter(({ actions }) => actions.includes(action));
  return { calls, own };
}
