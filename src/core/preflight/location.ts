/**
 * What is known of a location that is an ARN before a node starts: whether it is there, and whether its identity may read or write it. Pure. A job is refused
 * only where nothing could be done; what cannot be known is said.
 */
import { type ArnLocation, arnForm, onOf } from '../access/arn-locations.ts';
import type { Connection, Usage } from '../access/connections.ts';
import { findConnector } from '../access/connectors.ts';
import type { DescribeAction, DescribeCall } from '../access/resources/kind.ts';
import type { Identity, Resource } from '../access/vocabulary.ts';
import { accountOf } from '../policy/principal.ts';
import type { Remedy } from './missing.ts';
import type { PolicyQuestion, SimulatedDecision } from './simulation.ts';

/** A resource of AWS, by its ARN, as one identity. */
export type LocationProbe = {
  readonly kind: 'location';
  readonly identity: Identity;
  /** Of the plan. */
  readonly resource: Resource;
  readonly at: ArnLocation;
  readonly usage: Usage;
  /** The identity's role, where it lies in another account than the operator role: it asks IAM of itself. */
  readonly foreignRole?: string;
};

export type Side = 'read' | 'write';

/** What a call that shows the resource came to. */
export type Seen =
  | { readonly kind: 'there' }
  | { readonly kind: 'missing'; readonly action: string; readonly code: string; readonly message: string; readonly requestId?: string }
  | { readonly kind: 'unseen'; readonly because: string };

export type SideVerdict =
  /** `actions`: those that are */
  | { readonly kind: 'allowed'; readonly actions: readonly string[] }
  | { readonly kind: 'denied'; readonly action: string; readonly on: string; readonly message: string; readonly requestId?: string }
  | { readonly kind: 'open'; readonly because: string };

export type LocationRefusal = {
  readonly action: string;
  readonly resource: string;
  readonly code: string;
  readonly message: string;
  readonly requestId?: string;
  readonly remedy?: Remedy;
};

export type LocationVerdict = { readonly refused: LocationRefusal } | { readonly notVerified?: string };

const sidesOf: Readonly<Record<Usage, readonly Side[]>> = { Source: ['read'], Target: ['write'], SourceAndTarget: ['read', 'write'] };

/** The call that shows it to a caller of this account, or why there is none. */
export function lookAt(
  { kind, account: owner }: ArnLocation,
  account: string,
): { readonly action: DescribeAction } | { readonly because: string } {
  const { action } = kind.describe;
  if (kind.byName === true && account !== owner)
    return { because: `${action} goes by the name, which is one of the caller's own account, ${account}` };
  return { action };
}

/** What a call that failed says. Of another account AWS says that it is not there, too, to whoever may not see it. */
export function notSeen(
  at: ArnLocation,
  account: string,
  failure: {
    readonly identity: string;
    readonly action: string;
    readonly code: string;
    readonly message: string;
    readonly requestId?: string;
  },
  notFound: boolean,
): Seen {
  const { identity, action, code, message, requestId } = failure;
  if (notFound && account === at.account) return { kind: 'missing', action, code, message, ...(requestId !== undefined && { requestId }) };
  const request = requestId === undefined ? '' : ` [request ${requestId}]`;
  return { kind: 'unseen', because: `${action} as ${identity} was answered ${code}: ${message}${request}` };
}

/** Each side of the usage that the resource has actions for. */
export function locationSides({ usage, at: { kind } }: Pick<LocationProbe, 'usage' | 'at'>): readonly Side[] {
  return sidesOf[usage].filter((side) => (side === 'read' ? kind.reads : kind.writes).some(({ besides }) => besides !== true));
}

/**
 * Whose policies IAM is asked of, and as whom, or why of nobody's: of a role, or of the user whose keys they are. It answers an account's own identities: the
 * operator, and of another account the role or user itself.
 */
export function whomToAsk(
  identity: Identity,
  principalArn: string,
  operatorAccount: string,
): { readonly principalArn: string; readonly as: 'operator' | 'itself' } | { readonly because: string } {
  if (!/:(role|user)\//.test(principalArn)) {
    const whose = principalArn.endsWith(':root') ? 'the root user' : `a session (${principalArn}), and what that was cut to is not known`;
    return { because: `IAM is not asked: the keys of ${identity} are those of ${whose}` };
  }
  return { principalArn, as: accountOf(principalArn) === operatorAccount ? 'operator' : 'itself' };
}

/** IAM did not answer: why, and what would make it answer. */
export function notAnswered(
  { identity, principalArn, as }: { readonly identity: Identity; readonly principalArn: string; readonly as: 'operator' | 'itself' },
  answer: string,
): string {
  const whose = as === 'operator' ? "the operator's" : `${identity}'s own`;
  const hint =
    as === 'operator'
      ? ''
      : `; ${called(principalArn)} lies in another account than the operator role, so it must be allowed that of itself`;
  return `${whose} iam:SimulatePrincipalPolicy was answered ${answer}${hint}`;
}

