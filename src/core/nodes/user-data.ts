/** What a new machine is told at its first boot. Pure text: the same input gives the same bytes, so that a changed digest means a changed machine. */
import type { InitScript, MachineImage } from '../../api/generated/types.ts';
import { taints } from '../../api/labels.ts';

export type UserDataInput = {
  readonly image: MachineImage;
  readonly clusterName: string;
  readonly join: { readonly endpoint: string; readonly certificateAuthority: string; readonly serviceCidr: string };
  readonly runtimeUid: string;
  readonly taints: readonly { readonly key: string; readonly value?: string | undefined; readonly effect: string }[];
  readonly labels: Readonly<Record<string, string>>;
  /** Text of the init script, read and pinned when the runtime was made. */
  readonly initScript?: string | undefined;
};

/** Startup taints first: nothing but daemons runs before the operator has matched the machine to its intent. */
export function registrationTaints(
  input: Pick<UserDataInput, 'runtimeUid' | 'taints'>,
): readonly { readonly key: string; readonly value: string; readonly effect: string }[] {
  return [
    { key: taints.unregistered, value: '', effect: 'NoExecute' },
    { key: taints.runtime, value: input.runtimeUid, effect: 'NoSchedule' },
    ...input.taints.map(({ key, value, effect }) => ({ key, value: value ?? '', effect })),
  ];
}

export function userData(input: UserDataInput): string {
  switch (input.image.family) {
    case 'AL2023':
      return al2023(input);
    case 'Bottlerocket':
      return bottlerocket(input);
    case 'Custom':
      return input.image.userData ?? '';
  }
}

/** Whether the family can run an init script: Bottlerocket has no shell. */
export function acceptsInitScript(image: Pick<MachineImage, 'family'>): boolean {
  return image.family === 'AL2023';
}

/** nodeadm's configuration as one MIME part: https://awslabs.github.io/amazon-eks-ami/nodeadm/ */
function al2023(input: UserDataInput): string {
  const boundary = 'ELASTIC-RUNTIME';
  const configuration = {
    apiVersion: 'node.eks.aws/v1alpha1',
    kind: 'NodeConfig',
    spec: {
      cluster: {
        name: input.clusterName,
        apiServerEndpoint: input.join.endpoint,
        certificateAuthority: input.join.certificateAuthority,
        cidr: input.join.serviceCidr,
      },
      kubelet: {
        config: { registerWithTaints: registrationTaints(input) },
        flags: [`--node-labels=${labelList(input.labels)}`],
      },
    },
  };
  const parts = [
    `--${boundary}\nContent-Type: application/node.eks.aws\n\n${JSON.stringify(configuration, null, 2)}\n`,
    ...(input.initScript === undefined
      ? []
      : [`--${boundary}\nContent-Type: text/x-shellscript; charset="us-ascii"\n\n${input.initScript}\n`]),
  ];
  return `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${boundary}"\n\n${parts.join('\n')}\n--${boundary}--\n`;
}

/** https://bottlerocket.dev/en/os/latest/api/settings/kubernetes/ */
function bottlerocket(input: UserDataInput): string {
  const quote = (text: string): string => JSON.stringify(text);
  const lines = [
    '[settings.kubernetes]',
    `cluster-name = ${quote(input.clusterName)}`,
    `api-server = ${quote(input.join.endpoint)}`,
    `cluster-certificate = ${quote(input.join.certificateAuthority)}`,
    '[settings.kubernetes.node-labels]',
    ...Object.entries(input.labels).map(([key, value]) => `${quote(key)} = ${quote(value)}`),
    '[settings.kubernetes.node-taints]',
    ...registrationTaints(input).map(({ key, value, effect }) => `${quote(key)} = [${quote(`${value}:${effect}`)}]`),
  ];
  return `${lines.join('\n')}\n`;
}

function labelList(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

export function initScriptProblem(image: MachineImage, initScript: InitScript | undefined): string | undefined {
  if (initScript === undefined || acceptsInitScript(image)) return undefined;
  return `spec.initScript: machine image family ${image.family} runs no init script; use family AL2023 or leave initScript out`;
}
