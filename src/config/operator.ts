import { address, duration, type Flag, network, oneOf, text, truth, url } from './flags.ts';

/** The flags of the operator, in the order of --help. */
export const operatorFlags = {
  'cluster-name': {
    value: 'NAME',
    help: 'Name of the Kubernetes cluster: a tag on everything in AWS. Never change it while runtimes exist. Required.',
    parse: text(/^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$/, 'give the name of the EKS cluster: letters, digits, - and _, at most 100'),
  },
  'operator-image': {
    value: 'IMAGE',
    help: 'Image of this operator, which pods of jobs run as init container. Required.',
    parse: text(/^[^\s@:/][^\s]*$/, 'give the reference of the image, as in a pod'),
  },
  'kubernetes-version': {
    value: 'VERSION',
    help: 'Minor version of the cluster: names the machine images of its nodes. Required.',
    parse(given) {
      const [, minor] = /^v?(1\.\d{2})([.+-].*)?$/.exec(given) ?? [];
      return minor === undefined ? { wrong: 'give the minor version, like 1.35' } : { value: minor };
    },
  },
  'cluster-endpoint': {
    value: 'URL',
    help: 'Address of the API server as new nodes reach it. Leave out where the machine image knows it.',
    parse: url(['https:'], 'give an https URL without user and password, as `aws eks describe-cluster` prints it'),
  },
  'cluster-ca': {
    value: 'BASE64',
    help: "The API server's certificate authority for new nodes, base64 of PEM. Default, with --cluster-endpoint: the one mounted into this pod.",
    parse(given) {
      const pem = Buffer.from(given, 'base64').toString('latin1');
      return pem.includes('-----BEGIN CERTIFICATE-----')
        ? { value: given }
        : { wrong: 'give base64 of a PEM certificate, as `aws eks describe-cluster` prints it' };
    },
  },
  'service-cidr': {
    value: 'CIDR',
    help: "Network of the cluster's Services, for new nodes. Required with --cluster-endpoint.",
    parse: network,
  },
  'oidc-issuer': {
    value: 'URL',
    help: "The cluster's OIDC issuer; informational: shown in the log at the start.",
    parse: url(['https:'], 'give an https URL'),
  },
  'leader-election': {
    value: 'BOOL',
    help: 'Whether replicas agree on one that acts. false only where there is a single one.',
    default: 'true',
    parse: truth,
  },
  'leader-election-namespace': {
    value: 'NAMESPACE',
    help: 'Where the Lease elastic-runtime-operator lies.',
    default: 'elastic-system',
    parse: text(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'give the name of a namespace'),
  },
  'aws-endpoint': {
    value: 'URL',
    help: 'One address for all AWS services: an emulator, in tests.',
    parse: url(['http:', 'https:'], 'give an http or https URL'),
  },
  catalog: {
    value: 'FILE',
    help: 'Prices and facts of the instance types of one region; once for each region. Default: us-east-1, on-demand prices, as shipped.',
    repeated: true,
    parse: text(/\S/, 'give the path of a file'),
  },
  'node-agents': {
    value: 'BOOL',
    help: 'Whether node agents run and ask for sessions. false: no broker, and nothing waits for logs.',
    default: 'true',
    parse: truth,
  },
  'broker-address': { value: 'ADDRESS', help: 'Where the broker listens for node agents (HTTPS).', default: ':8443', parse: address },
  'broker-cert-file': {
    value: 'FILE',
    help: "The broker's certificate chain, PEM; read anew when it changes. Required with --node-agents.",
    parse: text(/\S/, 'give the path of a file'),
  },
  'broker-key-file': {
    value: 'FILE',
    help: "The broker's private key, PEM. Required with --node-agents.",
    parse: text(/\S/, 'give the path of a file'),
  },
  'broker-check-peer': {
    value: 'BOOL',
    help: "Whether an agent's address must be one of its Node's from its first request on: true only where nothing between them translates addresses. false: once it has been.",
    default: 'false',
    parse: truth,
  },
  'health-address': { value: 'ADDRESS', help: 'Where /healthz, /readyz and /metrics are served (HTTP).', default: ':8080', parse: address },
  'log-level': {
    value: 'LEVEL',
    help: 'debug, info, warn or error. Audit lines are written at every level.',
    default: 'info',
    parse: oneOf(['debug', 'info', 'warn', 'error']),
  },
  'audit-file': {
    value: 'FILE',
    help: 'Where audit records are appended, one JSON object a line. Rotated by the platform. Default: stdout, among the log lines, with "audit": true.',
    parse: text(/^\/.*[^/]$/, 'give the absolute path of a file'),
  },
  'registration-timeout': {
    value: 'DURATION',
    help: 'A launched instance that has not joined the cluster by then is ended.',
    default: '15m',
    parse: duration(60_000, '1m'),
  },
  'node-names': {
    value: 'RULE',
    help: 'Which Node is an instance: Ec2, one that has its private DNS name (by its first label) or its id as name; Any, whichever claims its provider id.',
    default: 'Ec2',
    parse: oneOf(['Ec2', 'Any']),
  },
  'log-flush-timeout': {
    value: 'DURATION',
    help: 'How long the pods of a finished attempt are kept for node agents to ship their logs.',
    default: '2m',
    parse: duration(0, '0s'),
  },
  'garbage-period': {
    value: 'DURATION',
    help: 'How often instances are compared with ElasticNodes.',
    default: '5m',
    parse: duration(10_000, '10s'),
  },
  kubeconfig: {
    value: 'FILE',
    help: 'Default: $KUBECONFIG, else the ServiceAccount of this pod.',
    parse: text(/\S/, 'give the path of a file'),
  },
} as const satisfies Readonly<Record<string, Flag<unknown>>>;
