import { annotations } from '../../api/labels.ts';
import { parseDurationMs } from '../../core/quantity/duration.ts';
import { between } from '../faults.ts';
import type { ApiServer } from './api-server.ts';
import { withCondition } from './conditions.ts';
import { bytesOf, type ContainerRun, logOf, type PodLog } from './disks.ts';
import { type Fields, isFields } from './json.ts';
import { kindNamed } from './kinds.ts';
import type { Machines } from './machines.ts';
import { asPod, isTerminal, isTerminating, type PodIndex, podKind, type StoredPod } from './pods.ts';
import { keyOf } from './store.ts';
import { timestamp } from './time.ts';

const secrets = kindNamed('Secret');
const configMaps = kindNamed('ConfigMap');

/** A removed file is held open for so long at most. */
const heldMs = 600_000;

/** One pod on a running machine. */
type Run = {
  pod: StoredPod;
  phase: 'starting' | 'running' | 'ended';
  restarts: number;
  stopping: boolean;
  containers: ContainerRun[];
  cancel: () => void;
};

export type Kubelets = {
  /** Bytes on the node's data volume that its pods have written and not yet given back. */
  bytesWritten(node: string): number;
  /** Log files on the node: those of pods that exist, finished ones too, until the pod is deleted. */
  podLogs(node: string): readonly PodLog[];
  /** Of a pod that was deleted a while ago at most: what is left of its logs to whoever holds them open. */
  removedLogs(uid: string): readonly PodLog[];
};

/**
 * The kubelets of all running machines. A pod starts once its Secrets and ConfigMaps are there, runs its init containers, then its containers for as long as the
 * annotation `simulation.elasticruntime.dev/duration` says (1 m; for ever where they are restarted always), and ends with `…/exit-code` (0).
 * With `…/start-error: ImagePullBackOff` it never starts, for that reason.
 * On deletion it ends within its grace period.
 */
