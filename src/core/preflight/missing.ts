/** What must be added to which policy, from what AWS said when it refused a call. Pure; the texts are for people, the statements are ready to paste. */
import type { S3Folder } from '../access/locations.ts';
import { serviceNames } from '../access/partitions.ts';
import type { ConditionBlock, PolicyStatement } from '../policy/document.ts';
import { compilePattern, matchesPattern } from '../policy/pattern.ts';
import { accountOf } from '../policy/principal.ts';
import type { RuntimeDocuments } from '../policy/runtime-input.ts';
import { folderStatements, keyStatement, type ObjectAction } from '../policy/statements.ts';
import { statementsAllowing, trustOf } from './generated.ts';

/** A refused call, as AWS answered it. */
export type Refusal = {
  /** As in the access plan. */
  readonly identity: string;
  /** Role ARNs up to and with the one that failed; empty for static keys. */
  readonly chain: readonly string[];
  /** IAM action that was tried. */
  readonly action: string;
  readonly resource: string;
  readonly code: string;
  readonly message: string;
  /** Region that S3 says the bucket is in. */
  readonly bucketRegion?: string | undefined;
};

/** A location in S3, and what is to be allowed there. */
export type RefusedPlace = {
  readonly folder?: S3Folder | undefined;
  readonly actions?: readonly ObjectAction[] | undefined;
  /** Which objects below the folder, as patterns; default all. */
  readonly objects?: readonly string[] | undefined;
  readonly kmsKeyArn?: string | undefined;
  readonly expectedBucketOwner?: string | undefined;
};

/** Where the call went, as far as the plan knows. */
export type RefusedAt = RefusedPlace & {
  readonly region: string;
  readonly partition: string;
  /** Of a runtime with default roles: the agent's, whose policies the worker role is made with. */
  readonly defaultsFrom?: string | undefined;
  /** What `kubectl-elastic iam` generates for the runtime, where it could be made. */
  readonly documents?: RuntimeDocuments | undefined;
};

export type MissingStatement = {
  /** `identity policy of role acme-worker (arn:…)`, `trust policy of …`, `bucket policy of …`, `key policy of …` */
  readonly policy: string;
  readonly statement: PolicyStatement;
};

export type Remedy = {
  /** One or two sentences: what to do. */
  readonly text: string;
  readonly add: readonly MissingStatement[];
};

/** What AWS's message says (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html); not every service and call says all of it. */
export type Said = {
  readonly caller?: string;
  readonly action?: string;
  readonly resource?: string;
  /** Which kind of policy lacks the permission, or denies. */
  readonly policy?:
    | 'identity-based'
    | 'resource-based'
    | 'session'
    | 'permissions boundary'
    | 'service control'
    | 'resource control'
    | 'VPC endpoint';
  readonly explicit: boolean;
};

const policyKinds = 'identity-based|resource-based|session|permissions boundary|service control|resource control|VPC endpoint';
const saidPattern = /User: (\S+) is not authorized to perform: ([\w-]+:[\w*-]+)(?: on resource: "?([^\s"]+)"?)?/;
const lacking = new RegExp(`because no (${policyKinds})(?: policy)? allows`);
const denying = new RegExp(`with an explicit deny in an? (${policyKinds})`);

export function whatAwsSaid(message: string): Said {
  const [, caller, action, resource] = saidPattern.exec(message) ?? [];
  const explicit = denying.exec(message)?.[1];
  const policy = explicit ?? lacking.exec(message)?.[1];
  return {
    ...(caller !== undefined && { caller }),
    ...(action !== undefined && { action }),
    ...(resource !== undefined && { resource }),
    ...(policy !== undefined && { policy: policy as NonNullable<Said['policy']> }),
    explicit: explicit !== undefined,
  };
}

/** An ordered list of small rules, the first that knows the refusal answers; undefined where there is nothing to say beyond AWS's own words. */
export function remedyFor(refusal: Refusal, at: RefusedAt): Remedy | undefined {
  // No role's policy decides who has a certificate; its failure says what to do (src/core/access/certificate.ts).
  if (refusal.action === 'iot:AssumeRoleWithCertificate') return undefined;
  const known = { refusal, at, said: whatAwsSaid(refusal.message) };
  for (const rule of [otherRegion, missingBucket, unusableKey, outerPolicy, hop, webIdentity, wrongOwner, denied]) {
    const remedy = rule(known);
    if (remedy !== undefined) return remedy;
  }
  return undefined;
}

type Known = { readonly refusal: Refusal; readonly at: RefusedAt; readonly said: Said };

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const redirects: ReadonlySet<string> = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  '301',
]);

