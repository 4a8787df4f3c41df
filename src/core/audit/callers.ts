/** Whose session made a call that CloudTrail alone tells. */
import type { TrailEvent } from './cloudtrail.ts';
import type { JobPlan } from './planned.ts';
import { isCertificate, isSessionOf, partsOfSession } from './session.ts';

export type Caller = {
  readonly identity: string;
  readonly by: 'pod' | 'unknown';
  /** Of the job whose session it is, where it is at hand. */
  readonly plan?: JobPlan | undefined;
  readonly runtime?: string | undefined;
  /** Why it is nobody of ours who has a role of ours. */
  readonly stranger?: string;
};

/** undefined: a session of others, with a role of others. */
export function callersOf(plans: readonly JobPlan[]): (event: TrailEvent) => Caller | undefined {
  const roles = rolesOf(plans);
  const ofJob = new Map(plans.toReversed().map((plan) => [plan.uid?.slice(0, 8), plan]));
  /** A plan has many rows, and a session many calls. */
  const identities = new Map<string, string | undefined>();
  return ({ sessionName = '', roleArn = '', webIdentity }) => {
    const session = partsOfSession(sessionName);
    if (session === undefined) {
      const role = roles.get(roleArn);
      return role === undefined ? undefined : otherwiseNamed(role, sessionName, webIdentity);
    }
    const { job, name } = session;
    const plan = job === undefined ? undefined : ofJob.get(job);
    if (!identities.has(sessionName))
      identities.set(sessionName, plan?.rows.find(({ identity }) => isSessionOf(sessionName, identity))?.identity);
    // A token is exchanged by a pod or by the agent; the agent's exchanges are recorded, and role sessions are the operator's but for the hop behind a pod's.
    const isPods = (webIdentity && name !== 'agent') || /^connectionRole[:=]/.test(name);
    return {
      identity: identities.get(sessionName) ?? name.replace('=', ':'),
      by: isPods ? 'pod' : 'unknown',
      plan,
      runtime: plan?.runtime,
    };
  };
}

type Role = { readonly identity: string; readonly runtime: string | undefined };

/** Everybody of ours names a session so that it can be joined. Whoever does not has got hold of the role, or is a pod that hides whose it is. */
function otherwiseNamed({ identity, runtime }: Role, session: string, webIdentity: boolean): Caller {
  if (identity === 'agent' && isCertificate(session)) return { identity, by: 'unknown', runtime };
  const stranger = `session ${session} of the ${identity} role is not named as any of ours: nobody can tell whose call it is`;
  return { identity, by: webIdentity ? 'pod' : 'unknown', runtime, stranger };
}

const ofRuntime = /^(agent|operator|master|worker)$/;

/** The runtimes' own roles, which nobody else has, and the runtime where there is but one; a connection's role others may have, too. */
function rolesOf(plans: readonly JobPlan[]): ReadonlyMap<string, Role> {
  const roles = new Map<string, Role>();
  for (const { runtime, rows } of plans)
    for (const { identity, chain } of rows.filter((row) => ofRuntime.test(row.identity)))
      for (const [index, arn] of chain.entries()) {
        const known = roles.get(arn);
        const isOther = known !== undefined && known.runtime !== runtime;
        const own = index === chain.length - 1 ? identity : index === 0 ? 'agent' : 'operator';
        roles.set(arn, { identity: known?.identity ?? own, runtime: isOther ? undefined : runtime });
      }
  return roles;
}
