import type { AwsResult } from '../ports/aws/index.ts';

const attempts = 6;
const firstPauseMs = 500;

/**
 * The same port, whose calls are made again after a pause (0.5 s, doubled) where AWS says that there are too many: a person's command has no work queue that would
 * come back to it. A throttled call was not carried out.
 */
export function patient<Port extends object>(port: Port, wait: (ms: number) => Promise<void>): Port {
  return new Proxy(port, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== 'function') return method;
      return async (...given: readonly unknown[]) => {
        for (let attempt = 1; ; attempt += 1) {
          const answer: unknown = await Reflect.apply(method, target, given);
          if (!isThrottled(answer) || attempt === attempts) return answer;
          await wait(firstPauseMs * 2 ** (attempt - 1));
        }
      };
    },
  });
}

function isThrottled(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null || !('ok' in answer)) return false;
  const result = answer as AwsResult<unknown>;
  return !result.ok && result.error.kind === 'Throttled';
}
