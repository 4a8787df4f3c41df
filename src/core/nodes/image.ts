import type { MachineImage } from '../../api/generated/types.ts';

/**
 * The public SSM parameter that names a family's image.
 * AL2023: https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id.html; Bottlerocket: https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id-bottlerocket.html
 * Undefined for Custom, which names its image itself.
 */
export function imageParameter(image: MachineImage, architecture: 'amd64' | 'arm64', kubernetesVersion: string): string | undefined {
  const machine = architecture === 'arm64' ? 'arm64' : 'x86_64';
  const version = image.version ?? 'latest';
  switch (image.family) {
    case 'AL2023': {
      const release = version === 'latest' ? 'recommended' : `amazon-eks-node-al2023-${machine}-standard-${kubernetesVersion}-${version}`;
      return `/aws/service/eks/optimized-ami/${kubernetesVersion}/amazon-linux-2023/${machine}/standard/${release}/image_id`;
    }
    case 'Bottlerocket':
      return `/aws/service/bottlerocket/aws-k8s-${kubernetesVersion}/${machine}/${version.replace(/^v/, '')}/image_id`;
    case 'Custom':
      return undefined;
  }
}
