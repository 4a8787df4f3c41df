import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';

export interface ServerProcess {
  readonly pid: number | undefined;
  /** What ended it, where nobody asked for that. */
  readonly failure: string | undefined;
  start(): void;
  /** Ends it by a signal and waits until it is gone; nothing where it does not run. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * A long-lived child process that ends with this one, even where this one is killed (see go/helper/supervise; on systems other than
 * Linux: not where it is killed). Its output is appended to `logFile`.
 */
export function serverProcess(supervise: string, command: readonly string[], logFile: string, home: string): ServerProcess {
  let child: ChildProcess | undefined;
  let failure: string | undefined;
  return {
    get pid() {
      return child?.pid;
    },
    get failure() {
      return failure;
    },
    start() {
      if (child !== undefined) return;
      const log = openSync(logFile, 'a');
      // HOME: what they keep there (caches, configuration) is no business of the user's.
      const env = { ...process.env, HOME: home };
      const started = spawn(supervise, [String(process.pid), ...command], { env, stdio: ['ignore', log, log] });
      closeSync(log);
      child = started;
      failure = undefined;
      running.add(started);
      const ended = (reason: string) => {
        running.delete(started);
        if (child !== started) return;
        child = undefined;
        failure = reason;
      };
      started.once('error', (error) => ended(error.message));
      started.once('exit', (code, signal) => ended(`ended with ${signal ?? code}; the end of its log ${logFile}:\n${tail(logFile)}`));
    },
    async kill(signal = 'SIGKILL') {
      const victim = child;
      if (victim === undefined) return;
      child = undefined;
      const gone = once(victim, 'exit');
      victim.kill(signal);
      await gone;
    },
  };
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-10).join('\n');
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Runs a program to its end. Never throws: a program that cannot be started has code 127. */
export function runCommand(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin = '',
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 256 * 1024 * 1024 };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
      resolve({ stdout, stderr: code === 127 ? `${stderr}${error?.message}` : stderr, code });
    });
    child.stdin?.on('error', () => {}).end(stdin);
  });
}
