import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type { InstanceType, Offering, PackingPod } from '../../../src/core/packing/problem.ts';
import { violations } from './checker.ts';
import { instanceType, pod, problem, ZONES } from './fixtures.ts';
import { dice } from './random-problem.ts';

/* Zones that differ in price, and single bargains among many types: where a plan that thinks of one price for all zones goes wrong. */

const TYPES: readonly InstanceType[] = [1, 2, 4, 8, 16, 32, 64].map((cpu) => instanceType(`c.${cpu}`, cpu, `${2 * cpu}Gi`, {}, 12 * cpu));

function sold(factor: (type: string, zone: string) => number): readonly Offering[] {
  return TYPES.flatMap((type) =>
    ZONES.map(
      (zone): Offering => ({
        instanceType: type.name,
        zone,
        capacityType: 'on-demand',
        usdPerHour: Number(type.capacity['cpu']) * 0.04 * factor(type.name, zone),
      }),
    ),
  );
}

/** A third with rules about zones: spread among themselves, spread by others' labels, together. */
function mixed(count: number, seed: number): readonly PackingPod[] {
  const roll = dice(seed);
  const letter = () => roll.pick(['a', 'b', 'c', 'd']);
  const zone = 'topology.kubernetes.io/zone';
  return Array.from({ length: count }, (_, index) => {
    const matchLabels = { app: letter() };
    const spread = {
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: zone, whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels } } as const,
      ],
    };
    const together = {
      affinity: {
        podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: zone, labelSelector: { matchLabels } }] },
      },
    };
    const kind = index % 6;
    const labels = { app: kind === 1 ? matchLabels.app : letter() };
    return pod(
      `p${index}`,
      roll.pick(['100m', '250m', '500m', '1']),
      roll.pick(['100Mi', '512Mi', '1Gi', '2Gi']),
      kind === 0 ? spread : kind === 1 ? together : {},
      { labels },
    );
  });
}

test('where zones differ in price, rules about zones cost what the dear zones cost more, and no half-empty nodes', () => {
  const offerings = sold((_, zone) => (zone === 'z-a' ? 1 : zone === 'z-b' ? 1.05 : 1.1));
  for (const seed of [1, 2, 3]) {
    const input = problem({ pods: mixed(400, seed), types: TYPES, offerings });
    const plan = planPacking(input);
    assert.deepEqual(violations(input, plan), []);
    assert.deepEqual(plan.unschedulable, []);
    assert.ok(plan.gap <= 0.06, `seed ${seed}: ${plan.gap}`);
  }
});

test('a large machine that alone is a bargain is filled as well as small ones are', () => {
  const offerings = sold((type) => (type === 'c.64' ? 0.85 : 1));
  const pods = mixed(6000, 4).map(({ key, namespace, spec }) => ({ key, namespace, spec: { containers: spec.containers } }));
  const plan = planPacking(problem({ pods, types: TYPES, offerings }));
  assert.ok(plan.gap <= 0.02, `${plan.gap}`);
});
