import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { type Aws, createAws } from '../../src/aws/index.ts';
import { auditOf } from '../../src/core/policy/audit.ts';
import type { AuditRecord, AwsResult, Caller, Grant } from '../../src/ports/aws/index.ts';
import { type Gate, startGate } from '../gate/gate.ts';
import { type Moto, startMoto } from '../gate/moto.ts';
import { createTestClock, type TestClock } from './clock.ts';
import { createTokenIssuer, type TokenIssuer } from './tokens.ts';

/** The adapter, the gate and the emulator of one test file. Fields are set before its first test. */
export type Stand = {
  aws: Aws;
  gate: Gate;
  /** Both sides of the wire see it. */
  readonly clock: TestClock;
  readonly issuer: TokenIssuer;
  readonly audit: AuditRecord[];
  /** A web identity token of the agent's, of the test's now. */
  token(claims?: { readonly subject?: string; readonly audience?: string; readonly seconds?: number; readonly issuer?: string }): string;
};

export const subject = { runtime: 'finance/analytics', job: 'finance/nightly' };
export const agentSubject = 'system:serviceaccount:elastic-agents:finance.analytics';

export function useStand(setUp: (stand: Stand) => Promise<void>): Stand {
  let moto: Moto | undefined;
  const clock = createTestClock();
  const issuer = createTokenIssuer();
  const stand = {
    clock,
    issuer,
    audit: [] as AuditRecord[],
    token: (claims = {}) => issuer.token({ subject: agentSubject, now: Math.floor(clock.now() / 1000), ...claims }),
  } as Omit<Stand, 'aws' | 'gate'> as Stand;
  before(async () => {
    moto = await startMoto();
    stand.gate = await startGate({ moto, issuer: issuer.issuer, jwks: issuer.jwks, now: () => clock.now() });
    stand.aws = createAws({
      region: 'us-east-1',
      endpoint: stand.gate.endpoint,
      clock,
      auditOf,
      audit: { record: (record) => void stand.audit.push(record) },
    });
    await setUp(stand);
  });
  after(async () => {
    stand.aws?.close();
    await stand.gate?.close();
    await moto?.stop();
  });
  return stand;
}

export function must<T>(result: AwsResult<T>): T {
  assert.ok(result.ok, result.ok ? '' : `${result.error.kind} ${result.error.code}: ${result.error.message}`);
  return result.value;
}

/** The error of a call that must fail. */
export function failure<T>(result: AwsResult<T>): {
  readonly kind: string;
  readonly code: string;
  readonly message: string;
  readonly requestId?: string;
} {
  assert.ok(!result.ok, 'the call went through');
  return result.error;
}

export function as(grant: Grant): Caller {
  return { grant, subject };
}
