import { writeFile } from 'node:fs/promises';
import { createAws } from '../aws/index.ts';
import { paths } from '../core/jobs/wiring.ts';
import { auditOf } from '../core/policy/audit.ts';
import { connectKubernetes } from '../kube/connect.ts';
import type { AwsPort } from '../ports/aws/index.ts';
import { systemClock, systemRandom } from '../telemetry/system.ts';
import { createTelemetry } from '../telemetry/telemetry.ts';
import { createAccessLog } from './accesses.ts';
import { createBrokerClient } from './broker-client.ts';
import { runNodeAgent } from './controller.ts';
import { diskFiles } from './credentials/files.ts';
import { parseWiring, wiringVariable } from './credentials/plan.ts';
import { type CredentialsResult, refuse } from './credentials/refusal.ts';
import { createRemoteSecrets } from './credentials/remote.ts';
import { writeCredentials } from './credentials/write.ts';
import { agentEnvironment } from './environment.ts';
import { hostDevices } from './host-devices.ts';
import { hostFiles } from './host-files.ts';
import { hostMetadata } from './host-metadata.ts';
import { defaultAgentSettings } from './settings.ts';

/* Composition root of what runs on nodes: `node-agent` (the DaemonSet), and `credentials` (the init container of a job's pods). */

const clock = systemClock();
const random = systemRandom();

async function nodeAgent(): Promise<number> {
  const environment = agentEnvironment(process.env);
  const telemetry = createTelemetry({ level: environment.debug ? 'debug' : 'info', base: { component: 'node-agent' } });
  const { brokerUrl: url, brokerCaFile: caFile, brokerTokenFile: tokenFile } = environment;
  const { logDirectory, stateFile, mountTable, hostRoot, hostCommand, metadataEndpoint } = environment;
  const host = {
    ...hostFiles({ logDirectory, stateFile }),
    ...hostDevices({ mountTable, root: hostRoot, command: hostCommand }),
    ...hostMetadata({ endpoint: metadataEndpoint }),
  };
  const settings = { ...defaultAgentSettings, ...environment.settings };
  const accesses = createAccessLog({ sink: telemetry.audit, host, clock, random, telemetry, settings });
  const regions = new Map<string, ReturnType<typeof createAws>>();
  function aws(region: string): AwsPort {
    const made =
      regions.get(region) ?? createAws({ region, ...endpointOf(environment.awsEndpoint), audit: accesses.audit, auditOf, clock });
    regions.set(region, made);
    return made;
  }
  const kubernetes = connectKubernetes({ concurrency: 2, userAgent: 'elastic-node-agent' });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  await runNodeAgent(
    {
      broker: createBrokerClient({ url, caFile, tokenFile, sts: (region) => aws(region).sts }),
      host,
      kubernetes: kubernetes.port,
      s3: (region) => aws(region).s3,
      accesses,
      clock,
      random,
      telemetry,
      settings,
    },
    stop.signal,
  );
  await kubernetes.close();
  for (const region of regions.values()) region.close();
  return 0;
}

async function credentials(): Promise<number> {
  const outcome = await initialize();
  if (outcome.ok) return 0;
  process.stderr.write(`credentials: ${outcome.error}\n`);
  // Kubernetes shows it in the pod's status: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
  await writeFile('/dev/termination-log', outcome.error).catch(() => undefined);
  return 1;
}

async function initialize(): Promise<CredentialsResult<unknown>> {
  const plan = parseWiring(process.env[wiringVariable]);
  if (!plan.ok) return plan;
  const files = diskFiles();
  const { audit } = createTelemetry({ level: 'warn', base: { component: 'credentials' } });
  const aws = createAws({ region: plan.value.region, ...endpointOf(process.env['AWS_ENDPOINT_URL']), audit, auditOf, clock });
  const job = process.env['ELASTIC_JOB'];
  const remote = createRemoteSecrets({
    aws,
    plan: plan.value,
    subject: { runtime: process.env['ELASTIC_RUNTIME'] ?? '-', ...(job !== undefined && { job }) },
    clock,
    random,
    async token() {
      const text = await files.read(paths.token);
      return text.ok ? { ok: true, value: text.value.trim() } : refuse("the pod's token", `cannot be read: ${text.error}`);
    },
  });
  const written = await writeCredentials(plan.value, { files, remote });
  aws.close();
  return written;
}

function endpointOf(endpoint: string | undefined): { readonly endpoint?: string } {
  return endpoint === undefined || endpoint === '' ? {} : { endpoint };
}

async function main(command: string | undefined): Promise<number> {
  if (command === 'node-agent') return await nodeAgent();
  if (command === 'credentials') return await credentials();
  process.stderr.write('say which: node-agent or credentials\n');
  return 2;
}

// The clock's timers do not keep the process alive.
const alive = setInterval(() => undefined, 60_000);
process.exitCode = await main(process.argv[2]);
clearInterval(alive);
