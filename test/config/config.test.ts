import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type OperatorConfig, readConfig } from '../../src/config/config.ts';

const least = ['--cluster-name=prod', '--operator-image=registry.example.com/op:1', '--kubernetes-version=1.35', '--node-agents=false'];

function config(args: readonly string[], environment = {}): OperatorConfig {
  const outcome = readConfig(args, environment, () => Buffer.from('CA'));
  assert.equal(outcome.kind, 'config', outcome.kind === 'wrong' ? outcome.line : outcome.kind);
  return outcome.config;
}

test('the least that must be said, and the defaults', () => {
  assert.deepEqual(config(least), {
    clusterName: 'prod',
    operatorImage: 'registry.example.com/op:1',
    kubernetesVersion: '1.35',
    join: { endpoint: '', certificateAuthority: '', serviceCidr: '' },
    oidcIssuer: undefined,
    leaderElection: { enabled: true, namespace: 'elastic-system' },
    awsEndpoint: undefined,
    catalogFiles: [],
    broker: undefined,
    health: { host: undefined, port: 8080 },
    logLevel: 'info',
    auditFile: undefined,
    registrationTimeoutMs: 900_000,
    nodeNames: 'Ec2',
    logFlushTimeoutMs: 120_000,
    garbagePeriodMs: 300_000,
    kubeconfig: undefined,
  });
});

test('it is frozen, all the way down', () => {
  const made = config(least);
  assert.throws(() => Object.assign(made, { clusterName: 'other' }), TypeError);
  assert.throws(() => Object.assign(made.leaderElection, { enabled: false }), TypeError);
});

test('the environment counts, the command line wins, an empty variable is none', () => {
  const environment = {
    ELASTIC_CLUSTER_NAME: 'staging',
    ELASTIC_LOG_LEVEL: 'debug',
    ELASTIC_OIDC_ISSUER: '',
    ELASTIC_CATALOG: 'a.json,b.json',
  };
  const made = config(least, environment);
  assert.deepEqual(
    [made.clusterName, made.logLevel, made.oidcIssuer, made.catalogFiles],
    ['prod', 'debug', undefined, ['a.json', 'b.json']],
  );
  assert.deepEqual(config([...least, '--catalog=c.json', '--catalog', 'd.json'], environment).catalogFiles, ['c.json', 'd.json']);
});

test('versions as the API server prints them are cut to the minor one', () => {
  for (const text of ['1.35', 'v1.35.4', '1.35.4-eks-1234', '1.35+'])
    assert.equal(
      config([...least.filter((arg) => !arg.startsWith('--kubernetes')), `--kubernetes-version=${text}`]).kubernetesVersion,
      '1.35',
    );
});

test('how nodes join: all or nothing, the authority of the pod by default', () => {
  const join = ['--cluster-endpoint=https://abc.eks.amazonaws.com/', '--service-cidr=10.100.0.0/16'];
  assert.deepEqual(config([...least, ...join]).join, {
    endpoint: 'https://abc.eks.amazonaws.com',
    certificateAuthority: Buffer.from('CA').toString('base64'),
    serviceCidr: '10.100.0.0/16',
  });
  const pem = Buffer.from('-----BEGIN CERTIFICATE-----\n').toString('base64');
  assert.equal(config([...least, ...join, `--cluster-ca=${pem}`]).join.certificateAuthority, pem);
  assert.equal(config([...least, join[0] ?? '', '--service-cidr=fd00:10::/108']).join.serviceCidr, 'fd00:10::/108');
});

test('the broker: where it listens and how it proves itself', () => {
  const args = [...least.slice(0, 3), '--broker-cert-file=/tls/tls.crt', '--broker-key-file=/tls/tls.key'];
  assert.deepEqual(config(args).broker, {
    address: { host: undefined, port: 8443 },
    certFile: '/tls/tls.crt',
    keyFile: '/tls/tls.key',
    checkPeer: false,
  });
  assert.deepEqual(config([...args, '--broker-address=[::1]:0']).broker?.address, { host: '::1', port: 0 });
});

