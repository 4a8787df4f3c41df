import { createHash } from 'node:crypto';
import type { AwsResult, CertificateFacts, ClientCertificate } from '../../ports/aws/index.ts';
import { err, ok } from '../../ports/result.ts';
import { START } from '../world.ts';

/*
 * Certificates of a simulation: PEM in form, JSON inside. A text that is none of ours (what a manifest happens to hold) counts as a certificate that is valid for
 * ever and goes with any key, so that every example can be simulated.
 */

type Body = { readonly serial: string; readonly keyDigest: string; readonly notBefore: number; readonly notAfter: number };

/** As those that AWS IoT issues: https://docs.aws.amazon.com/iot/latest/developerguide/x509-client-certs.html */
const forEver = Date.UTC(2049, 11, 31, 23, 59, 59);

export function simulatedKey(secret: string): string {
  return pem('PRIVATE KEY', `simulated-private-key.${secret}`);
}

export function simulatedRequest(privateKey: string): string {
  return pem('CERTIFICATE REQUEST', keyDigest(privateKey));
}

export function simulatedCertificate(
  of: { readonly privateKey: string } | { readonly request: string },
  serial: string,
  times: { readonly notBefore?: number; readonly notAfter?: number } = {},
): string {
  const body: Body = {
    serial,
    keyDigest: 'privateKey' in of ? keyDigest(of.privateKey) : (unpem(of.request) ?? ''),
    notBefore: times.notBefore ?? START,
    notAfter: times.notAfter ?? forEver,
  };
  return pem('CERTIFICATE', JSON.stringify(body));
}

export function certificateId(certificate: string): string {
  return createHash('sha256').update(certificate.trim()).digest('hex');
}

export function readCertificate({ certificate, privateKey }: ClientCertificate): AwsResult<CertificateFacts> {
  const body = bodyOf(certificate);
  if (body !== undefined && body.keyDigest !== keyDigest(privateKey))
    return err({ kind: 'Invalid', code: 'KeyMismatch', message: 'the private key is not the one of the certificate' });
  return ok({ id: certificateId(certificate), notBefore: body?.notBefore ?? START, notAfter: body?.notAfter ?? forEver });
}

function keyDigest(privateKey: string): string {
  return createHash('sha256').update(privateKey.trim()).digest('hex');
}

function bodyOf(certificate: string): Body | undefined {
  try {
    return JSON.parse(unpem(certificate) ?? '') as Body;
  } catch {
    return undefined;
  }
}

function pem(title: string, text: string): string {
  const lines =
    Buffer.from(text)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${title}-----\n${lines.join('\n')}\n-----END ${title}-----\n`;
}

function unpem(text: string): string | undefined {
  const inner = /-----BEGIN [A-Z ]+-----([\s\S]+)-----END/.exec(text)?.[1];
  return inner === undefined ? undefined : Buffer.from(inner, 'base64').toString();
}
