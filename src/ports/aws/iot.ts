import type { AwsResult } from './errors.ts';
import type { Caller } from './grant.ts';

export type CertificateStatus = 'ACTIVE' | 'INACTIVE' | 'REVOKED';

/** Certificates of AWS IoT, as their owner manages them. https://docs.aws.amazon.com/iot/latest/apireference/API_Operations_AWS_IoT.html */
export type IotPort = {
  /** A P-256 key made here and a signing request for it, PEM. Makes no call. `privateKey` is a secret. AWS IoT signs P-256 and RSA from 2,048 bits. */
  createKey(commonName: string): Promise<{ readonly privateKey: string; readonly request: string }>;
  /** INACTIVE: nothing can be done with it yet. The same request twice makes two certificates. */
  createCertificateFromCsr(
    caller: Caller,
    request: { readonly request: string },
  ): Promise<AwsResult<{ readonly certificateId: string; readonly certificateArn: string; readonly certificate: string }>>;
  /** Other states (PENDING_TRANSFER …) come back as AWS words them. */
  describeCertificate(
    caller: Caller,
    request: { readonly certificateId: string },
  ): Promise<AwsResult<{ readonly status: string; readonly arn: string }>>;
  updateCertificate(
    caller: Caller,
    request: { readonly certificateId: string; readonly status: CertificateStatus },
  ): Promise<AwsResult<void>>;
  /** One that is not ACTIVE and belongs to no thing, whatever policies it has. */
  deleteCertificate(caller: Caller, request: { readonly certificateId: string }): Promise<AwsResult<void>>;
  attachPolicy(caller: Caller, request: { readonly policyName: string; readonly certificateArn: string }): Promise<AwsResult<void>>;
  attachThingPrincipal(caller: Caller, request: { readonly thingName: string; readonly certificateArn: string }): Promise<AwsResult<void>>;
  detachThingPrincipal(caller: Caller, request: { readonly thingName: string; readonly certificateArn: string }): Promise<AwsResult<void>>;
};
