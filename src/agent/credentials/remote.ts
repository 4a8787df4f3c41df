import type { SecretOrigin, WiringPlan } from '../../core/jobs/wiring.ts';
import { type BackoffPolicy, backoffDelay } from '../../machinery/backoff.ts';
import type { AwsError, AwsPort, AwsResult, Grant, Subject } from '../../ports/aws/index.ts';
import { type Clock, type Random, sleep } from '../../ports/clock.ts';
import { ok } from '../../ports/result.ts';
import { type CredentialsResult, refuse } from './refusal.ts';

type RemoteOrigin = Exclude<SecretOrigin, { readonly kind: 'directory' }>;

/** Values that AWS keeps, read as the worker. */
export type RemoteSecrets = { read(about: string, origin: RemoteOrigin): Promise<CredentialsResult<string>> };

export type RemoteOptions = {
  readonly aws: Pick<AwsPort, 'sts' | 'ssm' | 'secretsManager'>;
  readonly plan: WiringPlan;
  readonly subject: Subject;
  readonly clock: Clock;
  readonly random: Random;
  /** The pod's own token: a secret. */
  readonly token: () => Promise<CredentialsResult<string>>;
};

const backoff: BackoffPolicy = { baseMs: 500, maxMs: 10_000 };
/** A pod is not restarted where its init container fails: what may pass is tried for about a minute. */
const attempts = 9;
const transient: ReadonlySet<AwsError['kind']> = new Set(['Throttled', 'Unavailable', 'Network']);

/** The worker's session is had with the first value that needs it, and dropped by the caller's process ending. */
export function createRemoteSecrets(options: RemoteOptions): RemoteSecrets {
  const { aws, plan, subject, clock, random } = options;
  let session: Grant | undefined;

  async function worker(about: string): Promise<CredentialsResult<Grant>> {
    if (session !== undefined) return ok(session);
    const profile = plan.profiles.find(({ name }) => name === 'default');
    if (profile?.kind !== 'webIdentity') return refuse(about, 'the plan has no worker profile to read it with');
    const token = await options.token();
    if (!token.ok) return token;
    const { roleArn, sessionName } = profile;
    const request = { identity: 'worker', roleArn, sessionName, durationSeconds: 900, token: token.value };
    const grant = await retried(() => aws.sts.assumeRoleWithWebIdentity(onBehalfOf(about), request));
    if (!grant.ok) return refuse(about, `not read as the worker: sts:AssumeRoleWithWebIdentity on ${roleArn}: ${said(grant.error)}`);
    session = grant.value;
    return grant;
  }

  async function retried<T>(call: () => Promise<AwsResult<T>>): Promise<AwsResult<T>> {
    for (let failures = 1; ; failures += 1) {
      const answer = await call();
      if (answer.ok || !transient.has(answer.error.kind) || failures === attempts) return answer;
      await sleep(clock, backoffDelay(backoff, failures, random));
    }
  }

  /** The row of the access plan, as far as a pod knows it: which connection the value belongs to. */
  function onBehalfOf(about: string): Subject {
    const [, name] = /^connection (.+)$/.exec(about) ?? [];
    if (name === undefined) return subject;
    const rule = 'run-connection-secret: the worker role reads it, below its organization and namespace';
    return { ...subject, access: { phase: 'Run', resource: `connection-secret:${name}`, rule } };
  }

  return {
    async read(about, origin) {
      const grant = await worker(about);
      if (!grant.ok) return grant;
      const caller = { grant: grant.value, subject: onBehalfOf(about) };
      const answer = await retried(() =>
        origin.kind === 'parameterStore'
          ? aws.ssm.getParameter(caller, { name: origin.name, secure: true })
          : aws.secretsManager.getSecretValue(caller, {
              secretId: origin.arn,
              ...(origin.versionStage !== undefined && { versionStage: origin.versionStage }),
            }),
      );
      if (answer.ok) return ok(answer.value.value);
      const call =
        origin.kind === 'parameterStore' ? `ssm:GetParameter on ${origin.name}` : `secretsmanager:GetSecretValue on ${origin.arn}`;
      return refuse(about, `${call} as the worker: ${said(answer.error)}`);
    },
  };
}

function said({ code, message, requestId }: AwsError): string {
  return `${code}: ${message}${requestId === undefined ? '' : ` [request ${requestId}]`}`;
}
