/**
 * Dollars on real types and prices: the pods of the cost table, families c, m, r. Ratio to the best known bound, and to our own.
 * `node bench/packing/cost.ts CATALOG MIX_DIRECTORY [mix,mix]`
 */
import { readFileSync } from 'node:fs';
import { planPacking } from '../../src/core/packing/plan.ts';
import { catalogOf, isCmr, type Mix, mixPods, problemOf } from './mixes.ts';

const [catalogFile = '../shared/data/ec2-us-east-1.json', directory = '../shared/data/packing', only] = process.argv.slice(2);
/** Best known bound (LP, whole-node MIP, column generation), and what the plan may cost in parts of it. */
const TABLE: Readonly<Record<string, readonly [number, number]>> = {
  'diverse-100': [2.729, 1.04],
  'diverse-1000': [25.6, 1.03],
  'diverse-5000': [126.58, 1.02],
  'generic-1000': [25.02, 1.01],
  'generic-10000': [255.2, 1.005],
  'bimodal-1000': [71.73, 1.005],
  'spark-40': [162.9, 1.005],
};

const catalog = catalogOf(catalogFile, isCmr);
console.log(`${catalog.types.length} types of ${catalogFile}, one thread, node ${process.version}`);
for (const [name, [bound, target]] of Object.entries(TABLE)) {
  if (only !== undefined && !only.split(',').includes(name)) continue;
  const mix = JSON.parse(readFileSync(`${directory}/${name}.json`, 'utf8')) as Mix;
  const problem = problemOf(mixPods(mix), catalog);
  const started = performance.now();
  const before = process.cpuUsage();
  const plan = planPacking(problem);
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(before);
  const cpu = (used.user + used.system) / 1e6;
  const ratio = plan.usdPerHour / bound;
  const verdict = ratio <= target && plan.unschedulable.length === 0 ? 'met' : 'MISSED';
  console.log(
    `${name}: ${plan.usdPerHour.toFixed(3)} USD/h = ${ratio.toFixed(4)} of the best bound ${bound} (target ${target}, ${verdict}); own bound ${plan.lowerBoundUsdPerHour.toFixed(3)} (${((plan.lowerBoundUsdPerHour / bound - 1) * 100).toFixed(2)} %); Karpenter ${(mix.karpenter.cmr.usdPerHour / bound).toFixed(2)}x; ${plan.newNodes.length} nodes, ${plan.unschedulable.length} left, ${seconds.toFixed(2)} s (${cpu.toFixed(2)} s of CPU)`,
  );
}
