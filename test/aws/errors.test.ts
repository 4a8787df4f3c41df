import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { kindOf, toAwsError } from '../../src/aws/errors.ts';
import { createAws } from '../../src/aws/index.ts';
import { auditOf } from '../../src/core/policy/audit.ts';
import type { AuditRecord } from '../../src/ports/aws/index.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { as, failure } from './stand.ts';

/** Codes from the services' own error lists, with the status they come with. */
const table = [
  ['AccessDenied', 403, 'AccessDenied'],
  ['UnauthorizedOperation', 403, 'AccessDenied'],
  ['AccessDeniedException', 400, 'AccessDenied'],
  ['InvalidIdentityToken', 400, 'AccessDenied'],
  ['403', 403, 'AccessDenied'],
  ['ExpiredToken', 400, 'Expired'],
  ['ExpiredTokenException', 400, 'Expired'],
  ['RequestExpired', 400, 'Expired'],
  ['InvalidClientTokenId', 403, 'Expired'],
  ['AuthFailure', 401, 'Expired'],
  ['Throttling', 400, 'Throttled'],
  ['RequestLimitExceeded', 503, 'Throttled'],
  ['SlowDown', 503, 'Throttled'],
  ['ThrottlingException', 400, 'Throttled'],
  ['VolumeModificationRateExceeded', 400, 'Throttled'],
  ['InsufficientInstanceCapacity', 500, 'InsufficientCapacity'],
  ['VcpuLimitExceeded', 400, 'InsufficientCapacity'],
  ['InvalidInstanceID.NotFound', 400, 'NotFound'],
  ['InvalidLaunchTemplateId.NotFound', 400, 'NotFound'],
  ['NoSuchBucket', 404, 'NotFound'],
  ['ParameterNotFound', 400, 'NotFound'],
  ['PreconditionFailed', 412, 'AlreadyExists'],
  ['InvalidLaunchTemplateName.AlreadyExistsException', 400, 'AlreadyExists'],
  ['IdempotentParameterMismatch', 400, 'IdempotentMismatch'],
  ['InvalidParameterValue', 400, 'Invalid'],
  ['MissingParameter', 400, 'Invalid'],
  ['PackedPolicyTooLarge', 400, 'Invalid'],
  ['InternalError', 500, 'Unavailable'],
  ['ServiceUnavailable', 503, 'Unavailable'],
  ['SomethingNew', 502, 'Unavailable'],
  ['SomethingNew', 400, 'Other'],
  ['ECONNRESET', undefined, 'Network'],
  ['TimeoutError', undefined, 'Network'],
] as const;

for (const [code, status, kind] of table) {
  void test(`${code} with ${status ?? 'no answer'} is ${kind}`, () => assert.equal(kindOf(code, status), kind));
}

void test('a message keeps its first line and loses the call’s secrets', () => {
  const thrown = {
    name: 'SignatureDoesNotMatch',
    $fault: 'client',
    message: 'No match for tok-1.\nx-amz-security-token:abc',
    $metadata: { httpStatusCode: 403 },
  };
  assert.equal(toAwsError(thrown, ['tok-1', '']).message, 'No match for [removed].');
});

/** An adapter before a server of the test's own. */
async function withServer(t: TestContext, serve: RequestListener, after: Clock['after']) {
  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const records: AuditRecord[] = [];
  const clock = { now: Date.now, monotonic: () => performance.now(), after };
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const aws = createAws({ region: 'us-east-1', endpoint, clock, auditOf, audit: { record: (record) => void records.push(record) } });
  t.after(() => {
    aws.close();
    server.closeAllConnections();
    server.close();
  });
  return { aws, records, caller: as(aws.sts.staticGrant('x', { accessKeyId: 'AKIAX', secretAccessKey: 'x' })) };
}

void test('answers that are none of AWS’s are errors too, and quote nothing of what came', async (t) => {
  const answers: readonly (readonly [status: number, body: string, kind: string, outcome: string])[] = [
    [200, '{"Parameter":{"Value":"canary', 'Network', 'no-answer'],
    [200, '<html>canary</html>', 'Network', 'no-answer'],
    [502, '<html>canary</html>', 'Unavailable', '502'],
    [500, '', 'Unavailable', '500'],
    [403, '<html>canary</html>', 'AccessDenied', '403'],
  ];
  let next: readonly [number, string] = [200, ''];
  const { aws, records, caller } = await withServer(
    t,
    (request, response) => void request.resume().once('end', () => response.writeHead(next[0], { 'x-amzn-requestid': 'r-1' }).end(next[1])),
    () => () => {},
  );
  for (const [status, body, kind, outcome] of answers) {
    next = [status, body];
    const error = failure(await aws.ssm.getParameter(caller, { name: 'x' }));
    assert.deepEqual([error.kind, error.requestId, records.at(-1)?.outcome], [kind, 'r-1', outcome], `${status} ${body}`);
    assert.ok(!JSON.stringify(error).includes('canary'));
  }
});

void test('an answer that does not come in time is Network', async (t) => {
  let timeOut: (() => void) | undefined;
  const waits: number[] = [];
  const { aws, records, caller } = await withServer(
    t,
    () => timeOut?.(),
    (delayMs, callback) => {
      waits.push(delayMs);
      timeOut = callback;
      return () => {};
    },
  );
  const error = failure(await aws.ec2.terminateInstances(caller, { instanceIds: ['i-1'] }));
  assert.deepEqual(
    [error.kind, waits, records.map(({ outcome, resource }) => [outcome, resource])],
    ['Network', [30_000], [['no-answer', 'i-1']]],
  );
});