/** What IAM is asked for one side: of each need all actions that would do, on what counts first. The Region is the one key that every such call has. */
export function locationQuestions({ at }: Pick<LocationProbe, 'at'>, principalArn: string, side: Side): readonly PolicyQuestion[] {
  const needs = (side === 'read' ? at.kind.reads : at.kind.writes).filter(({ besides }) => besides !== true);
  return needs.map((need) => ({
    principalArn,
    actions: [...need.actions, ...(need.also ?? [])],
    resource: onOf(at, need)[0],
    context: { 'aws:RequestedRegion': at.region },
  }));
}

/** One action allowed is enough. All refused for good: an explicit deny, or a service control policy, which no policy of the resource outweighs. */
export function judgeSide(
  { at }: Pick<LocationProbe, 'at'>,
  principalArn: string,
  questions: readonly PolicyQuestion[],
  answers: readonly (readonly SimulatedDecision[])[],
): SideVerdict {
  const asked = questions.flatMap(({ actions, resource }, index) =>
    actions.map((action) => ({
      action,
      on: resource,
      answer: (answers[index] ?? []).find((decision) => decision.action.toLowerCase() === action.toLowerCase()),
    })),
  );
  // IAM's simulator sees no policy of the resource, and of another account's nothing at all.
  const elsewhere = at.account !== accountOf(principalArn);
  const allowed = asked.filter(({ answer }) => answer?.decision === 'allowed').map(({ action }) => action);
  if (allowed.length > 0) return elsewhere ? halfAllowed(at, principalArn) : { kind: 'allowed', actions: allowed };
  const names = [...new Set(asked.map(({ action }) => action))].join(', ');
  if (asked.some(({ answer }) => answer === undefined))
    return { kind: 'open', because: `IAM's policy simulator did not answer of all of ${names}` };
  const keys = [...new Set(asked.flatMap(({ answer }) => answer?.missingContext ?? []))].sort();
  if (keys.length > 0)
    return {
      kind: 'open',
      because: `policies ask for ${keys.join(', ')}, which only the calls themselves have, and allow none of ${names} without`,
    };
  const implicit = asked.filter(({ answer }) => answer?.decision === 'implicitDeny' && answer.refusedBy !== 'service control policy');
  if (implicit.length > 0 && (elsewhere || at.kind.resourcePolicy === true))
    return {
      kind: 'open',
      because: `no policy of ${called(principalArn)} allows any of ${names}; only a policy of ${at.kind.what} of its own still could`,
    };
  // A policy that names single ones of what lies below does not match the pattern that was asked.
  if (implicit.some(({ on }) => on !== at.arn && on.endsWith('/*')))
    return { kind: 'open', because: `no policy of ${called(principalArn)} allows any of ${names} on all that lies in it` };
  const { action, on, answer } = implicit[0] ?? asked[0] ?? { action: names, on: at.arn, answer: undefined };
  const policy = answer?.refusedBy ?? 'identity-based policy';
  const article = policy === 'identity-based policy' ? 'an' : 'a';
  const why =
    answer?.decision === 'explicitDeny'
      ? `with an explicit deny in ${article} ${policy}`
      : `because no ${policy} allows the ${action} action`;
  // AWS's own wording of a refusal, so that the same remedy fits.
  const message = `User: ${principalArn} is not authorized to perform: ${action} on resource: ${on} ${why} (IAM's policy simulator, asked of each of ${names})`;
  return { kind: 'denied', action, on, message, ...(answer?.requestId !== undefined && { requestId: answer.requestId }) };
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html: both sides must allow. */
function halfAllowed({ kind, account }: ArnLocation, principalArn: string): SideVerdict {
  const other = kind.resourcePolicy === true ? `a policy of ${kind.what} must, too` : `${kind.what} has no policy that could, too`;
  return { kind: 'open', because: `policies of ${called(principalArn)} allow it; in account ${account} ${other}` };
}

/**
 * A call that reads a little, where there is one: of policies of the resource and of its key it knows what IAM's simulator does not. Not where another action is
 * what is allowed.
 */
export function wantsSample({ at, usage }: LocationProbe, seen: Seen, read: SideVerdict | undefined): DescribeAction | undefined {
  const { sample } = at.kind;
  if (sample === undefined || !sidesOf[usage].includes('read') || seen.kind === 'missing' || read?.kind === 'denied') return undefined;
  return read?.kind === 'allowed' && seen.kind === 'there' && !read.actions.includes(rightTo(sample)) ? undefined : sample.action;
}

/** The action that must be allowed for a call, before all others that must. */
function rightTo({ action, asks }: DescribeCall): string {
  return asks?.[0]?.actions[0] ?? action;
}

/** What the sample came to: read, or why not. */
export type Sampled = { readonly refused?: string };

/** What a name was taken for is a guess at what the connector makes of it: good where all of it is verified, and no ground to refuse a job. */
export function judgeLocation(...[probe, ...facts]: Parameters<typeof judgeArn>): LocationVerdict {
  const verdict = judgeArn(probe, ...facts);
  const { arn, takenFrom } = probe.at;
  if (takenFrom === undefined) return verdict;
  const open =
    'refused' in verdict ? `${nameOfConnection(probe.resource)} at ${arn}: ${refusalText(verdict.refused)}` : verdict.notVerified;
  return open === undefined ? {} : { notVerified: `${open} (${takenFrom} was taken for that ARN: write another, if it is meant)` };
}

function judgeArn(
  probe: LocationProbe,
  seen: Seen,
  sides: Readonly<Partial<Record<Side, SideVerdict>>>,
  sample: Sampled | undefined,
): LocationVerdict {
  const sampled = sample !== undefined && sample.refused === undefined;
  const { at, usage } = probe;
  const verdicts = Object.entries(sides) as readonly (readonly [Side, SideVerdict])[];
  const denied = verdicts.map(([, verdict]) => verdict).find((verdict) => verdict.kind === 'denied');
  if (denied !== undefined && at.kind.otherWaysIn !== true) {
    const { kind: _, on, ...said } = denied;
    return { refused: { ...said, resource: on, code: 'SimulatedAccessDenied' } };
  }
  const absent = `there is no ${placeOf(at)}`;
  if (seen.kind === 'missing' && usage === 'Source' && at.kind.describe.lags !== true) {
    const { action, code, message, requestId } = seen;
    const remedy: Remedy = { text: `${absent}: create it, or correct the location`, add: [] };
    return { refused: { action, resource: at.arn, code, message, ...(requestId !== undefined && { requestId }), remedy } };
  }
  const open = [
    ...(seen.kind === 'missing' ? [`${absent}: ${usage === 'Source' ? 'unless it was made a moment ago' : 'the job has to make it'}`] : []),
    ...(seen.kind === 'there' && at.kind.describe.part !== undefined
      ? [`whether it is there: AWS shows ${at.kind.describe.part} alone`]
      : []),
    ...(seen.kind === 'unseen' && !sampled ? [`whether it is there: ${seen.because}`] : []),
    ...verdicts.flatMap(([side, verdict]) => {
      if (side === 'read' && sampled) return [];
      if (verdict.kind === 'allowed' && side === 'read' && sample?.refused !== undefined && mayTake(verdict.actions, at))
        return [`whether ${probe.identity} may read: its own policies allow it, but ${sample.refused}`];
      if (verdict.kind === 'allowed') return [];
      // The call itself was refused, which tells more than what IAM does not see.
      const tried = side === 'read' && sample?.refused !== undefined ? `, and ${sample.refused}` : '';
      return [`whether ${probe.identity} may ${side}: ${verdict.kind === 'denied' ? verdict.message : verdict.because}${tried}`];
    }),
  ];
  return open.length === 0 ? {} : { notVerified: `${nameOfConnection(probe.resource)} at ${at.arn}: ${open.join('; ')}` };
}

function mayTake(actions: readonly string[], { kind: { sample } }: ArnLocation): boolean {
  return sample !== undefined && actions.includes(rightTo(sample));
}

/** Why of a direct connection no more than its identity is proved, and how its location would be written so that it is. */
export function notJudged(
  connection: Pick<Connection, 'name' | 'connector' | 'spec'>,
  place: { readonly partition: string; readonly region: string },
): string {
  const { name, connector, spec } = connection;
  const form = findConnector(connector)?.s3 === true ? 's3://<bucket>/<folder>/' : arnForm(connector, place);
  const location = spec.location === undefined ? 'it has no location' : 'its location is a text that only the connector understands';
  if (form !== undefined) return `connection ${name}: the identity alone, since ${location}: write it as ${form}`;
  return `connection ${name}: the identity alone, since ${location}`;
}

/** Of a login outside AWS. */
export function loginNotJudged(connection: string): string {
  return `connection ${connection}: that its login is there alone: whether it lets anybody in, only the system outside AWS says`;
}

function refusalText({ action, code, message, requestId, remedy }: LocationRefusal): string {
  const request = requestId === undefined ? '' : ` [request ${requestId}]`;
  return `${action}: ${code}: ${message}${request}${remedy === undefined ? '' : `; ${remedy.text}`}`;
}

/** `DynamoDB table orders in region us-east-1 of account 111122223333` */
function placeOf({ kind, resource, region, account }: ArnLocation): string {
  return `${kind.what.replace(/^an? /, '')} ${resource.replace(/^\w+[:/]/, '')} in region ${region} of account ${account}`;
}

function nameOfConnection(resource: Resource): string {
  return resource.replace(':', ' ');
}

/** `role etl`, `user etl` */
function called(principalArn: string): string {
  return `${principalArn.includes(':user/') ? 'user' : 'role'} ${principalArn.slice(principalArn.lastIndexOf('/') + 1)}`;
}
