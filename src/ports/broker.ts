import type { Grant } from './aws/index.ts';
import type { Result } from './result.ts';

/**
 * The operator's broker, as a node agent sees it: one request, `POST /v1/node` over HTTPS with the agent's own token (audience `elastic-broker`, bound
 * to its pod and node). Who asks decides the answer; nothing is asked for by name.
 */
export type BrokerClient = { poll(): Promise<Result<BrokerAnswer, BrokerError>> };

/** A pod of a job on this node. */
export type BrokerPod = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Name of its ElasticJob. */
  readonly job: string;
  readonly jobUid: string;
  readonly attempt: number;
  /** Container logs are `<keyPrefix>/<container>/<8-digit sequence>.log` in the log bucket; joined in order they are the log, byte for byte. */
  readonly keyPrefix: string;
  /** No container of it will write again. */
  readonly finished: boolean;
};

type AnswerCommon = {
  /** Name of the ElasticNode. */
  readonly node: string;
  /** `<namespace>/<name>` of the ElasticRuntime. */
  readonly runtime: string;
  readonly role: 'master' | 'worker';
  readonly region: string;
  /** The runtime's folder in its log location; the prefix has no slash at the end. */
  readonly logs: { readonly bucket: string; readonly prefix: string };
  readonly kmsKeyArn: string;
  /** The answer renews the node: one that gets none for so long ends itself. */
  readonly terminateAfterSeconds: number;
  /** The node is being removed: no pod comes any more, and one that is not named has ended. */
  readonly leaving?: boolean;
  readonly pods: readonly BrokerPod[];
};

/** The session is sealed already: a handle, no secret. As worker on worker nodes, as master on master nodes; it writes the logs of this node only. */
export type BrokerAnswer = AnswerCommon & { readonly grant: Grant };

/** What travels: the session's keys are in it. Times are RFC 3339. */
export type BrokerWireAnswer = AnswerCommon & {
  readonly session: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken: string;
    readonly expiresAt: string;
    readonly sessionName: string;
    readonly chain: readonly string[];
  };
};

/**
 * Why there is no answer.
 * - Refused 401, 403: the token or the node is not known (yet)
 * - RateLimited 429
 * - Unavailable 5xx: the operator has no session for this node
 * - Network: no answer
 * - Malformed: an answer of another version
 */
export type BrokerError = {
  readonly kind: 'Refused' | 'RateLimited' | 'Unavailable' | 'Network' | 'Malformed';
  readonly message: string;
  readonly retryAfterSeconds?: number;
};

export const brokerPath = '/v1/node';
export const brokerAudience = 'elastic-broker';
export const nodeAgentServiceAccount = 'elastic-node-agent';
