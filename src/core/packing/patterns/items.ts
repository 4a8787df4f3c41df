import { admitsLaunch } from '../admit.ts';
import type { Variant } from '../compile.ts';
import { HOSTNAME } from '../filters.ts';
import type { Candidate, LaunchSpace } from '../launch.ts';
import { type Ledger, roomOf } from '../ledger.ts';
import { missingMinValues, wantsValues } from '../min-values.ts';
import type { PackingPool } from '../problem.ts';
import { type Flexible, flexibleOffers } from './flexible.ts';
import { isAffordable, type LimitRow } from './limit-rows.ts';

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
  /** They may be left out where limits do not allow all pods. */
  readonly optional?: boolean;
};
/** `zone`: where these pods have been decided to go. `optional`: as of their item. */
export type Member = { readonly variant: Variant; readonly count: number; readonly zone?: string; readonly optional?: boolean };

/** One kind of node to launch: a shape and capacity type at one price, in whichever of the zones. */
export type Option = {
  readonly id: number;
  readonly candidates: readonly Candidate[];
  readonly usdPerHour: number;
  readonly room: Float64Array;
  /** What a node takes of each limit. */
  readonly uses: Float64Array;
  /** Of a pool with minValues: the list that must keep so many values. */
  readonly peers?: readonly Candidate[];
};

export type PatternProblem = {
  readonly items: readonly Item[];
  readonly options: readonly Option[];
  readonly width: number;
  readonly limits: readonly LimitRow[];
};

/** What may be bought: within these limits, from pools with less weight than this, from those that pass. */
export type Scope = {
  readonly limits: readonly LimitRow[];
  readonly below?: number;
  readonly accepts?: (candidate: Candidate) => boolean;
};
export const NO_LIMITS = { limits: [] } as const satisfies Scope;
export const NO_USES = new Float64Array(0);

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
export function patternProblem(
  ledger: Ledger,
  members: readonly Member[],
  mostItems: number,
  scope: Scope = NO_LIMITS,
): PatternProblem | undefined {
  const fine = build(ledger, members, scope, true);
  if (fine.items.length <= FINE_ITEMS) return fine;
  const coarse = build(ledger, members, scope, false);
  if (coarse.items.length <= mostItems) return coarse;
  for (const grain of GRAINS) {
    const alike = build(ledger, members, scope, false, grain);
    if (alike.items.length <= MOST_ALIKE) return alike;
  }
  return undefined;
}

function build(ledger: Ledger, members: readonly Member[], scope: Scope, withSpread: boolean, grain?: number): PatternProblem {
  const hostRules = new Map<number, number>();
  const caps: number[] = [];
  const drafts = new Map<string, Pick<Item, 'amounts'> & Pick<Variant, 'filter'> & { zone: string | undefined; members: Member[] }>();
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
    const key = `${member.variant.filter.id};${member.zone ?? ''};${member.optional ?? ''};${size.join()}`;
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
  const flexible = flexibleOffers(ledger, new Set(members.map(({ variant }) => variant.filter)), perZone);
  const options = optionsOf(ledger, flexible, caps, perZone, asked, scope);
  const merged = new Map<string, { amounts: Float64Array; eligible: Uint8Array; members: Member[] }>();
  // Thousands of kinds of pods, and few answers to which machines they may use.
  const answers = new Map<string, { readonly eligible: Uint8Array; readonly text: string }>();
  for (const { amounts, filter, zone, members: some } of drafts.values()) {
    const question = `${filter.id};${zone ?? ''}`;
    const answer = answers.get(question) ?? eligibility(ledger, options, filter, zone);
    answers.set(question, answer);
    const { eligible, text } = answer;
    const key = `${amounts.join()};${text};${some[0]?.optional ?? ''}`;
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
    ...(all[0]?.optional === undefined ? {} : { optional: all[0].optional }),
  }));
  return { items, options: kept.map((option, id) => ({ ...option, id })), width, limits: scope.limits };
}

export function holdsItem(option: Option, item: Item): boolean {
  return item.eligible[option.id] === 1 && item.taken.every((dim) => (item.amounts[dim] as number) <= (option.room[dim] as number));
}

function eligibility(ledger: Ledger, options: readonly Option[], filter: Variant['filter'], zone: string | undefined) {
  const eligible = new Uint8Array(options.length);
  const admits = (one: Candidate) => (zone === undefined || one.zone === zone) && admitsLaunch(ledger, filter, one);
  for (let id = 0; id < options.length; id++) {
    const { candidates, peers } = options[id] as Option;
    let admitted = 0;
    for (const one of candidates) if (admits(one)) admitted += 1;
    if (admitted === candidates.length && keepsValues(candidates, peers?.filter(admits))) eligible[id] = 1;
  }
  const own = ledger.problem.pools.length > 1 ? heaviest(options, eligible) : eligible;
  return { eligible: own, text: bytesText(own) };
}

