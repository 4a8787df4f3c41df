import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand, ListStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import {
  DeleteRolePolicyCommand,
  GetRoleCommand,
  IAMClient,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { CreatePolicyVersionCommand, IoTClient } from '@aws-sdk/client-iot';
import {
  CreateKeyCommand,
  DisableKeyRotationCommand,
  EnableKeyRotationCommand,
  GetKeyRotationStatusCommand,
  KMSClient,
  PutKeyPolicyCommand,
} from '@aws-sdk/client-kms';
import { CreateBucketCommand, DeleteBucketPolicyCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { parse } from 'yaml';
import { createAccountReader } from '../../src/aws/account-reader.ts';
import { runIamDiff } from '../../src/cli/iam-diff.ts';
import { iam, provider, variants, withCertificate } from '../cli/support/iam-variants.ts';
import { type Moto, startMoto } from '../gate/moto.ts';

const externalId = 'external-id-that-must-not-be-shown';
const placeholder = 'arn:aws:kms:us-east-1:111122223333:key/0d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e01';
const stack = 'elastic-iam';

let moto: Moto;
let template: Template;
let clients: {
  readonly iam: IAMClient;
  readonly s3: S3Client;
  readonly kms: KMSClient;
  readonly iot: IoTClient;
  readonly cloudFormation: CloudFormationClient;
};
let files: Readonly<Record<string, string>> = { 'finance.yaml': withCertificate(variants['finance']?.files['finance.yaml'] ?? '') };

before(async () => {
  moto = await startMoto();
  process.env['AWS_ACCESS_KEY_ID'] = 'AKIAEXAMPLEPERSON000';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'example-secret-of-a-person';
  const common = { region: 'us-east-1', endpoint: moto.endpoint };
  clients = {
    iam: new IAMClient(common),
    s3: new S3Client({ ...common, forcePathStyle: true }),
    kms: new KMSClient(common),
    iot: new IoTClient(common),
    cloudFormation: new CloudFormationClient(common),
  };
  for (const Bucket of ['acme-staging', 'acme-logs']) await clients.s3.send(new CreateBucketCommand({ Bucket }));
});

after(async () => {
  for (const client of Object.values(clients)) client.destroy();
  await moto.stop();
});

type Template = {
  readonly Resources: Readonly<
    Record<
      string,
      {
        readonly Type: string;
        readonly Properties: {
          readonly RoleName?: string;
          readonly Policies?: readonly { readonly PolicyName: string; readonly PolicyDocument: object }[];
          readonly PolicyName?: string;
          readonly PolicyDocument?: object;
        };
      }
    >
  >;
};

type Shown = {
  readonly object: string;
  readonly part?: string;
  readonly kind: string;
  readonly statement?: string;
  readonly detail: string;
};

async function diff(output: 'json' | 'table' = 'json'): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runIamDiff(
    {
      files: Object.keys(files),
      clusterName: 'production-1',
      oidcProviderArn: provider,
      environment: 'production',
      namePrefix: 'elastic',
      users: [],
      output,
    },
    {
      readFile: (path) => Promise.resolve(files[path] ?? ''),
      readDir: () => Promise.resolve(undefined),
      stdin: () => Promise.resolve(''),
      stdout: (text) => out.push(text),
      stderr: (text) => err.push(text),
      readAccount: ({ region }) => createAccountReader({ region, endpoint: moto.endpoint }),
    },
  );
  return { code, out: out.join('\n'), err: err.join('\n') };
}

async function differences(): Promise<readonly Shown[]> {
  const { code, out, err } = await diff();
  assert.ok(code < 2, err);
  const found = JSON.parse(out) as readonly Shown[];
  assert.equal(code, found.length === 0 ? 0 : 1);
  assert.ok(!out.includes(externalId));
  return found;
}

void test('an empty account lacks every object', async () => {
  const found = await differences();
  assert.ok(found.every(({ kind }) => kind === 'missing'));
  for (const object of ['role acme-agent', 'instance profile finance.analytics.node', 'role alias acme-agent', 'bucket acme-staging'])
    assert.ok(
      found.some((difference) => difference.object === object),
      object,
    );
});

async function deployed(): Promise<Template> {
  const { code, out, err } = await iam(files);
  assert.equal(code, 0, err.join('\n'));
  const Parameters = [{ ParameterKey: 'ExternalIdFinanceAcmeExternalId', ParameterValue: externalId }];
  await clients.cloudFormation.send(
    new CreateStackCommand({ StackName: stack, TemplateBody: out, Parameters, Capabilities: ['CAPABILITY_NAMED_IAM'] }),
  );
  return parse(out) as Template;
}

function keyIn(manifests: Readonly<Record<string, string>>): string {
  return /arn:aws:kms:[^"]+/.exec(manifests['finance.yaml'] ?? '')?.[0] ?? '';
}

void test('CloudFormation takes the template as it is and makes the key; what trusts whom is as generated', async () => {
  // The key that the manifests name is there already; the stack makes another one, as it is told to.
  const { KeyMetadata } = await clients.kms.send(new CreateKeyCommand({}));
  const { Arn: existing = '', KeyId = '' } = KeyMetadata ?? {};
  await clients.kms.send(new EnableKeyRotationCommand({ KeyId }));
  files = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, text.replaceAll(placeholder, existing)]));
  template = await deployed();
  const { Stacks } = await clients.cloudFormation.send(new DescribeStacksCommand({ StackName: stack }));
  assert.equal(Stacks?.[0]?.StackStatus, 'CREATE_COMPLETE');
  const keyArn = Stacks[0].Outputs?.find(({ OutputKey }) => OutputKey === 'KeyAcmeArn')?.OutputValue;
  assert.match(keyArn ?? '', /^arn:aws:kms:us-east-1:111122223333:key\//);
  const { KeyRotationEnabled } = await clients.kms.send(new GetKeyRotationStatusCommand({ KeyId: keyArn }));
  assert.equal(KeyRotationEnabled, true);
  const { StackResourceSummaries = [] } = await clients.cloudFormation.send(new ListStackResourcesCommand({ StackName: stack }));
  assert.equal(StackResourceSummaries.length, Object.keys(template.Resources).length);
  const found = await differences();
  assert.deepEqual(
    found.filter(({ part, kind, object }) => part === 'trust' || (kind === 'missing' && /^(role|instance|policy)/.test(object))),
    [],
  );
});

