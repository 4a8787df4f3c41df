import { createHash } from 'node:crypto';
import type { Clock, Random } from '../ports/clock.ts';
import { between, createFaults, createRandom, type FaultProfile, type Faults, profiles } from './faults.ts';

/** 2026-11-02T08:00:00Z, a Monday: where every simulated history starts. */
export const START = Date.UTC(2026, 10, 2, 8);

/** So many events without time going on are a loop that would never end. */
const LIVELOCK = 100_000;

/** One line for each event of a history; two runs of a seed are equal byte for byte. */
type Trace = {
  add(line: string): void;
  /** SHA-256 of all lines so far, hexadecimal. */
  digest(): string;
  /** Lines so far. */
  length(): number;
  /** The lines themselves; empty unless the world was made with `keepTrace`. */
  text(): readonly string[];
};

type Service = 'kubernetes' | 'aws' | 'broker' | 'instance';

/**
 * The virtual world: one queue of events on one virtual clock. Every wait and every reply goes through it, and every draw comes from its seed,
 * so a seed is a whole history.
 */
export type World = {
  readonly seed: number;
  /** True time, milliseconds since the epoch; always whole. Processes' wall clocks may differ from it. */
  now(): number;
  readonly random: Random;
  readonly faults: Faults;
  readonly trace: Trace;
  /** Runs `action` once, `delayMs` from now; events of one instant run in the order in which they were scheduled. Answers how to cancel it. */
  schedule(delayMs: number, label: string, action: () => void): () => void;
  /** One incarnation of a program: the operator, a node agent … */
  startProcess(name: string): SimulatedProcess;
  /** Runs events until `done` holds (`done`), `limitMs` of virtual time have passed from now (`limit`) or none is left (`quiet`). */
  runUntil(done: () => boolean, limitMs: number): Promise<'done' | 'limit' | 'quiet'>;
  /** Called after every event and everything that it set off at its instant: the place of invariants. */
  afterStep(hook: (label: string) => void): void;
  /** Events run so far. */
  steps(): number;
};

type CallOptions = { readonly write: boolean; readonly service: Service };
type CallFailures<T> = {
  /** What the caller sees where no answer comes. */
  readonly lost: () => T;
  /** What the caller sees where the call is refused without effect. */
  readonly busy: () => T;
};

export type SimulatedProcess = {
  readonly name: string;
  alive(): boolean;
  /** Its wall clock may jump (`rough`); its timers never fire once it is dead. */
  readonly clock: Clock;
  readonly random: Random;
  readonly world: World;
  /**
   * One operation on the outside world: seeded latency, then `effect` at one virtual instant, then seeded latency, then the reply. Under a fault profile it may be
   * refused, its request or its reply may be lost, and at a write the process may die before the effect, after it without the reply, or after the reply.
   * Promises of a dead process never resolve; a request that it had sent still arrives.
   */
  call<T>(label: string, options: CallOptions, effect: () => T, failures: CallFailures<T>): Promise<T>;
  crash(): void;
  onCrash(listener: () => void): void;
};

export type WorldOptions = { readonly seed: number; readonly faults?: FaultProfile; readonly keepTrace?: boolean };

