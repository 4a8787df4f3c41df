#!/usr/bin/env node
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { createAccountReader } from '../aws/account-reader.ts';
import { readBucket } from '../aws/bucket-reader.ts';
import { connectAsPerson } from '../aws/person.ts';
import { createOpener } from '../aws/seal.ts';
import { auditOf } from '../core/policy/audit.ts';
import { connectKubernetes } from '../kube/connect.ts';
import { systemClock } from '../telemetry/system.ts';
import { runAudit } from './audit.ts';
import type { ClusterFlags, ClusterIo } from './cluster.ts';
import { runDemo } from './demo.ts';
import { runDoctor } from './doctor/doctor.ts';
import { type ExplainIo, runExplain } from './explain.ts';
import { addIamCommand } from './iam-command.ts';
import { runInit } from './init.ts';
import { runLogs } from './logs.ts';
import type { ObjectsIo } from './objects.ts';
import { runPlan } from './plan.ts';
import { runPreview } from './preview.ts';
import { runRevoke } from './revoke.ts';
import { runSimulate } from './simulate.ts';
import { runWhy } from './why.ts';

/** `kubectl-elastic`: exit 0 good, 1 a negative answer, 2 wrong usage or bad input. */

const io: ExplainIo & { readonly print: (line: string) => void; readonly printError: (line: string) => void } = {
  readFile: (path) => (path === '-' ? text(process.stdin) : readFile(path, 'utf8')),
  async readDir(path) {
    try {
      return await readdir(path);
    } catch {
      return undefined;
    }
  },
  stdin: () => text(process.stdin),
  stdout: (line) => void process.stdout.write(`${line}\n`),
  stderr: (line) => void process.stderr.write(`${line}\n`),
  print: (line) => void process.stdout.write(`${line}\n`),
  printError: (line) => void process.stderr.write(`${line}\n`),
};

/** Of the kubeconfig, as the person whom it names. */
const clusterIo: ClusterIo = {
  stdout: io.stdout,
  stderr: io.stderr,
  now: () => Date.now(),
  async connect(flags) {
    const { namespace, ...kubeconfig } = flags;
    const { port, server, getText, close, namespace: current } = connectKubernetes({ ...kubeconfig, userAgent: 'kubectl-elastic' });
    return { kubernetes: port, namespace: namespace ?? current ?? 'default', server, getText, close };
  },
};

const objectsIo: ObjectsIo = {
  ...clusterIo,
  createOpener,
  wait: (ms) => setTimeout(ms),
  randomName: () => randomBytes(4).toString('hex'),
  async fetch(url, bytes) {
    const range = bytes === undefined ? {} : { headers: { range: `bytes=0-${Math.max(bytes, 1) - 1}` } };
    const answer = await fetch(url, range).catch((error: unknown) => {
      throw new Error(`S3 cannot be reached: ${networkCode(error)}`);
    });
    // The URL is as good as the object: it is in no message.
    if (!answer.ok) throw new Error(`S3 answered ${answer.status} ${/<Code>(\w+)<\/Code>/.exec(await answer.text())?.[1] ?? ''}`.trim());
    return new Uint8Array(await answer.arrayBuffer());
  },
};

/** `ENOTFOUND`, `ECONNREFUSED`: the whole message may hold the URL. */
function networkCode(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: string } };
  return cause?.code ?? 'no answer';
}

const program = new Command('kubectl-elastic');
program.description('Elastic clusters for data jobs: who accesses what, as whom, on which nodes, at what price.').exitOverride();
program.version(`${packageJson.name} ${packageJson.version}`);
// An empty variable of somebody's script: no object has such a name, and the API server would take it for all of them.
program.hook('preAction', (_program, command) => {
  if (command.args.includes('')) command.error('error: a name is empty: give the name of an object');
});

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function wholeNumber(value: string): number {
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(Number(value)))
    throw new InvalidArgumentError(`a whole number up to ${Number.MAX_SAFE_INTEGER} is needed.`);
  return Number(value);
}

function positive(value: string): number {
  const number = Number(value);
  if (!(number > 0)) throw new InvalidArgumentError('a number above 0 is needed.');
  return number;
}

