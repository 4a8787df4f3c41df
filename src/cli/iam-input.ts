import type { ElasticJob, ElasticRuntime } from '../api/generated/types.ts';
import { partitionOf } from '../core/access/partitions.ts';
import type { DocumentsInput } from '../core/policy/runtime-input.ts';
import { checkJob, checkManifests, checkRuntime, type ExplainIo, type World, worldOf } from './explain.ts';
import { conflicts } from './iam-conflicts.ts';
import { accountOf, inlinedJob } from './iam-objects.ts';
import { formatInputError, type InputError, namespaceOf, readManifests } from './manifests.ts';

export type IamArguments = {
  readonly files: readonly string[];
  /** Value of the tag `elasticruntime.dev/cluster`: the operator's --cluster-name. */
  readonly clusterName?: string;
  readonly oidcProviderArn?: string;
  readonly environment: string;
  readonly namePrefix: string;
  /** `user` or `organization=user` */
  readonly users: readonly string[];
};

export type IamInput = {
  readonly inputs: readonly DocumentsInput[];
  readonly users: Readonly<Record<string, readonly string[]>>;
  /** What was not given and stands as a placeholder that matches nothing. */
  readonly notes: readonly string[];
};

const OIDC_PROVIDER = /^arn:aws(?:-[a-z]+)*:iam::\d{12}:oidc-provider\/[^\s*?]+$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/;
/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const USER = /^[\w+=,.@-]{1,64}$/;

/** What the generator needs, out of manifests and flags; undefined where something is wrong, which stderr then says. */
export async function readIamInput(args: IamArguments, io: ExplainIo): Promise<IamInput | undefined> {
  const wrong = wrongFlags(args);
  for (const message of wrong) io.stderr(`iam: ${message}`);
  if (wrong.length > 0) return undefined;
  const read = await readManifests(args.files, io);
  const errors = [...read.errors, ...checkManifests(read.manifests)];
  for (const error of errors) io.stderr(`iam: ${formatInputError(error)}`);
  if (errors.length > 0) return undefined;
  const world = worldOf(read.manifests);
  const runtimes = [...world.runtimes.values()];
  const faults =
    runtimes.length === 0
      ? [`${args.files.join(', ')}: no ElasticRuntime: whose IAM?`]
      : [...refused(world), ...conflicts(world)].map(formatInputError);
  const users = usersOf(args.users, [...new Set(runtimes.map(({ spec }) => spec.organization))]);
  if (typeof users === 'string') faults.push(users);
  for (const message of new Set(faults)) io.stderr(`iam: ${message}`);
  if (faults.length > 0 || typeof users === 'string') return undefined;
  return { ...inputsOf(args, runtimes, world), users };
}

/** What explain and the operator refuse is never begun: it needs no IAM, and some of it must not have any. */
function refused(world: World): readonly InputError[] {
  return [
    ...[...world.runtimes.keys()].flatMap((key) => checkRuntime(key, world)),
    ...world.jobs.flatMap((job) => {
      const checked = checkJob(job, world);
      return 'plan' in checked ? [] : checked;
    }),
  ];
}

/** Jobs of a runtime, with the connections that they name written into them. */
function jobsOf({ metadata }: ElasticRuntime, world: World): readonly ElasticJob[] {
  const namespace = namespaceOf(metadata);
  return world.jobs
    .filter((job) => job.spec.runtime === metadata.name && namespaceOf(job.metadata) === namespace)
    .map((job) => inlinedJob(job, world));
}

function inputsOf(args: IamArguments, runtimes: readonly ElasticRuntime[], world: World): Pick<IamInput, 'inputs' | 'notes'> {
  const notes: string[] = [];
  const clusterName = args.clusterName ?? 'NAME-OF-THE-CLUSTER';
  if (args.clusterName === undefined)
    notes.push(
      `--cluster-name is not given: ${clusterName} stands in its place, and no instance can be launched until it is the operator's own`,
    );
  const tokens = runtimes.some(({ spec }) => spec.identities.agent.x509 === undefined || spec.identities.master !== undefined);
  if (args.oidcProviderArn === undefined && tokens)
    notes.push(
      '--oidc-provider-arn is not given: a provider that does not exist stands in its place, and no token is trusted until it is named',
    );
  const inputs = runtimes.map((runtime): DocumentsInput => {
    const accountId = accountOf(runtime);
    const oidcProviderArn =
      args.oidcProviderArn ??
      `arn:${partitionOf(runtime.spec.region)}:iam::${accountId}:oidc-provider/oidc.eks.${runtime.spec.region}.amazonaws.com/id/ISSUER-OF-THE-CLUSTER`;
    return {
      runtime,
      jobs: jobsOf(runtime, world),
      clusterName,
      accountId,
      oidcProviderArn,
      issuer: oidcProviderArn.slice(oidcProviderArn.indexOf('oidc-provider/') + 'oidc-provider/'.length),
    };
  });
  return { inputs, notes };
}

function wrongFlags({ files, oidcProviderArn, clusterName, environment, namePrefix }: IamArguments): readonly string[] {
  const wrong: string[] = [];
  if (files.length === 0) wrong.push('name the manifests: -f FILE, -f DIR or -f -');
  if (oidcProviderArn !== undefined && !OIDC_PROVIDER.test(oidcProviderArn))
    wrong.push(
      `--oidc-provider-arn ${JSON.stringify(oidcProviderArn)}: write arn:aws:iam::<account>:oidc-provider/<issuer without https://>`,
    );
  if (clusterName !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(clusterName))
    wrong.push(`--cluster-name ${JSON.stringify(clusterName)}: at most 100 letters, digits, '-', '_' and '.' are needed`);
  for (const [flag, value] of [
    ['--environment', environment],
    ['--name-prefix', namePrefix],
  ] as const) {
    if (!NAME.test(value)) wrong.push(`${flag} ${JSON.stringify(value)}: at most 32 letters, digits and '-' are needed`);
  }
  return wrong;
}

/** Organization -> users, or what is wrong. */
function usersOf(given: readonly string[], organizations: readonly string[]): Readonly<Record<string, readonly string[]>> | string {
  const users: Record<string, string[]> = {};
  for (const item of given) {
    const cut = item.indexOf('=');
    const organization = cut < 0 ? organizations[0] : item.slice(0, cut);
    const user = item.slice(cut + 1);
    if (cut < 0 && organizations.length > 1)
      return `--attach-user ${item}: of which organization? write ${organizations.join(`=${user} or `)}=${user}`;
    if (organization === undefined || !organizations.includes(organization))
      return `--attach-user ${item}: no runtime is of organization ${organization ?? ''}; there are ${organizations.join(', ')}`;
    if (!USER.test(user)) return `--attach-user ${item}: ${JSON.stringify(user)} is no IAM user name`;
    users[organization] = [...new Set([...(users[organization] ?? []), user])];
  }
  return users;
}
