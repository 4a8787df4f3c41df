/**
 * What the runtime's roles will do in EC2, AWS IoT and CloudFormation with nothing to try it on before a node starts, as questions to IAM's policy simulator. What is done for real
 * before that (objects, images, subnets) and what EC2 can be asked itself (DryRun: launching) is not among them.
 */
import { hasDefaultRoles, principalsOf } from '../access/roles.ts';
import { chainSteps } from '../access/sessions.ts';
import type { RuntimeIdentity } from '../access/vocabulary.ts';
import { nodeTags, runtimeTags, type TagOwner } from '../nodes/tags.ts';
import { type AccountFacts, authorizationsOf } from '../policy/actions.ts';
import type { AwsCalls, AwsMethod } from '../policy/calls.ts';
import { stackUpkeep } from '../policy/cloudformation/default-roles-access.ts';
import { stackName } from '../policy/cloudformation/names.ts';
import type { RequestContext } from '../policy/evaluate.ts';
import { accountOf } from '../policy/principal.ts';
import type { ProbedRuntime, SimulationProbe } from './probes.ts';
import type { PolicyQuestion } from './simulation.ts';

type Calls = { readonly [M in AwsMethod]?: AwsCalls[M] };

/** Of nothing that exists: policies know them by their tags. */
const template = 'lt-00000000000000000';
const instance = 'i-00000000000000000';
const volume = 'vol-00000000000000000';

/** Keys of the moment, which no policy of ours asks for, and which differ each time. */
const momentary = /^aws:(CurrentTime|EpochTime|SecureTransport)$/;

export function roleSimulations(runtime: ProbedRuntime, owner: TagOwner): readonly SimulationProbe[] {
  const { roles } = principalsOf(runtime);
  const { tags = {}, identities, region } = runtime.spec;
  const partition = roles.operator.split(':')[1] ?? 'aws';
  const own = { ...tags, ...runtimeTags(owner) };
  const certificateArn = `arn:${partition}:iot:${region}:${accountOf(roles.operator)}:cert/0`;
  const rotates: Calls =
    identities.agent.x509 === undefined
      ? {}
      : {
          'iot.createCertificateFromCsr': {},
          'iot.attachPolicy': { certificateArn },
          'iot.attachThingPrincipal': { certificateArn },
          'iot.detachThingPrincipal': { certificateArn },
          'iot.updateCertificate': { certificateId: '0' },
          'iot.deleteCertificate': { certificateId: '0' },
        };
  const operator: Calls = {
    'ec2.createLaunchTemplate': { name: template, tags: own },
    'ec2.describeLaunchTemplates': {},
    'ec2.deleteLaunchTemplate': { id: template },
    ...rotates,
  };
  const master: Calls = { 'ec2.terminateInstances': { instanceIds: [instance] }, 'ec2.describeInstances': {} };
  const worker: Calls = {
    'ec2.modifyVolume': { volumeId: volume, sizeGiB: 1 },
    'ec2.describeVolumes': {},
    'ec2.describeVolumesModifications': {},
  };
  const facts = factsOf(runtime, own, nodeTags(owner, owner.runtimeUid));
  const asked = (of: RuntimeIdentity, calls: Calls, known = facts): SimulationProbe => ({
    kind: 'simulation',
    identity: 'operator',
    resource: 'cluster-resources',
    of,
    roleArn: roles[of],
    questions: questions(roles[of], calls, { ...known, accountId: accountOf(roles[of]) }, sessionTags(runtime, owner, of)),
  });
  if (!hasDefaultRoles(runtime)) return [asked('operator', operator), asked('master', master), asked('worker', worker)];
  // Default roles are made with what they need, by a stack that has to be kept in step and deleted, too.
  const { made, kept } = stackCalls(runtime, owner);
  const session = sessionTags(runtime, owner, 'operator');
  const ofIam = stackUpkeep(runtime).map(({ context, ...question }) => ({
    ...question,
    principalArn: roles.operator,
    context: { ...context, ...session },
  }));
  return [
    asked('operator', { ...operator, ...made }),
    asked('operator', kept, { ...facts, stack: () => stackOf(runtime, owner) }),
    { ...asked('operator', {}), questions: ofIam },
  ];
}

/** Before there is one, its name and the tags that are sent count; then those that it has. */
function stackCalls(runtime: ProbedRuntime, owner: TagOwner): { readonly made: Calls; readonly kept: Calls } {
  const stack = { name: stackName(runtime), tags: runtimeTags(owner) };
  return {
    made: { 'cloudFormation.createStack': stack },
    kept: {
      'cloudFormation.updateStack': stack,
      'cloudFormation.deleteStack': stack,
      'cloudFormation.describeStack': stack,
      'cloudFormation.describeStackEvents': stack,
    },
  };
}

function stackOf(runtime: ProbedRuntime, owner: TagOwner): NonNullable<ReturnType<NonNullable<AccountFacts['stack']>>> {
  const { region, identities } = runtime.spec;
  const { roleArn } = identities.operator;
  const place = `${roleArn.split(':')[1] ?? 'aws'}:cloudformation:${region}:${accountOf(roleArn)}`;
  return { arn: `arn:${place}:stack/${stackName(runtime)}/00000000-0000-0000-0000-000000000000`, tags: runtimeTags(owner) };
}

/** One question for all actions with one resource and the same keys. */
function questions(roleArn: string, calls: Calls, facts: AccountFacts, session: RequestContext): readonly PolicyQuestion[] {
  const methods = Object.keys(calls) as AwsMethod[];
  const needed = methods.flatMap((method) => authorizationsOf(method, calls[method] as AwsCalls[typeof method], facts));
  const asked = new Map<string, PolicyQuestion>();
  for (const { action, resource, context: sent } of needed) {
    const kept = Object.entries(sent).filter(([key]) => !momentary.test(key));
    const context = { ...Object.fromEntries(kept), ...session };
    const key = JSON.stringify([resource, context]);
    const known = asked.get(key);
    asked.set(key, { principalArn: roleArn, resource, context, actions: [...(known?.actions ?? []), action] });
  }
  return [...asked.values()];
}

function sessionTags({ metadata, spec }: ProbedRuntime, owner: TagOwner, identity: RuntimeIdentity): RequestContext {
  const { cluster, organization, namespace, runtime, runtimeUid } = owner;
  const scope = { cluster, organization, namespace, runtime, runtimeUid, jobUid: undefined, job: undefined };
  const last = chainSteps({ scope, principals: principalsOf({ metadata, spec }), identity, caller: 'operatorPod' }).at(-1);
  const tags = last?.kind === 'assumeRole' ? last.tags : {};
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:PrincipalTag/${key}`, value]));
}

function factsOf({ spec }: ProbedRuntime, own: Readonly<Record<string, string>>, ofNodes: Readonly<Record<string, string>>): AccountFacts {
  return {
    accountId: accountOf(spec.identities.operator.roleArn),
    region: spec.region,
    partition: spec.identities.operator.roleArn.split(':')[1] ?? 'aws',
    now: 0,
    tagsOf: (id) => (id === template ? own : { ...own, ...ofNodes }),
    launchTemplate: () => undefined,
    roleOfProfile: () => undefined,
    keyOfObject: () => undefined,
    keyOfBucket: () => undefined,
    keyOfSecret: () => undefined,
    secretArn: () => undefined,
  };
}