function oneOf<T extends string>(...choices: readonly T[]): (value: string) => T {
  return (value) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new InvalidArgumentError(`one of ${choices.join(', ')} is needed.`);
    return found;
  };
}

let exitCode = 0;
// Whoever read the output has enough of it (`| head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(exitCode);
});
const output = oneOf('table', 'json');

program
  .command('explain')
  .description('Who accesses what as whom, for every job in the manifests.')
  .option('-f, --filename <path>', 'file, directory or - (repeatable)', collect, [])
  .option('-o, --output <form>', 'table or json', output, 'table')
  .action(async (options: { readonly filename: readonly string[]; readonly output: 'table' | 'json' }) => {
    exitCode = await runExplain({ files: options.filename, output: options.output }, io);
  });

program
  .command('plan')
  .description('Which nodes pods would get, what they cost, and what they must cost at least.')
  .requiredOption('--pods <path>', 'Pod manifests: YAML documents or a JSON List (repeatable)', collect, [])
  .requiredOption('--catalog <path>', 'instance types with prices')
  .option('--runtime <path>', 'an ElasticRuntime: its pools, requirements and limits')
  .option('-o, --output <form>', 'table or json', output, 'table')
  .action(
    async (options: {
      readonly pods: readonly string[];
      readonly catalog: string;
      readonly runtime?: string;
      readonly output: 'table' | 'json';
    }) => {
      const runtime = options.runtime === undefined ? {} : { runtimeFile: options.runtime };
      exitCode = await runPlan({ podFiles: options.pods, catalogFile: options.catalog, output: options.output, ...runtime }, io);
    },
  );

program
  .command('simulate')
  .description('Runs the manifests on a simulated cluster and account: the same controllers, a virtual clock, seeded faults.')
  .requiredOption('-f, --filename <path>', 'file, directory or - (repeatable)', collect, [])
  .option('--seed <number>', 'the seed is the whole history', wholeNumber, 1)
  .option('--hours <number>', 'virtual time at most', positive, 24)
  .option('--faults <profile>', 'none or rough', oneOf('none', 'rough'), 'none')
  .option('-o, --output <form>', 'table or json', output, 'table')
  .action(
    async (options: {
      readonly filename: readonly string[];
      readonly seed: number;
      readonly hours: number;
      readonly faults: 'none' | 'rough';
      readonly output: 'table' | 'json';
    }) => {
      const { filename: files, seed, hours, faults } = options;
      exitCode = await runSimulate({ files, seed, hours, faults, output: options.output }, io);
    },
  );

program
  .command('demo')
  .description('The main job, on the simulated cluster: a runtime and one job of each security type.')
  .option('-f, --filename <path>', 'file or directory (repeatable)', collect, [])
  .option('--seed <number>', 'the seed is the whole history', wholeNumber, 1)
  .action(async (options: { readonly filename: readonly string[]; readonly seed: number }) => {
    const files = options.filename.length === 0 ? ['examples/finance.yaml'] : options.filename;
    exitCode = await runDemo({ files, seed: options.seed, terminal: process.stdout.isTTY }, io);
  });

/** A command that talks to the cluster of the kubeconfig. */
function clusterCommand(usage: string, description: string): Command {
  return program
    .command(usage)
    .description(description)
    .option('-n, --namespace <name>', "namespace; the context's where left out")
    .option('--kubeconfig <path>', 'kubeconfig; $KUBECONFIG or ~/.kube/config where left out')
    .option('--context <name>', 'context of the kubeconfig')
    .option('-o, --output <form>', 'table or json', output, 'table');
}

type ClusterOptions = ClusterFlags & { readonly output: 'table' | 'json' };

clusterCommand('doctor', 'Whether the cluster is fit for the operator, and the operator well.').action(async (options: ClusterOptions) => {
  exitCode = await runDoctor(options, clusterIo);
});

clusterCommand('revoke [runtime]', 'Ends all access that a runtime and its jobs, or the users of a connection, were given before a moment.')
  .option('--connection <name>', 'an ElasticConnection, instead of a runtime')
  .option('--before <time>', 'RFC 3339; now where left out')
  .action(async (runtime: string | undefined, options: ClusterOptions & { readonly before?: string; readonly connection?: string }) => {
    exitCode = await runRevoke({ ...options, ...(runtime !== undefined && { runtime }) }, clusterIo);
  });

