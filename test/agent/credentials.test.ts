import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadSharedConfigFiles } from '@smithy/core/config';
import { type CredentialFiles, diskFiles } from '../../src/agent/credentials/files.ts';
import { parseWiring } from '../../src/agent/credentials/plan.ts';
import { createRemoteSecrets, type RemoteOptions } from '../../src/agent/credentials/remote.ts';
import { writeCredentials } from '../../src/agent/credentials/write.ts';
import { type Profile, paths, type WiringPlan } from '../../src/core/jobs/wiring.ts';
import type { AwsError, Grant } from '../../src/ports/aws/index.ts';
import { err, ok } from '../../src/ports/result.ts';
import { fakeClock, fakeRandom } from '../machinery/support/fakes.ts';

const arn = (role: string): string => `arn:aws:iam::111122223333:role/${role}`;
const canary = 'CANARY/with+every=Character';
const worker: Profile = { name: 'default', kind: 'webIdentity', roleArn: arn('worker'), sessionName: 'aaaaaaaa.bbbbbbbb.worker' };
const ordersKeys = { kind: 'directory', path: `${paths.secrets}/elastic-keys-orders` } as const;
const plan: WiringPlan = {
  region: 'us-east-1',
  profiles: [
    worker,
    { name: 'staging', kind: 'keys', origin: ordersKeys },
    { ...worker, name: 'log' },
    { name: 'connection-orders', kind: 'keys', origin: ordersKeys },
    {
      name: 'connection-lake',
      kind: 'role',
      roleArn: arn('lake-reader'),
      sessionName: 'aaaaaaaa.bbbbbbbb.connectionRole=lake',
      externalId: { file: `${paths.secrets}/elastic-external-id-lake/externalId` },
    },
    { name: 'connection-vault', kind: 'keys', origin: { kind: 'parameterStore', name: '/acme/finance/vault' } },
  ],
  bindings: [{ connection: 'crm', origin: { kind: 'secretsManager', arn: 'arn:aws:secretsmanager:us-east-1:1:secret:acme/finance/crm' } }],
};

const secrets: Readonly<Record<string, string>> = {
  [`${ordersKeys.path}/aws_access_key_id`]: 'AKIAORDERS\n',
  [`${ordersKeys.path}/aws_secret_access_key`]: `${canary}1\n`,
  [`${paths.secrets}/elastic-external-id-lake/externalId`]: 'lake-external-id\n',
  [paths.token]: 'the-pods-token',
};
const values: Readonly<Record<string, string>> = {
  '/acme/finance/vault': JSON.stringify({
    aws_access_key_id: 'ASIAVAULT',
    aws_secret_access_key: `${canary}2`,
    aws_session_token: `${canary}3`,
  }),
  'arn:aws:secretsmanager:us-east-1:1:secret:acme/finance/crm': JSON.stringify({
    username: 'etl',
    password: `${canary}4`,
    port: 5432,
    tls: true,
  }),
};

type World = {
  readonly files: Map<string, string>;
  readonly stored: Record<string, string>;
  readonly calls: string[];
  readonly faults: AwsError[];
  run(changed?: WiringPlan): ReturnType<typeof writeCredentials>;
};

