/** Which row of the access plan a call belongs to: what the audit record says of phase, resource and rule. */
import { accessesOf } from '../access/phases.ts';
import type { AccessPlan } from '../access/plan.ts';
import type { AccessRow, Phase } from '../access/vocabulary.ts';

export type AccessNote = { readonly phase: Phase; readonly resource: string; readonly rule: string };

export type Attributed = {
  /** As whom the access is made: the last of the chain. */
  readonly identity: string;
  /** As `explain` names it; where left out, what the identity does by its nature. */
  readonly resource?: string | undefined;
  /** Of the job; without it, the runtime's own accesses are meant. */
  readonly plan?: Pick<AccessPlan, 'rows'> | undefined;
  /** The session is handed to a node agent. */
  readonly nodeAgent?: boolean;
};

type Row = Pick<AccessRow, 'phase' | 'resource' | 'identity' | 'rule'>;

/** A connection is verified before it is used, by the access that it is verified for. */
const order: readonly Phase[] = ['Run', 'Complete', 'Poll', 'Create', 'Design'];

/** undefined where no row fits: such a record shows up as not planned. */
export function accessNote(call: Attributed): AccessNote | undefined {
  const resource = call.resource ?? byNature(call);
  if (resource === undefined) return undefined;
  const rows = [...(call.plan?.rows ?? []), ...(call.plan === undefined ? [] : [clearing]), ...ofRuntime].filter(
    (row) => row.resource === resource,
  );
  const own = rows.filter((row) => row.identity === call.identity);
  const [row] = own.toSorted((one, other) => order.indexOf(one.phase) - order.indexOf(other.phase));
  return row === undefined ? undefined : { phase: row.phase, resource, rule: row.rule };
}

/** Whatever its pods left in staging goes with a job: the plan says who put it there. */
const clearing: Row = {
  phase: 'Complete',
  resource: 'staging',
  identity: 'operator',
  rule: 'complete-clear-staging: the operator takes the folder of a job that is over out of staging',
};

/** What the operator's identities do for a runtime, whatever its jobs are. */
const ofRuntime: readonly Row[] = accessesOf({
  connections: [],
  dependencies: [],
  defaultRoles: false,
  initScript: true,
  staging: { value: 'worker', rule: '' },
  polling: { value: 'agent', rule: '' },
})
  .filter(
    ({ phase, resource }) => phase === 'Create' || resource === 'nodes' || resource === 'volumes' || /^log:(master|worker)$/.test(resource),
  )
  .map(({ phase, resource, decision }) => ({ phase, resource, identity: decision.value, rule: decision.rule }));

function byNature({ identity, plan, nodeAgent }: Attributed): string | undefined {
  if (nodeAgent === true) return `log:${identity}`;
  const natures: Readonly<Record<string, string>> =
    plan === undefined
      ? { operator: 'cluster-resources', master: 'nodes', worker: 'volumes' }
      : { operator: 'dependencies', agent: 'log:agent', master: 'nodes' };
  return natures[identity];
}
