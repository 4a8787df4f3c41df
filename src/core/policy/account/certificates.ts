import { fitted } from '../../access/roles.ts';
import type { PolicyRuntime } from '../runtime-input.ts';
import type { CertificatePlan } from './plan.ts';
import type { RuntimeView } from './view.ts';

/**
 * What an X.509 certificate needs to become the agent role: the role alias, and a policy attached to the certificate that names it
 * (https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html).
 */
export function certificatePlans(views: readonly RuntimeView[]): readonly CertificatePlan[] {
  const plans = new Map<string, CertificatePlan>();
  for (const { input } of views) {
    const plan = certificatePlan(input.runtime);
    if (plan !== undefined) plans.set(`${plan.region}/${plan.roleAlias}/${plan.policyName}`, plan);
  }
  return [...plans].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, plan]) => plan);
}

/** Each alias once: organizations that share an agent share its alias, and have a policy each. */
export function roleAliases(plans: readonly CertificatePlan[]): readonly CertificatePlan[] {
  return [...new Map(plans.toReversed().map((plan) => [`${plan.region}/${plan.roleAlias} ${plan.roleArn}`, plan])).values()].toReversed();
}

/** Of one runtime; undefined where its agent uses the cluster's token. */
export function certificatePlan({ spec }: Pick<PolicyRuntime, 'spec'>): CertificatePlan | undefined {
  const { region, organization, identities } = spec;
  const { roleArn, x509 } = identities.agent;
  if (x509 === undefined) return undefined;
  // Of the operator, which issues and replaces the certificates: they, the alias and the policy stand in one account.
  const [, partition = 'aws', , , account = ''] = identities.operator.roleArn.split(':');
  return {
    region,
    roleAlias: x509.roleAlias,
    roleArn,
    policyName: certificatePolicyName(organization, x509.roleAlias),
    document: {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'BecomeAgentThroughThisRoleAlias',
          Effect: 'Allow',
          Action: 'iot:AssumeRoleWithCertificate',
          Resource: `arn:${partition}:iot:${region}:${account}:rolealias/${x509.roleAlias}`,
        },
      ],
    },
  };
}

/** The AWS IoT policy that certificates of an organization get. */
export function certificatePolicyName(organization: string, roleAlias: string): string {
  return fitted(`elastic-runtime-${organization}-${roleAlias}`, 128);
}
