import type { CertificatePlan } from './plan.ts';
import type { RuntimeView } from './view.ts';

/**
 * What an X.509 certificate needs to become the agent role: the role alias, and a policy attached to the certificate that names it
 * (https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html).
 */
export function certificatePlans(views: readonly RuntimeView[]): readonly CertificatePlan[] {
  const plans = new Map<string, CertificatePlan>();
  for (const { input, documents } of views) {
    const { region, organization, identities } = input.runtime.spec;
    const alias = identities.agent.x509?.roleAlias;
    if (alias === undefined) continue;
    const [, partition = 'aws', , , account = ''] = documents.agent.roleArn.split(':');
    plans.set(`${region}/${alias}`, {
      region,
      roleAlias: alias,
      roleArn: documents.agent.roleArn,
      policyName: certificatePolicyName(organization, alias),
      document: {
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'BecomeAgentThroughThisRoleAlias',
            Effect: 'Allow',
            Action: 'iot:AssumeRoleWithCertificate',
            Resource: `arn:${partition}:iot:${region}:${account}:rolealias/${alias}`,
          },
        ],
      },
    });
  }
  return [...plans].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, plan]) => plan);
}

/** The AWS IoT policy that certificates of an organization get. */
export function certificatePolicyName(organization: string, roleAlias: string): string {
  return `elastic-runtime-${organization}-${roleAlias}`.slice(0, 128);
}