function setup(changes: { secrets?: Record<string, string>; values?: Record<string, string> } = {}): World {
  const files = new Map(Object.entries({ ...secrets, ...changes.secrets }));
  const stored = { ...values, ...changes.values };
  const calls: string[] = [];
  const faults: AwsError[] = [];
  const clock = fakeClock();
  const disk: CredentialFiles = {
    read: async (path) => (files.has(path) ? ok(files.get(path) ?? '') : err('ENOENT')),
    async write(path, text) {
      files.set(path, text);
      return ok(undefined);
    },
    list: async (directory) =>
      ok([...files.keys()].filter((path) => path.startsWith(`${directory}/`)).map((path) => path.slice(directory.length + 1))),
    async remove(path) {
      files.delete(path);
      return ok(undefined);
    },
  };
  const grant: Grant = { id: 'g', identity: 'worker', chain: [arn('worker')], sessionName: 's', expiresAt: 1 };
  const value = (call: string, name: string) => {
    calls.push(`${call} ${name}`);
    const fault = faults.shift();
    if (fault !== undefined) return err(fault);
    const text = stored[name];
    return text === undefined
      ? err({ kind: 'NotFound', code: 'ParameterNotFound', message: 'no such\nparameter' } as const)
      : ok({ value: text });
  };
  const aws = {
    sts: {
      async assumeRoleWithWebIdentity(_subject: unknown, request: { readonly roleArn: string; readonly token: string }) {
        calls.push(`assume ${request.roleArn} with ${request.token}`);
        return ok(grant);
      },
    },
    ssm: { getParameter: async (_caller: unknown, request: { readonly name: string }) => value('parameter', request.name) },
    secretsManager: {
      getSecretValue: async (_caller: unknown, request: { readonly secretId: string }) => value('secret', request.secretId),
    },
  } as unknown as RemoteOptions['aws'];

  return {
    files,
    stored,
    calls,
    faults,
    async run(changed = plan) {
      const remote = createRemoteSecrets({
        aws,
        plan: changed,
        subject: { runtime: '-' },
        clock,
        random: fakeRandom(),
        token: async () => ok(files.get(paths.token) ?? ''),
      });
      const outcome = writeCredentials(changed, { files: disk, remote });
      await clock.advance(120_000);
      return await outcome;
    },
  };
}

/** The files as the AWS SDK reads them. */
async function parsedBySdk(files: ReadonlyMap<string, string>) {
  const directory = await mkdtemp(join(tmpdir(), 'profiles-'));
  const [configFilepath, filepath] = [join(directory, 'config'), join(directory, 'credentials')];
  await writeFile(configFilepath, files.get(paths.config) ?? '');
  await writeFile(filepath, files.get(paths.credentials) ?? '');
  const read = await loadSharedConfigFiles({ configFilepath, filepath, ignoreCache: true });
  await rm(directory, { recursive: true });
  return read;
}

void test('the profiles as an SDK reads them', async () => {
  const world = setup();
  const outcome = await world.run();
  assert.ok(outcome.ok, outcome.ok ? '' : outcome.error);
  const { configFile, credentialsFile } = await parsedBySdk(world.files);
  const webIdentity = {
    role_arn: arn('worker'),
    role_session_name: 'aaaaaaaa.bbbbbbbb.worker',
    web_identity_token_file: '/var/run/secrets/elastic/token',
    region: 'us-east-1',
  };
  assert.deepEqual(
    { ...configFile },
    {
      default: webIdentity,
      staging: { region: 'us-east-1' },
      log: webIdentity,
      'connection-orders': { region: 'us-east-1' },
      'connection-lake': {
        role_arn: arn('lake-reader'),
        role_session_name: 'aaaaaaaa.bbbbbbbb.connectionRole=lake',
        source_profile: 'default',
        external_id: 'lake-external-id',
        region: 'us-east-1',
      },
      'connection-vault': { region: 'us-east-1' },
    },
  );
  const orders = { aws_access_key_id: 'AKIAORDERS', aws_secret_access_key: `${canary}1` };
  assert.deepEqual(credentialsFile, {
    staging: orders,
    'connection-orders': orders,
    'connection-vault': { aws_access_key_id: 'ASIAVAULT', aws_secret_access_key: `${canary}2`, aws_session_token: `${canary}3` },
  });
});

void test('properties of AWS are one file a key; no secret is in the config file or in the answer', async () => {
  const world = setup();
  const outcome = await world.run();
  const bound = (key: string): string | undefined => world.files.get(`${paths.bindings}/crm/${key}`);
  assert.deepEqual(['username', 'password', 'port', 'tls'].map(bound), ['etl', `${canary}4`, '5432', 'true']);
  assert.ok(!(world.files.get(paths.config) ?? '').includes('CANARY'));
  assert.ok(!JSON.stringify(outcome).includes('CANARY'));
});

