import type { ElasticRuntime, LaunchTemplateStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { hasDefaultRoles } from '../../core/access/roles.ts';
import type { CreateFleetRequest } from '../../core/nodes/fleet.ts';
import { resolvePools } from '../../core/nodes/pools.ts';
import { nodeTags } from '../../core/nodes/tags.ts';
import { firstOffering } from '../../core/preflight/first-offering.ts';
import type { AwsPort, AwsResult, Caller } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import type { AccessFailure } from '../identity/failure.ts';
import type { GrantRequest } from '../identity/grants.ts';
import { withRemedy } from '../identity/remedy.ts';
import { notVerifiedFailure, strictClassOf } from '../identity/strict.ts';
import { sha256 } from './digest.ts';
import type { RuntimeNotes } from './notes.ts';
import { tagOwnerOf } from './tag-owner.ts';
import type { RuntimeTools } from './tools.ts';

type Asked = NonNullable<RuntimeNotes['launchAsked']>;

type Question = {
  readonly identity: 'master' | 'operator';
  readonly action: string;
  readonly resource: string;
  readonly ask: (aws: AwsPort, caller: Caller) => Promise<AwsResult<void>>;
};

/**
 * Whether master may launch from each of the templates, and operator delete them, by EC2's own word (DryRun), with the tags, subnets and profile of a real launch.
 * A refusal stops the runtime before a node is planned. Every other answer (a type that is not sold here, a quota) is said and fails nothing, but where its class
 * wants all verified: launching will tell.
 * undefined: it was asked before, or one of the templates is not to be seen yet.
 */
export async function askToLaunch(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  templates: readonly LaunchTemplateStatus[],
  { launchAsked, subnets = [] }: RuntimeNotes,
): Promise<Result<Asked | undefined, AccessFailure>> {
  const { questions, notVerified } = questionsOf(tools, runtime, templates, subnets);
  const digest = sha256(
    JSON.stringify([runtime.spec.identities, questions.map(({ action, resource }) => [action, resource]), subnets, ...notVerified]),
  ).slice(0, 16);
  const strictClass = strictClassOf(tools.context, runtime);
  if (launchAsked?.for === digest && (strictClass === undefined || launchAsked.notVerified.length === 0)) return ok(undefined);
  const said = [...notVerified];
  let seen = true;
  for (const { identity, action, resource, ask } of questions) {
    const request: GrantRequest = { runtime, identity, resource: identity === 'master' ? 'nodes' : 'cluster-resources' };
    const answer = await actAs(tools.context, request, { action, resource }, ask);
    if (answer.ok) continue;
    const { code, message, transient } = answer.error;
    if (transient) return answer;
    if (code === 'UnauthorizedOperation' || answer.error.action !== action) return err(await refused(tools, runtime, answer.error));
    if (code.startsWith('InvalidLaunchTemplate')) seen = false;
    said.push(`${action} from ${resource} as ${identity}: EC2 answered its dry run with ${code}: ${message}`);
  }
  const open = [...new Set(said)];
  if (strictClass !== undefined && open.length > 0)
    return err(notVerifiedFailure({ identity: 'master', resource: 'nodes', message: open.join('; '), transient: !seen }, strictClass));
  return ok(seen ? { for: digest, notVerified: open } : undefined);
}

/** What was just made may not be known everywhere yet: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html */
async function refused({ context }: RuntimeTools, runtime: Stored<ElasticRuntime>, failure: AccessFailure): Promise<AccessFailure> {
  const known = await withRemedy(context, { runtime, connections: [] }, {}, failure);
  return hasDefaultRoles(runtime) ? { ...known, transient: true } : known;
}

function questionsOf(
  { context: { settings } }: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  templates: readonly LaunchTemplateStatus[],
  subnets: NonNullable<RuntimeNotes['subnets']>,
): { readonly questions: readonly Question[]; readonly notVerified: readonly string[] } {
  const catalog = settings.catalog(runtime.spec.region, [...new Set(subnets.map(({ zone }) => zone))]);
  const owner = tagOwnerOf(runtime, settings.clusterName);
  const questions: Question[] = [];
  const notVerified: string[] = [];
  for (const pool of resolvePools(runtime)) {
    const template = templates.find((one) => one.pool === pool.name);
    if (template?.id === undefined || pool.max === 0) continue;
    const offering = catalog === undefined ? undefined : firstOffering(pool, catalog, subnets);
    if (offering === undefined) {
      notVerified.push(`launching nodes of pool ${pool.name}: the catalog has no instance type that fits it`);
      continue;
    }
    const request: CreateFleetRequest = {
      clientToken: '',
      launchTemplate: { id: template.id, version: template.version ?? '1' },
      offerings: [offering],
      // As a node's: its uid is not known before it is made.
      tags: { ...runtime.spec.tags, Name: template.name ?? '', ...nodeTags(owner, owner.runtimeUid) },
    };
    const common = { identity: 'master', resource: template.id } as const;
    // The fleet's own permission is the same for every pool.
    if (questions.length === 0) {
      const { id } = template;
      const deleted = (aws: AwsPort, caller: Caller) => aws.ec2.dryRunDeleteLaunchTemplate(caller, { id });
      questions.push(
        { identity: 'operator', action: 'ec2:DeleteLaunchTemplate', resource: id, ask: deleted },
        { ...common, action: 'ec2:CreateFleet', ask: (aws, caller) => aws.ec2.dryRunCreateFleet(caller, request) },
      );
    }
    questions.push({ ...common, action: 'ec2:RunInstances', ask: (aws, caller) => aws.ec2.dryRunRunInstances(caller, request) });
  }
  return { questions, notVerified };
}
