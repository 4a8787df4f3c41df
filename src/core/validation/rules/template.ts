import { type Rule, rule } from '../rule.ts';

const KIND = 'ElasticJob';
const TEMPLATES = ['spec.master.template', 'spec.workers.template'];
const SPECS = TEMPLATES.map((template) => `${template}.spec`);
const CONTAINERS = SPECS.flatMap((spec) => [`${spec}.containers[]`, `${spec}.initContainers[]`]);

const METADATA_PREFIXES = ['elasticruntime.dev/', 'batch.kubernetes.io/', 'eks.amazonaws.com/', 'kueue.x-k8s.io/'] as const;
const MOUNT_PATHS = '^(/var)?/(run|etc)/elastic(/.*)?$';

const MOUNT_PATH = new RegExp(MOUNT_PATHS, 'u');

/** Environment variables that the operator sets, or that would replace the identity that it wired. */
export const RESERVED_ENVIRONMENT: readonly string[] = [
  'AWS_ACCESS_KEY_ID',
  'AWS_CONFIG_FILE',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_DEFAULT_PROFILE',
  'AWS_PROFILE',
  'AWS_ROLE_ARN',
  'AWS_ROLE_SESSION_NAME',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SECURITY_TOKEN',
  'AWS_SESSION_TOKEN',
  'AWS_SHARED_CREDENTIALS_FILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'SERVICE_BINDING_ROOT',
];

/** The field may not be there at all. */
function refused(field: string, message: string): Rule {
  return rule<Readonly<Record<string, unknown>>>(KIND, SPECS, {
    cel: `!has(self.${field})`,
    message,
    fieldPath: `.${field}`,
    check: (self) => self[field] === undefined,
  });
}

function below(paths: readonly string[], field: string): readonly string[] {
  return paths.map((path) => `${path}.${field}`);
}

function onlyFalse(paths: readonly string[], message: string): Rule {
  return rule<boolean>(KIND, paths, { cel: '!self', message, check: (self) => !self });
}

function reservedName(paths: readonly string[], what: string): Rule {
  return rule<string>(KIND, paths, {
    cel: "!self.startsWith('elastic-')",
    message: `${what} that begin with elastic- are the operator's: rename it`,
    check: (self) => !self.startsWith('elastic-'),
  });
}

const pod: readonly Rule[] = [
  refused(
    'serviceAccountName',
    'remove serviceAccountName: pods run as the ServiceAccount of their runtime, whose role is the master or worker role',
  ),
  refused(
    'serviceAccount',
    'remove serviceAccount: pods run as the ServiceAccount of their runtime, whose role is the master or worker role',
  ),
  refused('automountServiceAccountToken', 'remove automountServiceAccountToken: the operator decides which tokens a pod gets'),
  refused('nodeName', 'remove nodeName: the scheduler places pods on the nodes of their runtime; use nodeSelector or affinity'),
  refused('hostname', "remove hostname: the job's headless service names its pods"),
  refused('subdomain', "remove subdomain: the job's headless service names its pods"),
  refused('ephemeralContainers', 'remove ephemeralContainers: Kubernetes takes none in a template'),
  onlyFalse(below(SPECS, 'hostNetwork'), 'remove hostNetwork: pods may not use the network of their node'),
  onlyFalse(below(SPECS, 'hostPID'), 'remove hostPID: pods may not see the processes of their node'),
  onlyFalse(below(SPECS, 'hostIPC'), 'remove hostIPC: pods may not share the memory of their node'),
  rule<string>(KIND, below(SPECS, 'restartPolicy'), {
    cel: "self == 'Never'",
    message: 'remove restartPolicy or use Never: the job starts its attempts itself (backoffLimit)',
    check: (self) => self === 'Never',
  }),
  rule<Toleration>(KIND, below(SPECS, 'tolerations[]'), {
    cel: "has(self.key) && self.key != ''",
    message: 'name the key of the taint: a toleration of everything is refused',
    check: (self) => (self.key ?? '') !== '',
  }),
  rule<Toleration>(KIND, below(SPECS, 'tolerations[]'), {
    cel: "!has(self.key) || !self.key.startsWith('elasticruntime.dev/')",
    message: 'remove the toleration: the operator sets those for taints below elasticruntime.dev/',
    check: (self) => !self.key?.startsWith('elasticruntime.dev/'),
  }),
  rule<Readonly<Record<string, string>>>(KIND, [...below(TEMPLATES, 'metadata.labels'), ...below(TEMPLATES, 'metadata.annotations')], {
    cel: `self.all(key, ![${METADATA_PREFIXES.map((prefix) => `'${prefix}'`).join(', ')}].exists(prefix, key.startsWith(prefix)))`,
    message: `labels and annotations below ${METADATA_PREFIXES.join(', ')} are not a template's: remove them`,
    check: (self) => Object.keys(self).every((key) => !METADATA_PREFIXES.some((prefix) => key.startsWith(prefix))),
  }),
];