function otherRegion({ refusal, at }: Known): Remedy | undefined {
  if (!redirects.has(refusal.code)) return undefined;
  const where = refusal.bucketRegion ?? /expecting '([a-z0-9-]+)'/.exec(refusal.message)?.[1];
  const bucket = at.folder === undefined ? 'the bucket' : `bucket ${at.folder.bucket}`;
  const place = where === undefined ? `another region than ${at.region}` : `region ${where}, the runtime in ${at.region}`;
  return { text: `${bucket} is in ${place}: a runtime reads and writes in its own region only; use a bucket in ${at.region}`, add: [] };
}

function missingBucket({ refusal, at }: Known): Remedy | undefined {
  if (refusal.code !== 'NoSuchBucket') return undefined;
  return { text: `there is no bucket ${at.folder?.bucket ?? ''}: create it, or correct the location`, add: [] };
}

function unusableKey({ refusal }: Known): Remedy | undefined {
  if (!refusal.code.startsWith('KMS.') || refusal.code === 'KMS.AccessDeniedException') return undefined;
  return { text: 'the KMS key cannot be used: name a key that exists in this region and is enabled', add: [] };
}

/** What no statement in the role's own policies can mend. */
function outerPolicy({ said, refusal }: Known): Remedy | undefined {
  const action = said.action ?? refusal.action;
  if (said.explicit) {
    return {
      text: `a statement with Effect Deny in a ${said.policy} policy refuses ${action}: no Allow outweighs it; change that statement`,
      add: [],
    };
  }
  if (said.policy === 'service control' || said.policy === 'resource control')
    return { text: `your organization's ${said.policy} policies do not allow ${action}: ask whoever administers them`, add: [] };
  if (said.policy === 'VPC endpoint') return { text: `the policy of the VPC endpoint does not allow ${action}: add it there`, add: [] };
  if (said.policy === 'permissions boundary')
    return { text: `the permissions boundary of ${actor(refusal)} does not allow ${action}: widen it, or set another one`, add: [] };
  if (said.policy === 'session')
    return { text: `the session that the operator made is not cut wide enough for ${action}: please report it`, add: [] };
  return undefined;
}

/** STS does not say which side lacks it, so that nothing can be learned about a role: both are named. */
function hop({ refusal, at, said }: Known): Remedy | undefined {
  const action = said.action ?? refusal.action;
  if (action !== 'sts:AssumeRole' && action !== 'sts:TagSession' && action !== 'sts:SetSourceIdentity') return undefined;
  const target = refusal.chain.at(-1) ?? refusal.resource;
  const before = refusal.chain.at(-2);
  const own = isOwn(refusal.identity);
  const actions = own ? ['sts:AssumeRole', 'sts:TagSession'] : 'sts:AssumeRole';
  const fallback: PolicyStatement = {
    Sid: 'ElasticRuntimeMayAssume',
    Effect: 'Allow',
    Principal: { AWS: before ?? '*' },
    Action: actions,
  };
  const generated = trustOf(at.documents, target).filter(({ Principal }) => JSON.stringify(Principal ?? '').includes(before ?? '\0'));
  // Whom a default role trusts is the stack's to say.
  const isMade = at.defaultsFrom !== undefined && (refusal.identity === 'master' || refusal.identity === 'worker');
  const trusts = isMade ? [] : generated.length === 0 ? [fallback] : generated;
  const become: PolicyStatement = { Sid: 'BecomeNextRole', Effect: 'Allow', Action: actions, Resource: target };
  const text = `role ${nameOf(target)} does not trust ${nameOf(before)}, or ${nameOf(before)} may not assume it (or, where it asks for one, the external ID is another): STS does not say which`;
  return {
    text,
    add: [
      ...trusts.map((statement) => ({ policy: `trust policy of role ${shown(target)}`, statement })),
      ...(before === undefined ? [] : [{ policy: `identity policy of ${holderOf(before, refusal, at)}`, statement: become }]),
    ],
  };
}

function webIdentity({ refusal, at }: Known): Remedy | undefined {
  if (refusal.action !== 'sts:AssumeRoleWithWebIdentity') return undefined;
  const role = refusal.chain.at(-1) ?? refusal.resource;
  const trust = trustOf(at.documents, role).filter(({ Action }) => Action === 'sts:AssumeRoleWithWebIdentity');
  if (refusal.code === 'InvalidIdentityToken') {
    const text = `account ${accountOf(role)} does not know the cluster's token issuer, or not with audience sts.amazonaws.com: create an IAM OIDC identity provider for it`;
    return { text, add: [] };
  }
  return {
    text: `role ${nameOf(role)} does not exist or does not trust the cluster's ServiceAccount`,
    add: trust.map((statement) => ({ policy: `trust policy of role ${shown(role)}`, statement })),
  };
}

