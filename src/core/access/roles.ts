import { createHash } from 'node:crypto';
import { malformed, type Parsed, parsed, quoted } from '../quantity/outcome.ts';
import type { AccessRuntime } from './input.ts';
import type { RuntimeIdentity } from './vocabulary.ts';

/** The runtime's identities as roles, and how its agent proves who it is. */
export type Principals = {
  readonly roles: Readonly<Record<RuntimeIdentity, string>>;
  /** Neither master nor worker role is given: both (and the node role) are made from the policies attached to the agent role. */
  readonly defaultRoles: boolean;
  /** What the agent shows: the cluster's token, or an X.509 certificate to the IoT credentials provider. */
  readonly agentProof: 'webIdentity' | 'x509';
  /** The operator role's trust policy asks for an external ID, which a Secret of the runtime's holds. */
  readonly operatorExternalId: boolean;
};

export type RoleArn = { readonly partition: string; readonly account: string; readonly name: string };

// A path may hold more letters in AWS; a wildcard among them would widen every policy that names the role.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
const ROLE_ARN = /^arn:(aws(?:-[a-z]+)*):iam::(\d{12}):role\/(?:[\w+=,.@-]+\/)*([\w+=,.@-]{1,64})$/;
export const maxRoleName = 64;

export function parseRoleArn(text: string): Parsed<RoleArn> {
  const match = ROLE_ARN.exec(text);
  if (match === null) return malformed(`${quoted(text)} is no IAM role ARN: write arn:aws:iam::<account>:role/<name>`);
  const [, partition = '', account = '', name = ''] = match;
  return parsed({ partition, account, name });
}

/** What the default-roles stack makes one of for a runtime. */
export type DefaultRole = 'master' | 'worker' | 'node';

/**
 * The role that the default-roles stack makes, in the account of the operator role. Role names are unique in an account whatever their path is
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html), so the name ends in the runtime's uid: it is then unambiguous between
 * clusters too, and the roles of a runtime are never those of an earlier one of its name. A name that is too long is cut and closed with a hash
 * of the whole. A manifest that was never applied has no uid: its roles are named without.
 */
export function defaultRoleArn(runtime: AccessRuntime, role: DefaultRole): string {
  return `${defaultRoleFolder(runtime, 'role')}${defaultRoleName(runtime, role)}`;
}

/** Of the same name as the node role. */
export function defaultInstanceProfileArn(runtime: AccessRuntime): string {
  return `${defaultRoleFolder(runtime, 'instance-profile')}${defaultRoleName(runtime, 'node')}`;
}

/**
 * The instance profile of a runtime's nodes: the given one, the default-roles stack's, or, where the other roles are given, the one that `iam` generates with them: from
 * manifests, so that no uid is in its name. A machine without a profile could neither join nor pull an image.
 */
export function nodeProfileArn(runtime: AccessRuntime): string {
  const given = runtime.spec.identities.node?.instanceProfileArn;
  if (given !== undefined) return given;
  const { uid: _uid, ...metadata } = runtime.metadata;
  return defaultInstanceProfileArn(hasDefaultRoles(runtime) ? runtime : { ...runtime, metadata });
}

/** Role of the nodes' instance profile as the generator makes them: of the same name, which may be longer for a profile (128 characters) than for a role. */
export function nodeRoleArn(runtime: AccessRuntime): string {
  const profileArn = nodeProfileArn(runtime);
  const cut = profileArn.lastIndexOf('/') + 1;
  return profileArn.slice(0, cut).replace(':instance-profile/', ':role/') + fitted(profileArn.slice(cut), maxRoleName);
}

/** Every such role of the runtime, whatever its uid is: for policies that are written before the runtime exists. */
export function defaultRolePattern(runtime: AccessRuntime, role: DefaultRole): string {
  return `${defaultRoleFolder(runtime, 'role')}*.${role}`;
}

export function defaultRoleName(runtime: AccessRuntime, role: DefaultRole | 'boundary'): string {
  const { namespace = 'default', name = '', uid } = runtime.metadata;
  const end = `${/^[0-9a-f]{8}/.test(uid ?? '') ? `-${uid?.slice(0, 8)}` : ''}.${role}`;
  return `${fitted(`${namespace}.${name}`, maxRoleName - end.length)}${end}`;
}

/** IAM path of all that the stack makes. A slash is in no name of ours, so no two runtimes share one. */
export function defaultRolePath({ metadata: { namespace = 'default', name = '' } }: AccessRuntime): string {
  return `/elastic-runtime/${namespace}/${name}/`;
}

/** ARNs of one kind below that path, up to the name. */
export function defaultRoleFolder(runtime: AccessRuntime, kind: 'role' | 'instance-profile' | 'policy'): string {
  const operator = parseRoleArn(runtime.spec.identities.operator.roleArn);
  const { partition, account } = operator.ok ? operator.value : { partition: 'aws', account: '000000000000' };
  return `arn:${partition}:iam::${account}:${kind}${defaultRolePath(runtime)}`;
}

/** Neither master nor worker role is given. */
export function hasDefaultRoles({ spec: { identities } }: AccessRuntime): boolean {
  return identities.master === undefined && identities.worker === undefined;
}

export function principalsOf(runtime: AccessRuntime): Principals {
  const { agent, operator, master, worker } = runtime.spec.identities;
  return {
    roles: {
      agent: agent.roleArn,
      operator: operator.roleArn,
      master: master?.roleArn ?? defaultRoleArn(runtime, 'master'),
      worker: worker?.roleArn ?? defaultRoleArn(runtime, 'worker'),
    },
    defaultRoles: hasDefaultRoles(runtime),
    agentProof: agent.x509 === undefined ? 'webIdentity' : 'x509',
    operatorExternalId: operator.externalIdSecretRef !== undefined,
  };
}

/** A text of at most `length` characters that still tells two long texts apart. */
export function fitted(text: string, length: number): string {
  if (text.length <= length) return text;
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 8);
  return `${text.slice(0, length - digest.length - 1)}-${digest}`;
}
