import type { HostPort, InterruptionNotice } from '../ports/host.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export type InterruptionWatch = {
  /** Asks the machine; answers what is known now. A failed look changes nothing. */
  look(): Promise<InterruptionNotice | undefined>;
};

/** A spot interruption comes two minutes ahead (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html). */
export function createInterruptionWatch(host: HostPort, telemetry: Telemetry): InterruptionWatch {
  let known: InterruptionNotice | undefined;
  let failing = false;
  return {
    async look() {
      const answer = await host.interruption();
      if (!answer.ok) {
        if (!failing && answer.error.kind !== 'Unsupported')
          telemetry.log('warn', 'the metadata service did not answer', { reason: answer.error.message });
        failing = true;
        return known;
      }
      failing = false;
      if (answer.value !== undefined && answer.value.kind !== known?.kind)
        telemetry.log('info', 'interruption announced', { ...answer.value });
      known = answer.value;
      return known;
    },
  };
}