/** S3 answers a wrong expected owner with a bare Access Denied (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html). */
function wrongOwner({ refusal, at, said }: Known): Remedy | undefined {
  if (at.expectedBucketOwner === undefined || said.action !== undefined || !isDenied(refusal) || at.folder === undefined) return undefined;
  if (!refusal.action.startsWith('s3:')) return undefined;
  const add = objectStatements({ refusal, at, said });
  const text = `bucket ${at.folder.bucket} is not owned by account ${at.expectedBucketOwner} (expectedBucketOwner), or ${actor(refusal)} may not use it: correct the owner, or add the statement`;
  return { text, add };
}

function denied(known: Known): Remedy | undefined {
  const { refusal, said } = known;
  if (!isDenied(refusal)) return undefined;
  const action = said.action ?? refusal.action;
  const text =
    said.policy === 'resource-based'
      ? `the policy of the resource does not allow ${actor(refusal)} to ${action}: add the statement there`
      : `${actor(refusal)} may not ${action}: add the statement`;
  return { text, add: statementsFor(known, action, said.resource ?? refusal.resource) };
}

function statementsFor(known: Known, action: string, resource: string): readonly MissingStatement[] {
  const { refusal, at } = known;
  if (action.startsWith('kms:')) return keyStatements(known, resource);
  if (action.startsWith('s3:') && at.folder !== undefined) return objectStatements(known);
  const policy = `identity policy of ${actorShown(known)}`;
  const on = arnOf(resource, action, at);
  const generated = statementsAllowing(at.documents, refusal.chain.at(-1), action, on);
  return generated.length === 0 ? plain(known, action, on) : generated.map((statement) => ({ policy, statement }));
}

/** Not every service says in its refusal what it was about; the call itself names some things as people do. */
function arnOf(resource: string, action: string, { partition, region }: RefusedAt): string {
  const [name = ''] = resource.split(' ');
  if (name.startsWith('arn:')) return name;
  // AWS's own parameters are no account's.
  if (action === 'ssm:GetParameter' && name.startsWith('/'))
    return `arn:${partition}:ssm:${region}:${name.startsWith('/aws/') ? '' : '*'}:parameter${name}`;
  if (action.startsWith('cloudformation:')) return `arn:${partition}:cloudformation:${region}:*:stack/${name}/*`;
  return '*';
}

