/** The operator's process: wires configuration, Kubernetes, AWS, controllers, leader election, the broker and health. The image's one entry. */
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import packageJson from '../package.json' with { type: 'json' };
import { type Aws, createAws } from './aws/index.ts';
import { sealer } from './aws/seal.ts';
import type { BrokerLookup } from './broker/authorize.ts';
import { createBrokerHandler } from './broker/handler.ts';
import { type BrokerServer, type Certificate, startBrokerServer } from './broker/server.ts';
import { type OperatorConfig, readConfig } from './config/config.ts';
import { createApiPace } from './controllers/api-pace.ts';
import type { OperatorContext, OperatorSettings } from './controllers/context.ts';
import { createOperator, type Operator } from './controllers/start.ts';
import { type Catalog, type CatalogOptions, type CatalogType, readCatalog } from './core/packing/catalog.ts';
import { kubeletReserve } from './core/packing/reserve.ts';
import { auditOf } from './core/policy/audit.ts';
import { connectKubernetes, type KubernetesConnection } from './kube/connect.ts';
import { createLeaderElector, processIdentity } from './machinery/leader-elector.ts';
import type { AuditPort } from './ports/aws/index.ts';
import type { ApiPace } from './ports/aws/pace.ts';
import type { Clock, Random } from './ports/clock.ts';
import type { KubernetesPort } from './ports/kubernetes.ts';
import type { Telemetry } from './ports/telemetry.ts';
import { startHealthServer } from './telemetry/health.ts';
import { systemClock, systemRandom } from './telemetry/system.ts';
import { createTelemetry, type ProcessTelemetry } from './telemetry/telemetry.ts';

const leaseName = 'elastic-runtime-operator';
/** Less than the pod's termination grace period of 30 s. */
const stopWithinMs = 25_000;

/** A value that cannot be used: one line, and the process ends with 2. */
class WrongConfiguration extends Error {}

async function runOperator(config: OperatorConfig, telemetry: ProcessTelemetry, stop: AbortSignal): Promise<void> {
  const clock = systemClock();
  const random = systemRandom();
  const catalog = readCatalogs(config.catalogFiles);
  const certificate = config.broker && readCertificate(config.broker);
  const kubernetes = connect(config.kubeconfig);
  const pace = createApiPace({ clock, random, telemetry });
  const aws = connectAws(config, clock, pace);
  const operator = createOperator({
    kubernetes: kubernetes.port,
    aws: aws.ports,
    pace,
    clock,
    random,
    telemetry,
    sealer,
    audit: telemetry.audit,
    instance: hostname(),
    settings: { ...settingsOf(config), catalog },
  });
  telemetry.log('info', 'starting', { version: packageJson.version, apiServer: kubernetes.server, config: withoutCertificate(config) });

  const { context } = operator;
  const caches = [context.stores.nodes, context.stores.elasticNodes, context.stores.runtimes, context.stores.pods, context.stores.jobs];
  const watching = operator.runStores(stop);
  const broker = certificate && (await startBroker({ config, certificate, operator, clock, kubernetes: kubernetes.port, telemetry }));
  const health = await startHealthServer({
    ...config.health,
    alive: {},
    ready: {
      process: () => (stop.aborted ? 'is stopping' : undefined),
      audit: telemetry.audit.refusal,
      caches: () => (caches.every((cache) => cache.hasSynced()) ? undefined : 'are not filled yet'),
    },
    metrics: telemetry.metrics,
  });
  telemetry.log('info', 'serving', { healthPort: health.port, ...(broker && { brokerPort: broker.port }) });

  await leadWhenElected({ config, kubernetes: kubernetes.port, clock, random, telemetry }, operator, stop);
  await Promise.all([watching, broker?.close(), health.close()]);
  aws.close();
  await kubernetes.close();
}

function connect(kubeconfig: string | undefined): KubernetesConnection {
  try {
    return connectKubernetes(kubeconfig === undefined ? {} : { kubeconfig });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new WrongConfiguration(
      `--kubeconfig${kubeconfig === undefined ? '' : `=${JSON.stringify(kubeconfig)}`}: ${why}; give the path of another file`,
    );
  }
}

type ElectionParts = {
  readonly config: OperatorConfig;
  readonly kubernetes: KubernetesPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
};