export function startKubelets(server: ApiServer, machines: Machines, pods: PodIndex): Kubelets {
  const { store, world } = server;
  const runs = new Map<string, Run>();
  const removed = new Map<string, { readonly at: number; readonly containers: readonly ContainerRun[] }>();
  let addresses = 0;

  store.subscribe((kind, { type, object }) => {
    if (kind !== podKind) return;
    const pod = asPod(object);
    const { uid } = pod.metadata;
    const run = runs.get(uid);
    if (type === 'Deleted') {
      run?.cancel();
      runs.delete(uid);
      if (run !== undefined) remember(uid, run.containers);
    } else if (run === undefined) {
      if (pod.spec.nodeName !== undefined && machines.state(pod.spec.nodeName) === 'running') accept(pod);
    } else {
      run.pod = pod;
      // On a machine that stands still, nobody ends it.
      const awake = machines.state(String(pod.spec.nodeName)) === 'running';
      if (isTerminating(pod) && !run.stopping && awake) stop(run);
    }
  });

  machines.onLost((name) => {
    for (const pod of pods.onNode(name)) {
      const run = runs.get(pod.metadata.uid);
      if (run === undefined) continue;
      run.cancel();
      end(run);
      if (machines.state(name) === 'terminated') runs.delete(pod.metadata.uid);
    }
  });

  function remember(uid: string, containers: readonly ContainerRun[]): void {
    const at = world.now();
    for (const [old, { at: since }] of removed) if (since + heldMs < at) removed.delete(old);
    removed.set(uid, { at, containers: containers.map((each) => ({ ...each, to: each.to ?? at })) });
  }

  function wait(run: Run, delayMs: number, label: string, action: () => void): void {
    run.cancel = world.schedule(delayMs, `kubelet ${run.pod.spec.nodeName} ${label} ${keyOf(run.pod.metadata)}`, action);
  }

  function accept(pod: StoredPod): void {
    const run: Run = { pod, phase: 'starting', restarts: 0, stopping: false, containers: [], cancel: () => undefined };
    runs.set(pod.metadata.uid, run);
    if (isTerminal(pod)) run.phase = 'ended';
    else if (isTerminating(pod)) stop(run);
    else wait(run, between(world.random, 300, 4000), 'starts', () => start(run));
  }

  function start(run: Run): void {
    const error = run.pod.metadata.annotations?.[annotations.simulatedStartError];
    if (error !== undefined) {
      write(run, waiting(run.pod, `simulated: ${error}`, timestamp(world.now()), error));
      return;
    }
    const missing = missingVolume(run.pod);
    if (missing !== undefined) {
      write(run, waiting(run.pod, missing, timestamp(world.now())));
      wait(run, 5000, 'retries', () => start(run));
      return;
    }
    const inits = (run.pod.spec.initContainers ?? []).filter((container) => container.restartPolicy !== 'Always');
    if (inits.length === 0) {
      runContainers(run);
      return;
    }
    write(run, (pod) => initializing(pod, timestamp(world.now())));
    wait(run, inits.length * between(world.random, 500, 2000), 'initialized', () => runContainers(run));
  }

  function runContainers(run: Run): void {
    addresses += 1;
    const podIP = `10.${Math.floor(addresses / 65_536) % 256}.${Math.floor(addresses / 256) % 256}.${addresses % 256}`;
    const from = world.now();
    run.phase = 'running';
    run.containers.push(...run.pod.spec.containers.map(({ name }) => ({ pod: run.pod, container: name, restarts: run.restarts, from })));
    write(run, (pod) => running(pod, podIP, run.restarts, timestamp(from)));
    if (run.pod.spec.restartPolicy === 'Always') return;
    wait(run, durationOf(run.pod), 'ends', () => finish(run));
  }

  /** The containers have come to their end by themselves. */
  function finish(run: Run): void {
    const exitCode = Number(run.pod.metadata.annotations?.[annotations.simulatedExitCode] ?? 0);
    end(run);
    if (exitCode === 0 || run.pod.spec.restartPolicy !== 'OnFailure') {
      run.phase = 'ended';
      write(run, (pod) => terminated(pod, exitCode, exitCode === 0 ? 'Completed' : 'Error', timestamp(world.now())));
      return;
    }
    run.restarts += 1;
    write(run, (pod) => crashed(pod, run.restarts, exitCode, timestamp(world.now())));
    wait(run, Math.min(300_000, 10_000 * 2 ** (run.restarts - 1)), 'restarts', () => runContainers(run));
  }

  function end(run: Run): void {
    const to = world.now();
    run.containers = run.containers.map((each) => (each.to === undefined ? { ...each, to } : each));
  }

  /** Deletion: the containers get SIGTERM and go soon, at the latest when the grace period is over; then the pod is let go. */
  function stop(run: Run): void {
    run.stopping = true;
    run.cancel();
    const graceMs = (run.pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    const delay = run.phase === 'ended' ? 50 : Math.min(graceMs, between(world.random, 100, 3000));
    wait(run, delay, 'stops', () => {
      // Every deleted pod reaches a terminal phase before it goes, whether it had started or not.
      const [exitCode, reason] = run.phase === 'running' ? ([143, 'Error'] as const) : ([137, 'ContainerStatusUnknown'] as const);
      if (run.phase !== 'ended') write(run, (pod) => terminated(pod, exitCode, reason, timestamp(world.now())));
      end(run);
      run.phase = 'ended';
      const { uid } = run.pod.metadata;
      server.delete(podKind, keyOf(run.pod.metadata), { uid, gracePeriodSeconds: 0 });
    });
  }

  function write(run: Run, edit: (pod: StoredPod) => Fields): void {
    server.change(podKind, keyOf(run.pod.metadata), (current) =>
      current.metadata.uid === run.pod.metadata.uid ? edit(asPod(current)) : undefined,
    );
  }

  /** The first Secret or ConfigMap that the pod mounts and that is not there. */
  function missingVolume(pod: StoredPod): string | undefined {
    for (const volume of pod.spec.volumes ?? []) {
      for (const { kind, name } of sourcesOf(volume)) {
        if (store.get(kind, `${pod.metadata.namespace}/${name}`) === undefined) {
          return `MountVolume.SetUp failed for volume "${volume.name}": ${kind.kind.toLowerCase()} "${name}" not found`;
        }
      }
    }
    return undefined;
  }

  function runsOn(node: string): readonly Run[] {
    return pods.onNode(node).flatMap((pod) => runs.get(pod.metadata.uid) ?? []);
  }

  return {
    bytesWritten: (node) =>
      runsOn(node).reduce((sum, run) => {
        const rate = Number(run.pod.metadata.annotations?.[annotations.simulatedWrites] ?? 0);
        const [first] = run.containers;
        return rate === 0 || first === undefined ? sum : sum + spanBytes(run, first.container, rate);
      }, 0),
    removedLogs: (uid) => (removed.get(uid)?.containers ?? []).map((each) => logOf(each, world.now())),
    podLogs: (node) => runsOn(node).flatMap((run) => run.containers.map((each) => logOf(each, world.now()))),
  };

  /** The annotation is the pod's, not each container's. */
  function spanBytes(run: Run, container: string, rate: number): number {
    return run.containers.filter((each) => each.container === container).reduce((sum, each) => sum + bytesOf(each, rate, world.now()), 0);
  }
}

function durationOf(pod: StoredPod): number {
  const text = pod.metadata.annotations?.[annotations.simulatedDuration];
  const parsed = text === undefined ? undefined : parseDurationMs(text);
  return parsed?.ok === true ? parsed.value : 60_000;
}

function sourcesOf(volume: Fields): readonly { readonly kind: typeof secrets; readonly name: string }[] {
  const { secret, configMap, projected } = volume;
  const sources = isFields(projected) && Array.isArray(projected.sources) ? projected.sources.filter(isFields) : [];
  return [{ secret, configMap }, ...sources].flatMap((source) => [
    ...(isFields(source.secret) && source.secret.optional !== true
      ? [{ kind: secrets, name: String(source.secret.secretName ?? source.secret.name) }]
      : []),
    ...(isFields(source.configMap) && source.configMap.optional !== true
      ? [{ kind: configMaps, name: String(source.configMap.name) }]
      : []),
  ]);
}

function conditions(pod: Fields, now: string, states: Readonly<Record<string, boolean>>, reason?: string): Fields {
  return Object.entries(states).reduce(
    (object, [type, state]) =>
      withCondition(object, now, { type, status: state ? 'True' : 'False', ...(state || reason === undefined ? {} : { reason }) }),
    pod,
  );
}

function statuses(pod: StoredPod, restarts: number, ready: boolean, state: Fields): readonly Fields[] {
  return pod.spec.containers.map(({ name, image }) => ({ name, image, ready, restartCount: restarts, state }));
}

function waiting(pod: StoredPod, message: string, now: string, reason = 'ContainerCreating'): (pod: StoredPod) => Fields {
  const containerStatuses = statuses(pod, 0, false, { waiting: { reason, message } });
  return (current) =>
    conditions({ ...current, status: { ...current.status, startTime: current.status?.startTime ?? now, containerStatuses } }, now, {
      Initialized: (pod.spec.initContainers ?? []).length === 0,
      Ready: false,
      ContainersReady: false,
    });
}

function initializing(pod: StoredPod, now: string): Fields {
  const initContainerStatuses = (pod.spec.initContainers ?? []).map(({ name }) => ({
    name,
    ready: false,
    restartCount: 0,
    state: { running: { startedAt: now } },
  }));
  const containerStatuses = statuses(pod, 0, false, { waiting: { reason: 'PodInitializing' } });
  const status = { ...pod.status, startTime: pod.status?.startTime ?? now, initContainerStatuses, containerStatuses };
  return conditions({ ...pod, status }, now, { Initialized: false, Ready: false, ContainersReady: false }, 'ContainersNotInitialized');
}

function running(pod: StoredPod, podIP: string, restarts: number, now: string): Fields {
  const inits = pod.spec.initContainers ?? [];
  const done = { terminated: { exitCode: 0, reason: 'Completed', finishedAt: now } };
  const status = {
    ...pod.status,
    phase: 'Running',
    startTime: pod.status?.startTime ?? now,
    podIP: pod.status?.podIP ?? podIP,
    ...(inits.length === 0
      ? {}
      : { initContainerStatuses: inits.map(({ name }) => ({ name, ready: true, restartCount: 0, state: done })) }),
    containerStatuses: statuses(pod, restarts, true, { running: { startedAt: now } }),
  };
  return conditions({ ...pod, status }, now, { Initialized: true, Ready: true, ContainersReady: true });
}

function crashed(pod: StoredPod, restarts: number, exitCode: number, now: string): Fields {
  const state = { waiting: { reason: 'CrashLoopBackOff', message: `back-off restarting failed container, exit code ${exitCode}` } };
  return conditions({ ...pod, status: { ...pod.status, containerStatuses: statuses(pod, restarts, false, state) } }, now, {
    Ready: false,
    ContainersReady: false,
  });
}

function terminated(pod: StoredPod, exitCode: number, reason: string, now: string): Fields {
  const phase = exitCode === 0 ? 'Succeeded' : 'Failed';
  const restarts = pod.status?.containerStatuses?.[0]?.restartCount ?? 0;
  const containerStatuses = statuses(pod, restarts, false, { terminated: { exitCode, reason, finishedAt: now } });
  const ended = { ...pod, status: { ...pod.status, phase, containerStatuses } };
  return conditions(ended, now, { Ready: false, ContainersReady: false }, exitCode === 0 ? 'PodCompleted' : 'PodFailed');
}