function plain(known: Known, action: string, resource: string): readonly MissingStatement[] {
  const statement: PolicyStatement = { Sid: 'ElasticRuntime', Effect: 'Allow', Action: action, Resource: resource };
  return [{ policy: `identity policy of ${actorShown(known)}`, statement }];
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html */
const objectActionOf: Readonly<Record<string, ObjectAction>> = {
  's3:GetObject': 'read',
  's3:PutObject': 'write',
  's3:AbortMultipartUpload': 'write',
  's3:ListBucket': 'list',
  's3:DeleteObject': 'delete',
};

/** The role's side; and the bucket's, where the bucket is another account's or AWS says that it is the one. */
function objectStatements(known: Known): readonly MissingStatement[] {
  const { refusal, at, said } = known;
  const { folder, partition, objects, actions = [] } = at;
  const action = said.action ?? refusal.action;
  const needed = objectActionOf[action];
  if (folder === undefined || needed === undefined) return plain(known, action, said.resource ?? refusal.resource);
  // What is planned there, and in any case what was refused.
  const wanted = actions.includes(needed) ? actions : [needed];
  const allow = folderStatements('ElasticRuntimeData', folder, wanted, { partition, ...(objects !== undefined && { objects }) });
  const principal = principalOf(refusal, said);
  const byBucket = allow.map((statement) => ({
    policy: `bucket policy of ${folder.bucket}`,
    statement: { ...statement, Principal: { AWS: principal ?? '*' } } satisfies PolicyStatement,
  }));
  const byIdentity = allow.map((statement) => ({ policy: `identity policy of ${actorShown(known)}`, statement }));
  if (principal === undefined) return byIdentity;
  if (said.policy === 'resource-based') return byBucket;
  const foreign = at.expectedBucketOwner !== undefined && at.expectedBucketOwner !== accountOf(principal);
  return foreign ? [...byIdentity, ...byBucket] : byIdentity;
}

function keyStatements(known: Known, key: string): readonly MissingStatement[] {
  const { refusal, at, said } = known;
  const principal = principalOf(refusal, said);
  const keyArn = key.startsWith('arn:') ? key : (at.kmsKeyArn ?? key);
  const used = keyUse(known, keyArn);
  // The bucket's key is used through S3 by everybody who may use the bucket; a key policy names who.
  const { Resource: ignored, Condition, ...rest } = used;
  void ignored;
  const byKey: MissingStatement = {
    policy: `key policy of ${keyArn}`,
    statement: { ...rest, Principal: { AWS: principal ?? '*' }, Resource: '*', ...withoutContext(Condition) },
  };
  const byIdentity: MissingStatement = { policy: `identity policy of ${actorShown(known)}`, statement: used };
  if (said.policy === 'resource-based') return [byKey];
  const foreign = principal !== undefined && accountOf(principal) !== accountOf(keyArn);
  return foreign ? [byIdentity, byKey] : [byIdentity];
}

/** Through the service that was called, and where that is S3, for what was called about. */
function keyUse({ refusal, at, said }: Known, keyArn: string): PolicyStatement {
  const { folder, region, partition, actions = [] } = at;
  const action = said.action ?? refusal.action;
  const [, service] = /^(ssm|secretsmanager|s3):/.exec(refusal.action) ?? [];
  const allow: PolicyStatement = { Sid: 'ElasticRuntimeKey', Effect: 'Allow', Action: action, Resource: keyArn };
  if (service === undefined) return allow;
  if (service === 's3' && folder !== undefined) {
    const planned = keyStatement('ElasticRuntimeKey', keyArn, [folder], actions, region, { partition });
    return [planned.Action ?? []].flat().includes(action) ? planned : { ...planned, Action: action };
  }
  const generated = service === 's3' ? statementsAllowing(at.documents, refusal.chain.at(-1), action, keyArn) : [];
  const fitting = generated.find(({ Condition }) => isAbout(Condition, refusal.resource));
  return fitting ?? { ...allow, Condition: { StringEquals: { 'kms:ViaService': serviceNames(`${service}.${region}`, partition) } } };
}

/** S3 names the object to KMS, or its bucket: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html */
function isAbout(condition: ConditionBlock | undefined, object: string): boolean {
  const named = condition?.['StringLike']?.['kms:EncryptionContext:aws:s3:arn'];
  const patterns = [named ?? []].flat().map((one) => compilePattern(String(one), 'glob'));
  return patterns.some((one) => matchesPattern(one, object, () => undefined));
}

function withoutContext(condition: ConditionBlock | undefined): { readonly Condition?: ConditionBlock } {
  const through = condition?.['StringEquals'];
  return through === undefined ? {} : { Condition: { StringEquals: through } };
}

function isDenied({ code }: Refusal): boolean {
  return /AccessDenied|UnauthorizedOperation|^403$|Forbidden|NotAuthorized/.test(code);
}

function isOwn(identity: string): boolean {
  return !identity.includes(':');
}

/** Whom a resource's policy must name: the role of a session, or the user. */
function principalOf({ chain }: Refusal, { caller }: Said): string | undefined {
  return chain.at(-1) ?? (caller?.includes(':user/') === true ? caller : undefined);
}

function actor({ identity, chain }: Refusal): string {
  const role = chain.at(-1);
  return role === undefined ? identity : `role ${nameOf(role)} (${identity})`;
}

/** Whose identity policy is to be changed. */
function actorShown({ refusal: { identity, chain }, at, said: { caller } }: Known): string {
  const role = chain.at(-1);
  if (identity === 'worker' && at.defaultsFrom !== undefined) return ofDefaultWorker(at.defaultsFrom);
  if (role !== undefined) return `role ${shown(role)}`;
  return caller?.includes(':user/') === true ? `user ${shown(caller)}` : `the user whose keys are ${identity}`;
}

/** Of the role that was to go on to the next. To a connection's role that is the worker, or at design time the agent itself. */
function holderOf(role: string, { identity }: Refusal, { defaultsFrom }: RefusedAt): string {
  const isDefaultWorker = defaultsFrom !== undefined && !isOwn(identity) && role !== defaultsFrom;
  return isDefaultWorker ? ofDefaultWorker(defaultsFrom) : `role ${shown(role)}`;
}

/** The stack's role is not for people to change: what the agent's gets it gets, too. */
function ofDefaultWorker(agent: string): string {
  return `agent role ${shown(agent)}, whose policies the default worker role gets within ten minutes`;
}

function nameOf(arn: string | undefined): string {
  return arn === undefined ? 'the caller' : arn.slice(arn.lastIndexOf('/') + 1);
}

function shown(arn: string): string {
  return `${nameOf(arn)} (${arn})`;
}

/** The condition's text: what to do, then each statement on one line. */
export function remedyText({ text, add }: Remedy): string {
  return [text, ...add.map(({ policy, statement }) => `Add to the ${policy}: ${JSON.stringify(statement)}`)].join('. ');
}
