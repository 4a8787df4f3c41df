import { malformed, type Parsed, parsed, quoted } from '../quantity/outcome.ts';
import { type Condition, parseConditions } from './condition.ts';
import { compilePattern, type Pattern, wrongVariable } from './pattern.ts';
import { repeatedKey } from './repeated-key.ts';

/** An IAM policy as JSON (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html). */
export type PolicyDocument = {
  readonly Version?: '2012-10-17' | '2008-10-17';
  readonly Id?: string;
  readonly Statement: PolicyStatement | readonly PolicyStatement[];
};

type OneOrMore = string | readonly string[];
type PolicyPrincipal = '*' | { readonly [kind in 'AWS' | 'Federated' | 'Service']?: OneOrMore };
export type ConditionBlock = Readonly<Record<string, Readonly<Record<string, OneOrMore | boolean | number>>>>;

export type PolicyStatement = {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: PolicyPrincipal;
  readonly NotPrincipal?: PolicyPrincipal;
  readonly Action?: OneOrMore;
  readonly NotAction?: OneOrMore;
  readonly Resource?: OneOrMore;
  readonly NotResource?: OneOrMore;
  readonly Condition?: ConditionBlock;
};

/**
 * What a document is used as: decides which elements it must and must not have.
 * identity also stands for session policies and permissions boundaries; trust is a role's own resource policy, without Resource.
 */
export type PolicyUse = 'identity' | 'resource' | 'trust';

export type PrincipalSet = {
  readonly everyone: boolean;
  /** ARNs, and accounts by their number. */
  readonly aws: readonly string[];
  readonly federated: readonly string[];
  readonly services: readonly string[];
};

export type Statement = {
  /** The Sid, or `statement N` (from 1) */
  readonly sid: string;
  readonly effect: 'Allow' | 'Deny';
  readonly principals?: PrincipalSet;
  readonly notPrincipals?: PrincipalSet;
  readonly actions?: readonly Pattern[];
  readonly notActions?: readonly Pattern[];
  readonly resources?: readonly Pattern[];
  readonly notResources?: readonly Pattern[];
  readonly conditions: readonly Condition[];
};

/** A parsed document: what the evaluator reads. */
export type Policy = { readonly name: string; readonly statements: readonly Statement[] };

const documentFields = ['Version', 'Id', 'Statement'];
const statementFields = ['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'];

/** Parses JSON text or a JSON value. The reason of a refusal names the statement and the element. */
export function parsePolicy(document: unknown, use: PolicyUse, name = 'policy'): Parsed<Policy> {
  let value = document;
  if (typeof value === 'string') {
    const twice = repeatedKey(value);
    try {
      value = JSON.parse(value);
    } catch {
      return malformed(`${name}: not JSON`);
    }
    if (twice !== undefined) return malformed(`${name}: ${quoted(twice)} stands twice in one object, so that one of them would be lost`);
  }
  if (!isRecord(value)) return malformed(`${name}: a policy must be an object`);
  const unknown = Object.keys(value).find((field) => !documentFields.includes(field));
  if (unknown !== undefined) return malformed(`${name}: unknown element ${quoted(unknown)}`);
  const version = value['Version'] ?? '2008-10-17';
  if (version !== '2012-10-17' && version !== '2008-10-17') return malformed(`${name}: Version must be 2012-10-17 or 2008-10-17`);
  const list = Array.isArray(value['Statement']) ? value['Statement'] : [value['Statement']];
  if (value['Statement'] === undefined || list.length === 0) return malformed(`${name}: Statement is missing`);
  const statements: Statement[] = [];
  const sids = new Set<string>();
  for (const [index, item] of list.entries()) {
    const statement = parseStatement(item, use, index + 1, version === '2012-10-17');
    if (!statement.ok) return malformed(`${name}: ${statement.reason}`);
    const { sid } = statement.value;
    // S3 and KMS only recommend it: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html
    if (use !== 'resource' && sids.has(sid)) return malformed(`${name}: Sid ${quoted(sid)} is used twice`);
    sids.add(sid);
    statements.push(statement.value);
  }
  return parsed({ name, statements });
}

/** For documents that our own code wrote: a refusal there is a programming error. */
export function policyOf(document: PolicyDocument, use: PolicyUse, name = 'policy'): Policy {
  const policy = parsePolicy(document, use, name);
  if (!policy.ok) throw new Error(policy.reason);
  return policy.value;
}

