import type { GateRecord } from './record.ts';

/**
 * - throttle, unavailable: refused before anything happens
 * - lost-before: the connection breaks, nothing happened
 * - lost-after: it happened, the connection breaks
 */
export type FaultKind = 'throttle' | 'unavailable' | 'lost-before' | 'lost-after';

export type FaultRule = {
  readonly kind: FaultKind;
  /** IAM action, e.g. ec2:CreateFleet; left out = all */
  readonly action?: string;
  readonly when?: (call: Pick<GateRecord, 'action' | 'resource' | 'sessionName' | 'chain'>) => boolean;
  /** How often; default once */
  readonly times?: number;
};

export type Faults = {
  add(rule: FaultRule): void;
  clear(): void;
  /** The fault for this call, used up by one. */
  next(call: Pick<GateRecord, 'action' | 'resource' | 'sessionName' | 'chain'>): FaultKind | undefined;
};

export function createFaults(): Faults {
  let rules: { readonly rule: FaultRule; left: number }[] = [];
  return {
    add: (rule) => void rules.push({ rule, left: rule.times ?? 1 }),
    clear: () => void (rules = []),
    next(call) {
      const found = rules.find(
        ({ rule, left }) => left > 0 && (rule.action === undefined || rule.action === call.action) && (rule.when?.(call) ?? true),
      );
      if (found) found.left -= 1;
      return found?.rule.kind;
    },
  };
}
