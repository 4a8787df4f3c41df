import type { ElasticNode, ElasticNodeStatus, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import type { Applier } from '../../machinery/applier.ts';
import type { Expectations } from '../../machinery/expectations.ts';
import type { OperatorContext } from '../context.ts';
import type { StatusDraft } from '../draft.ts';

export type NodeTools = {
  readonly context: OperatorContext;
  readonly applier: Applier;
  readonly expectations: Expectations;
  /** Private DNS names by instance id, of instances that are about to join. */
  readonly hostNames: Map<string, string>;
};

/** One reconcile of one ElasticNode. */
export type NodeView = {
  readonly node: Stored<ElasticNode>;
  readonly runtime: Stored<ElasticRuntime>;
  readonly draft: StatusDraft<ElasticNodeStatus>;
};

export type NodeVerdict =
  | { readonly go: true }
  /** Comes back by an event, or after this long. */
  | { readonly wait: string; readonly afterMs: number }
  | { readonly again: string }
  /** The intent can not be met: the ElasticNode is deleted, and planned anew. */
  | { readonly abandon: string; readonly message: string };

export const go = { go: true } satisfies NodeVerdict;