function parseStatement(item: unknown, use: PolicyUse, number: number, variables: boolean): Parsed<Statement> {
  if (!isRecord(item)) return malformed(`statement ${number}: must be an object`);
  const named = item['Sid'] !== undefined && item['Sid'] !== '';
  const sid = named ? item['Sid'] : `statement ${number}`;
  const at = `statement ${number}${named ? ` (${String(item['Sid'])})` : ''}`;
  if (typeof sid !== 'string') return malformed(`${at}: Sid must be a string`);
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
  if (use !== 'resource' && named && !/^[A-Za-z0-9]*$/.test(sid)) {
    return malformed(`${at}: Sid may hold letters and digits only`);
  }
  const unknown = Object.keys(item).find((field) => !statementFields.includes(field));
  if (unknown !== undefined) return malformed(`${at}: unknown element ${quoted(unknown)}`);
  const effect = item['Effect'];
  if (effect !== 'Allow' && effect !== 'Deny') return malformed(`${at}: Effect must be Allow or Deny, not ${quoted(effect)}`);
  const wrong = wrongElements(item, use);
  if (wrong !== undefined) return malformed(`${at}: ${wrong}`);
  const conditions = parseConditions(item['Condition'], variables);
  if (!conditions.ok) return malformed(`${at}: ${conditions.reason}`);
  const statement: { -readonly [K in keyof Statement]: Statement[K] } = { sid, effect, conditions: conditions.value };
  for (const [element, field] of [
    ['Action', 'actions'],
    ['NotAction', 'notActions'],
    ['Resource', 'resources'],
    ['NotResource', 'notResources'],
  ] as const) {
    const patterns = item[element] === undefined ? undefined : parsePatterns(item[element], element, variables);
    if (patterns === undefined) continue;
    if (!patterns.ok) return malformed(`${at}: ${patterns.reason}`);
    statement[field] = patterns.value;
  }
  for (const [element, field] of [
    ['Principal', 'principals'],
    ['NotPrincipal', 'notPrincipals'],
  ] as const) {
    const set = item[element] === undefined ? undefined : parsePrincipals(item[element], element);
    if (set === undefined) continue;
    if (!set.ok) return malformed(`${at}: ${set.reason}`);
    statement[field] = set.value;
  }
  return parsed(statement);
}

function wrongElements(item: Readonly<Record<string, unknown>>, use: PolicyUse): string | undefined {
  const has = (field: string): boolean => item[field] !== undefined;
  for (const element of ['Principal', 'Action', 'Resource']) {
    if (has(element) && has(`Not${element}`)) return `has both ${element} and Not${element}`;
  }
  if (!has('Action') && !has('NotAction')) return 'needs Action or NotAction';
  const principal = has('Principal') || has('NotPrincipal');
  const resource = has('Resource') || has('NotResource');
  if (use === 'identity' && principal) return 'an identity-based policy has no Principal';
  if (use !== 'identity' && !principal) return 'needs Principal';
  if (use === 'trust' && has('NotPrincipal')) return 'a trust policy has no NotPrincipal';
  if (use === 'trust' && resource) return 'a trust policy has no Resource';
  if (use !== 'trust' && !resource) return 'needs Resource or NotResource';
  if (has('NotPrincipal') && item['Effect'] === 'Allow') return 'NotPrincipal with Allow would allow everyone else';
  return undefined;
}

function parsePatterns(value: unknown, element: string, variables: boolean): Parsed<readonly Pattern[]> {
  const texts = listOfStrings(value);
  if (texts === undefined) return malformed(`${element} must be a string or a list of strings`);
  if (texts.length === 0) return malformed(`${element} is empty`);
  const patterns: Pattern[] = [];
  for (const text of texts) {
    if (element.endsWith('Action')) {
      if (text !== '*' && !/^[A-Za-z0-9-]+:[A-Za-z0-9*?-]+$/.test(text))
        return malformed(`${element} ${quoted(text)} is not service:Action`);
      // Action names are not case-sensitive (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html).
      patterns.push(compilePattern(text.toLowerCase(), 'glob', false));
    } else {
      if (text !== '*' && !/^(arn|\*)/.test(text)) return malformed(`${element} ${quoted(text)} is neither an ARN nor "*"`);
      const wrong = variables ? wrongResourceVariable(text) : undefined;
      if (wrong !== undefined) return malformed(`${element} ${quoted(text)} ${wrong}`);
      patterns.push(compilePattern(text, 'arn', variables));
    }
  }
  return parsed(patterns);
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-resourceelement */
function wrongResourceVariable(text: string): string | undefined {
  const wrong = wrongVariable(text);
  if (wrong !== undefined) return wrong;
  const resource = text.split(':').slice(0, 5).join(':');
  return resource.includes('${') ? 'has a policy variable before its fifth colon' : undefined;
}

function parsePrincipals(value: unknown, element: string): Parsed<PrincipalSet> {
  if (value === '*') return parsed({ everyone: true, aws: [], federated: [], services: [] });
  if (!isRecord(value)) return malformed(`${element} must be "*" or an object`);
  const set = { everyone: false, aws: [] as string[], federated: [] as string[], services: [] as string[] };
  for (const [kind, given] of Object.entries(value)) {
    const texts = listOfStrings(given);
    if (texts === undefined) return malformed(`${element}.${kind} must be a string or a list of strings`);
    if (kind === 'AWS') {
      for (const text of texts) {
        if (text === '*') set.everyone = true;
        else if (/^(\d{12}$|arn:[a-z-]+:(iam|sts)::\d{12}:(root|[a-z-]+\/[^*?]+)$)/.test(text)) set.aws.push(text);
        else
          return malformed(`${element}.AWS ${quoted(text)} is neither an account nor a principal's ARN (no part of it may be a wildcard)`);
      }
    } else if (kind === 'Federated') set.federated.push(...texts);
    else if (kind === 'Service') set.services.push(...texts);
    else if (kind === 'CanonicalUser')
      return malformed(`${element}.CanonicalUser cannot be judged: name the account by its number instead`);
    else return malformed(`${element}.${kind} is no kind of principal`);
  }
  return parsed(set);
}

function listOfStrings(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
