import type { PolicyDocument } from '../document.ts';
import { runtimeDocuments } from '../documents.ts';
import type { DocumentsInput } from '../runtime-input.ts';
import { analystPlans } from './analysts.ts';
import { bucketPlans } from './buckets.ts';
import { certificatePlans } from './certificates.ts';
import { externalIdParameters, withMarkers } from './external-ids.ts';
import { keyPlans } from './keys.ts';
import { rolePlans } from './roles.ts';
import { type ExternalIdParameter, isDefault, type RuntimeView } from './view.ts';

export type NamedPolicy = { readonly name: string; readonly document: PolicyDocument };

/** A role once, however many runtimes share it. */
export type RolePlan = {
  readonly arn: string;
  readonly name: string;
  /** `/` or `/a/b/` */
  readonly path: string;
  readonly description: string;
  readonly trust: PolicyDocument;
  /** One per runtime that uses the role. */
  readonly policies: readonly NamedPolicy[];
};

export type InstanceProfilePlan = { readonly arn: string; readonly name: string; readonly path: string; readonly roleArn: string };

export type KeyPlan = {
  readonly arn: string;
  readonly region: string;
  readonly organizations: readonly string[];
  /** `alias/<prefix>-<environment>-<organization>` */
  readonly alias: string;
  readonly policy: PolicyDocument;
};

export type BucketPlan = { readonly bucket: string; readonly region: string; readonly policy: PolicyDocument };

/** What the IoT credentials provider needs: a role alias, and the policy that certificates of the organization get. */
export type CertificatePlan = {
  readonly region: string;
  readonly roleAlias: string;
  readonly roleArn: string;
  readonly policyName: string;
  readonly document: PolicyDocument;
};

/** People who read an organization's data without a job. */
export type AnalystPlan = {
  readonly organization: string;
  readonly region: string;
  readonly name: string;
  readonly document: PolicyDocument;
  /** IAM user names */
  readonly users: readonly string[];
};

/** Everything that runtimes need of IAM and its neighbours in one account. */
export type AccountPlan = {
  readonly accountId: string;
  readonly region: string;
  readonly roles: readonly RolePlan[];
  readonly instanceProfiles: readonly InstanceProfilePlan[];
  readonly keys: readonly KeyPlan[];
  readonly buckets: readonly BucketPlan[];
  readonly certificates: readonly CertificatePlan[];
  readonly analysts: readonly AnalystPlan[];
  /** Values that never stand in a document: each document holds `marker` in their place. */
  readonly externalIds: readonly ExternalIdParameter[];
};

export type AccountPlanOptions = {
  /** `production`, `test`, …: part of the names of keys and data policies. */
  readonly environment: string;
  readonly namePrefix: string;
  /** Organization -> IAM user names */
  readonly users?: Readonly<Record<string, readonly string[]>>;
};

/**
 * The IAM of many runtimes, merged: a role, bucket or key that several share is there once. The order of the runtimes makes no difference. Throws as
 * `runtimeDocuments` does. Where an input has no value for an external ID, a marker stands in its place.
 */
export function accountPlan(inputs: readonly DocumentsInput[], options: AccountPlanOptions): AccountPlan {
  const sorted = inputs.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : nameOf(one) > nameOf(other) ? 1 : 0));
  const views = sorted.map((input): RuntimeView => {
    const marked = withMarkers(input);
    return { input: marked, name: nameOf(input), documents: runtimeDocuments(marked) };
  });
  const first = views[0];
  return {
    accountId: first?.input.accountId ?? '',
    region: first?.input.runtime.spec.region ?? '',
    roles: rolePlans(views),
    instanceProfiles: instanceProfiles(views),
    keys: keyPlans(views, options),
    buckets: bucketPlans(views),
    certificates: certificatePlans(views),
    analysts: analystPlans(views, options),
    externalIds: externalIdParameters(sorted),
  };
}

/** `<namespace>.<runtime>`: a namespace holds no dot. */
function nameOf({ runtime: { metadata } }: DocumentsInput): string {
  return `${metadata.namespace ?? 'default'}.${metadata.name ?? ''}`;
}

function instanceProfiles(views: readonly RuntimeView[]): readonly InstanceProfilePlan[] {
  const unique = new Map<string, InstanceProfilePlan>();
  for (const { input, documents } of views) {
    // Made with the default roles, by the operator.
    if (isDefault(input)) continue;
    const { instanceProfileArn: arn, roleArn } = documents.node;
    const resource = arn.slice(arn.indexOf(':instance-profile') + ':instance-profile'.length);
    const cut = resource.lastIndexOf('/') + 1;
    unique.set(arn, { arn, name: resource.slice(cut), path: resource.slice(0, cut), roleArn });
  }
  return [...unique.values()].toSorted((one, other) => (one.arn < other.arn ? -1 : 1));
}
