import type { AwsResult } from './errors.ts';
import type { Grant, Subject } from './grant.ts';

/** What a certificate Secret holds, PEM. `privateKey` is a secret: it lives as long as the call that it is handed to. */
export type ClientCertificate = {
  readonly certificate: string;
  readonly privateKey: string;
  /** Who signed the server's certificate; the well-known authorities where left out (AWS's own are among them). */
  readonly authority?: string;
};

/** What can be said of a certificate; nothing in it is a secret. Times are milliseconds since the epoch. */
export type CertificateFacts = {
  /** SHA-256 of its DER, 64 hexadecimal digits: AWS IoT's certificate id, and the name of the sessions obtained with it. */
  readonly id: string;
  readonly notBefore: number;
  readonly notAfter: number;
};

/**
 * The credentials provider of AWS IoT: an X.509 certificate for a role's session. It takes neither a session policy nor a session name nor tags.
 * https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
 */
export type IotCredentialsPort = {
  /** Makes no call. Invalid where a text is no PEM, or the key is not the certificate's. */
  readCertificate(certificate: ClientCertificate): AwsResult<CertificateFacts>;
  /**
   * One GET over mutual TLS, unsigned. `roleArn`: the role that the alias is meant to stand for. The grant ends with the session, and after an hour at most.
   * A certificate that the server refuses in the handshake is AccessDenied, with the alert as its code.
   */
  assumeRoleWithCertificate(
    subject: Subject,
    request: {
      readonly identity: string;
      readonly roleArn: string;
      /** `<prefix>.credentials.iot.<region>.amazonaws.com` */
      readonly endpoint: string;
      readonly roleAlias: string;
      readonly thingName: string;
      readonly certificate: ClientCertificate;
    },
  ): Promise<AwsResult<Grant>>;
};
