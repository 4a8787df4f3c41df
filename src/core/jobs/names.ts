/** Names of a job's children, per attempt: they are found by name, so that a repeated reconcile never makes a second one. */
export type AttemptNames = {
  readonly master: string;
  readonly worker: string;
  /** Headless Service: a DNS-1035 label, which a job name that begins with a digit is not. */
  readonly service: string;
};

export function attemptNames(jobName: string, attempt: number): AttemptNames {
  const base = `${jobName}-${attempt}`;
  return { master: `${base}-master`, worker: `${base}-worker`, service: /^[a-z]/.test(base) ? base : `j${base}` };
}

/** Host name of the master inside the headless Service. */
export const masterHostname = 'master';

export function masterAddress(jobName: string, namespace: string, attempt: number): string {
  return `${masterHostname}.${attemptNames(jobName, attempt).service}.${namespace}.svc`;
}

export function serviceAccountNames(runtimeName: string): { readonly master: string; readonly worker: string } {
  return { master: `${runtimeName}-master`, worker: `${runtimeName}-worker` };
}

/** In `elastic-agents`: a namespace holds no dot, so no two runtimes share a name (a runtime's own name may hold none either: it is a DNS label). */
export function agentServiceAccountName(namespace: string, runtimeName: string): string {
  return `${namespace}.${runtimeName}`;
}

export function uid8(uid: string): string {
  return uid.slice(0, 8);
}
