import type { NamedPolicy, RolePlan } from '../account/plan.ts';
import type { PolicyDocument } from '../document.ts';
import { fitPolicies, QuotaExceeded, tooLongTrust } from './quotas.ts';
import type { Entry, LogicalIds, Resource, Value } from './template.ts';

export type RoleProperties = Pick<RolePlan, 'name' | 'path' | 'description' | 'trust'> & {
  readonly policies: readonly NamedPolicy[];
  /** ARN of the permissions boundary. */
  readonly boundaryArn?: Value;
  readonly managedPolicyArns?: readonly Value[];
  readonly maxSessionSeconds?: number;
  readonly tags?: Readonly<Record<string, string>>;
};

/** How a document becomes a template's value: where a marker of an external ID stands, a reference to the parameter. */
export type Render = (document: PolicyDocument) => Value;

/**
 * The resources of one role, itself first: with its policies inline, or with managed policies where they outgrow an inline policy. `logicalId` names the role;
 * managed policies are `<logicalId>Policy1`, … Throws where the role cannot be had within IAM's quotas.
 */
export function roleResources(
  logicalId: string,
  role: RoleProperties,
  ids: LogicalIds,
  render: Render = asValue,
): readonly [Entry<Resource>, ...Entry<Resource>[]] {
  const tooLong = tooLongTrust(role.trust);
  if (tooLong !== undefined) throw new QuotaExceeded(`role ${role.name}: ${tooLong}`);
  const { inline, managed } = fitPolicies(role.name, role.policies, role.managedPolicyArns?.length);
  const resource: Resource = {
    Type: 'AWS::IAM::Role',
    Properties: {
      RoleName: role.name,
      Path: role.path,
      Description: role.description,
      MaxSessionDuration: role.maxSessionSeconds ?? 3600,
      AssumeRolePolicyDocument: render(role.trust),
      ...(role.boundaryArn !== undefined && { PermissionsBoundary: role.boundaryArn }),
      ...(role.managedPolicyArns !== undefined && { ManagedPolicyArns: role.managedPolicyArns }),
      ...(inline.length > 0 && {
        Policies: inline.map(({ name, document }) => ({ PolicyName: name, PolicyDocument: render(document) })),
      }),
      ...(role.tags !== undefined && { Tags: Object.entries(role.tags).map(([Key, Text]) => ({ Key, Value: Text })) }),
    },
  };
  const policies = managed.map(
    ({ name, document }, index): Entry<Resource> => [
      ids.derived(logicalId, `Policy${index + 1}`),
      {
        Type: 'AWS::IAM::ManagedPolicy',
        Properties: {
          ManagedPolicyName: name,
          Path: role.path,
          Description: `Part ${index + 1} of ${managed.length} of what role ${role.name} may do`,
          Roles: [{ Ref: logicalId }],
          PolicyDocument: render(document),
        },
      },
    ],
  );
  return [[logicalId, resource], ...policies];
}

/** A document is a value as it is. */
export function asValue(document: PolicyDocument): Value {
  return document;
}
