/**
 * How a job's containers come to their identities (API.md, "What a container finds"). Secrets are mounted, never copied into a spec: this module
 * produces volumes, mounts and a plan without secrets, from which the operator's init container writes the profiles into memory volumes.
 */

import type { Connection } from '../../api/generated/types.ts';
import type { Container, EnvVar, Volume, VolumeMount } from '../../api/kubernetes.ts';
import type { SlotRole } from './slots.ts';

export const paths = {
  config: '/etc/elastic/aws/config',
  configDirectory: '/etc/elastic/aws',
  credentials: '/run/elastic/aws/credentials',
  credentialsDirectory: '/run/elastic/aws',
  token: '/var/run/secrets/elastic/token',
  tokenDirectory: '/var/run/secrets/elastic',
  bindings: '/run/elastic/bindings',
  /** Mounted into the init container only. */
  secrets: '/run/elastic/secrets',
} as const;

/** Where a connection's secret values come from. */
export type SecretOrigin =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'parameterStore'; readonly name: string }
  | { readonly kind: 'secretsManager'; readonly arn: string; readonly versionStage?: string };

export type Profile =
  /** The pod's own token, exchanged for a role: `default` (worker), and `log` of a master pod (master). */
  | { readonly name: string; readonly kind: 'webIdentity'; readonly roleArn: string; readonly sessionName: string }
  /** A role assumed from the worker's profile. */
  | {
      readonly name: string;
      readonly kind: 'role';
      readonly roleArn: string;
      readonly sessionName: string;
      readonly externalId?: { readonly file: string };
    }
  /** A connection's own keys. */
  | { readonly name: string; readonly kind: 'keys'; readonly origin: SecretOrigin };

/** What the init container is told, in its environment: no secret in it. */
export type WiringPlan = {
  readonly region: string;
  readonly profiles: readonly Profile[];
  /** Connection properties that come from AWS: written as files by the init container. Those from a Secret are mounted directly. */
  readonly bindings: readonly { readonly connection: string; readonly origin: SecretOrigin }[];
};

export type WiringInput = {
  readonly role: SlotRole;
  readonly region: string;
  readonly connections: readonly Connection[];
  /** Identity that the access plan gives the pods for staging: worker, connectionRole:NAME, connectionCredentials:NAME. */
  readonly stagingIdentity: string;
  readonly roleArns: { readonly master: string; readonly worker: string };
  readonly sessionNames: { readonly master: string; readonly worker: string; readonly connection: (name: string) => string };
  readonly operatorImage: string;
  readonly staging: { readonly uri: string };
  readonly logs: { readonly uri: string };
  /** `<namespace>/<name>` */
  readonly runtime: string;
  /** `key`: `<namespace>/<name>` */
  readonly job: {
    readonly key: string;
    readonly uid: string;
    readonly attempt: number;
    readonly masterAddress: string;
    readonly workerCount: number;
  };
};

/** The init container that reads a pod's secrets; its log has the audit records of that. */
export const credentialsContainer = 'elastic-credentials';

export type Wiring = {
  readonly initContainer: Container;
  readonly volumes: readonly Volume[];
  readonly mounts: readonly VolumeMount[];
  readonly env: readonly EnvVar[];
};

export function wirePods(input: WiringInput): Wiring {
  const plan = wiringPlan(input);
  const secrets = mountedSecrets(input.connections);
  const remote = plan.bindings.map(({ connection }) => connection);
  const bound = input.connections.filter((connection) => connection.authentication?.properties?.secretRef !== undefined);
  const bindingMounts: readonly VolumeMount[] = [
    ...remote.map((connection) => ({ name: bindingVolume(connection), mountPath: `${paths.bindings}/${connection}` })),
    ...bound.map(({ name }) => ({ name: bindingVolume(name), mountPath: `${paths.bindings}/${name}`, readOnly: true })),
  ];
  const shared: readonly VolumeMount[] = [{ name: 'elastic-token', mountPath: paths.tokenDirectory, readOnly: true }];
  return {
    initContainer: {
      name: credentialsContainer,
      image: input.operatorImage,
      args: ['credentials'],
      env: [
        { name: 'ELASTIC_WIRING', value: JSON.stringify(plan) },
        // For its audit records.
        { name: 'ELASTIC_RUNTIME', value: input.runtime },
        { name: 'ELASTIC_JOB', value: input.job.key },
      ],
      resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } },
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      volumeMounts: [
        ...shared,
        { name: 'elastic-aws-config', mountPath: paths.configDirectory },
        { name: 'elastic-aws-credentials', mountPath: paths.credentialsDirectory },
        ...secrets.map(({ volume, path }) => ({ name: volume, mountPath: path, readOnly: true })),
        ...bindingMounts.filter((mount) => mount.readOnly !== true),
      ],
    },
    volumes: [
      memoryVolume('elastic-aws-config'),
      memoryVolume('elastic-aws-credentials'),
      {
        name: 'elastic-token',
        // Renewed by kubelet at 80 % of its life; the SDKs read the file again at each exchange.
        projected: { sources: [{ serviceAccountToken: { audience: 'sts.amazonaws.com', expirationSeconds: 3600, path: 'token' } }] },
      },
      ...secrets.map(({ volume, secretName }) => ({ name: volume, secret: { secretName } })),
      ...remote.map((connection) => memoryVolume(bindingVolume(connection))),
      ...bound.map(({ name, authentication }) => ({
        name: bindingVolume(name),
        secret: { secretName: authentication?.properties?.secretRef?.name },
      })),
    ],
    mounts: [
      ...shared,
      { name: 'elastic-aws-config', mountPath: paths.configDirectory, readOnly: true },
      { name: 'elastic-aws-credentials', mountPath: paths.credentialsDirectory, readOnly: true },
      ...bindingMounts.map((mount) => ({ ...mount, readOnly: true })),
    ],
    env: environment(input),
  };
}