/** Resolves after `stop`: the controllers have ended, their events are written, the lease is released. */
async function leadWhenElected(parts: ElectionParts, operator: Operator, stop: AbortSignal): Promise<void> {
  const { config, kubernetes, clock, random, telemetry } = parts;
  if (!config.leaderElection.enabled) return operator.runControllers(stop);
  await createLeaderElector({
    port: kubernetes,
    clock,
    random,
    telemetry,
    lease: { namespace: config.leaderElection.namespace, name: leaseName },
    identity: processIdentity(hostname(), random),
    lead: operator.runControllers,
    // Another replica may act from now on: nothing of ours may finish.
    onLost: () => process.exit(1),
    onNewLeader: (identity) => telemetry.log('info', 'leader', { identity }),
  }).run(stop);
}

function settingsOf(config: OperatorConfig): Omit<OperatorSettings, 'catalog'> {
  const { clusterName, operatorImage, kubernetesVersion, join, registrationTimeoutMs, nodeNames, logFlushTimeoutMs, garbagePeriodMs } =
    config;
  const nodeAgents = config.broker !== undefined;
  return {
    clusterName,
    operatorImage,
    kubernetesVersion,
    join,
    registrationTimeoutMs,
    nodeNames,
    logFlushTimeoutMs,
    garbagePeriodMs,
    nodeAgents,
  };
}

function withoutCertificate(config: OperatorConfig): object {
  return { ...config, join: { endpoint: config.join.endpoint, serviceCidr: config.join.serviceCidr } };
}

/** One adapter a region: they share nothing but the audit. */
function connectAws(config: OperatorConfig, clock: Clock, pace: ApiPace) {
  const made = new Map<string, Aws>();
  const ports =
    (audit: AuditPort) =>
    (region: string): Aws => {
      const endpoint = config.awsEndpoint;
      const aws = made.get(region) ?? createAws({ region, audit, auditOf, clock, pace, ...(endpoint !== undefined && { endpoint }) });
      made.set(region, aws);
      return aws;
    };
  return { ports, close: () => made.forEach((aws) => aws.close()) };
}

/**
 * Nobody publishes spot prices with the on-demand ones, and they move all day. Where a catalog has none, this share of the on-demand price stands in (a
 * usual discount is 60 to 70 %): good enough to prefer spot where the runtime allows it, not to bill by.
 */
const assumedSpotShare = 0.35;

function withSpotPrices(source: object): object {
  const { types } = source as { readonly types?: unknown };
  if (!Array.isArray(types)) return source;
  const priced = (types as readonly CatalogType[]).map((type) => ({
    ...type,
    spotUsdPerHour: type.spotUsdPerHour ?? type.onDemandUsdPerHour * assumedSpotShare,
  }));
  return { ...source, types: priced };
}

const catalogOptions: CatalogOptions = { reserve: kubeletReserve, accept: ({ burstable, bareMetal }) => !burstable && !bareMetal };

/** Each file is judged now, and read again for the zones that a runtime has: they differ from runtime to runtime. */
function readCatalogs(files: readonly string[]): OperatorSettings['catalog'] {
  const shipped = fileURLToPath(new URL('../data/ec2-us-east-1.json', import.meta.url));
  const sources = new Map<string, object>();
  for (const file of files.length === 0 ? [shipped] : files) {
    const source = withSpotPrices(readFlagFile('--catalog', file, (text) => JSON.parse(text) as object));
    const read = readCatalog(source, catalogOptions);
    if (!read.ok) throw new WrongConfiguration(`--catalog=${JSON.stringify(file)}: ${read.reason}; mend the file or give another one`);
    if (sources.has(read.value.region))
      throw new WrongConfiguration(`--catalog=${JSON.stringify(file)}: is the second one of ${read.value.region}; give one a region`);
    sources.set(read.value.region, source);
  }
  const catalogs = new Map<string, Catalog>();
  return (region, zones) => {
    const source = sources.get(region);
    if (source === undefined) return undefined;
    const key = [region, ...zones].join(' ');
    const known = catalogs.get(key);
    if (known !== undefined) return known;
    const read = readCatalog(zones.length === 0 ? source : { ...source, zones }, catalogOptions);
    if (!read.ok) throw new Error(`the catalog of ${region}: ${read.reason}`);
    catalogs.set(key, read.value);
    return read.value;
  };
}

function readFlagFile<T>(flag: string, file: string, parse: (text: string) => T): T {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is no JSON' : `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`;
    throw new WrongConfiguration(`${flag}=${JSON.stringify(file)}: ${why}; give the path of another file`);
  }
}

type BrokerFiles = NonNullable<OperatorConfig['broker']>;

