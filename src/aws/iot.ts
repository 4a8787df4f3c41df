// oxlint-disable-next-line import/no-unassigned-import -- it must come before @peculiar/x509
import './reflect.ts';
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateCertificateFromCsrCommand,
  DeleteCertificateCommand,
  DescribeCertificateCommand,
  DetachThingPrincipalCommand,
  type IoTClient,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { AwsResult, Caller, IotPort } from '../ports/aws/index.ts';
import { err, ok } from '../ports/result.ts';
import { actorOf, type Method, type Send } from './send.ts';

/** AWS IoT takes NIST P-256 (https://docs.aws.amazon.com/iot/latest/apireference/API_CreateCertificateFromCsr.html), and TLS 1.2 and 1.3 both sign with it. */
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export function createIot(parts: { readonly client: IoTClient; readonly send: Send }): IotPort {
  const { client, send } = parts;

  async function done<T extends { readonly $metadata: { readonly requestId?: string } }>(
    method: Method,
    caller: Caller,
    request: object,
    run: (abortSignal: AbortSignal) => Promise<T>,
  ): Promise<AwsResult<void>> {
    const answer = await send({ method, request, actor: actorOf(caller) }, run);
    return answer.ok ? ok(undefined) : answer;
  }

  return {
    async createKey(commonName) {
      const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const made = await Pkcs10CertificateRequestGenerator.create({ name: [{ CN: [commonName] }], keys, signingAlgorithm: algorithm });
      const bytes = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
      const body = bytes.toString('base64').replaceAll(/.{64}/g, '$&\n');
      bytes.fill(0);
      return { privateKey: `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`, request: made.toString('pem') };
    },

    async createCertificateFromCsr(caller, request) {
      const input = { certificateSigningRequest: request.request, setAsActive: false };
      const answer = await send({ method: 'iot.createCertificateFromCsr', request: {}, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new CreateCertificateFromCsrCommand(input), { abortSignal }),
      );
      if (!answer.ok) return answer;
      const { certificateId, certificateArn, certificatePem: certificate } = answer.value;
      if (certificateId === undefined || certificateArn === undefined || certificate === undefined)
        return err({ kind: 'Other', code: 'IncompleteAnswer', message: 'AWS IoT answered without a certificate' });
      return ok({ certificateId, certificateArn, certificate });
    },

    async describeCertificate(caller, request) {
      const answer = await send({ method: 'iot.describeCertificate', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new DescribeCertificateCommand(request), { abortSignal }),
      );
      if (!answer.ok) return answer;
      const { status = '', certificateArn: arn = '' } = answer.value.certificateDescription ?? {};
      return ok({ status, arn });
    },

    updateCertificate: (caller, request) =>
      done('iot.updateCertificate', caller, request, (abortSignal) =>
        client.send(new UpdateCertificateCommand({ certificateId: request.certificateId, newStatus: request.status }), { abortSignal }),
      ),
    deleteCertificate: (caller, request) =>
      done('iot.deleteCertificate', caller, request, (abortSignal) =>
        client.send(new DeleteCertificateCommand({ certificateId: request.certificateId, forceDelete: true }), { abortSignal }),
      ),
    attachPolicy: (caller, request) =>
      done('iot.attachPolicy', caller, request, (abortSignal) =>
        client.send(new AttachPolicyCommand({ policyName: request.policyName, target: request.certificateArn }), { abortSignal }),
      ),
    attachThingPrincipal: (caller, request) =>
      done('iot.attachThingPrincipal', caller, request, (abortSignal) =>
        client.send(new AttachThingPrincipalCommand({ thingName: request.thingName, principal: request.certificateArn }), { abortSignal }),
      ),
    detachThingPrincipal: (caller, request) =>
      done('iot.detachThingPrincipal', caller, request, (abortSignal) =>
        client.send(new DetachThingPrincipalCommand({ thingName: request.thingName, principal: request.certificateArn }), { abortSignal }),
      ),
  };
}
