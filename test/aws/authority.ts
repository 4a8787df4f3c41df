// oxlint-disable-next-line import/no-unassigned-import -- it must come before @peculiar/x509
import '../../src/aws/reflect.ts';
import { X509Certificate as NodeCertificate } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

export { Pkcs10CertificateRequest } from '@peculiar/x509';

/** A certificate authority of a test: as AWS IoT's for clients, and as the one that signs a server's certificate. */
export type Authority = {
  /** PEM */
  readonly certificate: string;
  issue(name: string, options?: IssueOptions): Promise<Issued>;
};

type IssueOptions = {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Of a server: its names. */
  readonly hosts?: readonly string[];
  readonly algorithm?: 'P-256' | 'RSA-2048';
  /** A comment in the PEM of the key: a marker that no output may hold. */
  readonly marker?: string;
};

export type Issued = { readonly certificate: string; readonly privateKey: string /** AWS IoT's certificate id */; readonly id: string };

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 } as const;

export async function createAuthority(name: string): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  const root = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2049-12-31T00:00:00Z'),
    signingAlgorithm: ecdsa,
    extensions: [new BasicConstraintsExtension(true, undefined, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)],
  });
  return {
    certificate: root.toString('pem'),
    async issue(subject, { notBefore, notAfter, hosts, algorithm = 'P-256', marker } = {}) {
      const own =
        algorithm === 'P-256'
          ? await crypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
          : await crypto.subtle.generateKey(rsa, true, ['sign', 'verify']);
      const made = await X509CertificateGenerator.create({
        subject: `CN=${subject}`,
        issuer: root.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ecdsa,
        notBefore: notBefore ?? new Date('2026-01-01T00:00:00Z'),
        notAfter: notAfter ?? new Date('2049-12-31T00:00:00Z'),
        extensions: [
          await AuthorityKeyIdentifierExtension.create(root),
          new ExtendedKeyUsageExtension([hosts === undefined ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth]),
          ...(hosts === undefined ? [] : [new SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns', value }) as const))]),
        ],
      });
      const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', own.privateKey)).toString('base64');
      const privateKey = `-----BEGIN PRIVATE KEY-----\n${key.replaceAll(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
      return {
        certificate: pemOf(made),
        privateKey: marker === undefined ? privateKey : `# ${marker}\n${privateKey}`,
        id: idOf(pemOf(made)),
      };
    },
  };
}

function pemOf(certificate: X509Certificate): string {
  return certificate.toString('pem');
}

export function idOf(pem: string): string {
  return new NodeCertificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
}
