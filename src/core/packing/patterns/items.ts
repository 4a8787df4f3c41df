import { admitsLaunch } from '../admit.ts';
import type { Variant } from '../compile.ts';
import { HOSTNAME } from '../filters.ts';
import type { Candidate, LaunchSpace } from '../launch.ts';
import { type Ledger, roomOf } from '../ledger.ts';
import { wantsValues } from '../min-values.ts';

/** Pods that a pattern cannot tell apart: same amounts, same machines allowed. Rules between pods are kept when patterns become nodes. */
export type Item = {
  readonly id: number;
  readonly count: number;
  readonly amounts: Float64Array;
  /** Dimensions that the item takes anything of. */
  readonly taken: readonly number[];
  /** By option: may it run there. */
  readonly eligible: Uint8Array;
  readonly members: readonly Member[];
};
/** `zone`: where these pods have been decided to go. */
export type Member = { readonly variant: Variant; readonly count: number; readonly zone?: string };

/** One kind of node to launch: a shape and capacity type at one price, in whichever of the zones. */
export type Option = {
  readonly id: number;
  readonly candidates: readonly Candidate[];
  readonly usdPerHour: number;
  readonly room: Float64Array;
};

export type PatternProblem = { readonly items: readonly Item[]; readonly options: readonly Option[]; readonly width: number };

// Above this the rows of the pattern LP cost more than finer items gain.
const FINE_ITEMS = 64;

// Of pods that all differ, those alike to so many steps per doubling of each amount are one item; fewer steps where there are too many.
const GRAINS = [4, 3, 2, 1] as const;
const MOST_ALIKE = 150;

/**
 * Builds items and options for the pods still to be placed, or undefined where patterns cannot help (too many kinds of pods). Where more
 * kinds than `mostItems` are left, pods of nearly the same size make one item of their mean: a node then holds about as many as its pattern
 * says, each pod judged by its own size, and the few that find no place get nodes of their own.
 */
export function patternProblem(ledger: Ledger, members: readonly Member[], mostItems: number): PatternProblem | undefined {
  const fine = build(ledger, members, true);
  if (fine.items.length <= FINE_ITEMS) return fine;
  const coarse = build(ledger, members, false);
  if (coarse.items.length <= mostItems) return coarse;
  for (const grain of GRAINS) {
    const alike = build(ledger, members, false, grain);
    if (alike.items.length <= MOST_ALIKE) return alike;
  }
  return undefined;
}

function build(ledger: Ledger, members: readonly Member[], withSpread: boolean, grain?: number): PatternProblem {
  const hostRules = new Map<number, number>();
  const caps: number[] = [];
  const drafts = new Map<string, { amounts: Float64Array; filter: Variant['filter']; zone: string | undefined; members: Member[] }>();
  const rulesOf = members.map(({ variant }) => hostGroups(variant, withSpread));
  for (const { group, cap } of rulesOf.flat()) {
    if (hostRules.has(group)) continue;
    hostRules.set(group, caps.length);
    caps.push(cap);
  }
  const base = ledger.dims.names.length;
  for (const [index, member] of members.entries()) {
    const amounts = new Float64Array(base + caps.length);
    amounts.set(member.variant.requests);
    for (const { group } of rulesOf[index] ?? []) amounts[base + (hostRules.get(group) as number)] = 1;
    const size =
      grain === undefined
        ? amounts
        : amounts.map((amount, dim) => (dim < base && amount > 0 ? Math.round(Math.log2(amount) * grain) : amount));
    const key = `${member.variant.filter.id};${member.zone ?? ''};${size.join()}`;
    const draft = drafts.get(key) ?? { amounts, filter: member.variant.filter, zone: member.zone, members: [] };
    draft.members.push(member);
    drafts.set(key, draft);
  }
  if (grain !== undefined) for (const { amounts, members: some } of drafts.values()) amounts.set(meanRequests(some, base));
  const perZone =
    ledger.problem.gangs?.some((gang) => gang.singleZone) === true ||
    [...drafts.values()].some(({ filter, zone }) => zone !== undefined || readsZone(filter));
  const width = base + caps.length;
  const asked = askedInAll(
    [...drafts.values()].map(({ amounts, members: some }) => ({ amounts, count: some.reduce((sum, member) => sum + member.count, 0) })),
    width,
  );
  const options = optionsOf(ledger, caps, perZone, asked);
  const merged = new Map<string, { amounts: Float64Array; eligible: Uint8Array; members: Member[] }>();
  // Thousands of kinds of pods, and few answers to which machines they may use.
  const answers = new Map<string, { readonly eligible: Uint8Array; readonly text: string }>();
  for (const { amounts, filter, zone, members: some } of drafts.values()) {
    const question = `${filter.id};${zone ?? ''}`;
    const answer = answers.get(question) ?? eligibility(ledger, options, filter, zone);
    answers.set(question, answer);
    const { eligible, text } = answer;
    const key = `${amounts.join()};${text}`;
    const entry = merged.get(key) ?? { amounts, eligible, members: [] };
    entry.members.push(...some);
    merged.set(key, entry);
  }
  const kept = undominated(options, [...new Set([...merged.values()].map((entry) => entry.eligible))]);
  const reduced = new Map<Uint8Array, Uint8Array>();
  for (const { eligible } of merged.values())
    if (!reduced.has(eligible))
      reduced.set(
        eligible,
        Uint8Array.from(kept, (option) => eligible[option.id] as number),
      );
  const items = [...merged.values()].map(({ amounts, eligible, members: all }, id) => ({
    id,
    count: all.reduce((sum, member) => sum + member.count, 0),
    amounts,
    taken: [...amounts.keys()].filter((dim) => (amounts[dim] as number) > 0),
    eligible: reduced.get(eligible) as Uint8Array,
    members: all,
  }));
  return { items, options: kept.map((option, id) => ({ ...option, id })), width };
}

