/** Whose buckets a call takes its tokens from, and in whose name it stands in line. */
export type PacedCall = {
  readonly account: string;
  readonly region: string;
  /** As the port names it, e.g. `ec2.createFleet`. */
  readonly method: string;
  /** Takes turns with the others: `<namespace>/<name>` of the runtime. */
  readonly lane: string;
  /** Of whoever asked for a turn before: the ElasticNode's name. */
  readonly ticket?: string | undefined;
};

/**
 * When a call may be made: token buckets for each account, Region and API, as AWS has them. Among those who wait, urgent calls first, then the runtimes in turn, so that
 * one with thousands of nodes does not starve another.
 */
export type ApiPace = {
  /** Resolves when the call may be made; at once for a ticket that has had its turn. */
  take(call: PacedCall): Promise<void>;
  /** Asks for a turn without waiting for it. False: the ticket stands in line, and `onTurn` says when it may go. */
  turn(call: PacedCall & { readonly ticket: string }): boolean;
  /** Called with a ticket whose turn has come; it is kept for a minute. */
  onTurn(handler: (ticket: string) => void): () => void;
  /** What AWS made of a call: whether it was refused for its rate. */
  answered(call: Pick<PacedCall, 'account' | 'region' | 'method'>, refused: boolean): void;
};