type Toleration = { readonly key?: string };
type Named = { readonly name: string };
type Mount = { readonly name: string; readonly mountPath: string };

const volumes: readonly Rule[] = [
  reservedName(below(SPECS, 'volumes[].name'), 'volumes'),
  rule<{ readonly hostPath?: unknown }>(KIND, below(SPECS, 'volumes[]'), {
    cel: '!has(self.hostPath)',
    message: 'hostPath is refused: use emptyDir, or a persistentVolumeClaim',
    fieldPath: '.hostPath',
    check: (self) => self.hostPath === undefined,
  }),
  rule<{ readonly serviceAccountToken?: unknown }>(KIND, below(SPECS, 'volumes[].projected.sources[]'), {
    cel: '!has(self.serviceAccountToken)',
    message: 'projected service account tokens are refused: the operator wires the identities (profiles in AWS_CONFIG_FILE)',
    fieldPath: '.serviceAccountToken',
    check: (self) => self.serviceAccountToken === undefined,
  }),
];

const containers: readonly Rule[] = [
  rule<readonly Named[]>(KIND, below(SPECS, 'containers'), {
    cel: "self.size() == 1 || self.exists(c, c.name == 'main')",
    message: 'with several containers, name the one that does the work main',
    check: (self) => self.length === 1 || self.some((container) => container.name === 'main'),
  }),
  reservedName(below(CONTAINERS, 'name'), 'containers'),
  onlyFalse(below(CONTAINERS, 'securityContext.privileged'), 'remove privileged: containers may not have the rights of their node'),
  onlyFalse(
    [...below(CONTAINERS, 'securityContext.windowsOptions.hostProcess'), ...below(SPECS, 'securityContext.windowsOptions.hostProcess')],
    'remove hostProcess: containers may not have the rights of their node',
  ),
  rule<readonly string[]>(KIND, below(CONTAINERS, 'securityContext.capabilities.add'), {
    cel: 'self.size() == 0',
    message: 'added capabilities are refused: remove them (dropping is allowed)',
    check: (self) => self.length === 0,
  }),
  rule<string>(KIND, below(CONTAINERS, 'env[].name'), {
    cel: `!self.startsWith('ELASTIC_') && !(self in [${RESERVED_ENVIRONMENT.map((name) => `'${name}'`).join(', ')}])`,
    message:
      'remove this variable: the operator sets it (ELASTIC_*, SERVICE_BINDING_ROOT), or it would replace the identity that the operator wires (AWS_*)',
    check: (self) => !self.startsWith('ELASTIC_') && !RESERVED_ENVIRONMENT.includes(self),
  }),
  rule<Mount>(KIND, below(CONTAINERS, 'volumeMounts[]'), {
    cel: `!self.name.startsWith('elastic-') && !self.mountPath.matches(r"${MOUNT_PATHS}")`,
    message:
      "volumes that begin with elastic- and the paths /etc/elastic and /run/elastic are the operator's: mount another volume elsewhere",
    check: (self) => !self.name.startsWith('elastic-') && !MOUNT_PATH.test(self.mountPath),
  }),
];

export const templateRules: readonly Rule[] = [...pod, ...volumes, ...containers];