function eligibility(ledger: Ledger, options: readonly Option[], filter: Variant['filter'], zone: string | undefined) {
  const eligible = new Uint8Array(options.length);
  for (let id = 0; id < options.length; id++) {
    const { candidates } = options[id] as Option;
    let admitted = 0;
    for (const one of candidates) if ((zone === undefined || one.zone === zone) && admitsLaunch(ledger, filter, one)) admitted += 1;
    if (admitted === candidates.length) eligible[id] = 1;
  }
  const own = ledger.problem.pools.length > 1 ? heaviest(options, eligible) : eligible;
  return { eligible: own, text: bytesText(own) };
}

const decoder = new TextDecoder('latin1');

/** The same text for the same bytes, at a fraction of what joining them costs. */
export function bytesText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

function meanRequests(members: readonly Member[], width: number): Float64Array {
  const mean = new Float64Array(width);
  const pods = members.reduce((sum, member) => sum + member.count, 0);
  for (const { variant, count } of members)
    for (let dim = 0; dim < width; dim++) mean[dim] = (mean[dim] as number) + ((variant.requests[dim] as number) * count) / pods;
  return mean;
}

function readsZone(filter: Variant['filter']): boolean {
  return [...filter.placement, ...filter.extra].some((alternatives) =>
    alternatives.some((one) => one.labels.has('topology.kubernetes.io/zone')),
  );
}

/** Rules that let only so many pods of a group onto one host become amounts of one each, with the cap as a machine's capacity. */
function hostGroups(variant: Variant, withSpread: boolean): readonly { readonly group: number; readonly cap: number }[] {
  const anti = variant.avoids.filter((counter) => counter.table.key === HOSTNAME && variant.counted.includes(counter));
  const spread = withSpread ? variant.spreads.filter(({ rule, self }) => rule.key === HOSTNAME && self === 1) : [];
  return [
    ...anti.map((counter) => ({ group: counter.id, cap: 1 })),
    ...spread.map(({ counter, rule }) => ({ group: counter.id, cap: rule.maxSkew })),
  ];
}

function optionsOf(ledger: Ledger, caps: readonly number[], perZone: boolean, asked: Float64Array): readonly Option[] {
  return offered(ledger.space, perZone).map(({ candidates, usdPerHour }, id) => {
    const own = roomOf(ledger, candidates[0] as Candidate);
    let isEnough = true;
    for (let dim = 0; dim < asked.length && isEnough; dim++)
      isEnough = ((dim < own.length ? own[dim] : caps[dim - own.length]) as number) >= (asked[dim] as number);
    // Most machines have room for all of a few pods: to them those are alike.
    if (isEnough) return { id, candidates, usdPerHour, room: asked };
    const room = new Float64Array(asked.length);
    for (let dim = 0; dim < room.length; dim++)
      room[dim] = Math.min((dim < own.length ? own[dim] : caps[dim - own.length]) as number, asked[dim] as number);
    return { id, candidates, usdPerHour, room };
  });
}

type Offered = Pick<Option, 'candidates' | 'usdPerHour'>;
const offers = { perZone: new WeakMap<LaunchSpace, readonly Offered[]>(), inAll: new WeakMap<LaunchSpace, readonly Offered[]>() };

/** What patterns buy, cheapest first; the same for every plan with this launch space. */
function offered(space: LaunchSpace, perZone: boolean): readonly Offered[] {
  const known = perZone ? offers.perZone : offers.inAll;
  let found = known.get(space);
  if (found === undefined) {
    found = readOffered(space, perZone);
    known.set(space, found);
  }
  return found;
}

