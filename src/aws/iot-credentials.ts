import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { AwsResult, CertificateFacts, ClientCertificate, IotCredentialsPort } from '../ports/aws/index.ts';
import type { Clock } from '../ports/clock.ts';
import { err, ok } from '../ports/result.ts';
import { HandshakeRefused } from './errors.ts';
import type { Send } from './send.ts';
import { callContext } from './signer.ts';
import type { Vault } from './vault.ts';

export type IotAddress = { readonly host: string; readonly port: number };

type Answer = {
  readonly $metadata: { readonly requestId?: string };
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string };
  readonly expiration: number;
};

/** An alias may give up to twelve hours; ours end after one. */
const longestMs = 3_600_000;
const longestAnswer = 65_536;

/**
 * No SDK speaks to the credentials provider. Each call has a TLS connection of its own, so that neither a pooled socket nor a resumable session outlives the
 * certificate that it was opened with, and the key is in this process only while the call is.
 */
export function createIotCredentials(parts: {
  readonly send: Send;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly address?: IotAddress;
}): IotCredentialsPort {
  const { send, vault, clock, address } = parts;
  return {
    readCertificate,
    async assumeRoleWithCertificate(subject, request) {
      const { identity, roleArn, endpoint, roleAlias, thingName, certificate } = request;
      const facts = readCertificate(certificate);
      if (!facts.ok) return facts;
      const sessionName = facts.value.id;
      const answer = await send(
        {
          method: 'iotCredentials.assumeRoleWithCertificate',
          request: { roleArn, endpoint, roleAlias },
          actor: { grant: undefined, identity, chain: [], sessionName, subject },
        },
        (signal) => get({ endpoint, roleAlias, thingName, certificate, signal, ...(address && { address }) }),
      );
      if (!answer.ok) return answer;
      const expiresAt = Math.min(answer.value.expiration, clock.now() + longestMs);
      return ok(await vault.seal({ identity, chain: [roleArn], sessionName, expiresAt }, answer.value.credentials));
    },
  };
}

function readCertificate({ certificate, privateKey, authority }: ClientCertificate): AwsResult<CertificateFacts> {
  const parsed = attempt(() => new X509Certificate(certificate));
  if (parsed === undefined) return invalid('CertificateUnreadable', 'the certificate is no PEM of an X.509 certificate');
  // OpenSSL's own words might quote what they could not read.
  const key = attempt(() => createPrivateKey(privateKey));
  if (key === undefined) return invalid('PrivateKeyUnreadable', 'the private key is no PEM, or it asks for a passphrase');
  if (!parsed.checkPrivateKey(key)) return invalid('KeyMismatch', 'the private key is not the one of the certificate');
  if (authority !== undefined && attempt(() => new X509Certificate(authority)) === undefined)
    return invalid('AuthorityUnreadable', "the authority's certificate is no PEM of an X.509 certificate");
  return ok({
    id: parsed.fingerprint256.replaceAll(':', '').toLowerCase(),
    notBefore: Date.parse(parsed.validFrom),
    notAfter: Date.parse(parsed.validTo),
  });
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function invalid(code: string, message: string): AwsResult<never> {
  return err({ kind: 'Invalid', code, message });
}

type Get = {
  readonly endpoint: string;
  readonly roleAlias: string;
  readonly thingName: string;
  readonly certificate: ClientCertificate;
  readonly signal: AbortSignal;
  readonly address?: IotAddress;
};

async function get({ endpoint, roleAlias, thingName, certificate, signal, address }: Get): Promise<Answer> {
  const secureContext = createSecureContext({
    cert: certificate.certificate,
    key: certificate.privateKey,
    minVersion: 'TLSv1.2',
    ...(certificate.authority !== undefined && { ca: certificate.authority }),
  });
  const agent = new Agent({ keepAlive: false, maxCachedSessions: 0, secureContext });
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = callContext.getStore();
      if (call) call.sent = true;
      httpsRequest({
        method: 'GET',
        host: address?.host ?? endpoint,
        port: address?.port ?? 443,
        path: `/role-aliases/${encodeURIComponent(roleAlias)}/credentials`,
        // AWS IoT wants the whole endpoint as server name.
        servername: endpoint,
        headers: { host: endpoint, 'x-amzn-iot-thingname': thingName, accept: 'application/json' },
        agent,
        signal,
      })
        .once('response', resolve)
        .once('error', reject)
        .end();
    });
    return answerOf(response, await bodyOf(response));
  } catch (error) {
    throw refusedHandshake(error) ?? error;
  } finally {
    agent.destroy();
  }
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > longestAnswer) {
      response.destroy();
      break;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** The provider's answers are JSON, `{"credentials": …}` or `{"message": …}`; the kind of an error stands in a header. */
function answerOf(response: IncomingMessage, body: string): Answer {
  const status = response.statusCode ?? 0;
  const requestId = header(response, 'x-amzn-requestid');
  const $metadata = { httpStatusCode: status, ...(requestId !== undefined && { requestId }) };
  const parsed = attempt(() => JSON.parse(body) as unknown);
  const fields = typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {};
  if (status === 200) {
    const found = credentialsOf(fields['credentials']);
    if (found) return { $metadata, ...found };
    // Not quoted: it may hold half of a secret.
    throw Object.assign(new Error('the answer could not be read'), { $metadata });
  }
  const code = header(response, 'x-amzn-errortype')?.split(':', 1)[0] ?? String(status);
  const message = typeof fields['message'] === 'string' ? fields['message'].slice(0, 500) : `HTTP ${status} without further words`;
  throw Object.assign(new Error(message), { name: code, $fault: status < 500 ? 'client' : 'server', $metadata });
}

function credentialsOf(value: unknown): Omit<Answer, '$metadata'> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = value as Readonly<Record<string, unknown>>;
  const end = typeof expiration === 'string' ? Date.parse(expiration) : Number.NaN;
  if (typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string' || typeof sessionToken !== 'string' || Number.isNaN(end))
    return undefined;
  return { credentials: { accessKeyId, secretAccessKey, sessionToken }, expiration: end };
}

function header(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** What a server says of a client's certificate, by the number of the alert: https://www.rfc-editor.org/rfc/rfc8446#section-6 */
const alerts: Readonly<Record<string, string>> = {
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  48: 'unknown_ca',
  49: 'access_denied',
  116: 'certificate_required',
};
/** Node's words for a server that is not who it should be: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const serverPattern = /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|HOSTNAME_MISMATCH|INVALID_CA|ERR_TLS_CERT_ALTNAME_INVALID)/;

function refusedHandshake(error: unknown): HandshakeRefused | undefined {
  const { code = '', message = '' } = (error ?? {}) as { readonly code?: string; readonly message?: string };
  // OpenSSL's text is the same whether Node finds the alert while it reads or while it writes; its codes are not.
  const alert = alerts[/SSL alert number (\d+)/.exec(message)?.[1] ?? ''];
  if (alert !== undefined)
    return new HandshakeRefused('AccessDenied', alert, 'the server refused the client certificate in the TLS handshake');
  return serverPattern.test(code) ? new HandshakeRefused('Invalid', code, `the server is not trusted: ${message}`) : undefined;
}
