import type { AuditPort, AwsResult, Grant, Subject } from '../ports/aws/index.ts';
import type { Clock } from '../ports/clock.ts';
import { err, ok } from '../ports/result.ts';
import { toAwsError } from './errors.ts';
import { type CallContext, callContext, GrantGone } from './signer.ts';
import type { Service, Throttle } from './throttle.ts';
import type { Vault } from './vault.ts';

/** What a call is in IAM's words, from its SDK input: the shared table of src/core/policy, handed in by the composition root. */
export type AuditOf = (call: {
  readonly service: Service;
  readonly operation: string;
  readonly input: object;
  readonly region: string;
}) => {
  /** e.g. s3:PutObject */
  readonly action: string;
  /** ARN where there is one, else the id or `*` */
  readonly resource: string;
};

/** Who a record names. `grant` is undefined for the one unsigned call. */
export type Actor = {
  readonly grant: Grant | undefined;
  readonly identity: string;
  readonly chain: readonly string[];
  readonly sessionName: string;
  readonly subject: Subject;
};

export type Call = {
  readonly service: Service;
  /** AWS's name of it, e.g. CreateFleet */
  readonly operation: string;
  /** As given to the SDK; only names and ids of it reach the audit. */
  readonly input: object;
  readonly actor: Actor;
  /** Values that must not come back in an error message. */
  readonly secrets?: readonly string[];
  /** Milliseconds; default 30 s. */
  readonly timeoutMs?: number;
};

type Answer = { readonly $metadata: { readonly requestId?: string } };

/** Every call of the adapter goes through here: queue, one attempt, one audit record, errors as values. */
export type Send = <T extends Answer>(call: Call, run: (abortSignal: AbortSignal) => Promise<T>) => Promise<AwsResult<T>>;

const DEFAULT_TIMEOUT_MS = 30_000;

const GRANT_ENDED = err({
  kind: 'Expired',
  code: 'GrantEnded',
  message: 'the grant was released or is past its end; no call was made',
} as const);

/**
 * A call that never reached the wire (a grant that has ended, an input that the SDK refuses) leaves no record: nothing was accessed.
 * One that did leaves exactly one, also when the answer was lost.
 */
export function createSend(parts: {
  readonly region: string;
  readonly audit: AuditPort;
  readonly auditOf: AuditOf;
  readonly clock: Clock;
  readonly throttle: Throttle;
  readonly vault: Vault;
}): Send {
  const { region, audit, auditOf, clock, throttle, vault } = parts;

  function record(call: Call, outcome: string, requestId: string | undefined): void {
    const { actor } = call;
    audit.record({
      time: new Date(clock.now()).toISOString(),
      runtime: actor.subject.runtime,
      ...(actor.subject.job !== undefined && { job: actor.subject.job }),
      ...(actor.subject.node !== undefined && { node: actor.subject.node }),
      identity: actor.identity,
      chain: actor.chain,
      sessionName: actor.sessionName,
      ...auditOf({ service: call.service, operation: call.operation, input: call.input, region }),
      outcome,
      ...(requestId !== undefined && { requestId }),
    });
  }

  async function attempt<T extends Answer>(call: Call, run: (abortSignal: AbortSignal) => Promise<T>): Promise<AwsResult<T>> {
    const context: CallContext = { grant: call.actor.grant, sent: false };
    const timeout = new AbortController();
    const cancelTimeout = clock.after(call.timeoutMs ?? DEFAULT_TIMEOUT_MS, () => timeout.abort());
    try {
      const answer = await callContext.run(context, () => run(timeout.signal));
      record(call, 'ok', answer.$metadata.requestId);
      return ok(answer);
    } catch (thrown) {
      if (thrown instanceof GrantGone) {
        return GRANT_ENDED;
      }
      const error = toAwsError(thrown, call.secrets);
      if (!context.sent) {
        return err({ ...error, kind: 'Invalid' });
      }
      record(call, error.kind === 'Network' ? 'no-answer' : error.code, error.requestId);
      return err(error);
    } finally {
      cancelTimeout();
    }
  }

  return async (call, run) => {
    if (call.actor.grant && !vault.holds(call.actor.grant)) {
      return GRANT_ENDED;
    }
    return await throttle.run(call.service, call.operation, () => attempt(call, run));
  };
}

/** The actor of a signed call. */
export function actorOf(caller: { readonly grant: Grant; readonly subject: Subject }): Actor {
  const { identity, chain, sessionName } = caller.grant;
  return { grant: caller.grant, identity, chain, sessionName, subject: caller.subject };
}
