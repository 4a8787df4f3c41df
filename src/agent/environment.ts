import type { AgentSettings } from './settings.ts';

/** What the node agent is told at its start. */
export type AgentEnvironment = {
  readonly brokerUrl: string;
  readonly brokerCaFile: string;
  readonly brokerTokenFile: string;
  readonly logDirectory: string;
  readonly stateFile: string;
  readonly mountTable: string;
  readonly hostRoot: string;
  /** Undefined: the agent runs nothing on the machine. */
  readonly hostCommand: readonly string[] | undefined;
  /** Undefined: there is no instance metadata service. */
  readonly metadataEndpoint: string | undefined;
  /** Undefined: AWS's own. */
  readonly awsEndpoint: string | undefined;
  readonly settings: Partial<AgentSettings>;
  readonly debug: boolean;
};

type Variables = Readonly<Record<string, string | undefined>>;

/** Variables of our own begin with ELASTIC_; the others are those that AWS's tools know. Throws where a value cannot be read. */
export function agentEnvironment(variables: Variables): AgentEnvironment {
  const get = (name: string): string | undefined => (variables[name] === '' ? undefined : variables[name]);
  const command = get('ELASTIC_HOST_COMMAND');
  return Object.freeze({
    brokerUrl: get('ELASTIC_BROKER_URL') ?? 'https://elastic-broker.elastic-system.svc:8443',
    brokerCaFile: get('ELASTIC_BROKER_CA') ?? '/var/run/elastic/broker/ca.crt',
    brokerTokenFile: get('ELASTIC_BROKER_TOKEN') ?? '/var/run/secrets/elastic/broker-token',
    logDirectory: get('ELASTIC_LOG_DIRECTORY') ?? '/var/log/pods',
    stateFile: get('ELASTIC_STATE_FILE') ?? '/var/lib/elastic-node-agent/state.json',
    mountTable: get('ELASTIC_MOUNT_TABLE') ?? '/proc/1/mounts',
    hostRoot: get('ELASTIC_HOST_ROOT') ?? '/proc/1/root',
    hostCommand: command?.split(/\s+/).filter((part) => part !== ''),
    metadataEndpoint:
      get('AWS_EC2_METADATA_DISABLED')?.toLowerCase() === 'true'
        ? undefined
        : (get('AWS_EC2_METADATA_SERVICE_ENDPOINT') ?? 'http://169.254.169.254'),
    awsEndpoint: get('AWS_ENDPOINT_URL'),
    settings: settingsOf(get('ELASTIC_AGENT_SETTINGS')),
    debug: get('ELASTIC_LOG_LEVEL') === 'debug',
  });
}

/** A JSON object of AgentSettings' fields, for tests and tuning. */
function settingsOf(text: string | undefined): Partial<AgentSettings> {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw new Error('ELASTIC_AGENT_SETTINGS is no JSON object');
}
