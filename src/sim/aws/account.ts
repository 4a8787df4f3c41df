import { parseS3Uri } from '../../core/access/locations.ts';
import { partitionOf } from '../../core/access/partitions.ts';
import { fitted, hasDefaultRoles } from '../../core/access/roles.ts';
import { certificatePlan } from '../../core/policy/account/certificates.ts';
import {
  type DocumentsInput,
  mergeDocuments,
  type PolicyConnection,
  type PolicyJob,
  type PolicyRuntime,
  type RoleDocuments,
  runtimeDocuments,
} from '../../core/policy/documents.ts';
import { malformed, type Parsed, parsed } from '../../core/quantity/outcome.ts';
import { simulatedCatalog } from './catalog.ts';
import { credentialUsers, type SecretManifest, secretValues, storedSecrets } from './credentials.ts';
import { guarded } from './guarded.ts';
import { overlay } from './overlay.ts';
import { bucketsOf, guestsOf, keysOf, type PlacedConnection, resourcesOf, subnetsOf } from './places.ts';
import { parseSimulatedAccount } from './simulated-account.ts';
import type { AccountSpec, CertificateSpec, IotSpec, RoleSpec } from './spec.ts';

/** What a simulation is given, as parsed manifests. */
export type Manifests = {
  readonly runtimes: readonly PolicyRuntime[];
  readonly jobs: readonly PolicyJob[];
  readonly secrets: readonly SecretManifest[];
  /** ElasticConnections, for `connectionRef`. */
  readonly connections?: readonly { readonly metadata: { readonly name?: string; readonly namespace?: string }; readonly spec: object }[];
};

export type AccountOptions = {
  /** Value of the tag `elasticruntime.dev/cluster`. */
  readonly clusterName: string;
  /** Issuer URL of the simulated cluster's tokens. */
  readonly issuer: string;
};

/**
 * An account that fits the manifests: buckets, keys, subnets, roles with the policies that the generator makes, IAM users for the credentials found
 * in Secrets, and values for Parameter Store and Secrets Manager. A document of kind SimulatedAccount overrides any of it. The reason of a refusal names the field.
 */
