import type { ElasticNode } from '../api/generated/types.ts';
import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import { tags } from '../api/labels.ts';
import { organizationPrefix } from '../core/access/locations.ts';
import type { AwsAccount, CallRecord, InstanceState } from './aws/index.ts';
import type { SimulatedKubernetes } from './kubernetes/cluster.ts';
import { kindNamed } from './kubernetes/kinds.ts';
import { resolutionsOf } from './platform-team.ts';
import type { SimulationManifest } from './simulate.ts';
import type { World } from './world.ts';

export type Violation = { readonly time: string; readonly invariant: string; readonly detail: string };

type Judged = { readonly world: World; readonly kubernetes: SimulatedKubernetes; readonly account: AwsAccount };

/** What must hold after every step, whatever goes wrong; judged from the account and the API server, not from what the operator believes. */
export function createInvariants(judged: Judged): { readonly found: () => readonly Violation[] } {
  const { world, account } = judged;
  const violations: Violation[] = [];
  const said = new Set<string>();
  let judgedCalls = 0;
  let judgedInstances = 0;
  const launched = new Map<string, InstanceState[]>();
  const growing = new Map<string, number>();
  const largest = new Map<string, number>();
  const nodesOf = countNodes(judged.kubernetes);

  function report(invariant: string, detail: string): void {
    if (said.has(`${invariant} ${detail}`)) return;
    said.add(`${invariant} ${detail}`);
    violations.push({ time: new Date(world.now()).toISOString(), invariant, detail });
    world.trace.add(`violation ${invariant} ${detail}`);
  }

  // Each step is judged by what it has changed: a history has many steps, and an account many instances.
  world.afterStep(() => {
    const { calls } = account;
    for (; judgedCalls < calls.length; judgedCalls += 1) {
      const call = calls[judgedCalls] as CallRecord;
      judgeCall(judged, call, report);
      if (call.method === 'ec2.modifyVolume') growing.set(call.resource, growing.get(call.resource) ?? 0);
    }
    for (const instance of account.instancesFrom(judgedInstances)) {
      judgedInstances += 1;
      judgeLaunch(judged, instance, launched, report);
    }
    for (const [volumeId, before] of growing) {
      const volume = account.volume(volumeId);
      if (volume === undefined) continue;
      const size = account.volumeSize(volume);
      if (size < before) report('volumes never shrink', `${volumeId} from ${before} to ${size} GiB`);
      growing.set(volumeId, size);
    }
    judgePools(judged, nodesOf, { largest, report });
  });
  return { found: () => violations };
}

/** At most one live instance per ElasticNode: that can only break with a launch. */
function judgeLaunch(
  { account }: Judged,
  instance: InstanceState,
  launched: Map<string, InstanceState[]>,
  report: (invariant: string, detail: string) => void,
): void {
  const nodeUid = instance.tags[tags.nodeUid] ?? 'none';
  const own = [...(launched.get(nodeUid) ?? []), instance].filter(
    (one) => account.stateOf(one) === 'pending' || account.stateOf(one) === 'running',
  );
  launched.set(nodeUid, own);
  if (own.length > 1)
    report('at most one live instance per ElasticNode', `${nodeUid}: ${own.map(({ instanceId }) => instanceId).join(', ')}`);
}

/** ElasticNodes that are not being deleted, by their runtime's uid. */
function countNodes({ server }: SimulatedKubernetes): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const add = (object: object | undefined, by: number): void => {
    const node = object as ElasticNode | undefined;
    if (node === undefined || node.metadata.deletionTimestamp !== undefined) return;
    const { uid } = node.spec.runtimeRef;
    counts.set(uid, (counts.get(uid) ?? 0) + by);
  };
  server.store.subscribe((kind, { type, object, previous }) => {
    if (kind.kind !== 'ElasticNode') return;
    add(previous, -1);
    if (type !== 'Deleted') add(object, 1);
  });
  return counts;
}

/** Pools are never larger than their maximum. */
function judgePools(
  { kubernetes }: Judged,
  counts: ReadonlyMap<string, number>,
  { largest, report }: { readonly largest: Map<string, number>; readonly report: (invariant: string, detail: string) => void },
): void {
  const list = (kind: string) => kubernetes.server.store.list(kindNamed(kind)) as unknown as readonly Stored<KubernetesObject>[];
  const said = [...list('ElasticRuntimeClass'), ...list('Namespace')].map(({ metadata }) => metadata.resourceVersion).join(' ');
  for (const { metadata } of list('ElasticRuntime')) {
    const own = counts.get(metadata.uid) ?? 0;
    if (own === 0) continue;
    const key = `${metadata.uid} ${metadata.generation} ${said}`;
    if (!largest.has(key)) {
      const [, resolution] = asResolved(kubernetes).find(([one]) => one.metadata.uid === metadata.uid) ?? [];
      // Without its class nobody says how many; nodes that are there are not ended for it.
      const unknown = resolution === undefined || resolution.absent.includes('workers.max');
      largest.set(key, unknown ? Number.POSITIVE_INFINITY : resolution.spec.masters.max + resolution.spec.workers.max);
    }
    const limit = largest.get(key) ?? 0;
    if (own > limit) report('pools never larger than their maximum', `${metadata.name} has ${own} nodes, at most ${limit}`);
  }
}

function asResolved({ server }: SimulatedKubernetes): ReturnType<typeof resolutionsOf> {
  const kinds = ['Namespace', 'ElasticRuntimeClass', 'ElasticRuntime'];
  return resolutionsOf(
    kinds.flatMap((kind) => server.store.list(kindNamed(kind)) as unknown as readonly SimulationManifest[]),
    [],
  );
}

/** Nothing foreign is touched, and no object is written outside its organization. */
function judgeCall({ account, kubernetes }: Judged, call: CallRecord, report: (invariant: string, detail: string) => void): void {
  if (call.outcome !== 'ok') return;
  if (call.method === 'ec2.terminateInstances' || call.method === 'ec2.modifyVolume') {
    const instance = account.instance(call.resource.split('/').at(-1) ?? '');
    if (instance !== undefined && instance.tags[tags.runtimeUid] === undefined)
      report('nothing foreign touched', `${call.action} on ${call.resource}`);
  }
  if (call.method !== 's3.putObject' || !/(\.(agent|operator|worker|master)|^[0-9a-f]{64})$/.test(call.sessionName)) return;
  const object = call.resource.replace(/^arn:aws[a-z-]*:s3:::/, '');
  const inside = asResolved(kubernetes).some(([, { spec }]) =>
    [spec.staging.uri, spec.logs.uri].some((uri) => {
      const folder = organizationPrefix(uri, spec.organization);
      return folder.ok && object.startsWith(`${folder.value.bucket}/${folder.value.key}/`);
    }),
  );
  if (!inside && !object.includes('/.elastic-probe-')) report('no object outside its organization', `${call.sessionName} wrote ${object}`);
}
