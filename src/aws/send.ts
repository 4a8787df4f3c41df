import type { AuditPort, AwsError, AwsPort, AwsResult, Grant, Subject } from '../ports/aws/index.ts';
import { type CallFacts, recordOf } from '../ports/aws/record.ts';
import type { Clock } from '../ports/clock.ts';
import { err, ok, type Result } from '../ports/result.ts';
import { toAwsError } from './errors.ts';
import { type CallContext, callContext, GrantGone } from './signer.ts';
import type { Throttle } from './throttle.ts';
import type { Vault } from './vault.ts';

/** A method of the port that makes a call, e.g. `ec2.createFleet`. */
export type Method = Exclude<
  { [Room in keyof AwsPort]: `${Room}.${keyof AwsPort[Room] & string}` }[keyof AwsPort],
  'sts.staticGrant' | 'sts.exportGrant' | 'sts.release' | 's3.presignGetObject' | 'iotCredentials.readCertificate' | 'iot.createKey'
>;

/** What a call is in IAM's words: `auditOf` of src/core/policy, handed in by the composition root. `request` is the method's own request. */
export type AuditOf = (method: Method, request: never, region: string) => { readonly action: string; readonly resource: string };

/** Who a record names. `grant` is undefined for the two unsigned calls, by token and by certificate. */
export type Actor = {
  readonly grant: Grant | undefined;
  readonly identity: string;
  readonly chain: readonly string[];
  readonly sessionName: string;
  readonly subject: Subject;
};

export type Call = {
  readonly method: Method;
  /** The port's request; only names and ids of it reach the audit. */
  readonly request: object;
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
  readonly audit: AuditPort;
  readonly auditOf: AuditOf;
  readonly clock: Clock;
  readonly region: string;
  readonly throttle: Throttle;
  readonly vault: Vault;
}): Send {
  const { audit, auditOf, clock, region, throttle, vault } = parts;

  /** Resolves once the record is accepted by the stream; answers what is wrong where it is not. */
  async function recorded(
    call: Call,
    startedAt: number,
    result: CallFacts['result'],
    requestId: string | undefined,
  ): Promise<Result<void, AwsError>> {
    const { grant, subject, identity, chain, sessionName } = call.actor;
    const durationMs = clock.monotonic() - startedAt;
    const shown = auditOf(call.method, call.request as never, region);
    try {
      await audit.record(
        recordOf({
          subject,
          identity,
          chain,
          sessionName,
          widened: grant?.widened,
          ...shown,
          endedAt: clock.now(),
          durationMs,
          result,
          requestId,
        }),
      );
      return ok(undefined);
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      const message = `${shown.action} was carried out or may have been, and its audit record could not be written: ${why}`;
      return err({ kind: 'Unavailable', code: 'AuditNotWritten', message, ...(requestId !== undefined && { requestId }) });
    }
  }

  async function attempt<T extends Answer>(call: Call, run: (abortSignal: AbortSignal) => Promise<T>): Promise<AwsResult<T>> {
    const refusal = audit.refusal?.();
    if (refusal !== undefined) {
      return err({ kind: 'Unavailable', code: 'AuditUnavailable', message: `no call is made that cannot be recorded: ${refusal}` });
    }
    const context: CallContext = { grant: call.actor.grant, sent: false };
    const timeout = new AbortController();
    const cancelTimeout = clock.after(call.timeoutMs ?? DEFAULT_TIMEOUT_MS, () => timeout.abort());
    const startedAt = clock.monotonic();
    try {
      const answer = await callContext.run(context, () => run(timeout.signal));
      const written = await recorded(call, startedAt, { ok: true }, answer.$metadata.requestId);
      return written.ok ? ok(answer) : written;
    } catch (thrown) {
      if (thrown instanceof GrantGone) {
        return GRANT_ENDED;
      }
      const error = toAwsError(thrown, call.secrets);
      if (!context.sent) {
        return err({ ...error, kind: 'Invalid' });
      }
      const written = await recorded(
        call,
        startedAt,
        { ok: false, code: error.code, unanswered: error.kind === 'Network' },
        error.requestId,
      );
      return written.ok ? err(error) : written;
    } finally {
      cancelTimeout();
    }
  }

  return async (call, run) => {
    if (call.actor.grant && !vault.holds(call.actor.grant)) {
      return GRANT_ENDED;
    }
    const paced = {
      account: accountOf(call),
      region,
      method: call.method,
      lane: call.actor.subject.runtime,
      ticket: call.actor.subject.node,
    };
    const result = await throttle.run(paced, () => attempt(call, run));
    throttle.answered(paced, result.ok ? undefined : result.error.code);
    return result;
  };
}

/** Whose buckets the call takes from: the account of the role that makes it, or of the one that it asks for. Static keys do not say theirs. */
function accountOf({ actor, request }: Call): string {
  const roleArn = actor.chain.at(-1) ?? ('roleArn' in request ? String(request.roleArn) : '');
  return roleArn.split(':')[4] ?? `keys of ${actor.identity}`;
}

/** The actor of a signed call. */
export function actorOf(caller: { readonly grant: Grant; readonly subject: Subject }): Actor {
  const { identity, chain, sessionName } = caller.grant;
  return { grant: caller.grant, identity, chain, sessionName, subject: caller.subject };
}
