import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { AuditRecord, AwsPort, AwsResult, Caller, Grant, Subject } from '../../../src/ports/aws/index.ts';
import type { Manifests } from '../../../src/sim/aws/account.ts';
import { type AccountSpec, type AwsAccount, accountFor, createAwsAccount, type InstanceEvents } from '../../../src/sim/aws/index.ts';
import { type FaultProfile, profiles } from '../../../src/sim/faults.ts';
import { createWorld, type SimulatedProcess, type World } from '../../../src/sim/world.ts';

export const clusterName = 'test-cluster';
export const issuer = 'https://kubernetes.test';
export const account = '111122223333';
export const kmsKeyArn = `arn:aws:kms:us-east-1:${account}:key/0d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e01`;
export const subject: Subject = { runtime: 'finance/analytics' };

export const tagsOf = (runtime = 'analytics', namespace = 'finance'): Readonly<Record<string, string>> => ({
  'elasticruntime.dev/cluster': clusterName,
  'elasticruntime.dev/organization': 'acme',
  'elasticruntime.dev/namespace': namespace,
  'elasticruntime.dev/runtime': runtime,
});

export const operatorTags = { ...tagsOf(), 'elasticruntime.dev/actor': 'operator' };

/** Tokens of a cluster whose key these tests hold. */
export function token(
  sub: string,
  options: { readonly aud?: string; readonly exp?: number; readonly iss?: string; readonly forged?: boolean } = {},
): string {
  const claims = {
    iss: issuer,
    aud: ['sts.amazonaws.com'],
    exp: 4_000_000_000,
    sub,
    ...options,
    ...(options.aud === undefined ? {} : { aud: [options.aud] }),
  };
  const text = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${text}.${options.forged === true ? 'forged' : sign(text)}`;
}

function sign(text: string): string {
  return createHash('sha256').update(`key.${text}`).digest('hex');
}

export function verifyToken(text: string) {
  const [claims = '', signature] = text.split('.');
  return signature === sign(claims) ? JSON.parse(Buffer.from(claims, 'base64url').toString()) : undefined;
}

export function readManifests(...files: readonly string[]): Manifests {
  const documents = files.flatMap((file) =>
    parseAllDocuments(readFileSync(new URL(`../../../examples/${file}`, import.meta.url), 'utf8')).map((document) => document.toJS()),
  );
  const ofKind = (kind: string) => documents.filter((document) => document?.kind === kind);
  return {
    runtimes: ofKind('ElasticRuntime'),
    jobs: ofKind('ElasticJob'),
    secrets: ofKind('Secret'),
    connections: ofKind('ElasticConnection'),
  };
}

export type Bench = {
  readonly world: World;
  readonly account: AwsAccount;
  readonly process: SimulatedProcess;
  readonly aws: AwsPort;
  readonly audits: AuditRecord[];
  /** Runs the world until a promise has its value. */
  run<T>(promise: Promise<T>): Promise<T>;
  /** Lets virtual time pass. */
  pass(ms: number): Promise<void>;
};

export type BenchOptions = {
  readonly seed?: number;
  readonly faults?: FaultProfile;
  readonly spec?: AccountSpec;
  readonly simulatedAccount?: unknown;
  readonly events?: InstanceEvents;
};

export function bench(options: BenchOptions = {}): Bench {
  const world = createWorld({ seed: options.seed ?? 1, faults: options.faults ?? profiles.none, keepTrace: true });
  const spec = options.spec ?? specOf(options.simulatedAccount);
  const simulated = createAwsAccount(spec, { world, verifyToken, ...(options.events === undefined ? {} : { events: options.events }) });
  const process = world.startProcess('operator');
  const audits: AuditRecord[] = [];
  const aws = simulated.awsFor(process, { record: (record) => void audits.push(record) });
  return {
    world,
    account: simulated,
    process,
    aws,
    audits,
    async run(promise) {
      let settled = false;
      const marked = promise.finally(() => {
        settled = true;
      });
      await world.runUntil(() => settled, 24 * 3_600_000);
      if (!settled) throw new Error('the call was never answered');
      return await marked;
    },
    async pass(ms) {
      world.schedule(ms, 'time passes', () => undefined);
      await world.runUntil(() => false, ms);
    },
  };
}

function specOf(simulatedAccount: unknown): AccountSpec {
  const spec = accountFor(readManifests('finance.yaml'), { clusterName, issuer }, simulatedAccount);
  if (!spec.ok) throw new Error(spec.reason);
  return spec.value;
}

export async function value<T>(promise: Promise<AwsResult<T>>): Promise<T> {
  const answer = await promise;
  if (!answer.ok) throw new Error(`${answer.error.code}: ${answer.error.message}`);
  return answer.value;
}

export const externalId = '6f0c1c9a-ext';
const role = (name: string): string => `arn:aws:iam::${account}:role/${name}`;

/** agent -> operator -> worker or master, as the operator does it. */
export async function chain(
  to: 'agent' | 'operator' | 'master' | 'worker',
  { aws, run }: Pick<Bench, 'aws' | 'run'>,
  policy?: string,
): Promise<Caller> {
  const common = { durationSeconds: 3600, sessionName: `11111111.-.${to}` };
  const cut = (name: string) => (name === to && policy !== undefined ? { policy } : {});
  const agent = await run(
    value(
      aws.sts.assumeRoleWithWebIdentity(subject, {
        ...common,
        ...cut('agent'),
        identity: 'agent',
        sessionName: '11111111.-.agent',
        roleArn: role('acme-agent'),
        token: token('system:serviceaccount:elastic-agents:finance.analytics'),
      }),
    ),
  );
  if (to === 'agent') return { grant: agent, subject };
  const operator = await assume(agent, 'operator', { externalId, tags: tagsOf() });
  if (to === 'operator') return { grant: operator, subject };
  return { grant: await assume(operator, to, { tags: operatorTags }), subject };

  async function assume(
    from: Grant,
    identity: string,
    extra: { readonly externalId?: string; readonly tags: Readonly<Record<string, string>> },
  ): Promise<Grant> {
    const request = {
      ...common,
      ...extra,
      ...cut(identity),
      identity,
      sessionName: `11111111.-.${identity}`,
      roleArn: role(`acme-${identity}`),
    };
    return await run(value(aws.sts.assumeRole({ grant: from, subject }, request)));
  }
}
