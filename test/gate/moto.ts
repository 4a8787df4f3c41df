import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cached } from '../controlplane/cache.ts';
import { freePorts } from '../controlplane/ports.ts';

/** moto (https://docs.getmoto.org), a third party's emulator of AWS, as a process of its own. */
export type Moto = {
  /** http://127.0.0.1:PORT */
  readonly endpoint: string;
  readonly accountId: string;
  stop(): Promise<void>;
};

const HOST = '127.0.0.1';
const STARTUP_MS = 60_000;
const requirementsFile = join(import.meta.dirname, '..', 'requirements.txt');

/** Installed once into a virtual environment of the test's own, named by the pins. */
export async function ensurePython(): Promise<string> {
  const requirements = await readFile(requirementsFile, 'utf8');
  const environment = await cached('moto', [requirements], async (directory) => {
    process.stderr.write('gate: installing the AWS emulator into a virtual environment (once; about half a minute)\n');
    await run('python3', ['-m', 'venv', directory], 'install Python 3.11 or newer with its venv module (Debian: python3-venv)');
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirementsFile];
    await run(join(directory, 'bin', 'python'), pip, 'moto must be installable by pip: the Python package index must be reachable');
  });
  return join(environment, 'bin', 'python');
}

async function run(program: string, args: readonly string[], advice: string): Promise<void> {
  try {
    await promisify(execFile)(program, args);
  } catch (error) {
    const said = (error as { readonly stderr?: string }).stderr?.trim().split('\n').at(-1) ?? '';
    throw new Error(`The AWS emulator cannot be set up: ${advice}${said === '' ? '' : ` (${said})`}`, { cause: error });
  }
}

export async function startMoto(options: { readonly accountId?: string } = {}): Promise<Moto> {
  const accountId = options.accountId ?? '111122223333';
  const python = await ensurePython();
  const [port = 0] = await freePorts(1, HOST);
  const child = spawn(python, [join(import.meta.dirname, 'launch.py'), HOST, String(port)], {
    // The pipe on stdin ends it with this process.
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], MOTO_ACCOUNT_ID: accountId, PYTHONDONTWRITEBYTECODE: '1' },
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-4000)));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const endpoint = `http://${HOST}:${port}`;
  for (const start = Date.now(); ; await delay(50)) {
    if (await answers(endpoint)) break;
    if (child.exitCode !== null || Date.now() - start > STARTUP_MS) {
      child.kill('SIGKILL');
      throw new Error(`The AWS emulator did not start:\n${log}`);
    }
  }
  return {
    endpoint,
    accountId,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function answers(endpoint: string): Promise<boolean> {
  return fetch(`${endpoint}/moto-api/data.json`, { method: 'HEAD' }).then(
    (answer) => answer.status < 500,
    () => false,
  );
}
