/**
 * The pods' own way to a role, judged by the role's trust policy: nobody but a pod can walk it, so that it cannot be tried. Pure. What a trust policy asks that
 * nobody but the pod knows (its address, its network) leaves the answer open: it is then neither proved nor refused.
 */
import { tags as tagKeys } from '../../api/labels.ts';
import type { Condition } from '../policy/condition.ts';
import { type Policy, type PolicyStatement, parsePolicy, type Statement } from '../policy/document.ts';
import type { RequestContext } from '../policy/evaluate.ts';
import { principalContext } from '../policy/principal.ts';
import { evaluateAssumeRole, evaluateAssumeRoleWithWebIdentity, type TrustEvaluation } from '../policy/trust.ts';
import type { Remedy } from './missing.ts';

/** How pods come to a role. */
export type PodsPath =
  | {
      readonly by: 'webIdentity';
      readonly roleArn: string;
      /** `system:serviceaccount:<namespace>:<name>`; each must be let in */
      readonly subjects: readonly string[];
      readonly audience: string;
      readonly providerArn: string;
      /** With or without `https://` */
      readonly issuer: string;
    }
  | {
      /** From a web identity session of the worker role: without session tags, unlike the operator's. */
      readonly by: 'worker';
      readonly roleArn: string;
      readonly workerArn: string;
      readonly providerArn: string;
      /** The external ID was shown to be right by the operator's own call, so that any one that the policy names is taken for it. */
      readonly externalId: boolean;
    };

export type PathVerdict =
  | { readonly kind: 'trusted' }
  | { readonly kind: 'refused'; readonly action: string; readonly who: string; readonly because: string; readonly explicit: boolean }
  | { readonly kind: 'open'; readonly because: string };

/** `trust`: JSON text of the role's trust policy. `now`: milliseconds since the epoch. */
export function judgePodsPath(path: PodsPath, trust: string, now: number): PathVerdict {
  const policy = parsePolicy(trust, 'trust', 'the trust policy');
  // IAM keeps the id of a principal that is gone (AROA…) in place of its ARN, and may know more than this evaluator.
  if (!policy.ok) return { kind: 'open', because: policy.reason };
  const at = ofRequest(now);
  const askers = path.by === 'worker' ? [fromWorker(path, policy.value, at)] : path.subjects.map((subject) => withToken(path, subject, at));
  const verdicts = askers.map((asker) => judge(asker, policy.value));
  return verdicts.find(({ kind }) => kind === 'refused') ?? verdicts.find(({ kind }) => kind === 'open') ?? { kind: 'trusted' as const };
}

type Asker = {
  readonly who: string;
  /** Condition keys, lower case, that this evaluation has a value of, or that the call is known not to have. */
  readonly knows: (key: string) => boolean;
  readonly ask: (trust: Policy) => TrustEvaluation;
};

/** Never in a request of ours: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html */
const neverSent = /^(aws:requesttag\/.*|aws:tagkeys|sts:(sourceidentity|transitivetagkeys|externalid))$/;

/** STS is called over TLS alone. What is true in this hour is asked again in ten minutes. */
function ofRequest(now: number): RequestContext {
  return {
    'aws:SecureTransport': 'true',
    'aws:CurrentTime': new Date(now).toISOString(),
    'aws:EpochTime': String(Math.floor(now / 1000)),
  };
}

const known: ReadonlySet<string> = new Set(Object.keys(ofRequest(0)).map((key) => key.toLowerCase()));
/** Only the operator's sessions have it, and no role. */
const operatorsOwn = `aws:principaltag/${tagKeys.actor}`;