void test("values are read as the worker, with the pod's own token, in one session", async () => {
  const world = setup();
  await world.run();
  assert.deepEqual(world.calls, [
    `assume ${arn('worker')} with the-pods-token`,
    'parameter /acme/finance/vault',
    'secret arn:aws:secretsmanager:us-east-1:1:secret:acme/finance/crm',
  ]);
});

void test('a plan without values of AWS makes no call', async () => {
  const world = setup();
  const local = { ...plan, profiles: plan.profiles.filter(({ name }) => name !== 'connection-vault'), bindings: [] };
  assert.ok((await world.run(local)).ok);
  assert.deepEqual(world.calls, []);
});

void test('run again it writes the same, and clears what the secret no longer has', async () => {
  const world = setup();
  await world.run();
  const first = new Map(world.files);
  await world.run();
  assert.deepEqual(world.files, first);
  world.stored['arn:aws:secretsmanager:us-east-1:1:secret:acme/finance/crm'] = '{"username":"etl2"}';
  await world.run();
  const bound = [...world.files.keys()].filter((path) => path.startsWith(paths.bindings));
  assert.deepEqual(bound, [`${paths.bindings}/crm/username`]);
});

void test('throttling and lost answers are tried again; a refusal is not', async () => {
  const world = setup();
  const busy: AwsError = { kind: 'Throttled', code: 'ThrottlingException', message: 'slow down' };
  world.faults.push(busy, busy, busy);
  assert.ok((await world.run()).ok);
  const refused = setup();
  refused.faults.push({ kind: 'AccessDenied', code: 'AccessDeniedException', message: 'no\nidentity-based policy', requestId: 'r-1' });
  const outcome = await refused.run();
  assert.deepEqual(outcome, {
    ok: false,
    error:
      'connection vault: ssm:GetParameter on /acme/finance/vault as the worker: AccessDeniedException: no identity-based policy [request r-1]',
  });
  assert.equal(refused.calls.filter((call) => call.startsWith('parameter')).length, 1);
});

type Wrong = { readonly name: string; readonly world: Parameters<typeof setup>[0]; readonly plan?: WiringPlan; readonly says: RegExp };

const key = (name: string): string => `${ordersKeys.path}/${name}`;
const crm = plan.bindings[0]?.origin.kind === 'secretsManager' ? plan.bindings[0].origin.arn : '';
const wrong: readonly Wrong[] = [
  {
    name: 'a second line in a key',
    world: { secrets: { [key('aws_secret_access_key')]: `${canary}\n[default]\nrole_arn = ${arn('other')}` } },
    says: /^connection orders: aws_secret_access_key holds a line break/,
  },
  {
    name: 'a carriage return in a key',
    world: { secrets: { [key('aws_access_key_id')]: `AKIA\r[staging]${canary}` } },
    says: /^connection orders: aws_access_key_id holds a line break/,
  },
  {
    name: 'what an SDK would take for a comment',
    world: { secrets: { [key('aws_secret_access_key')]: `${canary} #x` } },
    says: /^connection orders: aws_secret_access_key holds/,
  },
  {
    name: 'a second line in a token from AWS',
    world: {
      values: {
        '/acme/finance/vault': JSON.stringify({
          aws_access_key_id: 'A',
          aws_secret_access_key: canary,
          aws_session_token: `x\n[profile log]\nsource_profile=${canary}`,
        }),
      },
    },
    says: /^connection vault: aws_session_token holds a line break/,
  },
  {
    name: 'an external ID that AWS does not take',
    world: { secrets: { [`${paths.secrets}/elastic-external-id-lake/externalId`]: `${canary}\nrole_arn = x` } },
    says: /^connection lake: its external ID holds/,
  },
  {
    name: 'no secret key',
    world: { secrets: { [key('aws_secret_access_key')]: '\n' } },
    says: /^connection orders: its credentials have no aws_secret_access_key$/,
  },
  {
    name: 'keys that are no object',
    world: { values: { '/acme/finance/vault': `"${canary}"` } },
    says: /^connection vault: the value is no JSON object: write/,
  },
  { name: 'properties that are no object', world: { values: { [crm]: canary } }, says: /^connection crm: the value is no JSON object/ },
  {
    name: 'a property that leaves the directory',
    world: { values: { [crm]: JSON.stringify({ '../../aws/config': canary }) } },
    says: /^connection crm: a key of the value is no file name/,
  },
  {
    name: 'a property that is an object',
    world: { values: { [crm]: JSON.stringify({ login: { password: canary } }) } },
    says: /^connection crm: key login of the value is neither/,
  },
  {
    name: 'a secret that is not there',
    world: {},
    plan: { ...plan, bindings: [{ connection: 'erp', origin: { kind: 'parameterStore', name: '/acme/finance/erp' } }] },
    says: /^connection erp: ssm:GetParameter on \/acme\/finance\/erp as the worker: ParameterNotFound: no such parameter$/,
  },
];

