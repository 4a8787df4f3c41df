/**
 * A process that holds grants and calls with them, then looks for their secrets in a snapshot of its own heap. Run by grants.test.ts; prints two counts:
 * found while held, and found once a copy is kept on purpose.
 */
import { getHeapSnapshot } from 'node:v8';
import { createAws } from '../../src/aws/index.ts';
import { auditOf } from '../../src/core/policy/audit.ts';
import type { Grant } from '../../src/ports/aws/index.ts';
import { createAuthority } from './authority.ts';
import { createTestClock } from './clock.ts';

const [endpoint = '', count = '0'] = process.argv.slice(2);
/** The marker is text only while keys are being made; what is searched for are bytes, which no heap snapshot shows. */
const encoded = 'Yk9sQW4tbWFya2VyLTlq';

function marker(): string {
  return Buffer.from(encoded, 'base64').toString();
}

async function occurrences(): Promise<number> {
  const needle = Buffer.from(encoded, 'base64');
  let found = 0;
  let tail = Buffer.alloc(0);
  for await (const chunk of getHeapSnapshot() as AsyncIterable<Buffer>) {
    const text = Buffer.concat([tail, chunk]);
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) found += 1;
    tail = Buffer.from(text.subarray(Math.max(0, text.length - needle.length + 1)));
  }
  return found;
}

const aws = createAws({
  region: 'us-east-1',
  endpoint,
  // Nobody is there: the key gets as far as the TLS connection.
  iotCredentials: { host: '127.0.0.1', port: 1 },
  clock: createTestClock(),
  auditOf,
  audit: { record: () => {} },
});
const authority = await createAuthority('probe');
const grants = Array.from({ length: Number(count) }, (_, index) =>
  aws.sts.staticGrant('connectionCredentials:x', {
    accessKeyId: `AKIACANARY${index}`,
    secretAccessKey: `${marker()}/secret/${index}`,
    sessionToken: `${marker()}/token/${index}`,
  }),
);
const called = await Promise.all(grants.map((grant) => aws.sts.getCallerIdentity({ grant, subject: { runtime: 'finance/analytics' } })));
/** External IDs and certificate keys, which are opened for one call. */
async function openOnce(grant: Grant): Promise<readonly string[]> {
  const subject = { runtime: 'finance/analytics' };
  const roleArn = 'arn:aws:iam::111122223333:role/acme-operator';
  const common = { roleArn, sessionName: 'r.j.operator', durationSeconds: 3600 };
  const assumed = await aws.sts.assumeRole({ grant, subject }, { ...common, identity: 'operator', externalId: `${marker()}/external-id` });
  const { certificate, privateKey } = await authority.issue('hub-1', { marker: `${marker()}/key` });
  const where = { endpoint: 'c1.credentials.iot.us-east-1.amazonaws.com', roleAlias: 'hub', thingName: 'hub-1' };
  const taken = await aws.iotCredentials.assumeRoleWithCertificate(subject, {
    identity: 'agent',
    roleArn,
    ...where,
    certificate: { certificate, privateKey },
  });
  return [assumed, taken].map((answer) => (answer.ok ? 'ok' : answer.error.code));
}

const opened = grants[0] === undefined ? [] : await openOnce(grants[0]);
const held = await occurrences();
const copies = [marker()];
const kept = await occurrences();
process.stdout.write(
  JSON.stringify({
    calls: called.length,
    codes: [...new Set(called.map((answer) => (answer.ok ? 'ok' : answer.error.code)))],
    opened,
    held,
    kept,
    copies: copies.length,
  }),
);
aws.close();
