/** What the clients of one service can show of its resources, each in a file of its kind; a client is loaded when it is first asked for. */
import type { DescribeRequest } from '../../ports/aws/index.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ClientConfig, Clients } from '../clients.ts';

/** With a handler that is made: one for all of them. */
export type ResourceConfig = Omit<ClientConfig, 'requestHandler'> & Pick<Clients['sts']['config'], 'requestHandler'>;

export type ResourceParts = { readonly config: ResourceConfig; readonly clock: Clock };

/** The resource of a call, in parts. */
export type At = {
  readonly arn: string;
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly resource: string;
};
export type Answer = {
  readonly $metadata: { readonly requestId?: string };
  /** The call was answered, and says so. */
  readonly missing?: { readonly code?: string | undefined; readonly message?: string | undefined };
  /** Of a list that goes on: what the next call asks for. */
  readonly next?: string;
};
type Options = { readonly abortSignal: AbortSignal };
type Call = (at: At, options: Options, page?: string) => Promise<Answer>;

type Client = { readonly middlewareStack: unknown; destroy(): void };

export type OpenedService = {
  readonly client: Client;
  readonly calls: { readonly [action in DescribeRequest['action']]?: Call };
  /** Where each account is told to call: asked before all else. */
  readonly endpoint?: {
    readonly action: DescribeRequest['action'];
    isKnown(at: At): boolean;
    /** `client`: made for it. */
    find(at: At, options: Options): Promise<Answer & { readonly client: Client }>;
  };
};

export function listed($metadata: Answer['$metadata'], next: string | undefined, isThere: boolean): Answer {
  if (isThere) return { $metadata };
  return { $metadata, ...(next === undefined ? { missing: {} } : { next }) };
}

export function nameOf({ resource }: At): string {
  return resource.slice(resource.indexOf('/') + 1);
}
