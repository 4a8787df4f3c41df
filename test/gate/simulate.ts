import type { PolicyQuestion } from '../../src/core/preflight/simulation.ts';
import { simulated } from '../../src/sim/aws/policy-simulation.ts';
import type { Account } from './account.ts';
import { named, type Refusal, xml } from './answers.ts';
import type { WireAnswer } from './http.ts';
import { listAt, type Tree, textAt } from './query.ts';

/**
 * The emulator has no policy simulator. One resource at a time, as the product asks
 * (https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html).
 */
export function simulatePrincipalPolicy(account: Account, parameters: Tree): WireAnswer | Refusal {
  const question = questionOf(parameters);
  const user = [...account.credentials.values()].find(
    ({ principal }) => principal.kind === 'user' && principal.arn === question.principalArn,
  );
  const asked = account.roles.get(question.principalArn) ?? user;
  if (asked === undefined)
    return { ...named('iam', 'denied', `Entity ${question.principalArn} cannot be found.`), status: 404, code: 'NoSuchEntity' };
  const groups = groupsOf(question.actions);
  if (groups.length > 1)
    return {
      ...named(
        'iam',
        'denied',
        `Invalid Input Actions: ${groups.map((group) => `[${group.join(',')}]`).join(' and ')} require different authorization information.`,
      ),
      status: 400,
      code: 'InvalidInput',
    };
  const results = simulated({ policies: asked.policies }, question).map(
    ({ action, decision, missingContext }) =>
      `<member><EvalActionName>${action}</EvalActionName><EvalResourceName>${question.resource}</EvalResourceName><EvalDecision>${decision}</EvalDecision><MatchedStatements/>` +
      `<MissingContextValues>${missingContext.map((key) => `<member>${key}</member>`).join('')}</MissingContextValues></member>`,
  );
  return xml(
    `<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>${results.join('')}</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>`,
  );
}

/** Of one service, and of the same resource types: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html has some of tables alone, some of indexes too. */
function groupsOf(actions: readonly string[]): readonly (readonly string[])[] {
  const groups = new Map<string, string[]>();
  for (const action of actions) {
    const [service = '', name = ''] = action.split(':');
    const kind = `${service} ${service === 'dynamodb' && /^(Query|Scan|PartiQLSelect)$/.test(name)}`;
    groups.set(kind, [...(groups.get(kind) ?? []), action]);
  }
  return [...groups.values()];
}

function questionOf(parameters: Tree): PolicyQuestion {
  const entries = listAt(parameters, 'ContextEntries').map((entry): readonly [string, string | readonly string[]] => {
    const values = listAt(entry, 'ContextKeyValues').filter((value) => typeof value === 'string');
    return [textAt(entry, 'ContextKeyName') ?? '', textAt(entry, 'ContextKeyType') === 'stringList' ? values : (values[0] ?? '')];
  });
  return {
    principalArn: textAt(parameters, 'PolicySourceArn') ?? '',
    actions: listAt(parameters, 'ActionNames').filter((name) => typeof name === 'string'),
    resource: textAt(parameters, 'ResourceArns', 0) ?? '*',
    context: Object.fromEntries(entries),
  };
}
