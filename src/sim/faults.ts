import type { Random } from '../ports/clock.ts';

/** What can go wrong, each with its probability per occasion (call, launch, watch …; `clockJumpEveryMs` and `interruptions` are means over time). */
type FaultRates = {
  /** The process dies at a write: before it takes effect, after it and before the reply, or just after the reply. */
  readonly crashBefore: number;
  readonly crashAfter: number;
  readonly crashOnReply: number;
  /** No answer arrives: the call was not carried out, or it was. */
  readonly lostBefore: number;
  readonly lostAfter: number;
  /** Refused without effect: 429 or 5xx of the API server, throttling of AWS. */
  readonly busy: number;
  /** A conditional write answers 409 although nothing else wrote. */
  readonly conflict: number;
  /** Of a watch, each time an event is due on it: the stream breaks, or says that its resource version is gone (410). */
  readonly watchCut: number;
  readonly watchGone: number;
  /** Of a list that may be answered from a cache, or a new watch: it lags behind. */
  readonly stale: number;
  /** EC2 has no capacity for an offering (drawn for each launch). */
  readonly insufficientCapacity: number;
  /** A spot instance is to be interrupted (drawn for each launch). */
  readonly spotInterruption: number;
  /** An instance starts and its node never joins the cluster (drawn for each launch). */
  readonly neverRegisters: number;
  /** CloudFormation fails at a resource of a stack, for no reason of the template's (drawn for each). */
  readonly stackTrouble: number;
};

type FaultName = keyof FaultRates;

export type FaultProfile = {
  readonly name: 'none' | 'rough';
  readonly rates: FaultRates;
  /** Mean time between jumps of a process's wall clock, 0 = never. */
  readonly clockJumpEveryMs: number;
  /** Virtual time after which nothing goes wrong any more, so that convergence can be checked. */
  readonly endsAfterMs: number;
};

const never: FaultRates = {
  crashBefore: 0,
  crashAfter: 0,
  crashOnReply: 0,
  lostBefore: 0,
  lostAfter: 0,
  busy: 0,
  conflict: 0,
  watchCut: 0,
  watchGone: 0,
  stale: 0,
  insufficientCapacity: 0,
  spotInterruption: 0,
  neverRegisters: 0,
  stackTrouble: 0,
};

export const profiles = {
  none: { name: 'none', rates: never, clockJumpEveryMs: 0, endsAfterMs: 0 },
  rough: {
    name: 'rough',
    rates: {
      crashBefore: 0.003,
      crashAfter: 0.005,
      crashOnReply: 0.003,
      lostBefore: 0.008,
      lostAfter: 0.012,
      busy: 0.02,
      conflict: 0.01,
      watchCut: 0.01,
      watchGone: 0.004,
      stale: 0.3,
      insufficientCapacity: 0.2,
      spotInterruption: 0.15,
      neverRegisters: 0.08,
      stackTrouble: 0.04,
    },
    clockJumpEveryMs: 15 * 60_000,
    endsAfterMs: 30 * 60_000,
  },
} as const satisfies Readonly<Record<string, FaultProfile>>;

export type Faults = {
  readonly profile: FaultProfile;
  /** Whether things may still go wrong. */
  active(): boolean;
  /** One seeded draw; always false once the faults have ended. */
  happens(fault: FaultName): boolean;
};

export function createFaults(profile: FaultProfile, random: Random, elapsedMs: () => number): Faults {
  function active(): boolean {
    return elapsedMs() < profile.endsAfterMs;
  }
  return {
    profile,
    active,
    happens: (fault) => profile.rates[fault] > 0 && active() && random.next() < profile.rates[fault],
  };
}

/** A seeded generator (sfc32, seeded through FNV-1a of `seed` and `stream`); streams of one seed are independent of each other. */
export function createRandom(seed: number, stream: string): Random {
  let [a, b, c, d] = [hash(seed, `${stream}/a`), hash(seed, `${stream}/b`), hash(seed, `${stream}/c`), 1];
  function word(): number {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  }
  for (let warmUp = 0; warmUp < 12; warmUp += 1) word();
  function uuid(): string {
    const hex = [word(), word(), word(), word()].map((part) => part.toString(16).padStart(8, '0')).join('');
    const variant = '89ab'[word() & 3];
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
  return { next: () => word() / 4_294_967_296, uuid };
}

/** A whole number in [low, high]. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random.next() * (high - low + 1));
}

function hash(seed: number, text: string): number {
  let value = (0x811c9dc5 ^ seed) | 0;
  value = Math.imul(value ^ Math.floor(seed / 4_294_967_296), 0x01000193);
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value | 0;
}
