import type { ElasticJob, ElasticNode } from '../../../src/api/generated/types.ts';
import type { Node, Pod } from '../../../src/api/kubernetes.ts';
import { labels } from '../../../src/api/labels.ts';
import type { DemandInput } from '../../../src/core/nodes/demand.ts';
import type { dice } from '../packing/random-problem.ts';

type Dice = ReturnType<typeof dice>;
type Uid = { readonly metadata: { readonly uid: string } };

export const daemonSet = {
  metadata: { name: 'agent', namespace: 'kube-system' },
  spec: { template: { spec: { containers: [] } } },
} as const;

export function machine(name: string, cpu = '4'): Node {
  return { metadata: { name: `machine-${name}` }, status: { allocatable: { cpu } } };
}

export type Scene = {
  readonly input: DemandInput;
  readonly machines: ReadonlyMap<string, Node>;
  /** Pods by job. */
  readonly pods: ReadonlyMap<string, readonly Pod[]>;
};

const slotsAtAll = ['master/0', 'worker/0', 'worker/1'];

export function randomJob(roll: Dice, uid: string, generation = 1): ElasticJob & Uid {
  const template = { spec: { containers: [{ name: 'main', resources: { requests: { cpu: roll.pick(['1', '2', '500m']) } } }] } };
  return {
    metadata: { name: uid, namespace: 'finance', uid, generation },
    spec: { master: { template }, workers: { min: 1, max: 2, template } },
  } as unknown as ElasticJob & Uid;
}

export function randomPod(roll: Dice, jobUid: string): Pod {
  const index = roll.below(3);
  const own = {
    [labels.jobUid]: jobUid,
    [labels.role]: index === 2 ? 'master' : 'worker',
    [labels.attempt]: String(1 + roll.below(2)),
    'batch.kubernetes.io/job-completion-index': String(index),
  };
  const place = roll.chance(0.8) ? { nodeName: `machine-${roll.below(6)}` } : {};
  return {
    metadata: {
      name: `${jobUid}-${roll.below(1e6)}`,
      namespace: 'finance',
      uid: `p-${roll.below(1e9)}`,
      labels: roll.chance(0.9) ? own : {},
    },
    spec: { ...place, containers: [] },
  };
}

export function randomNode(roll: Dice, name: string): ElasticNode & Uid {
  const reservedFor = ['j-0', 'j-1', 'j-2', 'j-9']
    .filter(() => roll.chance(0.5))
    .map((jobUid) => ({ jobUid, jobName: jobUid, attempt: 1 + roll.below(2), slots: slotsAtAll.filter(() => roll.chance(0.5)) }));
  const status = {
    ...(roll.chance(0.8) && { instanceId: `i-${name}` }),
    ...(roll.chance(0.8) && { providerID: `aws:///z/i-${roll.below(6)}` }),
    phase: roll.pick(['Ready', 'Ready', 'Launched', 'Failed']),
    offering: { instanceType: 't', zone: roll.pick(['a', 'b']), capacityType: 'on-demand', usdPerHour: 1 },
  };
  return {
    metadata: { name, uid: `uid-${name}` },
    spec: { pool: roll.pick(['workers', 'masters']), role: 'worker', offerings: [], reservedFor },
    status,
  } as unknown as ElasticNode & Uid;
}

/** What may happen between two looks. Objects that nothing happened to stay the same objects; some become others that say the same. */
export function happen(roll: Dice, scene: Scene, earlier: readonly DemandInput[], step: number): Scene {
  const { input, machines, pods } = scene;
  const at = roll.below(Math.max(1, input.elasticNodes.length));
  const one = input.elasticNodes[at];
  const withNodes = (elasticNodes: DemandInput['elasticNodes']) => ({ ...scene, input: { ...input, elasticNodes } });
  const withJobs = (jobs: DemandInput['jobs']) => ({ ...scene, input: { ...input, jobs } });
  const job = roll.below(Math.max(1, input.jobs.length));
  const demand = input.jobs[job];
  const uid = roll.pick(['j-0', 'j-1', 'j-2']);
  const own = pods.get(uid) ?? [];
  const id = `aws:///z/i-${roll.below(6)}`;
  switch (roll.below(16)) {
    case 0:
      return withNodes(input.elasticNodes.filter((node) => node !== one));
    case 1:
      return withNodes(input.elasticNodes.toSpliced(at, 0, randomNode(roll, `n-${step}-${roll.below(1e6)}`)));
    case 2:
      return one === undefined ? scene : withNodes(input.elasticNodes.with(at, structuredClone(one)));
    case 3:
      return one === undefined ? scene : withNodes(input.elasticNodes.with(at, randomNode(roll, one.metadata.name)));
    case 4:
      return withNodes(input.elasticNodes.toReversed());
    case 5:
      // A list that was there before, with its objects.
      return withNodes(roll.pick(earlier).elasticNodes);
    case 6: {
      const known = machines.get(id);
      const next = known === undefined || roll.chance(0.3) ? machine(String(roll.below(6)), roll.pick(['4', '8'])) : structuredClone(known);
      return { ...scene, machines: new Map([...machines, [id, next]]) };
    }
    case 7:
      return { ...scene, machines: new Map([...machines].filter(([other]) => other !== id)) };
    case 8:
      return { ...scene, pods: new Map([...pods, [uid, [...own, randomPod(roll, uid)]]]) };
    case 9:
      return { ...scene, pods: new Map([...pods, [uid, own.slice(1)]]) };
    case 10:
      return { ...scene, pods: new Map([...pods, [uid, own.map((pod) => (roll.chance(0.5) ? structuredClone(pod) : pod))]]) };
    case 11:
      return demand === undefined
        ? scene
        : withJobs(input.jobs.with(job, { ...demand, job: structuredClone(demand.job), priority: roll.below(2) }));
    case 12:
      return demand === undefined
        ? scene
        : withJobs(
            input.jobs.with(job, { ...demand, job: randomJob(roll, demand.job.metadata.uid, step + 2), attempt: 1 + roll.below(2) }),
          );
    case 13: {
      const status = { ...one?.status, phase: one?.status?.phase === 'Failed' ? 'Ready' : 'Failed' } as const;
      return one === undefined ? scene : withNodes(input.elasticNodes.with(at, { ...one, status }));
    }
    case 14:
      return withJobs(
        input.jobs.some((each) => each.job.metadata.uid === uid)
          ? input.jobs.filter((each) => each.job.metadata.uid !== uid)
          : [...input.jobs, { job: randomJob(roll, uid, step + 2), attempt: 1, priority: 0 }],
      );
    default:
      return {
        ...scene,
        input: {
          ...input,
          ...(roll.chance(0.5) ? { catalog: { ...input.catalog } } : { pools: [...input.pools] }),
          daemonSets: roll.chance(0.5) ? [daemonSet] : [],
        },
      };
  }
}
