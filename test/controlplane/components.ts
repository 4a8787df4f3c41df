import { join } from 'node:path';
import type { Binaries } from './binaries.ts';

export const componentNames = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kwok'] as const;

export type ComponentName = (typeof componentNames)[number];

export interface ComponentSettings {
  readonly binaries: Binaries;
  /** Certificates, kubeconfigs and data lie here. */
  readonly directory: string;
  readonly address: string;
  readonly etcdPort: number;
  readonly etcdPeerPort: number;
  readonly apiPort: number;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly apiServerFlags: readonly string[];
  readonly controllerManagerFlags: readonly string[];
}

/** The user that each component is to the API server. */
export const componentUsers = {
  'kube-controller-manager': 'system:kube-controller-manager',
  'kube-scheduler': 'system:kube-scheduler',
  kwok: 'kwok-controller',
} as const satisfies Partial<Record<ComponentName, string>>;

/** Program and arguments of each component. Leader election is off: there is one of each, and it takes over at once after a restart. */
export function componentCommands(settings: ComponentSettings): Readonly<Record<ComponentName, readonly string[]>> {
  const { binaries, directory, address } = settings;
  const file = (name: string) => join(directory, name);
  const etcdUrl = `http://127.0.0.1:${settings.etcdPort}`;
  const etcdPeerUrl = `http://127.0.0.1:${settings.etcdPeerPort}`;
  return {
    etcd: [
      binaries.etcd,
      '--name=default',
      `--data-dir=${file('etcd')}`,
      '--unsafe-no-fsync',
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=${etcdPeerUrl}`,
      `--initial-advertise-peer-urls=${etcdPeerUrl}`,
      `--initial-cluster=default=${etcdPeerUrl}`,
      '--log-level=warn',
    ],
    'kube-apiserver': [
      binaries['kube-apiserver'],
      `--etcd-servers=${etcdUrl}`,
      `--bind-address=${address}`,
      `--secure-port=${settings.apiPort}`,
      // The address of the kubernetes Service may not be a loopback address: without this the API server complains for ever.
      '--endpoint-reconciler-type=none',
      `--tls-cert-file=${file('serving.crt')}`,
      `--tls-private-key-file=${file('serving.key')}`,
      // Also published to the components: without it they log errors for ever.
      `--client-ca-file=${file('ca.crt')}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      '--service-cluster-ip-range=10.96.0.0/16',
      `--service-account-issuer=${settings.issuer}`,
      `--service-account-signing-key-file=${file('service-account.key')}`,
      `--service-account-key-file=${file('service-account.pub')}`,
      `--service-account-jwks-uri=https://${address}:${settings.apiPort}/openid/v1/jwks`,
      `--api-audiences=${settings.audiences.join(',')}`,
      ...settings.apiServerFlags,
    ],
    'kube-controller-manager': [
      binaries['kube-controller-manager'],
      `--kubeconfig=${file('kube-controller-manager.kubeconfig')}`,
      '--secure-port=0',
      '--leader-elect=false',
      '--use-service-account-credentials',
      `--root-ca-file=${file('ca.crt')}`,
      `--service-account-private-key-file=${file('service-account.key')}`,
      `--flex-volume-plugin-dir=${file('flexvolumes')}`,
      '--kube-api-qps=500',
      '--kube-api-burst=1000',
      ...settings.controllerManagerFlags,
    ],
    'kube-scheduler': [
      binaries['kube-scheduler'],
      `--kubeconfig=${file('kube-scheduler.kubeconfig')}`,
      '--secure-port=0',
      '--leader-elect=false',
      '--kube-api-qps=500',
      '--kube-api-burst=1000',
    ],
    kwok: [
      binaries.kwok,
      `--kubeconfig=${file('kwok.kubeconfig')}`,
      `--config=${file('kwok.yaml')}`,
      `--manage-nodes-with-annotation-selector=${fakeNodeAnnotation}=fake`,
      '--node-lease-duration-seconds=40',
      '--node-port=0',
      '--cidr=10.128.0.0/9',
    ],
  };
}

/** A node with this annotation and the value `fake` is kept alive, and its pods are run, by kwok. */
export const fakeNodeAnnotation = 'kwok.x-k8s.io/node';
