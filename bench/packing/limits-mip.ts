import * as highsModule from 'highs';

/** Pods of one size and priority. Cores in thousandths, memory in MiB. */
export type Kind = { readonly cpu: number; readonly memory: number; readonly priority: number; readonly count: number };
export type Machine = {
  readonly cpu: number;
  readonly memory: number;
  readonly pods: number;
  readonly usdPerHour: number;
  readonly pool: string;
  readonly spot: boolean;
};
/** `pool`: only its machines count; `spotPercent`: so much of their cores is spot, give or take `slack` cores. */
export type Rule = {
  readonly pool?: string;
  readonly nodes?: number;
  readonly vcpus?: number;
  readonly usdPerHour?: number;
  readonly spotPercent?: number;
  readonly slack?: number;
};
export type Reference = { readonly placed: ReadonlyMap<number, number>; readonly usdPerHour: number };

type Solution = {
  readonly Status: string;
  readonly ObjectiveValue: number;
  readonly Columns: Readonly<Record<string, { readonly Primal: number }>>;
};
type Highs = { readonly solve: (model: string, options: object) => Solution };
const highs = await (highsModule as unknown as { readonly default: () => Promise<Highs> }).default();

const WITHIN = 2e-4;

/**
 * What no plan beats: as many pods of the highest priority as whole machines under the rules have room for in all, then of the next, and the
 * least dollars for those. Room is counted over all machines together, so that the optimum is a bound: below it for dollars, above it for pods.
 */
export function reference(kinds: readonly Kind[], machines: readonly Machine[], rules: readonly Rule[]): Reference {
  const sold = worthwhile(machines, rules);
  const placed = new Map<number, number>();
  const levels = [...new Set(kinds.map(({ priority }) => priority))].sort((one, other) => other - one);
  const fixed: string[] = [];
  for (const priority of levels) {
    const own = kinds.flatMap((kind, k) => (kind.priority === priority ? [`y${k}`] : []));
    const all = kinds.reduce((sum, kind) => sum + (kind.priority === priority ? kind.count : 0), 0);
    const most = all === 0 ? 0 : Math.floor(solve(`Maximize\n obj: ${own.join(' + ')}`, kinds, sold, rules, fixed) * (1 + WITHIN) + 1e-6);
    placed.set(priority, Math.min(all, most));
    fixed.push(`${own.join(' + ')} >= ${Math.floor(Math.min(all, most) * (1 - WITHIN))}`);
  }
  const cost = sold.map(({ usdPerHour }, m) => `${usdPerHour} n${m}`).join(' + ');
  return { placed, usdPerHour: solve(`Minimize\n obj: ${cost}`, kinds, sold, rules, fixed) * (1 - WITHIN) };
}

function solve(
  goal: string,
  kinds: readonly Kind[],
  machines: readonly Machine[],
  rules: readonly Rule[],
  fixed: readonly string[],
): number {
  const sum = (of: (kind: Kind) => number) => kinds.map((kind, k) => ` - ${of(kind)} y${k}`).join('');
  const room = (of: (machine: Machine) => number) => machines.map((machine, m) => `${of(machine)} n${m}`).join(' + ');
  const rows = [
    `${room(({ cpu }) => cpu)}${sum(({ cpu }) => cpu)} >= 0`,
    `${room(({ memory }) => memory)}${sum(({ memory }) => memory)} >= 0`,
    `${room(({ pods }) => pods)}${sum(() => 1)} >= 0`,
    ...fixed,
    ...rules.flatMap((rule) => rowsOf(rule, machines)),
  ];
  const bounds = kinds.map(({ count }, k) => `0 <= y${k} <= ${count}`);
  const names = [...machines.map((_, m) => `n${m}`), ...kinds.map((_, k) => `y${k}`)];
  const model = `${goal}\nSubject To\n${rows.map((row, r) => ` r${r}: ${row}`).join('\n')}\nBounds\n${bounds.join('\n')}\nGeneral\n${names.join(' ')}\nEnd`;
  const { Status, ObjectiveValue } = highs.solve(model, { mip_rel_gap: WITHIN / 2, time_limit: 60 });
  if (Status !== 'Optimal') throw new Error(`the reference is not solved: ${Status}`);
  return ObjectiveValue;
}

function rowsOf({ pool, nodes, vcpus, usdPerHour, spotPercent, slack = 0 }: Rule, machines: readonly Machine[]): readonly string[] {
  const row = (of: (machine: Machine) => number, end: string) => {
    const parts = machines.flatMap((machine, m) => (pool === undefined || machine.pool === pool ? [`${of(machine)} n${m}`] : []));
    return [`${parts.join(' + ').replaceAll('+ -', '- ')} ${end}`];
  };
  const off = ({ cpu, spot }: Machine) => (cpu / 1000) * ((spot ? 1 : 0) - (spotPercent as number) / 100);
  return [
    ...(nodes === undefined ? [] : row(() => 1, `<= ${nodes}`)),
    ...(vcpus === undefined ? [] : row(({ cpu }) => cpu / 1000, `<= ${vcpus}`)),
    ...(usdPerHour === undefined ? [] : row((machine) => machine.usdPerHour, `<= ${usdPerHour}`)),
    ...(spotPercent === undefined ? [] : [...row(off, `<= ${slack}`), ...row(off, `>= ${-slack}`)]),
  ];
}

/** Without machines that another of the same pool and kind beats: no less room for no more dollars, and no more cores where cores are limited. */
function worthwhile(machines: readonly Machine[], rules: readonly Rule[]): readonly Machine[] {
  const cores = rules.some(({ vcpus, spotPercent }) => vcpus !== undefined || spotPercent !== undefined);
  const kept: Machine[] = [];
  for (const machine of machines.toSorted(
    (one, other) => one.usdPerHour - other.usdPerHour || other.cpu - one.cpu || other.memory - one.memory,
  )) {
    const beats = (one: Machine) =>
      one.pool === machine.pool &&
      one.spot === machine.spot &&
      one.memory >= machine.memory &&
      one.pods >= machine.pods &&
      (cores ? one.cpu === machine.cpu : one.cpu >= machine.cpu);
    if (!kept.some(beats)) kept.push(machine);
  }
  return kept;
}
