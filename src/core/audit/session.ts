/** Whose session a call was made with, by the name that every session of ours has. */
import { sessionName } from '../access/sessions.ts';
import type { Identity } from '../access/vocabulary.ts';
import type { Recorded } from './records.ts';

/** `<runtime uid8>.<job uid8>.<identity>`: what every session of ours is named, the pods' own too. */
const ours = /^([0-9a-f]{8})\.([0-9a-f]{8}|-)\.(.+)$/;

export type SessionParts = { readonly runtime: string; readonly job: string | undefined; readonly name: string };

export function partsOfSession(text: string): SessionParts | undefined {
  const [, runtime, job, name] = ours.exec(text) ?? [];
  if (runtime === undefined || job === undefined || name === undefined) return undefined;
  return { runtime, job: job === '-' ? undefined : job, name };
}

/** Long names are cut and closed with a hash: only who makes them knows how. */
export function isSessionOf(text: string, identity: string): boolean {
  const parts = partsOfSession(text);
  return parts !== undefined && sessionName(parts.runtime, parts.job, identity as Identity) === text;
}

/** AWS names the session of a certificate after it. */
export function isCertificate(session: string): boolean {
  return /^[0-9a-f]{64}$/.test(session);
}

/** undefined where the record's session is one that its identity has. */
export function sessionDifference({ sessionName: session, identity, job, planResource = '', preflight }: Recorded): string | undefined {
  // Keys have no session: their last letters are told.
  if (identity.startsWith('connectionCredentials:') || (identity === 'agent' && isCertificate(session))) return undefined;
  // A name of another make is of no session of ours, and of none that could be told apart.
  if (partsOfSession(session) === undefined) return undefined;
  if (!isSessionOf(session, identity)) return `session ${session} is not how sessions of ${identity} are named`;
  const ofJob = partsOfSession(session)?.job !== undefined;
  if (job === undefined) return ofJob ? `session ${session} is one of a job, and the record names none` : undefined;
  // A node agent has one session for all jobs on its node, and what verifies has one for all that ask.
  return ofJob || preflight === true || planResource.startsWith('log:')
    ? undefined
    : `session ${session} is of no job, and the record names one`;
}
