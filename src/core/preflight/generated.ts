import type { PolicyDocument, PolicyStatement } from '../policy/document.ts';
import { compilePattern, matchesPattern } from '../policy/pattern.ts';
import type { RoleDocuments, RuntimeDocuments } from '../policy/runtime-input.ts';

/** Statements that the generator writes for a role and that are about an action on a resource; their conditions are not judged. */
export function statementsAllowing(
  documents: RuntimeDocuments | undefined,
  roleArn: string | undefined,
  action: string,
  resource: string,
): readonly PolicyStatement[] {
  return documentsOf(documents, roleArn).flatMap(({ permissions }) =>
    listOf(permissions).filter(
      (statement) =>
        statement.Effect === 'Allow' &&
        some(statement.Action, action.toLowerCase(), true) &&
        (statement.Resource === undefined || some(statement.Resource, resource, false)),
    ),
  );
}

export function trustOf(documents: RuntimeDocuments | undefined, roleArn: string): readonly PolicyStatement[] {
  return documentsOf(documents, roleArn).flatMap(({ trust }) => listOf(trust));
}

function documentsOf(documents: RuntimeDocuments | undefined, roleArn: string | undefined): readonly RoleDocuments[] {
  if (documents === undefined || roleArn === undefined) return [];
  const { agent, operator, master, worker, node, connectionRoles } = documents;
  const all = [agent, operator, master, worker, node, ...Object.values(connectionRoles)].filter((role) => role.roleArn === roleArn);
  return [...new Set(all)];
}

function some(patterns: string | readonly string[] | undefined, text: string, lowerCase: boolean): boolean {
  const list = patterns === undefined ? [] : typeof patterns === 'string' ? [patterns] : patterns;
  return list.some((pattern) => matchesPattern(compilePattern(lowerCase ? pattern.toLowerCase() : pattern, 'glob'), text, () => undefined));
}

function listOf({ Statement }: PolicyDocument): readonly PolicyStatement[] {
  return 'Effect' in Statement ? [Statement] : Statement;
}
