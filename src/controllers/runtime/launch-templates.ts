import type { ElasticRuntime, LaunchTemplateStatus, MachineImage } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { nodeProfileArn } from '../../core/access/roles.ts';
import { uid8 } from '../../core/jobs/names.ts';
import { imageParameter } from '../../core/nodes/image.ts';
import { nodeLabels, type ResolvedPool, resolvePools } from '../../core/nodes/pools.ts';
import { runtimeTags } from '../../core/nodes/tags.ts';
import { userData } from '../../core/nodes/user-data.ts';
import type { AwsPort, Caller, LaunchTemplateRequest } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import type { AccessFailure } from '../identity/failure.ts';
import { sha256 } from './digest.ts';
import { notesOf, type RuntimeNotes } from './notes.ts';
import { tagOwnerOf } from './tag-owner.ts';
import type { RuntimeTools } from './tools.ts';

/** The device that holds images, logs and scratch data; Bottlerocket has its system on the first one. */
export function dataDevice(image: Pick<MachineImage, 'family'>): string {
  return image.family === 'Bottlerocket' ? '/dev/xvdb' : '/dev/xvda';
}

/**
 * One launch template per pool, made as operator: the master may then launch from it, and from nothing else. Named after a digest of all that
 * goes into it, so that the same runtime never makes two and a changed one is a new template.
 */
export async function ensureLaunchTemplates(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  initScript: string | undefined,
): Promise<
  Result<
    { readonly templates: readonly LaunchTemplateStatus[]; readonly images: NonNullable<RuntimeNotes['images']>; readonly remade: number },
    AccessFailure
  >
> {
  const templates: LaunchTemplateStatus[] = [];
  const images: Record<string, { readonly for: string; readonly imageId: string }> = {};
  // A template that somebody deleted is made anew under another token: the old token would be answered with the template that is gone.
  const lost = (runtime.status?.launchTemplates ?? []).some(({ id }) => id !== undefined && tools.context.missingTemplates.has(id));
  const remade = (notesOf(runtime).remade ?? 0) + (lost ? 1 : 0);
  for (const pool of resolvePools(runtime)) {
    const image = await resolveImage(tools, runtime, pool);
    if (!image.ok) return image;
    images[pool.name] = { for: imageDigest(pool), imageId: image.value };
    const request = templateRequest(tools, runtime, pool, image.value, initScript, remade);
    const digest = request.clientToken;
    const known = runtime.status?.launchTemplates?.find((template) => template.pool === pool.name && template.digest === digest);
    if (known?.id !== undefined && !tools.context.missingTemplates.has(known.id)) {
      templates.push(known);
      continue;
    }
    const made = await actAs(
      tools.context,
      { runtime, identity: 'operator', resource: 'cluster-resources' },
      { action: 'ec2:CreateLaunchTemplate', resource: request.name },
      (aws, caller) => createOrFind(aws, caller, request),
    );
    if (!made.ok) return made;
    templates.push({
      name: request.name,
      id: made.value.id,
      version: made.value.version,
      pool: pool.name,
      role: pool.role,
      imageId: image.value,
      digest,
    });
  }
  return ok({ templates, images, remade });
}

/** The name holds the digest, so a template of that name, with our tags, is the one that a lost reply left behind. */
async function createOrFind(aws: AwsPort, caller: Caller, request: LaunchTemplateRequest) {
  const made = await aws.ec2.createLaunchTemplate(caller, request);
  if (made.ok || made.error.kind !== 'AlreadyExists') return made;
  const found = await aws.ec2.describeLaunchTemplates(caller, { tags: request.tags });
  if (!found.ok) return found;
  const same = found.value.find((template) => template.name === request.name);
  return same === undefined ? made : ok(same);
}

function templateRequest(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  pool: ResolvedPool,
  imageId: string,
  initScript: string | undefined,
  remade: number,
): LaunchTemplateRequest {
  const { settings } = tools.context;
  const { name, namespace = '', uid } = runtime.metadata;
  const text = userData({
    image: pool.image,
    clusterName: settings.clusterName,
    join: settings.join,
    runtimeUid: uid,
    taints: pool.taints,
    labels: nodeLabels({ name, namespace }, pool),
    initScript,
  });
  const tags = { ...runtime.spec.tags, ...runtimeTags(tagOwnerOf(runtime, settings.clusterName)) };
  const content = {
    imageId,
    instanceProfileArn: nodeProfileArn(runtime),
    securityGroupIds: runtime.spec.network.securityGroupIds ?? [],
    userData: Buffer.from(text).toString('base64'),
    volume: { deviceName: dataDevice(pool.image), type: pool.volume.type, sizeGiB: pool.volume.initialGiB },
    tags,
    launchTags: tags,
  };
  const digest = sha256(JSON.stringify([uid, pool.name, content, ...(remade === 0 ? [] : [remade])])).slice(0, 32);
  return { name: `elastic-${uid8(uid)}-${pool.name}-${digest.slice(0, 12)}`, clientToken: digest, ...content };
}

function imageDigest({ image, architecture }: ResolvedPool): string {
  return sha256(JSON.stringify([image.family, image.version, image.amiId, architecture])).slice(0, 16);
}

/** `latest` follows the public parameter; it is read as operator. */
async function resolveImage(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  pool: ResolvedPool,
): Promise<Result<string, AccessFailure>> {
  const parameter = imageParameter(pool.image, pool.architecture, tools.context.settings.kubernetesVersion);
  if (parameter === undefined) {
    if (pool.image.amiId !== undefined) return ok(pool.image.amiId);
    const message = `spec.machineImage.family is Custom without amiId (pool ${pool.name}): name the image`;
    return err({
      identity: 'operator',
      chain: [],
      action: 'resolve image',
      resource: `pool ${pool.name}`,
      code: 'ImageMissing',
      message,
      transient: false,
    });
  }
  // One image until the spec asks for another: a running pool does not drift because a parameter moved.
  const known = notesOf(runtime).images?.[pool.name];
  if (known?.for === imageDigest(pool)) return ok(known.imageId);
  const value = await actAs(
    tools.context,
    { runtime, identity: 'operator', resource: 'cluster-resources' },
    { action: 'ssm:GetParameter', resource: parameter },
    (aws, caller) => aws.ssm.getParameter(caller, { name: parameter }),
  );
  return value.ok ? ok(value.value.value) : value;
}

/** Deletes every template with this runtime's tags, known or not. */
export async function deleteLaunchTemplates(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<Result<void, AccessFailure>> {
  const tags = runtimeTags(tagOwnerOf(runtime, tools.context.settings.clusterName));
  const request = { runtime, identity: 'operator', resource: 'cluster-resources' } as const;
  const found = await actAs(tools.context, request, { action: 'ec2:DescribeLaunchTemplates', resource: '*' }, (aws, caller) =>
    aws.ec2.describeLaunchTemplates(caller, { tags }),
  );
  if (!found.ok) return found;
  for (const { id, name } of found.value) {
    const deleted = await actAs(tools.context, request, { action: 'ec2:DeleteLaunchTemplate', resource: name }, async (aws, caller) => {
      const answer = await aws.ec2.deleteLaunchTemplate(caller, { id });
      return !answer.ok && answer.error.kind === 'NotFound' ? ok(undefined) : answer;
    });
    if (!deleted.ok) return deleted;
  }
  return ok(undefined);
}
