import { familyOf, priorityOf, prudent } from '../core/throttling/apis.ts';
import { afterRefusal, type BucketSize, fullBucket, refilled, type TokenBucket, taken, waitFor } from '../core/throttling/bucket.ts';
import type { ApiPace, PacedCall } from '../ports/aws/pace.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export type ApiPaceOptions = { readonly clock: Clock; readonly random: Random; readonly telemetry: Telemetry };

type Entry = { readonly lane: string; readonly since: number; readonly go: () => void };

/** From so many on, idle ones are looked for. */
const mostGroups = 1_000;

/** An unused ticket is given up: its node is gone, or its controller was. */
const ticketMs = 60_000;

/** The queues in front of AWS, over the Clock port: the operator and the simulator have the same. Memory only; a new process begins with full buckets. */
export function createApiPace(
  options: ApiPaceOptions,
): ApiPace & { /** How many buckets are remembered. */ readonly groups: () => number } {
  const { clock, random, telemetry } = options;
  const groups = new Map<string, Group>();
  const tickets = new Map<string, { readonly granted: boolean }>();
  let handlers: readonly ((ticket: string) => void)[] = [];

  type Group = {
    readonly api: string;
    readonly sizes: readonly BucketSize[];
    buckets: readonly TokenBucket[];
    /** By priority, then by lane; lanes in the order of their next turn. */
    readonly waiting: Map<number, Map<string, Entry[]>>;
    count: number;
    timer: (() => void) | undefined;
  };

  function groupOf({ account, region, method }: Pick<PacedCall, 'account' | 'region' | 'method'>): Group | undefined {
    const family = familyOf(method);
    if (family === undefined) return undefined;
    const key = `${account} ${region} ${family.name}`;
    const known = groups.get(key);
    if (known !== undefined) return known;
    if (groups.size >= mostGroups) forgetIdle();
    const sizes = [family.requests, ...(family.resources === undefined ? [] : [family.resources])].map(prudent);
    const now = clock.monotonic();
    const group: Group = {
      api: family.name,
      sizes,
      buckets: sizes.map((size) => fullBucket(size, now)),
      waiting: new Map(),
      count: 0,
      timer: undefined,
    };
    groups.set(key, group);
    return group;
  }

  /** Accounts come and go with what tenants name. One that nobody waits for and that is full again begins anew as it is. */
  function forgetIdle(): void {
    const now = clock.monotonic();
    for (const [key, { buckets, sizes, count }] of groups) {
      const full = buckets.every((bucket, index) => {
        const size = sizes[index] as BucketSize;
        const { tokens, share } = refilled(size, bucket, now);
        return tokens >= size.capacity && share === 1;
      });
      if (count === 0 && full) groups.delete(key);
    }
  }

  function enter(group: Group, priority: number, entry: Entry): void {
    const lanes = group.waiting.get(priority) ?? new Map<string, Entry[]>();
    group.waiting.set(priority, lanes);
    const lane = lanes.get(entry.lane);
    if (lane === undefined) lanes.set(entry.lane, [entry]);
    else lane.push(entry);
    group.count += 1;
    if (group.timer === undefined) serve(group);
  }

  /** The first of the lane whose turn it is; the lane goes to the end of the line. */
  function next(group: Group): Entry | undefined {
    const priority = Math.max(...group.waiting.keys());
    const lanes = group.waiting.get(priority);
    const [first] = lanes ?? [];
    if (lanes === undefined || first === undefined) return undefined;
    const [name, entries] = first;
    const entry = entries.shift();
    lanes.delete(name);
    if (entries.length > 0) lanes.set(name, entries);
    if (lanes.size === 0) group.waiting.delete(priority);
    group.count -= 1;
    return entry;
  }

  function serve(group: Group): void {
    for (;;) {
      if (group.count === 0) break;
      const now = clock.monotonic();
      group.buckets = group.buckets.map((bucket, index) => refilled(group.sizes[index] as BucketSize, bucket, now));
      const waitMs = Math.max(...group.buckets.map((bucket, index) => waitFor(group.sizes[index] as BucketSize, bucket, now)));
      if (waitMs > 0) {
        group.timer = clock.after(waitMs, () => {
          group.timer = undefined;
          serve(group);
        });
        break;
      }
      const entry = next(group);
      if (entry === undefined) break;
      group.buckets = group.buckets.map(taken);
      telemetry.observeSeconds('aws_queue_wait_seconds', (now - entry.since) / 1000, { api: group.api });
      entry.go();
    }
    telemetry.gauge('aws_queue_waiting', group.count, { api: group.api });
  }

  function nameOf({ method, ticket }: PacedCall): string {
    return `${method} ${ticket}`;
  }

  return {
    groups: () => groups.size,
    take(call) {
      const name = nameOf(call);
      if (call.ticket !== undefined && tickets.get(name)?.granted === true) {
        tickets.delete(name);
        return Promise.resolve();
      }
      const group = groupOf(call);
      if (group === undefined) return Promise.resolve();
      return new Promise((resolve) => enter(group, priorityOf(call.method), { lane: call.lane, since: clock.monotonic(), go: resolve }));
    },
    turn(call) {
      const name = nameOf(call);
      const known = tickets.get(name);
      if (known !== undefined) return known.granted;
      const group = groupOf(call);
      if (group === undefined) return true;
      tickets.set(name, { granted: false });
      let entering = true;
      const go = (): void => {
        const granted = { granted: true };
        tickets.set(name, granted);
        clock.after(ticketMs, () => {
          if (tickets.get(name) === granted) tickets.delete(name);
        });
        if (!entering) for (const handler of handlers) handler(call.ticket);
      };
      enter(group, priorityOf(call.method), { lane: call.lane, since: clock.monotonic(), go });
      entering = false;
      return tickets.get(name)?.granted ?? false;
    },
    onTurn(handler) {
      handlers = [...handlers, handler];
      return () => {
        handlers = handlers.filter((other) => other !== handler);
      };
    },
    answered(call, refused) {
      if (!refused) return;
      const group = groupOf(call);
      if (group === undefined) return;
      telemetry.count('aws_throttled_total', { api: group.api });
      const now = clock.monotonic();
      group.buckets = group.buckets.map((bucket, index) =>
        afterRefusal(refilled(group.sizes[index] as BucketSize, bucket, now), now, random.next(), index === 0 ? 0 : 1 / 4),
      );
      group.timer?.();
      group.timer = undefined;
      if (group.count > 0) serve(group);
    },
  };
}