function readOffered(space: LaunchSpace, perZone: boolean): readonly Offered[] {
  const groups = new Map<string, Candidate[]>();
  for (const candidate of space.candidates) {
    if (wantsValues(candidate.shape.pool)) continue;
    const share = candidate.shape.pool.spotPercent === undefined ? candidate.capacityType : 'share';
    const key = `${candidate.shape.id} ${share} ${share === 'share' ? '' : candidate.usdPerHour} ${perZone ? candidate.zone : ''}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [candidate]);
    else group.push(candidate);
  }
  const options = [...groups.values()].map((candidates) => ({ candidates, usdPerHour: sharedPrice(candidates) }));
  return options.sort((left, right) => left.usdPerHour - right.usdPerHour);
}

/** Where a pool keeps a spot share, a node costs what the share makes of the two prices on average. */
function sharedPrice(candidates: readonly Candidate[]): number {
  const percent = (candidates[0] as Candidate).shape.pool.spotPercent;
  const lowest = (type: string) => Math.min(...candidates.filter((one) => one.capacityType === type).map((one) => one.usdPerHour));
  const spot = lowest('spot');
  const onDemand = lowest('on-demand');
  if (percent === undefined || !Number.isFinite(spot) || !Number.isFinite(onDemand)) return Math.min(spot, onDemand);
  return (spot * percent + onDemand * (100 - percent)) / 100;
}

/** Only the heaviest pool that may take the item counts for it. */
function heaviest(options: readonly Option[], eligible: Uint8Array): Uint8Array {
  const weight = (option: Option) => (option.candidates[0] as Candidate).shape.pool.weight ?? 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < eligible.length; id++) if (eligible[id] === 1) most = Math.max(most, weight(options[id] as Option));
  return eligible.map((may, id) => (may === 1 && weight(options[id] as Option) === most ? 1 : 0));
}

/**
 * Drops an option where another costs no more, offers no less of anything that is asked for, and is open to every item that it is open to.
 * `options` come cheapest first.
 */
export function undominated(options: readonly Option[], eligibility: readonly Uint8Array[]): readonly Option[] {
  const distinct = eligibility.filter((one, at) => !eligibility.slice(0, at).some((other) => sameBytes(one, other)));
  const kept: Option[] = [];
  const most = distinct.map(() => new Float64Array(options[0]?.room.length ?? 0));
  for (const option of options) {
    if (!distinct.some((eligible) => eligible[option.id] === 1)) continue;
    if (!offersMore(option, distinct, most) && isBeaten(kept, option, distinct)) continue;
    kept.push(option);
    for (let at = 0; at < distinct.length; at++) if (distinct[at]?.[option.id] === 1) raise(most[at] as Float64Array, option.room);
  }
  return kept;
}

/** To some items it offers more of something than any that is kept: nothing beats it, and none of them has to be asked. */
function offersMore({ id, room }: Option, eligibility: readonly Uint8Array[], most: readonly Float64Array[]): boolean {
  for (let at = 0; at < eligibility.length; at++) {
    if (eligibility[at]?.[id] !== 1) continue;
    const known = most[at] as Float64Array;
    for (let dim = 0; dim < known.length; dim++) if ((room[dim] as number) > (known[dim] as number)) return true;
  }
  return false;
}

function raise(most: Float64Array, room: Float64Array): void {
  for (let dim = 0; dim < most.length; dim++) if ((room[dim] as number) > (most[dim] as number)) most[dim] = room[dim] as number;
}

/** The dearest first: where machines have more than is asked for, it beats nearly all that come after it. */
function isBeaten(kept: readonly Option[], option: Option, eligibility: readonly Uint8Array[]): boolean {
  for (let at = kept.length - 1; at >= 0; at--) if (beats(kept[at] as Option, option, eligibility)) return true;
  return false;
}

function beats(other: Option, option: Option, eligibility: readonly Uint8Array[]): boolean {
  if (other.candidates.length < option.candidates.length) return false;
  const { room } = option;
  for (let dim = 0; dim < room.length; dim++) if ((other.room[dim] as number) < (room[dim] as number)) return false;
  for (const eligible of eligibility) if ((eligible[other.id] as number) < (eligible[option.id] as number)) return false;
  return true;
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false;
  return true;
}

/** No machine gives more of anything than all pods together ask for: what it has beyond that is worth nothing. */
export function cappedRoom(room: Float64Array, asked: Float64Array): Float64Array {
  return room.map((amount, dim) => Math.min(amount, asked[dim] as number));
}

/** All that these pods ask for, by dimension. */
export function askedInAll(wanted: readonly { readonly amounts: Float64Array; readonly count: number }[], width: number): Float64Array {
  const asked = new Float64Array(width);
  for (const { amounts, count } of wanted)
    for (let dim = 0; dim < width; dim++) asked[dim] = (asked[dim] as number) + count * (amounts[dim] as number);
  return asked;
}