function withToken(path: Extract<PodsPath, { by: 'webIdentity' }>, subject: string, context: RequestContext): Asker {
  const issuer = path.issuer.replace(/^https:\/\//, '');
  const claims = { sub: subject, aud: path.audience };
  const { providerArn, roleArn } = path;
  const given = new Set(
    Object.keys(principalContext({ kind: 'webIdentity', providerArn, issuer, claims })).map((key) => key.toLowerCase()),
  );
  return {
    who: `${subject} (audience ${path.audience}, provider ${providerArn})`,
    // Claims of another issuer are not in our token, and a web identity is no principal of an account yet.
    knows: (key) => given.has(key) || known.has(key) || neverSent.test(key) || /:(sub|aud)$/.test(key) || key.startsWith('aws:principal'),
    ask: (trust) => evaluateAssumeRoleWithWebIdentity({ roleArn, trust, providerArn, issuer, claims, sessionName: 'pod', context }),
  };
}

/** Its role's own policies let it assume the role: that, too, the operator's call as worker has shown. */
const mayAssume: Policy = {
  name: 'worker',
  statements: parsedStatements({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }),
};

function fromWorker(
  { roleArn, workerArn, providerArn, externalId }: Extract<PodsPath, { by: 'worker' }>,
  policy: Policy,
  context: RequestContext,
): Asker {
  const caller = { kind: 'role', roleArn: workerArn, sessionName: 'pod', federatedProvider: providerArn } as const;
  const given = new Set(Object.keys(principalContext(caller)).map((key) => key.toLowerCase()));
  const ids = externalId ? externalIdsOf(policy) : [];
  return {
    who: `a pod's session of ${workerArn}`,
    knows: (key) =>
      given.has(key) ||
      known.has(key) ||
      key === operatorsOwn ||
      (key === 'sts:externalid' ? !externalId || ids.length > 0 : neverSent.test(key)),
    ask(trust) {
      const callerPolicies = { identityPolicies: [mayAssume] };
      const asked = [...ids, undefined].map((id) =>
        evaluateAssumeRole({
          roleArn,
          trust,
          caller,
          callerPolicies,
          sessionName: 'pod',
          context,
          ...(id !== undefined && { externalId: id }),
        }),
      );
      return asked.find(({ decision }) => decision === 'Allow') ?? (asked[0] as TrustEvaluation);
    },
  };
}

function externalIdsOf({ statements }: Policy): readonly string[] {
  const asked = statements.flatMap(({ conditions }) => conditions).filter(({ key }) => key === 'sts:externalid');
  return [...new Set(asked.flatMap(({ values }) => values.map(({ text }) => text)))];
}

function parsedStatements(statement: object): readonly Statement[] {
  const policy = parsePolicy({ Version: '2012-10-17', Statement: statement }, 'identity');
  if (!policy.ok) throw new TypeError(policy.reason);
  return policy.value.statements;
}

/** Once as if every open condition spoke against the call, once as if it spoke for it. */
function judge({ who, knows, ask }: Asker, trust: Policy): PathVerdict {
  const open = ({ key }: Condition): boolean => !knows(key);
  const variable = ({ values }: Condition): boolean => values.some(({ parts }) => parts.some((part) => typeof part !== 'string'));
  const isOpen = (condition: Condition): boolean => open(condition) || variable(condition);
  const without = (effect: Statement['effect']): Policy => ({
    ...trust,
    statements: trust.statements
      .filter((statement) => statement.effect !== effect || !statement.conditions.some(isOpen))
      .map((statement) => ({ ...statement, conditions: statement.conditions.filter((condition) => !isOpen(condition)) })),
  });
  if (ask(without('Allow')).decision === 'Allow') return { kind: 'trusted' };
  const kindest = ask(without('Deny'));
  if (kindest.decision !== 'Allow') {
    const { action, because, decision } = kindest;
    return { kind: 'refused', action, who, because, explicit: decision === 'ExplicitDeny' };
  }
  const keys = trust.statements.flatMap(({ conditions }) => conditions.filter(isOpen).map(({ key }) => key));
  return { kind: 'open', because: `the trust policy asks for ${[...new Set(keys)].join(', ')}, which only a pod's own call has` };
}

/** What to add to the trust policy of a role that refused. */
export function trustRemedy(
  verdict: Extract<PathVerdict, { kind: 'refused' }>,
  roleArn: string,
  generated: readonly PolicyStatement[],
): Remedy {
  const name = roleArn.slice(roleArn.lastIndexOf('/') + 1);
  if (verdict.explicit)
    return {
      text: `a statement with Effect Deny in the trust policy of role ${name} refuses it: no Allow outweighs it; change that statement`,
      add: [],
    };
  const add = generated
    .filter(({ Action = [] }) => [Action].flat().includes(verdict.action))
    .map((statement) => ({ policy: `trust policy of role ${name} (${roleArn})`, statement }));
  return {
    text: `role ${name} must let in the pods of this runtime, by their own way: the operator's way to it says nothing of theirs`,
    add,
  };
}
