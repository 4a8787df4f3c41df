import { readFileSync } from 'node:fs';
import type { Address } from './flags.ts';
import { operatorFlags } from './operator.ts';
import { type Environment, helpText, readFlags, type Values } from './read.ts';

/** What the operator's process is told, once, at its start. */
export type OperatorConfig = {
  readonly clusterName: string;
  readonly operatorImage: string;
  /** Minor version, e.g. 1.35 */
  readonly kubernetesVersion: string;
  /** For the user data of new nodes; all empty where the machine image knows them. The certificate authority is base64 of PEM. */
  readonly join: { readonly endpoint: string; readonly certificateAuthority: string; readonly serviceCidr: string };
  readonly oidcIssuer: string | undefined;
  readonly leaderElection: { readonly enabled: boolean; readonly namespace: string };
  readonly awsEndpoint: string | undefined;
  /** Empty: the one that is shipped. */
  readonly catalogFiles: readonly string[];
  /** Undefined where no node agents run. */
  readonly broker:
    | { readonly address: Address; readonly certFile: string; readonly keyFile: string; readonly checkPeer: boolean }
    | undefined;
  readonly health: Address;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Undefined: stdout. */
  readonly auditFile: string | undefined;
  readonly registrationTimeoutMs: number;
  readonly nodeNames: 'Ec2' | 'Any';
  readonly logFlushTimeoutMs: number;
  readonly garbagePeriodMs: number;
  readonly kubeconfig: string | undefined;
};

export type ConfigOutcome =
  | { readonly kind: 'config'; readonly config: OperatorConfig }
  | { readonly kind: 'help'; readonly text: string }
  /** One line: flag, value, remedy. The process ends with 2. */
  | { readonly kind: 'wrong'; readonly line: string };

const help = `elastic-runtime-operator [operator]: runs data jobs on AWS on clusters that exist only while there is work.

Flags, each of which may also be set in the environment:`;

/** https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const mountedCa = '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt';

export function readConfig(
  args: readonly string[],
  environment: Environment,
  readFile: (path: string) => Uint8Array = (path) => readFileSync(path),
): ConfigOutcome {
  const read = readFlags(operatorFlags, args, environment);
  if (read.kind === 'help') return { kind: 'help', text: helpText(help, operatorFlags) };
  if (read.kind === 'wrong') return read;
  const config = assemble(read.values, readFile);
  return typeof config === 'string' ? { kind: 'wrong', line: config } : { kind: 'config', config: frozen(config) };
}

function assemble(values: Values<typeof operatorFlags>, readFile: (path: string) => Uint8Array): OperatorConfig | string {
  const { 'cluster-name': clusterName, 'operator-image': operatorImage, 'kubernetes-version': kubernetesVersion } = values;
  if (clusterName === undefined) return '--cluster-name: is missing; give the name of the Kubernetes cluster';
  if (operatorImage === undefined) return '--operator-image: is missing; give the image that this operator runs from';
  if (kubernetesVersion === undefined) return '--kubernetes-version: is missing; give the minor version of the cluster, like 1.35';
  const join = joinOf(values, readFile);
  if (typeof join === 'string') return join;
  const broker = brokerOf(values);
  if (typeof broker === 'string') return broker;
  return {
    clusterName,
    operatorImage,
    kubernetesVersion,
    join,
    oidcIssuer: values['oidc-issuer'],
    leaderElection: { enabled: values['leader-election'], namespace: values['leader-election-namespace'] },
    awsEndpoint: values['aws-endpoint'],
    catalogFiles: values.catalog,
    broker,
    health: values['health-address'],
    logLevel: values['log-level'],
    auditFile: values['audit-file'],
    registrationTimeoutMs: values['registration-timeout'],
    nodeNames: values['node-names'],
    logFlushTimeoutMs: values['log-flush-timeout'],
    garbagePeriodMs: values['garbage-period'],
    kubeconfig: values.kubeconfig,
  };
}

/** nodeadm wants all three or none (https://awslabs.github.io/amazon-eks-ami/nodeadm/doc/api/#clusterdetails). */
function joinOf(values: Values<typeof operatorFlags>, readFile: (path: string) => Uint8Array): OperatorConfig['join'] | string {
  const { 'cluster-endpoint': endpoint, 'cluster-ca': ca, 'service-cidr': serviceCidr } = values;
  if (endpoint === undefined) {
    const alone = ca !== undefined ? '--cluster-ca' : serviceCidr !== undefined ? '--service-cidr' : undefined;
    if (alone !== undefined) return `${alone}: is given without --cluster-endpoint; give both or neither`;
    return { endpoint: '', certificateAuthority: '', serviceCidr: '' };
  }
  if (serviceCidr === undefined)
    return `--service-cidr: is missing; --cluster-endpoint=${JSON.stringify(endpoint)} needs it, like 10.100.0.0/16`;
  if (ca !== undefined) return { endpoint, certificateAuthority: ca, serviceCidr };
  try {
    return { endpoint, certificateAuthority: Buffer.from(readFile(mountedCa)).toString('base64'), serviceCidr };
  } catch {
    return `--cluster-ca: is missing, and this pod has no ${mountedCa}; give base64 of the PEM certificate`;
  }
}

function brokerOf(values: Values<typeof operatorFlags>): OperatorConfig['broker'] | string {
  if (!values['node-agents']) return undefined;
  const { 'broker-cert-file': certFile, 'broker-key-file': keyFile } = values;
  const missing = certFile === undefined ? '--broker-cert-file' : '--broker-key-file';
  if (certFile === undefined || keyFile === undefined)
    return `${missing}: is missing; node agents need the broker's certificate and key, or set --node-agents=false`;
  return { address: values['broker-address'], certFile, keyFile, checkPeer: values['broker-check-peer'] };
}

function frozen<T extends object>(object: T): T {
  for (const value of Object.values(object)) if (typeof value === 'object' && value !== null) frozen(value as object);
  return Object.freeze(object);
}
