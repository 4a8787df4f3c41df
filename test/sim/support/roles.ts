import type { PolicyStatement } from '../../../src/core/policy/document.ts';
import type { MissingStatement } from '../../../src/core/preflight/missing.ts';
import type { Simulation, SimulationManifest } from '../../../src/sim/simulate.ts';
import { find, start, until } from './stage.ts';

/* Roles that whoever administers the account has changed, and what the preflight says of them. */

export const home = '111122223333';
export const arnOf = (name: string, account = home): string => `arn:aws:iam::${account}:role/${name}`;
type Spec = Simulation['account']['spec'];
export type Role = Spec['roles'][number];

/** The account of the manifests with roles changed by whoever administers it. */
export function withRoles(
  manifests: readonly SimulationManifest[],
  change: Readonly<Record<string, (role: Role) => object>>,
): readonly SimulationManifest[] {
  const roles = start(manifests).account.spec.roles.flatMap((role) => {
    const made = change[role.arn.slice(role.arn.lastIndexOf('/') + 1)];
    return made === undefined ? [] : [{ arn: role.arn, trust: role.trust, permissions: permissionsOf(role), ...made(role) }];
  });
  const account = { apiVersion: 'simulation.elasticruntime.dev/v1alpha1', kind: 'SimulatedAccount', metadata: { name: 'account' } };
  return [...manifests, { ...account, spec: { accountId: home, roles } }];
}

type Document = { readonly Version: '2012-10-17'; readonly Statement: readonly PolicyStatement[] };

export function documentOf(statements: readonly PolicyStatement[]): Document {
  return { Version: '2012-10-17', Statement: statements.map((statement, index) => ({ ...statement, Sid: `S${index}` })) };
}

export const listOf = (document: { readonly Statement: unknown }) => [document.Statement].flat() as readonly PolicyStatement[];
export const permissionsOf = ({ policies }: Role): Document => documentOf(policies.flatMap(({ document }) => listOf(document)));

export const does =
  (action: string) =>
  ({ Action }: PolicyStatement): boolean =>
    [Action ?? []].flat().includes(action);
export const keep = (statements: readonly PolicyStatement[], drop: (statement: PolicyStatement) => boolean): Document =>
  documentOf(statements.filter((statement) => !drop(statement)));
export const untrusting = (drop: (statement: PolicyStatement) => boolean) => (role: Role) => ({ trust: keep(listOf(role.trust), drop) });
/** Without the action, in whatever statement it stands. */
export const forbidden = (action: string) => (role: Role) => ({
  permissions: documentOf(
    listOf(permissionsOf(role)).flatMap((statement) => {
      const Action = [statement.Action ?? []].flat().filter((one) => one !== action);
      return Action.length === 0 ? [] : [{ ...statement, Action }];
    }),
  ),
});

export type Report = {
  readonly identity: string;
  readonly action: string;
  readonly code: string;
  readonly message: string;
  readonly add?: readonly MissingStatement[];
};
export type Preflight = { readonly failed?: readonly Report[]; readonly notVerified?: readonly string[]; readonly verified?: number };
export type Holder = {
  readonly status?: {
    readonly preflight?: unknown;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
  };
};

export const preflightOf = ({ status }: Holder): Preflight => status?.preflight ?? {};
export const conditionOf = ({ status }: Holder) => status?.conditions?.find(({ type }) => type === 'AccessVerified');

export async function verified(
  manifests: readonly SimulationManifest[],
): Promise<{ readonly simulation: Simulation; readonly runtime: Holder }> {
  const simulation = start(manifests);
  const known = (): Holder => simulation.runtimes()[0] ?? {};
  await until(simulation, 'it is verified or refused', () => {
    const state = known().status?.conditions?.find(({ type }) => type === 'Ready');
    return (
      state?.status === 'True' || known().status?.conditions?.some(({ type, status }) => type === 'Stalled' && status === 'True') === true
    );
  });
  return { simulation, runtime: known() };
}

export const ended = (simulation: Simulation, name: string) => ['Failed', 'Succeeded'].includes(find(simulation, name).status?.phase ?? '');
