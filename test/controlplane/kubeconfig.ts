import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './process.ts';
import type { Credentials } from './request.ts';

/** Certificates and kubeconfig files of one control plane, all in its directory. */
export interface CredentialFiles {
  readonly caPem: string;
  /** Makes a client certificate `<name>.crt`, `<name>.key` and `<name>.kubeconfig`; returns the path of the last. */
  forUser(name: string, user: string, groups: readonly string[]): Promise<string>;
  /** Writes `<name>.kubeconfig` and returns its path. */
  forToken(name: string, token: string): Promise<string>;
  /** What a user of {@link forUser} presents to the API server. */
  credentialsOf(name: string): Promise<Credentials>;
}

/** Makes the CA, the serving certificate and the key of the ServiceAccounts' tokens, as go/helper/certs lays them out. */
export async function makeCredentialFiles(certsProgram: string, directory: string, endpoint: string): Promise<CredentialFiles> {
  await certs('init', directory);
  const caPem = await readFile(join(directory, 'ca.crt'), 'utf8');

  async function certs(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await runCommand(certsProgram, args, {});
    if (code !== 0) throw new Error(stderr);
  }

  async function write(name: string, user: object): Promise<string> {
    const file = join(directory, `${name}.kubeconfig`);
    const kubeconfig = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server: endpoint, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } }],
      users: [{ name, user }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
      'current-context': 'test',
    };
    await writeFile(file, JSON.stringify(kubeconfig, undefined, 2), { mode: 0o600 });
    return file;
  }

  return {
    caPem,
    async forUser(name, user, groups) {
      const file = join(directory, name);
      await certs('client', directory, file, user, ...groups);
      return write(name, { 'client-certificate': `${file}.crt`, 'client-key': `${file}.key` });
    },
    forToken: (name, token) => write(name, { token }),
    async credentialsOf(name) {
      const file = join(directory, name);
      return { ca: caPem, cert: await readFile(`${file}.crt`, 'utf8'), key: await readFile(`${file}.key`, 'utf8') };
    },
  };
}
