import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../src/api/kubernetes.ts';
import { sleep } from '../../../src/ports/clock.ts';
import type { KubernetesPort, WatchEvent } from '../../../src/ports/kubernetes.ts';
import { profiles } from '../../../src/sim/faults.ts';
import { createKubernetes, kubernetesFor, loseNode, type SimulatedKubernetes } from '../../../src/sim/kubernetes/cluster.ts';
import { kindNamed } from '../../../src/sim/kubernetes/kinds.ts';
import { createWorld, type SimulatedProcess, type World } from '../../../src/sim/world.ts';
import { job, jobs, machine, pods } from './bed.ts';

const SEEDS = 12;

/** A small operator that knows nothing of virtual time: it keeps six jobs existing, watches pods, and marks what it has seen. */
async function operate(process: SimulatedProcess, port: KubernetesPort): Promise<void> {
  void follow(process, port);
  for (;;) {
    for (let index = 0; index < 6; index += 1) {
      const found = await port.get(jobs, { namespace: 'default', name: `job-${index}` });
      const more = { completionMode: 'Indexed', parallelism: 2, completions: 2, backoffLimit: 3 } as const;
      const wanted = {
        ...job(`job-${index}`, more),
        metadata: { name: `job-${index}`, namespace: 'default', labels: { seen: String(found.ok) } },
      };
      await port.apply(jobs, wanted, { fieldManager: 'operator', force: true });
      if (found.ok && (found.value.status?.failed ?? 0) > 0) await port.delete(jobs, found.value.metadata, { propagation: 'Foreground' });
    }
    await sleep(process.clock, 5000);
  }
}

async function follow(process: SimulatedProcess, port: KubernetesPort): Promise<void> {
  const known = new Map<string, string>();
  const { signal } = new AbortController();
  for (;;) {
    const list = await port.list(pods, { resourceVersion: '0', limit: 5 });
    if (!list.ok) {
      await sleep(process.clock, 1000);
      continue;
    }
    await port.watch(
      pods,
      { resourceVersion: list.value.resourceVersion },
      (event: WatchEvent<Pod>) => {
        if ('object' in event) known.set(event.object.metadata.uid, event.type);
      },
      signal,
    );
  }
}

async function history(
  seed: number,
): Promise<{ readonly digest: string; readonly world: World; readonly kubernetes: SimulatedKubernetes }> {
  const world = createWorld({ seed, faults: profiles.rough });
  const kubernetes = createKubernetes(world);
  for (const name of ['one', 'two', 'three']) machine(kubernetes, name);
  world.schedule(4 * 60_000, 'a machine is lost', () => loseNode(kubernetes, 'two'));
  function boot(): void {
    const process = world.startProcess('operator');
    process.onCrash(() => world.schedule(3000, 'operator restarts', boot));
    void operate(process, kubernetesFor(kubernetes, process));
  }
  boot();
  await world.runUntil(() => false, profiles.rough.endsAfterMs + 10 * 60_000);
  return { digest: world.trace.digest(), world, kubernetes };
}

test(`${SEEDS} seeds of rough: each twice with the same history, each to the same end`, async () => {
  const digests = new Set<string>();
  let crashes = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const [one, other] = [await history(seed), await history(seed)];
    assert.equal(one.digest, other.digest, `seed ${seed}`);
    digests.add(one.digest);
    crashes += Number(one.world.startProcess('operator').name.split('#')[1]) - 2;
    const { store } = one.kubernetes.server;
    const ended = store.list(kindNamed('Job')).filter((each) => JSON.stringify(each.status).includes('"Complete"'));
    assert.equal(ended.length, 6, `seed ${seed}`);
    assert.deepEqual(
      store.list(kindNamed('Node')).map((node) => node.metadata.name),
      ['one', 'three'],
      `seed ${seed}`,
    );
  }
  assert.equal(digests.size, SEEDS);
  assert.ok(crashes > SEEDS, `only ${crashes} crashes`);
});
