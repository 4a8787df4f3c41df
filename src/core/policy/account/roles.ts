import { fitted } from '../../access/roles.ts';
import type { PolicyDocument, PolicyStatement } from '../document.ts';
import { mergeDocuments } from '../documents.ts';
import { accountOf } from '../principal.ts';
import type { RoleDocuments } from '../runtime-input.ts';
import type { NamedPolicy, RolePlan } from './plan.ts';
import { isDefault, type RuntimeView } from './view.ts';

type Draft = { readonly trusts: PolicyDocument[]; readonly policies: NamedPolicy[]; readonly uses: Map<string, string[]> };

const MAX_POLICY_NAME = 128;

/** Every role that the runtimes name, by ARN. Default roles are not among them: the operator makes those itself. */
export function rolePlans(views: readonly RuntimeView[]): readonly RolePlan[] {
  const drafts = new Map<string, Draft>();
  for (const view of views) {
    for (const [use, { roleArn, trust, permissions }] of rolesOf(view)) {
      const draft: Draft = drafts.get(roleArn) ?? { trusts: [], policies: [], uses: new Map() };
      drafts.set(roleArn, draft);
      draft.trusts.push(trust);
      draft.uses.set(use, [...(draft.uses.get(use) ?? []), view.name.replace('.', '/')]);
      addPolicy(draft, fitted(`${view.name}.${use}`.replaceAll(/[^\w+=,.@-]/g, '-'), MAX_POLICY_NAME), permissions);
    }
  }
  return [...drafts].map(([arn, draft]) => rolePlan(arn, draft)).toSorted((one, other) => (one.arn < other.arn ? -1 : 1));
}

/**
 * ARNs of roles that IAM takes for one: a name is given once in an account, whatever the path, and upper and lower case are the same
 * (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html).
 */
export function rolesOfOneName(roles: readonly Pick<RolePlan, 'arn' | 'name'>[]): readonly (readonly string[])[] {
  const byName = new Map<string, string[]>();
  for (const { arn, name } of roles) {
    const key = `${accountOf(arn)}/${name.toLowerCase()}`;
    byName.set(key, [...(byName.get(key) ?? []), arn]);
  }
  return [...byName.values()].filter((arns) => arns.length > 1);
}

/** What each of a runtime's roles is, in the order of DESIGN's table; a connection role once, whichever connections share it. */
export function rolesOf({ input, documents }: RuntimeView): readonly (readonly [use: string, documents: RoleDocuments])[] {
  const { agent, operator, master, worker, node, connectionRoles } = documents;
  const made: readonly (readonly [string, RoleDocuments])[] = isDefault(input)
    ? []
    : [
        ['master', master],
        ['worker', worker],
        ['node', node],
      ];
  const connections = [...new Set(Object.values(connectionRoles))].map((role) => ['connection', role] as const);
  return [['agent', agent], ['operator', operator], ...made, ...connections];
}

function addPolicy({ policies }: Draft, name: string, document: PolicyDocument): void {
  if (Array.isArray(document.Statement) && document.Statement.length === 0) return;
  const text = JSON.stringify(document);
  if (!policies.some((policy) => JSON.stringify(policy.document) === text)) policies.push({ name, document });
}

function rolePlan(arn: string, { trusts, policies, uses }: Draft): RolePlan {
  const resource = arn.slice(arn.indexOf(':role/') + ':role'.length);
  const cut = resource.lastIndexOf('/') + 1;
  return {
    arn,
    name: resource.slice(cut),
    path: resource.slice(0, cut),
    description: fitted([...uses].map(([use, runtimes]) => `${use} of ElasticRuntime ${runtimes.join(', ')}`).join('; '), 1000),
    trust: mergeTrust(trusts),
    policies,
  };
}

/** Statements for pods that differ in the subject alone become one: trust policies are short (2,048 characters by default). */
function mergeTrust(trusts: readonly PolicyDocument[]): PolicyDocument {
  const merged: PolicyStatement[] = [];
  for (const statement of trusts.flatMap(statementsOf)) {
    const same = merged.findIndex((known) => withoutSubjects(known) === withoutSubjects(statement));
    const known = merged[same];
    if (known === undefined) merged.push(statement);
    else merged[same] = withSubjects(known, [...subjectsOf(known), ...subjectsOf(statement)]);
  }
  return mergeDocuments([{ Version: '2012-10-17', Statement: merged }]);
}

export function statementsOf({ Statement }: PolicyDocument): readonly PolicyStatement[] {
  return 'Effect' in Statement ? [Statement] : Statement;
}

function subjectsOf({ Condition }: PolicyStatement): readonly string[] {
  return Object.entries(Condition?.['StringEquals'] ?? {}).flatMap(([key, value]) => (isSubject(key) ? [value].flat().map(String) : []));
}

function withSubjects(statement: PolicyStatement, subjects: readonly string[]): PolicyStatement {
  if (subjects.length === 0) return statement;
  const equal = Object.entries(statement.Condition?.['StringEquals'] ?? {});
  const StringEquals = Object.fromEntries(equal.map(([key, value]) => [key, isSubject(key) ? [...new Set(subjects)] : value]));
  return { ...statement, Condition: { ...statement.Condition, StringEquals } };
}

function withoutSubjects(statement: PolicyStatement): string {
  return JSON.stringify(subjectsOf(statement).length === 0 ? statement : withSubjects(statement, ['']));
}

function isSubject(key: string): boolean {
  return key.endsWith(':sub');
}
