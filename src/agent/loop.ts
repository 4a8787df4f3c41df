import { type Clock, sleep } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export type Loop = {
  /** Until `signal` aborts; resolves when the last turn has returned. */
  run(signal: AbortSignal): Promise<void>;
  /** The next turn comes now, or at once after the one under way. */
  wake(): void;
};

export type LoopOptions = {
  readonly name: string;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** One turn; answers how long to wait until the next, in milliseconds. An exception is a programming error: logged, and the loop goes on. */
  readonly turn: () => Promise<number>;
  /** After an exception, in milliseconds. */
  readonly retryMs: number;
};

export function createLoop(options: LoopOptions): Loop {
  const { clock, telemetry, name } = options;
  let woken = false;
  let interrupt: (() => void) | undefined;

  async function attempt(): Promise<number> {
    try {
      return await options.turn();
    } catch (error) {
      telemetry.count('agent_exceptions_total', { loop: name });
      telemetry.log('error', 'a turn threw', { loop: name, error });
      return options.retryMs;
    }
  }

  return {
    async run(signal) {
      const stop = (): void => interrupt?.();
      signal.addEventListener('abort', stop);
      while (!signal.aborted) {
        woken = false;
        const delayMs = await attempt();
        if (woken || signal.aborted) continue;
        const controller = new AbortController();
        interrupt = () => controller.abort();
        await sleep(clock, delayMs, controller.signal);
        interrupt = undefined;
      }
      signal.removeEventListener('abort', stop);
    },
    wake() {
      woken = true;
      interrupt?.();
    },
  };
}
