import type { ElasticNode, ElasticRuntime } from '../api/generated/types.ts';
import { tags } from '../api/labels.ts';
import { organizationPrefix } from '../core/access/locations.ts';
import { builtinDefaults } from '../core/classes/builtin.ts';
import type { WrittenRuntime } from '../core/classes/resolve.ts';
import type { AwsAccount, CallRecord } from './aws/index.ts';
import type { SimulatedKubernetes } from './kubernetes/cluster.ts';
import { kindNamed } from './kubernetes/kinds.ts';
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
  const volumeSizes = new Map<string, number>();

  function report(invariant: string, detail: string): void {
    if (said.has(`${invariant} ${detail}`)) return;
    said.add(`${invariant} ${detail}`);
    violations.push({ time: new Date(world.now()).toISOString(), invariant, detail });
    world.trace.add(`violation ${invariant} ${detail}`);
  }

  world.afterStep(() => {
    const calls = account.calls;
    const fresh = calls.slice(judgedCalls);
    judgedCalls = calls.length;
    for (const call of fresh) judgeCall(judged, call, report);
    if (account.instances().length !== judgedInstances || fresh.length > 0) {
      judgedInstances = account.instances().length;
      judgeInstances(judged, report);
      for (const volume of account.volumes()) {
        const size = account.volumeSize(volume);
        const before = volumeSizes.get(volume.volumeId) ?? 0;
        if (size < before) report('volumes never shrink', `${volume.volumeId} from ${before} to ${size} GiB`);
        volumeSizes.set(volume.volumeId, size);
      }
    }
  });
  return { found: () => violations };
}

/** At most one live instance per ElasticNode; pools never larger than their maximum. */
function judgeInstances({ account, kubernetes }: Judged, report: (invariant: string, detail: string) => void): void {
  const byNode = new Map<string, string[]>();
  const byRuntime = new Map<string, number>();
  for (const instance of account.liveInstances()) {
    const nodeUid = instance.tags[tags.nodeUid] ?? 'none';
    byNode.set(nodeUid, [...(byNode.get(nodeUid) ?? []), instance.instanceId]);
    const runtimeUid = instance.tags[tags.runtimeUid] ?? 'none';
    byRuntime.set(runtimeUid, (byRuntime.get(runtimeUid) ?? 0) + 1);
  }
  for (const [nodeUid, instances] of byNode) {
    if (instances.length > 1) report('at most one live instance per ElasticNode', `${nodeUid}: ${instances.join(', ')}`);
  }
  const runtimes = kubernetes.server.store.list(kindNamed('ElasticRuntime')) as unknown as readonly (WrittenRuntime & {
    readonly metadata: { readonly uid: string };
  })[];
  for (const { metadata, spec } of runtimes) {
    const limit = (spec.masters?.max ?? builtinDefaults.masters.max) + (spec.workers?.max ?? 0);
    const nodes = kubernetes.server.store.list(kindNamed('ElasticNode')) as unknown as readonly ElasticNode[];
    const own = nodes.filter((node) => node.spec.runtimeRef.uid === metadata.uid && node.metadata.deletionTimestamp === undefined);
    if (own.length > limit) report('pools never larger than their maximum', `${metadata.name} has ${own.length} nodes, at most ${limit}`);
  }
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
  const runtimes = kubernetes.server.store.list(kindNamed('ElasticRuntime')) as unknown as readonly ElasticRuntime[];
  const inside = runtimes.some(({ spec }) =>
    [spec.staging.uri, spec.logs.uri].some((uri) => {
      const folder = organizationPrefix(uri, spec.organization);
      return folder.ok && object.startsWith(`${folder.value.bucket}/${folder.value.key}/`);
    }),
  );
  if (!inside && !object.includes('/.elastic-probe-')) report('no object outside its organization', `${call.sessionName} wrote ${object}`);
}
