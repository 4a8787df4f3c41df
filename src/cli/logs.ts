import { elasticJobs } from '../ports/resources.ts';
import { type ClusterConnection, type ClusterFlags, withCluster } from './cluster.ts';
import { askFor, fetchObject, type ObjectsIo, type OpenedObject, userName } from './objects.ts';

export type LogsArguments = ClusterFlags & {
  readonly job: string;
  readonly log: 'agent' | 'master' | 'worker';
  readonly attempt?: number;
  readonly follow: boolean;
  readonly output: 'table' | 'json';
};

/** Node agents ship what is new every few seconds. */
const followMs = 5_000;
const ended: ReadonlySet<string | undefined> = new Set(['Succeeded', 'Failed', 'Terminated']);

/**
 * `kubectl-elastic logs JOB`: the stored log of a job's agent, master or workers, read by the operator's leave under the identity of the Poll rule. The person holds
 * no AWS session. Answers the exit code: 0 printed, 1 refused or there is none, 2 wrong usage.
 */
export function runLogs(given: LogsArguments, io: ObjectsIo): Promise<number> {
  return withCluster(given, io, async (cluster) => {
    const person = await userName(cluster);
    if (!person.ok) {
      io.stderr(person.error);
      return 1;
    }
    let after: string | undefined;
    let printed = 0;
    for (;;) {
      // Asked before the objects: what is written until the job has ended is in them.
      const over = given.follow ? await hasEnded(cluster, given.job) : true;
      const read = await readFrom(cluster, io, given, person.value, after);
      if (!read.ok) {
        io.stderr(read.error);
        return 1;
      }
      printed += read.objects.length;
      after = read.objects.at(-1)?.name ?? after;
      if (over) break;
      await io.wait(followMs);
    }
    if (printed > 0) return 0;
    io.stderr(`${given.job} has no ${given.log} log yet: nothing is stored for this attempt`);
    return 1;
  });
}

type Read = { readonly ok: true; readonly objects: readonly OpenedObject[] } | { readonly ok: false; readonly error: string };

async function readFrom(
  cluster: ClusterConnection,
  io: ObjectsIo,
  given: LogsArguments,
  person: string,
  start: string | undefined,
): Promise<Read> {
  const all: OpenedObject[] = [];
  let after = start;
  for (;;) {
    const answer = await askFor(cluster, io, {
      kind: 'Logs',
      job: given.job,
      log: given.log,
      requestedBy: person,
      ...(given.attempt !== undefined && { attempt: given.attempt }),
      ...(after !== undefined && { after }),
    });
    if (!answer.ok) return answer;
    for (const object of answer.value.objects) {
      const body = await fetchObject(io, object, answer.value.identity);
      if (!body.ok) return body;
      const text = Buffer.from(body.value).toString();
      io.stdout(
        given.output === 'json' ? JSON.stringify({ object: object.name, identity: answer.value.identity, text }) : text.replace(/\n$/, ''),
      );
    }
    all.push(...answer.value.objects);
    after = answer.value.objects.at(-1)?.name ?? after;
    if (!answer.value.more) return { ok: true, objects: all };
  }
}

async function hasEnded({ kubernetes, namespace }: ClusterConnection, name: string): Promise<boolean> {
  const job = await kubernetes.get(elasticJobs, { namespace, name });
  return !job.ok || ended.has(job.value.status?.phase);
}