const decoder = new TextDecoder('latin1');

/** The same text for the same bytes, at a fraction of what joining them costs. */
export function bytesText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

function keepsValues([candidate]: readonly Candidate[], peers: readonly Candidate[] | undefined): boolean {
  return candidate === undefined || peers === undefined || missingMinValues(candidate, peers) === undefined;
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

function optionsOf(
  ledger: Ledger,
  flexible: readonly Flexible[],
  caps: readonly number[],
  perZone: boolean,
  asked: Float64Array,
  { limits, below = Infinity, accepts = () => true }: Scope,
): readonly Option[] {
  const left = Float64Array.from(limits, (limit) => limit.left);
  const usesOf = (candidate: Candidate) => (limits.length === 0 ? NO_USES : Float64Array.from(limits, ({ takes }) => takes(candidate)));
  const sold = offered(ledger.space, perZone);
  const all = flexible.length === 0 ? sold : [...sold, ...flexible].sort((one, other) => one.usdPerHour - other.usdPerHour);
  const open = all.filter(({ candidates: [candidate] }) => {
    if (candidate === undefined || (candidate.shape.pool.weight ?? 0) >= below || !accepts(candidate)) return false;
    return limits.length === 0 || isAffordable(usesOf(candidate), left, limits);
  });
  return open.map(({ candidates, usdPerHour, room: shared, peers }, id) => {
    const own = shared ?? roomOf(ledger, candidates[0] as Candidate);
    let isEnough = true;
    for (let dim = 0; dim < asked.length && isEnough; dim++)
      isEnough = ((dim < own.length ? own[dim] : caps[dim - own.length]) as number) >= (asked[dim] as number);
    const rest = { uses: usesOf(candidates[0] as Candidate), ...(peers === undefined ? {} : { peers }) };
    // Most machines have room for all of a few pods: to them those are alike.
    if (isEnough) return { id, candidates, usdPerHour, room: asked, ...rest };
    const room = new Float64Array(asked.length);
    for (let dim = 0; dim < room.length; dim++)
      room[dim] = Math.min((dim < own.length ? own[dim] : caps[dim - own.length]) as number, asked[dim] as number);
    return { id, candidates, usdPerHour, room, ...rest };
  });
}

type Offered = Pick<Option, 'candidates' | 'usdPerHour' | 'peers'> & { readonly room?: Float64Array };
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
  const types = soldTypes(space);
  for (const candidate of space.candidates) {
    if (wantsValues(candidate.shape.pool) || isUnwanted(candidate, types)) continue;
    const key = `${candidate.shape.id} ${candidate.capacityType} ${candidate.usdPerHour} ${perZone ? candidate.zone : ''}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [candidate]);
    else group.push(candidate);
  }
  const options = [...groups.values()].map((candidates) => ({ candidates, usdPerHour: (candidates[0] as Candidate).usdPerHour }));
  return options.sort((left, right) => left.usdPerHour - right.usdPerHour);
}

/** By pool: the capacity types that it could launch. */
function soldTypes({ candidates }: LaunchSpace): ReadonlyMap<PackingPool, ReadonlySet<string>> {
  const types = new Map<PackingPool, Set<string>>();
  for (const { shape, capacityType } of candidates) types.set(shape.pool, (types.get(shape.pool) ?? new Set()).add(capacityType));
  return types;
}

/** Of the capacity type that a pool wants nothing of, while the other is to be had. */
function isUnwanted({ shape: { pool }, capacityType }: Candidate, types: ReturnType<typeof soldTypes>): boolean {
  const wanted = pool.spotPercent === 0 ? 'on-demand' : pool.spotPercent === 100 ? 'spot' : undefined;
  return wanted !== undefined && capacityType !== wanted && types.get(pool)?.has(wanted) === true;
}

/** Only the heaviest pool that may take the item counts for it. */
function heaviest(options: readonly Option[], eligible: Uint8Array): Uint8Array {
  const weight = (option: Option) => (option.candidates[0] as Candidate).shape.pool.weight ?? 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < eligible.length; id++) if (eligible[id] === 1) most = Math.max(most, weight(options[id] as Option));
  return eligible.map((may, id) => (may === 1 && weight(options[id] as Option) === most ? 1 : 0));
}

/**
 * Drops an option where another costs no more, takes no more of any limit, offers no less of anything that is asked for, and is open to every
 * item that it is open to. `options` come cheapest first.
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
  const { room, uses } = option;
  for (let row = 0; row < uses.length; row++) if ((other.uses[row] as number) > (uses[row] as number)) return false;
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