void test('with the key in the manifests the account is as generated', async () => {
  await writtenOut(template);
  const keyArn = keyIn(files);
  assert.deepEqual(
    [...new Set((await differences()).map(({ object }) => object))],
    [`key ${keyArn}`, 'bucket acme-logs', 'bucket acme-staging'],
  );
  const documents = JSON.parse((await iam(files, { format: 'json', output: 'json' })).out) as Readonly<Record<string, object>>;
  const keyPolicy = JSON.stringify(documents['elastic-production-acme.key-policy']);
  await clients.kms.send(new PutKeyPolicyCommand({ KeyId: keyArn, PolicyName: 'default', Policy: keyPolicy }));
  // The emulator's CloudFormation knows no bucket policies.
  for (const Bucket of ['acme-staging', 'acme-logs'])
    await clients.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(documents[`${Bucket}.bucket-policy`]) }));
  assert.deepEqual(await differences(), []);
  assert.equal((await diff('table')).out, 'The account is as generated.');
});

/** The emulator's CloudFormation keeps inline and IoT policies as no JSON: they are written again, from the template. */
async function writtenOut({ Resources }: Template): Promise<void> {
  for (const { Type, Properties } of Object.values(Resources)) {
    if (Type === 'AWS::IoT::Policy') {
      const { PolicyName: policyName, PolicyDocument } = Properties;
      await clients.iot.send(
        new CreatePolicyVersionCommand({ policyName, policyDocument: JSON.stringify(PolicyDocument), setAsDefault: true }),
      );
    }
    for (const { PolicyName, PolicyDocument } of Type === 'AWS::IAM::Role' ? (Properties.Policies ?? []) : [])
      await clients.iam.send(
        new PutRolePolicyCommand({ RoleName: Properties.RoleName, PolicyName, PolicyDocument: JSON.stringify(PolicyDocument) }),
      );
  }
}

void test('each change by hand is found, and nothing else', async () => {
  const extra = { Version: '2012-10-17', Statement: [{ Sid: 'Everything', Effect: 'Allow', Action: 's3:*', Resource: '*' }] };
  await clients.iam.send(
    new PutRolePolicyCommand({ RoleName: 'acme-worker', PolicyName: 'by-hand', PolicyDocument: JSON.stringify(extra) }),
  );
  assert.deepEqual(await differences(), [
    { object: 'role acme-worker', part: 'permissions', kind: 'extra', statement: 'Everything', detail: 'Allow s3:* on *' },
  ]);
  await clients.iam.send(new DeleteRolePolicyCommand({ RoleName: 'acme-worker', PolicyName: 'by-hand' }));

  const { Role } = await clients.iam.send(new GetRoleCommand({ RoleName: 'acme-operator' }));
  const trust = decodeURIComponent(Role?.AssumeRolePolicyDocument ?? '');
  assert.ok(trust.includes(externalId));
  const widened = trust.replace('"aws:RequestTag/elasticruntime.dev/namespace":', '"aws:RequestTag/elasticruntime.dev/anything":');
  assert.notEqual(widened, trust);
  await clients.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'acme-operator', PolicyDocument: widened }));
  const [changed, ...others] = await differences();
  assert.deepEqual(others, []);
  assert.deepEqual(
    [changed?.object, changed?.part, changed?.kind, changed?.statement],
    ['role acme-operator', 'trust', 'changed', 'AgentWithExternalIdAndOurTags'],
  );
  assert.match(changed?.detail ?? '', /sts:externalid \(external ID\)/);
  await clients.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'acme-operator', PolicyDocument: trust }));

  await clients.s3.send(new DeleteBucketPolicyCommand({ Bucket: 'acme-logs' }));
  const keyArn = keyIn(files);
  await clients.kms.send(new DisableKeyRotationCommand({ KeyId: keyArn }));
  const found = await differences();
  assert.deepEqual(
    found.map(({ object, part, kind, statement }) => [object, part, kind, statement]),
    [
      [`key ${keyArn}`, 'rotation', 'changed', undefined],
      ...['TlsOnly', 'OnlyTheKeyOfAcme1', 'RolesOfAcmeOnlyBelowTheirPrefix', 'RolesOfAcmeListOnlyTheirPrefix'].map((sid) => [
        'bucket acme-logs',
        'policy',
        'missing',
        sid,
      ]),
    ],
  );
});

void test("another account's credentials are no answer", async () => {
  const kept = files;
  files = { 'finance.yaml': (kept['finance.yaml'] ?? '').replaceAll('111122223333', '444455556666') };
  try {
    const { code, out, err } = await diff();
    assert.deepEqual([code, out], [2, '']);
    assert.match(err, /your credentials are of account 111122223333, the manifests of 444455556666/);
  } finally {
    files = kept;
  }
});