export function accountFor(manifests: Manifests, options: AccountOptions, simulatedAccount?: unknown): Parsed<AccountSpec> {
  const said = simulatedAccount === undefined ? undefined : parseSimulatedAccount(simulatedAccount);
  if (said !== undefined && !said.ok) return malformed(`SimulatedAccount: ${said.reason}`);
  const wrong = manifests.runtimes.map(wrongLocations).find((reason) => reason !== undefined);
  if (wrong !== undefined) return malformed(wrong);
  const first = manifests.runtimes[0];
  const accountId = said?.value.accountId ?? first?.spec.identities.operator.roleArn.split(':')[4] ?? '000000000000';
  const region = said?.value.region ?? first?.spec.region ?? 'us-east-1';
  const views = manifests.runtimes.map((runtime) => viewOf(runtime, manifests, options));
  const connections = views.flatMap((view) => view.connections);
  const accounts = new Set([
    accountId,
    ...views.flatMap(({ documents }) => rolesIn(documents).map(({ roleArn }) => roleArn.split(':')[4] ?? '')),
  ]);
  const users = credentialUsers(connections, manifests.secrets, accountId);
  const rolesOf = (runtime: PolicyRuntime): readonly string[] => {
    const documents = views.find((view) => view.runtime === runtime)?.documents;
    if (documents === undefined) return [];
    // No principal that is not there yet may be named.
    const account = `${documents.worker.roleArn.split(':role/')[0]}:root`;
    return [documents.agent.roleArn, hasDefaultRoles(runtime) ? account : documents.worker.roleArn];
  };
  const guests = guestsOf(connections, users, rolesOf, accountId);
  const issuer = options.issuer.replace(/^https:\/\//, '');
  const generated: AccountSpec = {
    accountId,
    region,
    oidcProviders: [...accounts].map((account) => ({
      arn: `arn:${partitionOf(region)}:iam::${account}:oidc-provider/${issuer}`,
      issuer,
      clientIds: ['sts.amazonaws.com'],
    })),
    roles: mergedRoles(views),
    users,
    ...guarded(
      views.map(({ input }) => input),
      { buckets: bucketsOf(manifests, connections, accountId, region, guests), keys: keysOf(manifests.runtimes, connections, guests) },
    ),
    subnets: subnetsOf(manifests.runtimes),
    instanceProfiles: views.flatMap(({ runtime, documents }) =>
      hasDefaultRoles(runtime) && runtime.spec.identities.node === undefined
        ? []
        : [{ arn: documents.node.instanceProfileArn, roleArn: documents.node.roleArn }],
    ),
    ...storedSecrets(connections),
    resources: resourcesOf(connections, guests, accountId),
    iot: iotOf(manifests),
    quotas: { onDemandVcpus: 5000, spotVcpus: 5000 },
    capacity: [],
    interruptions: [],
    types: simulatedCatalog(region).types,
  };
  return parsed(said === undefined ? generated : overlay(generated, said.value));
}

/** A thing, an alias and a policy for each runtime with X.509, and whatever certificate its Secret holds. */
function iotOf({ runtimes, secrets }: Manifests): IotSpec {
  const found = runtimes.flatMap((runtime) => {
    const plan = certificatePlan(runtime);
    const thing = runtime.spec.identities.agent.x509?.thingName ?? '';
    return plan === undefined ? [] : [{ thing, plan, pem: certificateIn(runtime, secrets) }];
  });
  return {
    things: [...new Set(found.map(({ thing }) => thing))],
    policies: found.map(({ plan: { policyName: name, document } }) => ({ name, document })),
    roleAliases: found.map(({ plan: { region, roleAlias, roleArn } }) => ({
      arn: `arn:${partitionOf(region)}:iot:${region}:${roleArn.split(':')[4] ?? ''}:rolealias/${roleAlias}`,
      roleArn,
      seconds: 3600,
    })),
    certificates: found.flatMap(({ thing, plan, pem }): readonly CertificateSpec[] =>
      pem === undefined ? [] : [{ pem, things: [thing], policies: [plan.policyName] }],
    ),
  };
}

function certificateIn({ metadata, spec }: PolicyRuntime, secrets: readonly SecretManifest[]): string | undefined {
  const namespace = metadata.namespace ?? 'default';
  const name = spec.identities.agent.x509?.certificateSecretRef?.name;
  const secret = secrets.find((one) => one.metadata.name === name && (one.metadata.namespace ?? 'default') === namespace);
  return secret === undefined ? undefined : secretValues(secret)['tls.crt'];
}

type View = {
  readonly runtime: PolicyRuntime;
  readonly input: DocumentsInput;
  readonly connections: readonly PlacedConnection[];
  readonly documents: ReturnType<typeof runtimeDocuments>;
};

function viewOf(runtime: PolicyRuntime, manifests: Manifests, { clusterName, issuer }: AccountOptions): View {
  const { name, namespace = 'default' } = runtime.metadata;
  const accountId = runtime.spec.identities.operator.roleArn.split(':')[4] ?? '';
  const jobs = manifests.jobs
    .filter((job) => job.spec.runtime === name && (job.metadata.namespace ?? 'default') === namespace)
    .map((job) => resolved(job, manifests));
  const input: DocumentsInput = {
    runtime,
    jobs,
    clusterName,
    accountId,
    oidcProviderArn: `arn:${partitionOf(runtime.spec.region)}:iam::${accountId}:oidc-provider/${issuer.replace(/^https:\/\//, '')}`,
    issuer,
    externalIds: externalIds(manifests.secrets, namespace),
  };
  const connections = jobs.flatMap((job) => (job.spec.connections ?? []).map((connection) => ({ connection, runtime })));
  return { runtime, input, connections, documents: runtimeDocuments(input) };
}

/** The job with `connectionRef`s replaced by what they name. */
function resolved(job: PolicyJob, manifests: Manifests): PolicyJob {
  const namespace = job.metadata.namespace ?? 'default';
  const connections = (job.spec.connections ?? []).map((connection): PolicyConnection => {
    const reference = (connection as { readonly connectionRef?: { readonly name: string } }).connectionRef?.name;
    const found = manifests.connections?.find(
      ({ metadata }) => metadata.name === reference && (metadata.namespace ?? 'default') === namespace,
    );
    return found === undefined ? connection : { ...connection, ...found.spec, name: connection.name };
  });
  return { ...job, spec: { ...job.spec, connections } };
}

function externalIds(secrets: readonly SecretManifest[], namespace: string): Readonly<Record<string, string>> {
  const own = secrets.filter((secret) => (secret.metadata.namespace ?? 'default') === namespace);
  return Object.fromEntries(
    own.flatMap((secret) => Object.entries(secretValues(secret)).map(([key, value]) => [`${secret.metadata.name ?? ''}/${key}`, value])),
  );
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const MAX_POLICY_NAME = 128;

type MergedRole = { readonly trusts: RoleDocuments['trust'][]; readonly policies: Map<string, RoleSpec['policies'][number]> };

/** Roles that several runtimes share have the trust of all of them, and the policies of each. */
function mergedRoles(views: readonly View[]): readonly RoleSpec[] {
  const merged = new Map<string, MergedRole>();
  for (const { runtime, documents } of views) {
    // What the stack of default roles is to make is not there at the start.
    const later = hasDefaultRoles(runtime) ? [documents.master, documents.worker, documents.node] : [];
    for (const { roleArn, trust, permissions } of rolesIn(documents).filter((role) => !later.includes(role))) {
      const entry: MergedRole = merged.get(roleArn) ?? { trusts: [], policies: new Map() };
      merged.set(roleArn, entry);
      entry.trusts.push(trust);
      const owner = `${runtime.metadata.namespace ?? 'default'}.${runtime.metadata.name ?? ''}`;
      // As long as IAM takes it: with long names the stack of default roles could not copy the policy.
      const name = fitted(`${roleArn.slice(roleArn.lastIndexOf('/') + 1)}-for-${owner}`, MAX_POLICY_NAME);
      if (Array.isArray(permissions.Statement) && permissions.Statement.length === 0) continue;
      entry.policies.set(JSON.stringify(permissions), { name, document: permissions });
    }
  }
  return [...merged].map(([arn, { trusts, policies }]) => ({ arn, trust: mergeDocuments(trusts), policies: [...policies.values()] }));
}

function rolesIn({
  agent,
  operator,
  master,
  worker,
  node,
  connectionRoles,
}: ReturnType<typeof runtimeDocuments>): readonly RoleDocuments[] {
  return [agent, operator, master, worker, node, ...new Set(Object.values(connectionRoles))];
}

function wrongLocations(runtime: PolicyRuntime): string | undefined {
  for (const field of ['staging', 'logs'] as const) {
    const location = parseS3Uri(runtime.spec[field].uri);
    if (!location.ok)
      return `ElasticRuntime ${runtime.metadata.namespace ?? 'default'}/${runtime.metadata.name ?? ''}: spec.${field}.uri: ${location.reason}`;
  }
  return undefined;
}
