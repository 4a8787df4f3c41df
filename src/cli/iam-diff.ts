import { type AccountDifference, type AccountState, diffAccount } from '../core/policy/account/diff.ts';
import { type AccountPlan, accountPlan } from '../core/policy/account/plan.ts';
import { accountOfRole } from '../core/policy/account/view.ts';
import type { AccountReader } from '../ports/aws/account-reader.ts';
import type { AwsResult } from '../ports/aws/index.ts';
import type { ExplainIo } from './explain.ts';
import { type IamArguments, readIamInput } from './iam-input.ts';
import { table } from './table.ts';

export type DiffIo = ExplainIo & { readonly readAccount: (options: { readonly region: string }) => AccountReader };

/** A call that could not be answered: without it there is no verdict. */
class Unread extends Error {}

/**
 * `kubectl-elastic iam diff`: 0 the account is as generated, 1 it is not, 2 wrong usage, bad input, or what stands there could not be read. What lies in other
 * accounts or regions is not looked at and said on stderr.
 */
export async function runIamDiff(args: IamArguments & { readonly output: 'table' | 'json' }, io: DiffIo): Promise<number> {
  const input = await readIamInput(args, io);
  if (input === undefined) return 2;
  for (const note of input.notes) io.stderr(`iam diff: ${note}`);
  const plan = accountPlan(input.inputs, { environment: args.environment, namePrefix: args.namePrefix, users: input.users });
  const reader = io.readAccount({ region: plan.region });
  try {
    const account = must('who am I', await reader.account());
    if (account !== plan.accountId) {
      io.stderr(
        `iam diff: your credentials are of account ${account}, the manifests of ${plan.accountId}: use credentials of ${plan.accountId}`,
      );
      return 2;
    }
    const state = await readState(plan, reader, (what) =>
      io.stderr(`iam diff: ${what} is not looked at: it lies in another account or region`),
    );
    const differences = diffAccount(plan, state);
    io.stdout(args.output === 'json' ? JSON.stringify(differences, undefined, 2) : shown(differences));
    return differences.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof Unread)) throw error;
    io.stderr(`iam diff: ${error.message}`);
    return 2;
  } finally {
    reader.close();
  }
}

async function readState(plan: AccountPlan, reader: AccountReader, leftOut: (what: string) => void): Promise<AccountState> {
  const { accountId, region } = plan;
  const here = (what: string, account: string, inRegion = region): boolean => {
    if (account === accountId && inRegion === region) return true;
    leftOut(what);
    return false;
  };
  const roles = plan.roles.filter(({ arn }) => here(`role ${arn}`, accountOfRole(arn)));
  const profiles = plan.instanceProfiles.filter(({ arn }) => here(`instance profile ${arn}`, arn.split(':')[4] ?? ''));
  const keys = plan.keys.filter((key) => here(`key ${key.arn}`, key.arn.split(':')[4] ?? '', key.region));
  const buckets = plan.buckets.filter((bucket) => here(`bucket ${bucket.bucket}`, accountId, bucket.region));
  const certificates = plan.certificates.filter((one) => here(`role alias ${one.roleAlias}`, accountOfRole(one.roleArn), one.region));
  const analysts = plan.analysts.filter((one) => here(`policy ${one.name}`, accountId, one.region));
  const partition = plan.roles[0]?.arn.split(':')[1] ?? 'aws';
  const policyArn = (name: string): string => `arn:${partition}:iam::${accountId}:policy/${name}`;
  return {
    roles: await readAll(
      roles,
      ({ arn }) => arn,
      async ({ arn, name }) => {
        const role = must(`role ${name}`, await reader.role(name));
        // Of that name, but not of that path: another role.
        return role === undefined || role.arn !== arn
          ? undefined
          : { trust: role.trust, policies: role.policies.map(({ document }) => document) };
      },
    ),
    instanceProfiles: await readAll(
      profiles,
      ({ name }) => name,
      async ({ name }) => must(`instance profile ${name}`, await reader.instanceProfile(name)),
    ),
    keys: await readAll(
      keys,
      ({ arn }) => arn,
      async ({ arn }) => must(`key ${arn}`, await reader.key(arn)),
    ),
    buckets: await readAll(
      buckets,
      ({ bucket }) => bucket,
      async ({ bucket }) => must(`bucket ${bucket}`, await reader.bucketPolicy(bucket)),
    ),
    roleAliases: await readAll(
      certificates,
      ({ roleAlias }) => roleAlias,
      async ({ roleAlias }) => must(`role alias ${roleAlias}`, await reader.roleAlias(roleAlias)),
    ),
    certificatePolicies: await readAll(
      certificates,
      ({ policyName }) => policyName,
      async ({ policyName }) => must(`IoT policy ${policyName}`, await reader.certificatePolicy(policyName)),
    ),
    managedPolicies: await readAll(
      analysts,
      ({ name }) => name,
      async ({ name }) => must(`policy ${name}`, await reader.managedPolicy(policyArn(name))),
    ),
  };
}

/** One after the other: IAM's own limits are low. */
async function readAll<P, T>(
  items: readonly P[],
  keyOf: (item: P) => string,
  read: (item: P) => Promise<T>,
): Promise<ReadonlyMap<string, T>> {
  const all = new Map<string, T>();
  for (const item of items) all.set(keyOf(item), await read(item));
  return all;
}

function must<T>(what: string, result: AwsResult<T>): T {
  if (result.ok) return result.value;
  const { code, message, requestId } = result.error;
  throw new Unread(`${what} cannot be read: ${code}: ${message}${requestId === undefined ? '' : ` [request ${requestId}]`}`);
}

function shown(differences: readonly AccountDifference[]): string {
  if (differences.length === 0) return 'The account is as generated.';
  const rows = differences.map(({ object, part = '-', kind, statement, detail }) => [object, part, kind, statement ?? '-', detail]);
  return table(['OBJECT', 'PART', 'DIFFERENCE', 'STATEMENT', 'DETAIL'], rows);
}