for (const { name, world: changes, plan: changed, says } of wrong) {
  void test(`${name}: one line that names the connection, and nothing is written`, async () => {
    const world = setup(changes);
    const outcome = await world.run(changed);
    assert.ok(!outcome.ok);
    assert.match(outcome.error, says);
    assert.ok(!outcome.error.includes('CANARY') && !outcome.error.includes('\n'));
    assert.equal(world.files.has(paths.config), false);
    assert.equal(world.files.has(paths.credentials), false);
  });
}

void test('profile values of any form give back exactly themselves, or are refused', async () => {
  for (const text of ['a;b', 'a#b', '=x', '[x]', '"x"', "'x'", 'x\\', 'a=b=c', ';x', '#x']) {
    const world = setup({ secrets: { [key('aws_secret_access_key')]: text } });
    const outcome = await world.run();
    if (!outcome.ok) continue;
    const { credentialsFile } = await parsedBySdk(world.files);
    assert.equal(credentialsFile['connection-orders']?.['aws_secret_access_key'], text);
  }
});

void test('a plan that is none is refused without being shown', () => {
  for (const text of [undefined, '', '{', '[]', '{"region":"x"}', JSON.stringify({ ...plan, profiles: [{ name: 'x', kind: 'keys' }] })]) {
    const parsed = parseWiring(text);
    assert.ok(!parsed.ok);
    assert.match(parsed.error, /^ELASTIC_WIRING: is/);
  }
  assert.deepEqual(parseWiring(JSON.stringify(plan)), { ok: true, value: plan });
});

void test('on a real disk: whole files that every user of the pod may read and none may write', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'credentials-'));
  const disk = diskFiles();
  const path = join(directory, 'aws', 'credentials');
  assert.ok((await disk.write(path, 'one')).ok);
  assert.ok((await disk.write(path, 'two')).ok);
  assert.equal(await readFile(path, 'utf8'), 'two');
  assert.equal((await stat(path)).mode & 0o777, 0o444);
  assert.deepEqual(await readdir(join(directory, 'aws')), ['credentials']);
  assert.deepEqual(await disk.list(join(directory, 'none')), ok([]));
  await rm(directory, { recursive: true });
});

void test('the command ends with 1 and one line where it cannot do its work, with 2 where it is not known', () => {
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, ['src/agent/main.ts', ...args], {
      encoding: 'utf8',
      env: { ...process.env, ELASTIC_WIRING: '{"region":1}' },
    });
  const credentials = run('credentials');
  assert.equal(credentials.status, 1);
  assert.equal(credentials.stderr, 'credentials: ELASTIC_WIRING: is no plan of this version of the operator\n');
  assert.equal(run('other').status, 2);
});