function wiringPlan(input: WiringInput): WiringPlan {
  const { connections, roleArns, sessionNames, role } = input;
  const connectionProfiles = connections.flatMap((connection): readonly Profile[] => {
    const profile = connectionProfile(connection, `connection-${connection.name}`, sessionNames.connection);
    return profile === undefined ? [] : [profile];
  });
  const worker: Profile = { name: 'default', kind: 'webIdentity', roleArn: roleArns.worker, sessionName: sessionNames.worker };
  const log: Profile = { name: 'log', kind: 'webIdentity', roleArn: roleArns[role], sessionName: sessionNames[role] };
  return {
    region: input.region,
    profiles: [worker, stagingProfile(input, worker), log, ...connectionProfiles],
    bindings: connections.flatMap(({ name, authentication }) => {
      const source = authentication?.properties;
      if (source?.parameterStore !== undefined)
        return [{ connection: name, origin: { kind: 'parameterStore', name: source.parameterStore.name } as const }];
      if (source?.secretsManager !== undefined) return [{ connection: name, origin: secretsManagerOrigin(source.secretsManager) }];
      return [];
    }),
  };
}

function stagingProfile(input: WiringInput, worker: Profile): Profile {
  const [kind, name] = input.stagingIdentity.split(':');
  if (kind === 'worker' || name === undefined) return { ...worker, name: 'staging' };
  const connection = input.connections.find((candidate) => candidate.name === name);
  const profile = connection && connectionProfile(connection, 'staging', input.sessionNames.connection);
  if (profile === undefined)
    throw new Error(`the access plan names staging identity ${input.stagingIdentity}, which no connection of the job has`);
  return profile;
}

function connectionProfile(connection: Connection, profile: string, sessionName: (name: string) => string): Profile | undefined {
  const authentication = connection.authentication;
  if (authentication?.roleArn !== undefined) {
    const reference = authentication.externalIdSecretRef;
    const externalId = reference && { file: `${paths.secrets}/${externalIdVolume(connection.name)}/${reference.key ?? 'externalId'}` };
    return {
      name: profile,
      kind: 'role',
      roleArn: authentication.roleArn,
      sessionName: sessionName(connection.name),
      ...(externalId && { externalId }),
    };
  }
  const credentials = authentication?.credentials;
  if (credentials?.secretRef !== undefined)
    return { name: profile, kind: 'keys', origin: { kind: 'directory', path: `${paths.secrets}/${keysVolume(connection.name)}` } };
  if (credentials?.parameterStore !== undefined)
    return { name: profile, kind: 'keys', origin: { kind: 'parameterStore', name: credentials.parameterStore.name } };
  if (credentials?.secretsManager !== undefined)
    return { name: profile, kind: 'keys', origin: secretsManagerOrigin(credentials.secretsManager) };
  return undefined;
}

function secretsManagerOrigin(source: { readonly arn: string; readonly versionStage?: string | undefined }): SecretOrigin {
  return { kind: 'secretsManager', arn: source.arn, ...(source.versionStage !== undefined && { versionStage: source.versionStage }) };
}

function mountedSecrets(
  connections: readonly Connection[],
): readonly { readonly volume: string; readonly secretName: string; readonly path: string }[] {
  return connections.flatMap(({ name, authentication }) => {
    const mounts: { volume: string; secretName: string; path: string }[] = [];
    const keys = authentication?.credentials?.secretRef;
    if (keys !== undefined) mounts.push({ volume: keysVolume(name), secretName: keys.name, path: `${paths.secrets}/${keysVolume(name)}` });
    const externalId = authentication?.externalIdSecretRef;
    if (externalId !== undefined)
      mounts.push({ volume: externalIdVolume(name), secretName: externalId.name, path: `${paths.secrets}/${externalIdVolume(name)}` });
    return mounts;
  });
}

function environment(input: WiringInput): readonly EnvVar[] {
  const { job, role } = input;
  return [
    { name: 'AWS_CONFIG_FILE', value: paths.config },
    { name: 'AWS_SHARED_CREDENTIALS_FILE', value: paths.credentials },
    { name: 'AWS_PROFILE', value: 'default' },
    { name: 'AWS_REGION', value: input.region },
    { name: 'SERVICE_BINDING_ROOT', value: paths.bindings },
    { name: 'ELASTIC_STAGING_URI', value: input.staging.uri },
    { name: 'ELASTIC_STAGING_PROFILE', value: 'staging' },
    { name: 'ELASTIC_LOG_URI', value: input.logs.uri },
    { name: 'ELASTIC_JOB_UID', value: job.uid },
    { name: 'ELASTIC_ATTEMPT', value: String(job.attempt) },
    { name: 'ELASTIC_MASTER_ADDRESS', value: job.masterAddress },
    { name: 'ELASTIC_WORKER_COUNT', value: String(job.workerCount) },
    ...(role === 'worker'
      ? [
          {
            name: 'ELASTIC_WORKER_INDEX',
            valueFrom: { fieldRef: { fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']" } },
          },
        ]
      : []),
  ];
}

function memoryVolume(name: string): Volume {
  return { name, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } };
}

// Volume names are DNS labels of at most 63 characters; connection names have at most 40.
function bindingVolume(connection: string): string {
  return `elastic-binding-${connection}`.slice(0, 63);
}

function keysVolume(connection: string): string {
  return `elastic-keys-${connection}`.slice(0, 63);
}

function externalIdVolume(connection: string): string {
  return `elastic-external-id-${connection}`.slice(0, 63);
}