addIamCommand(program, { ...io, readAccount: createAccountReader }, (code) => {
  exitCode = code;
});
clusterCommand(
  'init [runtime]',
  "What a runtime needs once: --x509 issues its agent's certificate with your AWS credentials, into its Secret.",
)
  .option('--x509', 'a certificate of AWS IoT for the agent identity', false)
  .option('-f, --filename <path>', 'manifest of the runtime, instead of its name (repeatable)', collect, [])
  .option('--rotate-after <duration>', 'the operator replaces it when it is so old', '2160h')
  .option('--revoke', 'end the certificate that the Secret holds', false)
  .action(
    async (
      runtime: string | undefined,
      options: ClusterOptions & {
        readonly x509: boolean;
        readonly filename: readonly string[];
        readonly rotateAfter: string;
        readonly revoke: boolean;
      },
    ) => {
      const { filename: files, ...rest } = options;
      const asPerson = (region: string) => connectAsPerson({ region, clock: systemClock(), auditOf });
      const initIo = { ...io, ...clusterIo, asPerson, wait: (ms: number) => setTimeout(ms) };
      exitCode = await runInit({ ...rest, files, ...(runtime !== undefined && { runtime }) }, initIo);
    },
  );

clusterCommand('logs <job>', "The stored log of a job's agent, master or workers.")
  .option('--log <whose>', 'agent, master or worker', oneOf('agent', 'master', 'worker'), 'master')
  .option('--attempt <number>', 'of which attempt; the last one where left out', wholeNumber)
  .option('-f, --follow', 'print what is added until the job has ended', false)
  .action(
    async (
      job: string,
      options: ClusterOptions & { readonly log: 'agent' | 'master' | 'worker'; readonly attempt?: number; readonly follow: boolean },
    ) => {
      exitCode = await runLogs({ ...options, job }, objectsIo);
    },
  );

clusterCommand('why <job>', 'Why a job is where it is: what it waits for, which access failed and what to add, what its pods say.').action(
  async (job: string, options: ClusterOptions) => {
    exitCode = await runWhy({ ...options, job }, clusterIo);
  },
);

clusterCommand('preview <job> <connection>', "What lies at the location of a job's connection, and its first rows.")
  .option('--rows <number>', 'rows to show', wholeNumber, 10)
  .action(async (job: string, connection: string, options: ClusterOptions & { readonly rows: number }) => {
    exitCode = await runPreview({ ...options, job, connection }, objectsIo);
  });

program
  .command('audit')
  .description(
    'Who accessed what as whom, held to the access plan; with CloudTrail, the calls of pods, too. Exit 1: something was not planned.',
  )
  .argument('[files...]', 'audit streams, access.json, CloudTrail JSON, .gz of each; - for stdin')
  .option('--resource <uri>', 's3://BUCKET/PREFIX: the records of jobs below it, read with your own AWS credentials')
  .option('--since <time>', 'RFC 3339')
  .option('--until <time>', 'RFC 3339')
  .option('--job <name>', 'NAMESPACE/NAME or NAME')
  .option('-o, --output <form>', 'table or json', output, 'table')
  .action(
    async (
      files: readonly string[],
      options: {
        readonly resource?: string;
        readonly since?: string;
        readonly until?: string;
        readonly job?: string;
        readonly output: 'table' | 'json';
      },
    ) => {
      const readBytes = (path: string): Promise<Uint8Array> => (path === '-' ? buffer(process.stdin) : readFile(path));
      exitCode = await runAudit({ files, ...options }, { readBytes, readBucket, stdout: io.stdout, stderr: io.stderr });
    },
  );

for (const command of program.commands) command.exitOverride();
try {
  await program.parseAsync();
} catch (error) {
  // commander has said what is wrong; help and version end well.
  const ended = typeof error === 'object' && error !== null && 'code' in error && 'exitCode' in error;
  if (!ended) throw error;
  exitCode = error.exitCode === 0 ? 0 : 2;
}
process.exitCode = exitCode;
