/** What EC2 says of an instance. `privateDnsName` is missing before the instance runs, and where the VPC gives none. */
export type InstanceNames = { readonly instanceId: string; readonly privateDnsName?: string };

/**
 * Whether a Node of this name can be that instance. A kubelet writes its provider id itself but joins as `system:node:<name>` and writes no other Node than
 * its own (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction); on EKS that name is the private DNS name of the
 * instance whose role session joins, or its id where nodeadm's InstanceIdNodeName is on
 * (https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html, https://awslabs.github.io/amazon-eks-ami/nodeadm/doc/examples/).
 * Both kinds of EC2 hostnames are unique in a VPC by their first label, `ip-10-0-1-2` or `i-0123…`
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html); what follows it is the VPC's domain, which DHCP options change.
 */
export function isNamedAs(nodeName: string, { instanceId, privateDnsName = '' }: InstanceNames): boolean {
  const label = firstLabel(nodeName);
  return label === instanceId.toLowerCase() || (privateDnsName !== '' && label === firstLabel(privateDnsName));
}

function firstLabel(name: string): string {
  return name.toLowerCase().split('.', 1)[0] ?? '';
}
