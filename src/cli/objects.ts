import type { ElasticAccessRequest, ElasticAccessRequestSpec } from '../api/generated/types.ts';
import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import { apiVersion } from '../api/labels.ts';
import type { KubernetesError, ResourceType } from '../ports/kubernetes.ts';
import { elasticAccessRequests } from '../ports/resources.ts';
import { err, ok, type Result } from '../ports/result.ts';
import type { ClusterConnection, ClusterIo } from './cluster.ts';
import { printable } from './table.ts';

/** The private half of one request: it stays in this process. */
export type Opener = { readonly publicKey: string; readonly open: (info: string, sealed: string) => Promise<string> };

export type ObjectsIo = ClusterIo & {
  readonly createOpener: () => Promise<Opener>;
  /** GET of a URL: the whole object, or its first `bytes`. Rejects, without naming the URL, where it cannot be had. */
  readonly fetch: (url: string, bytes?: number) => Promise<Uint8Array>;
  readonly wait: (ms: number) => Promise<void>;
  readonly randomName: () => string;
};

export type OpenedObject = { readonly name: string; readonly size: number; readonly url: string };

export type Answered = {
  readonly identity: string;
  readonly chain: readonly string[];
  readonly objects: readonly OpenedObject[];
  readonly more: boolean;
};

type Review = KubernetesObject & { readonly spec: object; readonly status?: { readonly userInfo?: { readonly username?: string } } };

const selfSubjectReviews: ResourceType<Review> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  namespaced: false,
};

const pollMs = 250;
const answerWithinMs = 60_000;

/** Who the API server takes the person for: what an ElasticAccessRequest must say of its author. */
export async function userName({ kubernetes }: ClusterConnection): Promise<Result<string, string>> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: {}, spec: {} } as unknown as Review;
  const review = await kubernetes.create(selfSubjectReviews, body);
  if (!review.ok) return err(`who you are: ${said(review.error)}`);
  return ok(review.value.status?.userInfo?.username ?? '');
}

/** Makes a request, waits for its answer, opens it, and deletes the request. The error says what the API server or the operator says. */
export async function askFor(
  cluster: ClusterConnection,
  io: ObjectsIo,
  spec: Omit<ElasticAccessRequestSpec, 'publicKey'>,
): Promise<Result<Answered, string>> {
  const opener = await io.createOpener();
  const { kubernetes, namespace } = cluster;
  const name = `${spec.job}-${io.randomName()}`;
  const request = {
    apiVersion,
    kind: 'ElasticAccessRequest',
    metadata: { name, namespace },
    spec: { ...spec, publicKey: opener.publicKey },
  };
  const made = await kubernetes.create(elasticAccessRequests, request as ElasticAccessRequest);
  if (!made.ok) return err(said(made.error));
  try {
    const answer = await awaitAnswer(cluster, io, name);
    return answer.ok ? await opened(answer.value, opener) : answer;
  } finally {
    // Where this fails too, the operator deletes it after five minutes.
    await kubernetes.delete(elasticAccessRequests, { namespace, name }, { uid: made.value.metadata.uid });
  }
}

/** One object by its URL, which is in no message. `bytes`: of its beginning. The error says which object, as whom, and why not. */
export async function fetchObject(
  io: Pick<ObjectsIo, 'fetch'>,
  { name, url }: OpenedObject,
  identity: string,
  bytes?: number,
): Promise<Result<Uint8Array, string>> {
  try {
    return ok(await io.fetch(url, bytes));
  } catch (error) {
    return err(`object ${printable(name)} could not be read as ${identity}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function awaitAnswer(
  { kubernetes, namespace }: ClusterConnection,
  io: ObjectsIo,
  name: string,
): Promise<Result<Stored<ElasticAccessRequest>, string>> {
  const end = io.now() + answerWithinMs;
  for (;;) {
    const found = await kubernetes.get(elasticAccessRequests, { namespace, name });
    if (!found.ok) return err(said(found.error));
    const { status } = found.value;
    if (status?.phase === 'Answered') return ok(found.value);
    if (status?.phase === 'Refused') return err(status.message ?? status.reason ?? 'refused');
    if (io.now() >= end) return err('the operator has not answered within a minute: see kubectl-elastic doctor');
    await io.wait(pollMs);
  }
}

async function opened({ metadata, status }: Stored<ElasticAccessRequest>, opener: Opener): Promise<Result<Answered, string>> {
  const objects: OpenedObject[] = [];
  for (const { name, size, sealedUrl } of status?.objects ?? []) {
    objects.push({ name, size, url: await opener.open(`${metadata.uid} ${name}`, sealedUrl) });
  }
  return ok({ identity: status?.identity ?? '', chain: status?.chain ?? [], objects, more: status?.more === true });
}

function said({ kind, message }: KubernetesError): string {
  return `${kind}: ${message}`;
}