const wrong: readonly (readonly [args: readonly string[], line: string, environment?: Readonly<Record<string, string>>])[] = [
  [['--cluster-name='], '--cluster-name="": give the name of the EKS cluster: letters, digits, - and _, at most 100'],
  [['--cluster-name=a b'], '--cluster-name="a b": give the name of the EKS cluster: letters, digits, - and _, at most 100'],
  [['--cluster-name=a', '--cluster-name=b'], '--cluster-name: is given 2 times; give it once'],
  [['--operator-image=a b'], '--operator-image="a b": give the reference of the image, as in a pod'],
  [['--log-level=loud'], '--log-level="loud": give one of debug, info, warn, error'],
  [[], 'ELASTIC_LOG_LEVEL="loud": give one of debug, info, warn, error', { ELASTIC_LOG_LEVEL: 'loud' }],
  [['--leader-election=yes'], '--leader-election="yes": give true or false'],
  [['--leader-election-namespace=Elastic'], '--leader-election-namespace="Elastic": give the name of a namespace'],
  [['--node-names=Hybrid'], '--node-names="Hybrid": give one of Ec2, Any'],
  [['--registration-timeout=900'], '--registration-timeout="900": give a duration like 90s, 10m or 1h30m'],
  [['--registration-timeout=59s'], '--registration-timeout="59s": give at least 1m'],
  [['--garbage-period=1ms'], '--garbage-period="1ms": give at least 10s'],
  [['--health-address=8080'], '--health-address="8080": give host:port, or :port for every address of the machine'],
  [['--health-address=:70000'], '--health-address=":70000": give host:port, or :port for every address of the machine'],
  [['--aws-endpoint=localhost:4566'], '--aws-endpoint="localhost:4566": give an http or https URL'],
  [
    ['--cluster-endpoint=http://a'],
    '--cluster-endpoint="http://a": give an https URL without user and password, as `aws eks describe-cluster` prints it',
  ],
  [
    ['--cluster-endpoint=https://u:p@a'],
    '--cluster-endpoint="https://***@a": give an https URL without user and password, as `aws eks describe-cluster` prints it',
  ],
  [['--cluster-endpoint=https://a'], '--service-cidr: is missing; --cluster-endpoint="https://a" needs it, like 10.100.0.0/16'],
  [['--service-cidr=10.0.0.0/16'], '--service-cidr: is given without --cluster-endpoint; give both or neither'],
  [['--service-cidr=10.0.0/16'], '--service-cidr="10.0.0/16": give a network like 10.100.0.0/16'],
  [['--service-cidr=10.0.0.0/33'], '--service-cidr="10.0.0.0/33": give a network like 10.100.0.0/16'],
  [['--cluster-ca=abc'], '--cluster-ca="abc": give base64 of a PEM certificate, as `aws eks describe-cluster` prints it'],
  [['--kubernetes-version=2'], '--kubernetes-version="2": give the minor version, like 1.35'],
  [['--node-agents=maybe'], '--node-agents="maybe": give true or false'],
  [['--colour=red'], '--colour: there is no such flag; --help lists them'],
  [['--log-level'], '--log-level: has no value; write --log-level=value'],
  [['operator'], '"operator" belongs to no flag; write --flag=value'],
];

for (const [args, line, environment] of wrong) {
  test(`wrong: ${args.join(' ') || JSON.stringify(environment)}`, () => {
    const name = (arg: string) => arg.split('=')[0] ?? '';
    const others = least.filter((arg) => !args.map(name).includes(name(arg)));
    assert.deepEqual(readConfig([...others, ...args], environment ?? {}), { kind: 'wrong', line });
  });
}

const missing: readonly (readonly [left: string, line: string])[] = [
  ['--cluster-name', '--cluster-name: is missing; give the name of the Kubernetes cluster'],
  ['--operator-image', '--operator-image: is missing; give the image that this operator runs from'],
  ['--kubernetes-version', '--kubernetes-version: is missing; give the minor version of the cluster, like 1.35'],
  ['--node-agents', "--broker-cert-file: is missing; node agents need the broker's certificate and key, or set --node-agents=false"],
];

for (const [left, line] of missing) {
  test(`missing: ${left}`, () => {
    assert.deepEqual(
      readConfig(
        least.filter((arg) => !arg.startsWith(left)),
        {},
      ),
      { kind: 'wrong', line },
    );
  });
}

test('without a mounted authority, nodes need one that is given', () => {
  const outcome = readConfig([...least, '--cluster-endpoint=https://a', '--service-cidr=10.0.0.0/16'], {}, () => {
    throw new Error('ENOENT');
  });
  assert.match(outcome.kind === 'wrong' ? outcome.line : '', /^--cluster-ca: is missing/);
});

test('help names every flag with its variable', () => {
  const outcome = readConfig(['--help'], {});
  assert.equal(outcome.kind, 'help');
  assert.match(outcome.text, /--cluster-name=NAME\n.*\[\$ELASTIC_CLUSTER_NAME\]/);
  assert.match(outcome.text, /--log-level=LEVEL\n.* Default: info\. \[\$ELASTIC_LOG_LEVEL\]/);
});
