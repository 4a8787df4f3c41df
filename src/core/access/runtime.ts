import { wrongEndpoint } from './certificate.ts';
import type { FieldProblem } from './connection-checks.ts';
import { foreignFolder } from './foreign-folder.ts';
import type { AccessRuntime } from './input.ts';
import { isOrganization, parseS3ObjectUri, parseS3Uri } from './locations.ts';
import { sharedFolder } from './own-folders.ts';
import { nodeRoleArn, parseRoleArn } from './roles.ts';

/** What is wrong with a runtime's identities; the field is relative to its spec. */
export function wrongRuntime(runtime: AccessRuntime): readonly FieldProblem[] {
  const { identities, organization } = runtime.spec;
  const given = (['agent', 'operator', 'master', 'worker'] as const).flatMap((identity) => {
    const roleArn = identities[identity]?.roleArn;
    return roleArn === undefined ? [] : [{ identity, roleArn }];
  });
  return [
    ...wrongOrganization(organization),
    ...wrongFolders(runtime),
    ...oneFolder(runtime),
    ...keysElsewhere(runtime),
    ...endpointElsewhere(runtime),
    ...wrongInitScript(runtime),
    ...oneOfTwo(identities),
    ...given.flatMap(wrongArn),
    ...given.flatMap((one, index) => shared(one, given.slice(0, index))),
    ...nodeRoleOfOthers(runtime, given),
  ];
}

type Given = { readonly identity: string; readonly roleArn: string };

/** It is the first folder of every object and of every secret: anything but a slug could name a folder of somebody else's. */
function wrongOrganization(organization: string): readonly FieldProblem[] {
  if (isOrganization(organization)) return [];
  return [{ field: 'organization', value: organization, message: 'is no slug', remedy: "use a-z, 0-9 and '-', at most 63 characters" }];
}

function wrongFolders({ spec }: AccessRuntime): readonly FieldProblem[] {
  return (['staging', 'logs'] as const).flatMap((field) => {
    const uri = spec[field]?.uri;
    const folder = uri === undefined ? undefined : parseS3Uri(uri);
    if (uri === undefined || folder === undefined || folder.ok) return [];
    return [{ field: `${field}.uri`, value: uri, message: folder.reason, remedy: 'write s3://bucket/prefix with plain names' }];
  });
}

function oneFolder(runtime: AccessRuntime): readonly FieldProblem[] {
  const problem = sharedFolder(runtime);
  return problem === undefined ? [] : [problem];
}

/** Its partition the API server judges already. */
function keysElsewhere({ spec }: AccessRuntime): readonly FieldProblem[] {
  return (['staging', 'logs'] as const).flatMap((field) => {
    const { kmsKeyArn = '' } = spec[field] ?? {};
    const region = kmsKeyArn.split(':')[3] ?? '';
    if (region === '' || spec.region === undefined || region === spec.region) return [];
    const message = `is in region ${region}, the runtime in ${spec.region}: S3 encrypts with keys of the bucket's own region only`;
    return [{ field: `${field}.kmsKeyArn`, value: kmsKeyArn, message, remedy: `name a key in ${spec.region}` }];
  });
}

function endpointElsewhere({ spec: { identities, region } }: AccessRuntime): readonly FieldProblem[] {
  const endpoint = identities.agent.x509?.endpoint;
  const wrong = endpoint === undefined || region === undefined ? undefined : wrongEndpoint(endpoint, region);
  return wrong === undefined ? [] : [wrong];
}

function wrongInitScript(runtime: AccessRuntime): readonly FieldProblem[] {
  const uri = runtime.spec.initScript?.uri;
  if (uri === undefined) return [];
  const object = parseS3ObjectUri(uri);
  const at = { field: 'initScript.uri', value: uri };
  if (!object.ok) return [{ ...at, message: object.reason, remedy: 'write s3://bucket/key' }];
  const field = foreignFolder(runtime, object.value);
  if (field === undefined) return [];
  const message = `lies in spec.${field}, but not below the organization ${runtime.spec.organization}`;
  return [{ ...at, message, remedy: 'name an object below the own organization, or in another bucket' }];
}

function oneOfTwo({ master, worker }: AccessRuntime['spec']['identities']): readonly FieldProblem[] {
  if ((master === undefined) === (worker === undefined)) return [];
  const [missing, there] = master === undefined ? ['master', 'worker'] : ['worker', 'master'];
  const remedy = `add identities.${missing}, or remove identities.${there} for default roles`;
  return [{ field: `identities.${missing}`, value: '', message: `is missing beside identities.${there}`, remedy }];
}

function wrongArn({ identity, roleArn }: Given): readonly FieldProblem[] {
  const parsed = parseRoleArn(roleArn);
  return parsed.ok ? [] : [{ field: `identities.${identity}.roleArn`, value: roleArn, message: 'is no IAM role', remedy: parsed.reason }];
}

/** Two identities in one role would give each the rights of both: a pod with the worker role could act as the operator. */
function shared({ identity, roleArn }: Given, before: readonly Given[]): readonly FieldProblem[] {
  const other = before.find((one) => one.roleArn === roleArn);
  if (other === undefined) return [];
  return [
    {
      field: `identities.${identity}.roleArn`,
      value: roleArn,
      message: `is the role of identities.${other.identity}, too`,
      remedy: 'give each identity a role of its own',
    },
  ];
}

/** The node role is trusted by EC2 alone: whoever else may become it names its session as it likes, and the cluster takes that name for a node's. */
function nodeRoleOfOthers(runtime: AccessRuntime, given: readonly Given[]): readonly FieldProblem[] {
  const nodeRole = nodeRoleArn(runtime);
  const other = given.find(({ roleArn }) => roleArn === nodeRole);
  if (other === undefined) return [];
  return [
    {
      field: 'identities.node.instanceProfileArn',
      value: runtime.spec.identities.node?.instanceProfileArn ?? '',
      message: `has the role of identities.${other.identity}, ${nodeRole}`,
      remedy: 'give the nodes an instance profile and a role of their own',
    },
  ];
}