/** Resolves when everything that the current instant has set off (promises, nested ones too) is over. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

type QueuedEvent = { readonly at: number; readonly order: number; readonly label: string; action: (() => void) | undefined };

export function createWorld(options: WorldOptions): World {
  const { seed } = options;
  const queue = createQueue();
  const trace = createTrace(options.keepTrace ?? false);
  const random = createRandom(seed, 'world');
  const hooks: ((label: string) => void)[] = [];
  const incarnations = new Map<string, number>();
  let time = START;
  let steps = 0;
  let instant = 0;
  const faults = createFaults(options.faults ?? profiles.none, createRandom(seed, 'faults'), () => time - START);

  const world: World = {
    seed,
    now: () => time,
    random,
    faults,
    trace,
    schedule: (delayMs, label, action) => queue.push(time + Math.max(0, Math.ceil(delayMs)), label, action),
    startProcess(name) {
      const incarnation = (incarnations.get(name) ?? 0) + 1;
      incarnations.set(name, incarnation);
      return createProcess(world, `${name}#${incarnation}`);
    },
    afterStep: (hook) => {
      hooks.push(hook);
    },
    steps: () => steps,
    async runUntil(done, limitMs) {
      const end = time + limitMs;
      // What was started before the first event may still stand in the microtask queue.
      await turn();
      while (!done()) {
        const event = queue.pop(end);
        if (event === undefined) {
          if (queue.empty()) return 'quiet';
          time = end;
          return 'limit';
        }
        instant = event.at === time ? instant + 1 : 0;
        if (instant > LIVELOCK) throw new Error(`${LIVELOCK} events at one instant (${time - START} ms), the last one: ${event.label}`);
        time = event.at;
        steps += 1;
        trace.add(`${time - START} ${event.label}`);
        event.action?.();
        await turn();
        for (const hook of hooks) hook(event.label);
      }
      return 'done';
    },
  };
  return world;
}

function createProcess(world: World, name: string): SimulatedProcess {
  const random = createRandom(world.seed, name);
  const network = createRandom(world.seed, `${name}/network`);
  const listeners: (() => void)[] = [];
  const started = world.now();
  let alive = true;
  let skewMs = 0;

  function crash(): void {
    if (!alive) return;
    alive = false;
    world.trace.add(`${name} dies`);
    for (const listener of listeners) listener();
  }

  function jump(): void {
    const { clockJumpEveryMs } = world.faults.profile;
    if (clockJumpEveryMs === 0 || !world.faults.active()) return;
    world.schedule(Math.max(1, -Math.log(1 - network.next()) * clockJumpEveryMs), `${name} clock jumps`, () => {
      // Once the faults have ended, time synchronisation has put the clock right.
      skewMs = world.faults.active() ? between(network, -120_000, 120_000) : 0;
      if (alive) jump();
    });
  }
  jump();

  const process: SimulatedProcess = {
    name,
    world,
    random,
    alive: () => alive,
    crash,
    onCrash: (listener) => {
      listeners.push(listener);
    },
    clock: {
      now: () => world.now() + (world.faults.active() ? skewMs : 0),
      monotonic: () => world.now() - started,
      after(delayMs, callback) {
        if (!alive) return () => undefined;
        return world.schedule(delayMs, `${name} timer`, () => {
          if (alive) callback();
        });
      },
    },
    call: <T>(label: string, options: CallOptions, effect: () => T, failures: CallFailures<T>) =>
      new Promise<T>((resolve) => {
        if (!alive) return;
        const fault = drawFault(world.faults, options.write);
        const [there, back] = latency(network, options.service);
        const line = fault === 'none' ? `${name} ${label}` : `${name} ${label} (${fault})`;
        function reply(value: T, delayMs: number): void {
          world.schedule(delayMs, `${line} reply`, () => {
            if (!alive) return;
            resolve(value);
            if (fault === 'crashOnReply') world.schedule(between(network, 0, 5), `${name} crash`, crash);
          });
        }
        world.schedule(there, line, () => {
          if (fault === 'crashBefore') crash();
          else if (fault === 'busy') reply(failures.busy(), back);
          else if (fault === 'lostBefore') reply(failures.lost(), patience(network));
          else {
            const value = effect();
            if (fault === 'crashAfter') crash();
            else if (fault === 'lostAfter') reply(failures.lost(), patience(network));
            else reply(value, back);
          }
        });
      }),
  };
  return process;
}

type CallFault = 'none' | 'busy' | 'lostBefore' | 'lostAfter' | 'crashBefore' | 'crashAfter' | 'crashOnReply';

const READ_FAULTS = ['busy', 'lostBefore'] as const;
const WRITE_FAULTS = ['busy', 'lostBefore', 'lostAfter', 'crashBefore', 'crashAfter', 'crashOnReply'] as const;

function drawFault(faults: Faults, write: boolean): CallFault {
  if (!faults.active()) return 'none';
  for (const fault of write ? WRITE_FAULTS : READ_FAULTS) if (faults.happens(fault)) return fault;
  return 'none';
}

/** Milliseconds there and back. */
function latency(random: Random, service: Service): readonly [number, number] {
  return service === 'aws' ? [between(random, 10, 80), between(random, 10, 80)] : [between(random, 1, 6), between(random, 1, 4)];
}

/** A connection is reset at once, or nothing comes until the caller's own timeout. */
function patience(random: Random): number {
  return random.next() < 0.7 ? between(random, 1, 100) : between(random, 5000, 30_000);
}

function createTrace(keep: boolean): Trace {
  const hash = createHash('sha256');
  const kept: string[] = [];
  let buffer = '';
  let length = 0;
  return {
    add(line) {
      length += 1;
      buffer += line;
      buffer += '\n';
      if (keep) kept.push(line);
      if (buffer.length > 65_536) {
        hash.update(buffer);
        buffer = '';
      }
    },
    digest: () => hash.copy().update(buffer).digest('hex'),
    length: () => length,
    text: () => kept,
  };
}

/** A binary heap by (time, order of arrival). Cancelled events stay in it, empty, until their turn. */
function createQueue() {
  const heap: QueuedEvent[] = [];
  let order = 0;

  function before(one: QueuedEvent, other: QueuedEvent): boolean {
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  function push(at: number, label: string, action: () => void): () => void {
    order += 1;
    const event: QueuedEvent = { at, order, label, action };
    let child = heap.length;
    heap.push(event);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(event, above)) break;
      heap[child] = above;
      child = parent;
    }
    heap[child] = event;
    return () => {
      event.action = undefined;
    };
  }

  function removeFirst(): void {
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return;
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      const first = heap[left];
      if (first === undefined) break;
      const second = heap[left + 1];
      const child = second !== undefined && before(second, first) ? left + 1 : left;
      const smaller = child === left ? first : (second ?? first);
      if (!before(smaller, moved)) break;
      heap[parent] = smaller;
      parent = child;
    }
    heap[parent] = moved;
  }

  function skipCancelled(): QueuedEvent | undefined {
    for (;;) {
      const first = heap[0];
      if (first === undefined || first.action !== undefined) return first;
      removeFirst();
    }
  }

  /** The earliest event that is due at `end` or before. */
  function pop(end: number): QueuedEvent | undefined {
    const first = skipCancelled();
    if (first === undefined || first.at > end) return undefined;
    removeFirst();
    return first;
  }

  return { push, pop, empty: () => skipCancelled() === undefined };
}