function readCertificate({ certFile, keyFile }: BrokerFiles): Certificate {
  const text = (content: string) => content;
  return { cert: readFlagFile('--broker-cert-file', certFile, text), key: readFlagFile('--broker-key-file', keyFile, text) };
}

type BrokerParts = {
  readonly config: OperatorConfig;
  readonly certificate: Certificate;
  readonly operator: Operator;
  readonly clock: Clock;
  readonly kubernetes: KubernetesPort;
  readonly telemetry: Telemetry;
};

async function startBroker(parts: BrokerParts): Promise<BrokerServer> {
  const { config, certificate, operator, clock, kubernetes, telemetry } = parts;
  const files = config.broker as BrokerFiles;
  const { context } = operator;
  const handler = createBrokerHandler({
    kubernetes,
    lookup: brokerLookup(context),
    obtain: (request) => context.grants.obtain(request),
    clock,
    telemetry,
    checkPeer: files.checkPeer,
  });
  const { host, port } = files.address;
  const sts = (region: string) => context.aws(region).sts;
  const server = await startBrokerServer({ handler, certificate, sts, telemetry, port, ...(host !== undefined && { host }) });
  // kubelet swaps the mounted files when the Secret changes; looking is surer than notifications through its links.
  watchFile(files.certFile, { interval: 30_000, persistent: false }, () => {
    try {
      server.setCertificate(readCertificate(files));
      telemetry.log('info', 'the certificate of the broker was read anew');
    } catch (error) {
      telemetry.log('error', 'the new certificate of the broker cannot be used', { error });
    }
  });
  return {
    ...server,
    close() {
      unwatchFile(files.certFile);
      return server.close();
    },
  };
}

/** Every replica answers node agents from the caches that its controllers would use. */
function brokerLookup({ stores }: OperatorContext): BrokerLookup {
  return {
    node: (name) => stores.nodes.get(name),
    elasticNodes: (providerID) => stores.elasticNodes.byIndex('providerID', providerID),
    runtime: ({ namespace, name }) => stores.runtimes.get(`${namespace}/${name}`),
    pods: (node) => stores.pods.byIndex('node', node),
    jobs: ({ namespace, name }) => stores.jobs.byIndex('runtime', `${namespace}/${name}`),
  };
}

async function operatorProcess(args: readonly string[]): Promise<number> {
  const outcome = readConfig(args, process.env);
  if (outcome.kind === 'help') {
    process.stdout.write(outcome.text);
    return 0;
  }
  if (outcome.kind === 'wrong') return refuse(outcome.line);
  const { config } = outcome;
  const opened = openTelemetry(config);
  if (typeof opened === 'string') return refuse(opened);
  const telemetry = opened;
  // However the process ends: what is recorded is written.
  process.on('exit', telemetry.audit.drain);
  const die = (what: string) => (error: unknown) => {
    telemetry.log('error', what, { error });
    process.exit(1);
  };
  process.on('uncaughtException', die('uncaught exception'));
  process.on('unhandledRejection', die('unhandled rejection'));
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) process.exit(1);
    telemetry.log('info', 'stopping', { signal });
    stop.abort();
    setTimeout(() => die('did not stop in time')(undefined), stopWithinMs).unref();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal);
  try {
    await runOperator(config, telemetry, stop.signal);
    await telemetry.audit.flush();
    telemetry.log('info', 'stopped');
    return 0;
  } catch (error) {
    if (error instanceof WrongConfiguration) return refuse(error.message);
    telemetry.log('error', 'cannot go on', { error });
    return 1;
  }
}

function openTelemetry({ logLevel: level, auditFile }: OperatorConfig): ProcessTelemetry | string {
  try {
    return createTelemetry({ level, base: { instance: hostname() }, ...(auditFile !== undefined && { auditFile }) });
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    return `--audit-file=${JSON.stringify(auditFile)}: cannot be opened (${why}); give a file in a directory that this process may write`;
  }
}

function refuse(line: string): number {
  process.stderr.write(`elastic-runtime-operator: ${line}\n`);
  return 2;
}

async function main([command = 'operator', ...rest]: readonly string[]): Promise<number> {
  if (command === 'operator') return operatorProcess(rest);
  if (command.startsWith('-')) return operatorProcess([command, ...rest]);
  if (command === 'node-agent' || command === 'credentials') {
    // A composition root of its own: it runs as it is loaded.
    await import('./agent/main.ts');
    return Number(process.exitCode ?? 0);
  }
  return refuse(`"${command}" is no command; give one of operator, node-agent, credentials`);
}

process.exit(await main(process.argv.slice(2)));
