import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { AttachPolicyCommand, CreatePolicyCommand, CreateThingCommand, IoTClient, ListThingPrincipalsCommand } from '@aws-sdk/client-iot';
import { type Aws, createAws } from '../../src/aws/index.ts';
import { auditOf } from '../../src/core/policy/audit.ts';
import { activateCertificate, endCertificate } from '../../src/ports/aws/certificate-steps.ts';
import type { AuditRecord, Caller } from '../../src/ports/aws/index.ts';
import { type Moto, startMoto } from '../gate/moto.ts';
import { Pkcs10CertificateRequest } from './authority.ts';
import { createTestClock } from './clock.ts';
import { as, failure, must } from './stand.ts';

/* AWS IoT's certificates over the SDK, against the emulator. */

const policyName = 'elastic-runtime-acme-hub';
const thingName = 'hub-1';
const audit: AuditRecord[] = [];
let moto: Moto;
let owner: IoTClient;
let aws: Aws;
let caller: Caller;

before(async () => {
  moto = await startMoto();
  owner = new IoTClient({ region: 'us-east-1', endpoint: moto.endpoint, credentials: { accessKeyId: 'owner', secretAccessKey: 'owner' } });
  await owner.send(new CreateThingCommand({ thingName }));
  await owner.send(new CreatePolicyCommand({ policyName, policyDocument: '{"Version":"2012-10-17","Statement":[]}' }));
  aws = createAws({
    region: 'us-east-1',
    endpoint: moto.endpoint,
    clock: createTestClock(),
    auditOf,
    audit: { record: (record) => void audit.push(record) },
  });
  caller = as(aws.sts.staticGrant('operator', { accessKeyId: 'AKIAOPERATOR', secretAccessKey: 'canary-operator' }));
});

after(async () => {
  aws?.close();
  owner?.destroy();
  await moto?.stop();
});

const principals = async () => (await owner.send(new ListThingPrincipalsCommand({ thingName }))).principals ?? [];

void test('a key and its request: P-256, PKCS #8, signed by itself, the thing as its name; a new one each time', async () => {
  const [one, other] = await Promise.all([aws.iot.createKey(thingName), aws.iot.createKey(thingName)]);
  const request = new Pkcs10CertificateRequest(one.request);
  assert.equal(request.subject, `CN=${thingName}`);
  assert.ok(await request.verify(crypto));
  const key = createPrivateKey(one.privateKey);
  assert.deepEqual([key.asymmetricKeyType, key.asymmetricKeyDetails?.namedCurve], ['ec', 'prime256v1']);
  const asked = Buffer.from(request.publicKey.rawData).toString('base64');
  assert.equal(createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64'), asked);
  assert.notEqual(one.privateKey, other.privateKey);
});

void test('from nothing to work to nothing: inactive, attached, active, ended; each end may be repeated', async () => {
  audit.length = 0;
  const { request } = await aws.iot.createKey(thingName);
  const made = must(await aws.iot.createCertificateFromCsr(caller, { request }));
  // The emulator signs with a key and names by an id of its own, and reads setAsActive=false as true.
  assert.ok(new X509Certificate(made.certificate).validTo);
  const { certificateId } = made;
  must(await aws.iot.updateCertificate(caller, { certificateId, status: 'INACTIVE' }));
  assert.deepEqual(must(await aws.iot.describeCertificate(caller, { certificateId })), { status: 'INACTIVE', arn: made.certificateArn });
  const of = { ...made, thingName };
  for (let count = 0; count < 2; count += 1) assert.ok((await activateCertificate(aws.iot, caller, { ...of, policyName })).ok);
  assert.equal(must(await aws.iot.describeCertificate(caller, { certificateId })).status, 'ACTIVE');
  assert.deepEqual(await principals(), [made.certificateArn]);
  // Somebody gave it another policy, too.
  await owner.send(new CreatePolicyCommand({ policyName: 'other', policyDocument: '{"Version":"2012-10-17","Statement":[]}' }));
  await owner.send(new AttachPolicyCommand({ policyName: 'other', target: made.certificateArn }));
  for (let count = 0; count < 2; count += 1) assert.ok((await endCertificate(aws.iot, caller, of)).ok);
  assert.deepEqual(await principals(), []);
  const gone = failure(await aws.iot.describeCertificate(caller, { certificateId }));
  assert.deepEqual([gone.kind, gone.code], ['NotFound', 'ResourceNotFoundException']);
  const first = audit.find(({ action }) => action === 'iot:CreateCertificateFromCsr');
  assert.deepEqual(
    [first?.action, first?.resource, first?.identity, first?.outcome],
    ['iot:CreateCertificateFromCsr', '*', 'operator', 'ok'],
  );
  assert.ok(!JSON.stringify(audit).includes('canary'));
});

void test('an end that stops half way goes on where it stopped', async () => {
  const { request } = await aws.iot.createKey(thingName);
  const made = must(await aws.iot.createCertificateFromCsr(caller, { request }));
  const { certificateId } = made;
  assert.ok((await activateCertificate(aws.iot, caller, { ...made, thingName, policyName })).ok);
  assert.equal(failure(await aws.iot.deleteCertificate(caller, { certificateId })).code, 'CertificateStateException');
  must(await aws.iot.updateCertificate(caller, { certificateId, status: 'INACTIVE' }));
  const attached = failure(await aws.iot.deleteCertificate(caller, { certificateId }));
  assert.deepEqual(attached.code, 'DeleteConflictException');
  assert.ok((await endCertificate(aws.iot, caller, { ...made, thingName })).ok);
  assert.deepEqual(await principals(), []);
});

void test('what is not there is said: policy, thing', async () => {
  const { request } = await aws.iot.createKey(thingName);
  const made = must(await aws.iot.createCertificateFromCsr(caller, { request }));
  must(await aws.iot.updateCertificate(caller, { certificateId: made.certificateId, status: 'INACTIVE' }));
  const wrong = async (more: { readonly thingName: string; readonly policyName: string }) => {
    const answer = await activateCertificate(aws.iot, caller, { ...made, ...more });
    return answer.ok ? 'ok' : `${answer.error.action} ${answer.error.error.kind}`;
  };
  assert.equal(await wrong({ thingName: 'none', policyName }), 'iot:AttachThingPrincipal NotFound');
  assert.equal(await wrong({ thingName, policyName: 'none' }), 'iot:AttachPolicy NotFound');
  assert.equal(must(await aws.iot.describeCertificate(caller, made)).status, 'INACTIVE');
});
