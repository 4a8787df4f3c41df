import type { ElasticKind } from '../../src/api/schema.ts';

/** Manifests that use every field, and are right: the wrong ones differ from them in one thing. */

export type Manifest = {
  readonly apiVersion: string;
  readonly kind: ElasticKind;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: Readonly<Record<string, unknown>>;
};

const role = (name: string) => ({ roleArn: `arn:aws:iam::111122223333:role/${name}` });
const KEY = 'arn:aws:kms:us-east-1:111122223333:key/0d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e01';

export const runtime: Manifest = {
  apiVersion: 'elasticruntime.dev/v1alpha1',
  kind: 'ElasticRuntime',
  metadata: { name: 'analytics', namespace: 'finance' },
  spec: {
    runtimeClassName: 'standard',
    organization: 'acme',
    region: 'us-east-1',
    identities: {
      agent: {
        ...role('acme-agent'),
        x509: {
          endpoint: 'c1a2b3.credentials.iot.us-east-1.amazonaws.com',
          roleAlias: 'acme-agent',
          thingName: 'hub-1',
          certificateSecretRef: { name: 'hub-cert' },
        },
      },
      operator: { ...role('acme-operator'), externalIdSecretRef: { name: 'acme-external-id', key: 'externalId' } },
      master: role('path/acme-master'),
      worker: role('acme-worker'),
      node: { instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/acme-node' },
    },
    staging: { uri: 's3://acme-staging/elastic', kmsKeyArn: KEY },
    logs: { uri: 's3://acme-logs', kmsKeyArn: KEY },
    network: { subnetIds: ['subnet-a', 'subnet-b'], securityGroupIds: ['sg-1'] },
    machineImage: { family: 'AL2023', version: 'v20261101' },
    initScript: { uri: 's3://acme-platform/init.sh', sha256: 'a'.repeat(64) },
    masters: { min: 0, max: 4, requirements: [{ key: 'karpenter.k8s.aws/instance-cpu', operator: 'Gt', values: ['3'] }] },
    workers: {
      min: 0,
      max: 40,
      maxUsdPerHour: '60',
      spotPercent: 80,
      requirements: [{ key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'], minValues: 1 }],
      volumes: { type: 'gp3', initialGiB: 50, maxGiB: 1000, growAtPercent: 80, iops: 3000, throughputMiBps: 125 },
      pools: [
        {
          name: 'gpu',
          weight: 10,
          requirements: [{ key: 'karpenter.k8s.aws/instance-gpu-count', operator: 'Exists' }],
          taints: [{ key: 'example.com/gpu', effect: 'NoSchedule' }],
          labels: { 'example.com/tier': 'gpu' },
          machineImage: { family: 'Custom', amiId: 'ami-0123456789abcdef0', userData: '#!/bin/sh' },
          limits: { nodes: 4, cpu: '64', memory: '512Gi', maxUsdPerHour: '12.50' },
          spotPercent: 0,
          volumes: { initialGiB: 100 },
        },
      ],
    },
    idleTimeout: '10m',
    disruption: {
      consolidateAfter: '30s',
      expireAfter: 'Never',
      terminationGracePeriod: '4h',
      budgets: [
        { nodes: '10%', schedule: '0 8 * * 1-5', timeZone: 'Europe/Berlin', duration: '10h', reasons: ['Underutilized'] },
        { nodes: '5' },
      ],
    },
    orphanProtection: { terminateAfter: '1h' },
    tags: { CostCenter: '4711' },
    allowedSecrets: ['registry'],
    accessRevokedBefore: '2026-12-01T10:00:00Z',
    suspend: false,
  },
};

const resources = { requests: { cpu: '1', memory: '4Gi' }, limits: { memory: '4Gi' } };

function podSpec(): Readonly<Record<string, unknown>> {
  return {
    containers: [
      {
        name: 'main',
        image: 'registry.example.com/etl:1',
        command: ['python'],
        args: ['app/etl.py'],
        env: [
          { name: 'LEVEL', value: 'info' },
          { name: 'AWS_REGION', value: 'us-east-1' },
          { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'crm-login', key: 'password' } } },
        ],
        envFrom: [{ configMapRef: { name: 'settings' } }],
        volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
        securityContext: { privileged: false, capabilities: { drop: ['ALL'] } },
        resources,
      },
      { name: 'metrics', image: 'registry.example.com/metrics:1' },
    ],
    initContainers: [
      {
        name: 'prepare',
        image: 'registry.example.com/prepare:1',
        env: [{ name: 'LEVEL', value: 'debug' }],
        volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
        securityContext: { privileged: false, windowsOptions: { hostProcess: false }, capabilities: { add: [] } },
      },
    ],
    volumes: [
      { name: 'scratch', emptyDir: {} },
      { name: 'mixed', projected: { sources: [{ configMap: { name: 'settings' } }] } },
    ],
    tolerations: [{ key: 'example.com/gpu', operator: 'Exists' }],
    hostNetwork: false,
    restartPolicy: 'Never',
    securityContext: { runAsNonRoot: true, windowsOptions: { hostProcess: false } },
    terminationGracePeriodSeconds: 60,
  };
}

const metadata = { labels: { app: 'etl' }, annotations: { 'simulation.elasticruntime.dev/duration': '5m' } };

export const job: Manifest = {
  apiVersion: 'elasticruntime.dev/v1alpha1',
  kind: 'ElasticJob',
  metadata: { name: 'nightly-orders', namespace: 'finance' },
  spec: {
    runtime: 'analytics',
    connections: [
      {
        name: 'orders',
        usage: 'Source',
        connector: 'AmazonS3',
        location: 's3://acme-orders/raw/',
        expectedBucketOwner: '111122223333',
        kmsKeyArn: KEY,
        authentication: { ...role('orders-reader'), externalIdSecretRef: { name: 'orders-external-id', key: 'externalId' } },
      },
      {
        name: 'warehouse',
        usage: 'Target',
        connector: 'AmazonS3',
        location: 's3://acme-warehouse',
        authentication: { credentials: { secretRef: { name: 'warehouse-keys' } } },
      },
      {
        name: 'crm',
        usage: 'Source',
        connector: 'JDBC',
        access: 'Indirect',
        location: 'jdbc:postgresql://crm.example.com/crm',
        authentication: { properties: { parameterStore: { name: '/acme/finance/crm' } } },
      },
      {
        name: 'erp',
        usage: 'Source',
        connector: 'Oracle',
        authentication: {
          properties: {
            secretsManager: {
              arn: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:/acme/finance/erp-AbCdEf',
              versionStage: 'AWSCURRENT',
            },
          },
        },
      },
      { name: 'ledger', usage: 'Target', connectionRef: { name: 'ledger' } },
    ],
    staging: { connection: 'warehouse' },
    dependencies: [
      { path: 'app/etl.py', configMapKeyRef: { name: 'etl', key: 'etl.py' } },
      { path: 'app/lib.jar', uri: 's3://acme-artifacts/lib.jar', connection: 'orders', sha256: 'b'.repeat(64) },
    ],
    master: { template: { metadata, spec: podSpec() } },
    workers: { min: 2, max: 10, template: { metadata, spec: podSpec() } },
    spark: {
      type: 'Python',
      version: '4.0.1',
      mainApplicationFile: 'dependency:app/etl.py',
      conf: { 'spark.sql.shuffle.partitions': '64' },
    },
    backoffLimit: 2,
    activeDeadlineSeconds: 14400,
    waitDeadlineSeconds: 3600,
    startDeadlineSeconds: 300,
    cleanupAfterSeconds: 86400,
    ttlSecondsAfterFinished: null,
    priorityClassName: 'nightly',
    terminate: false,
  },
};

export const node: Manifest = {
  apiVersion: 'elasticruntime.dev/v1alpha1',
  kind: 'ElasticNode',
  metadata: { name: 'analytics-workers-x7k2p' },
  spec: {
    runtimeRef: { namespace: 'finance', name: 'analytics', uid: '0d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e01' },
    pool: 'workers',
    role: 'worker',
    offerings: [{ instanceType: 'm7i.xlarge', zone: 'us-east-1a', subnetId: 'subnet-a', capacityType: 'on-demand', usdPerHour: 0.2016 }],
    attempt: 1,
    image: { amiId: 'ami-0123456789abcdef0', family: 'AL2023' },
    launchTemplate: { id: 'lt-0123456789abcdef0', version: '1' },
    userDataSha256: 'c'.repeat(64),
    volume: { type: 'gp3', initialGiB: 50, maxGiB: 1000, growAtPercent: 80, deviceName: '/dev/xvdb' },
    reservedFor: [
      { jobUid: '1b9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e02', jobName: 'nightly-orders', attempt: 1, slots: ['master/0', 'worker/0'] },
    ],
    requested: { cpuMilli: 4000, memoryBytes: 17179869184, pods: 3 },
    labels: { 'example.com/tier': 'gpu' },
    taints: [{ key: 'example.com/gpu', effect: 'NoSchedule' }],
    terminationGracePeriod: '4h',
    expireAfter: '720h',
  },
};

export const runtimeClass: Manifest = {
  apiVersion: 'elasticruntime.dev/v1alpha1',
  kind: 'ElasticRuntimeClass',
  metadata: { name: 'standard' },
  spec: {
    namespaceSelector: {
      matchLabels: { 'example.com/team': 'finance' },
      matchExpressions: [
        { key: 'example.com/stage', operator: 'In', values: ['test', 'production'] },
        { key: 'example.com/closed', operator: 'DoesNotExist' },
      ],
    },
    organization: 'acme',
    allowed: {
      roleArns: ['arn:aws:iam::111122223333:role/acme-*'],
      connectionRoleArns: ['arn:aws:iam::*:role/data/*'],
      uris: ['s3://acme-staging/*', 's3://acme-logs'],
      kmsKeyArns: ['arn:aws:kms:us-east-1:111122223333:key/*'],
      subnetIds: ['subnet-a', 'subnet-0*'],
      securityGroupIds: ['sg-1'],
      imageFamilies: ['AL2023', 'Bottlerocket'],
      defaultRoles: 'Allowed',
      x509: 'Never',
      unverifiedAccess: 'Never',
    },
    defaults: {
      network: { subnetSelector: { Tier: 'private' }, securityGroupIds: ['sg-1'] },
      machineImage: { family: 'AL2023', version: 'v20261101' },
      initScript: { uri: 's3://acme-platform/init.sh', sha256: 'a'.repeat(64) },
      masters: { max: 2, volumes: { maxGiB: 200 } },
      workers: { maxUsdPerHour: '60', spotPercent: 80, volumes: { growAtPercent: 70 } },
      idleTimeout: '5m',
      disruption: { expireAfter: '168h', budgets: [{ nodes: '20%' }] },
      orphanProtection: { terminateAfter: '2h' },
      tags: { CostCenter: '4711' },
      allowedSecrets: ['registry'],
    },
    requiredTags: ['CostCenter'],
    limitsPerNamespace: { nodes: 20, vcpus: 400, maxUsdPerHour: '100' },
  },
};

export const connection: Manifest = {
  apiVersion: 'elasticruntime.dev/v1alpha1',
  kind: 'ElasticConnection',
  metadata: { name: 'orders', namespace: 'finance' },
  spec: {
    usage: 'Source',
    connector: 'AmazonS3',
    access: 'Direct',
    location: 's3://acme-orders/raw/',
    expectedBucketOwner: '111122223333',
    kmsKeyArn: KEY,
    authentication: { ...role('orders-reader'), externalIdSecretRef: { name: 'orders-external-id', key: 'externalId' } },
    accessRevokedBefore: '2026-12-01T10:00:00Z',
  },
};

export const accessRequest: Manifest = {
  apiVersion: 'elasticruntime.dev/v1alpha1',
  kind: 'ElasticAccessRequest',
  metadata: { name: 'logs-1', namespace: 'finance' },
  spec: { kind: 'Logs', job: 'nightly-orders', log: 'master', attempt: 1, publicKey: `${'A'.repeat(87)}=`, requestedBy: 'vera' },
};
