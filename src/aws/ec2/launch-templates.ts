import {
  CreateLaunchTemplateCommand,
  type CreateLaunchTemplateRequest,
  DeleteLaunchTemplateCommand,
  DescribeLaunchTemplatesCommand,
  type EC2Client,
  type LaunchTemplate as SdkLaunchTemplate,
  type VolumeType,
} from '@aws-sdk/client-ec2';
import type { Ec2Port, LaunchTemplate, LaunchTemplateRequest } from '../../ports/aws/index.ts';
import { err, ok } from '../../ports/result.ts';
import { actorOf, type Send } from '../send.ts';
import { allPages } from './pages.ts';
import { fromTagList, tagFilters, toTagList } from './tags.ts';

type LaunchTemplates = Pick<Ec2Port, 'createLaunchTemplate' | 'describeLaunchTemplates' | 'deleteLaunchTemplate'>;

/** Session-bound metadata, and not across a container's network namespace: pods cannot take the node's role. */
export const metadataOptions = {
  HttpEndpoint: 'enabled',
  HttpTokens: 'required',
  HttpPutResponseHopLimit: 1,
  InstanceMetadataTags: 'disabled',
} as const;

export function createLaunchTemplates(parts: { readonly client: EC2Client; readonly send: Send }): LaunchTemplates {
  const { client, send } = parts;
  return {
    async createLaunchTemplate(caller, request) {
      const input = toInput(request);
      const answer = await send({ method: 'ec2.createLaunchTemplate', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new CreateLaunchTemplateCommand(input), { abortSignal }),
      );
      if (!answer.ok) {
        return answer;
      }
      return answer.value.LaunchTemplate
        ? ok(toTemplate(answer.value.LaunchTemplate))
        : err({ kind: 'Other', code: 'IncompleteAnswer', message: 'EC2 answered without a launch template' });
    },

    describeLaunchTemplates: (caller, filter) =>
      allPages(
        (nextToken) => {
          const input = { Filters: tagFilters(filter.tags), ...nextToken };
          return send({ method: 'ec2.describeLaunchTemplates', request: filter, actor: actorOf(caller) }, (abortSignal) =>
            client.send(new DescribeLaunchTemplatesCommand(input), { abortSignal }),
          );
        },
        (page) => (page.LaunchTemplates ?? []).map(toTemplate),
      ),

    async deleteLaunchTemplate(caller, request) {
      const input = { LaunchTemplateId: request.id };
      const answer = await send({ method: 'ec2.deleteLaunchTemplate', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new DeleteLaunchTemplateCommand(input), { abortSignal }),
      );
      return answer.ok ? ok(undefined) : answer;
    },
  };
}

function toInput(request: LaunchTemplateRequest): CreateLaunchTemplateRequest {
  const { volume } = request;
  const launchTags = toTagList(request.launchTags ?? {});
  return {
    LaunchTemplateName: request.name,
    ClientToken: request.clientToken,
    LaunchTemplateData: {
      ImageId: request.imageId,
      UserData: request.userData,
      ...(request.instanceProfileArn !== undefined && { IamInstanceProfile: { Arn: request.instanceProfileArn } }),
      SecurityGroupIds: [...request.securityGroupIds],
      // A node that nobody renews shuts itself down: that must end it, not park it.
      InstanceInitiatedShutdownBehavior: 'terminate',
      MetadataOptions: metadataOptions,
      BlockDeviceMappings: [
        {
          DeviceName: volume.deviceName,
          Ebs: {
            VolumeType: volume.type as VolumeType,
            VolumeSize: volume.sizeGiB,
            Encrypted: true,
            DeleteOnTermination: true,
            ...(volume.kmsKeyArn !== undefined && { KmsKeyId: volume.kmsKeyArn }),
          },
        },
      ],
      ...(launchTags.length > 0 && { TagSpecifications: [{ ResourceType: 'network-interface', Tags: launchTags }] }),
    },
    TagSpecifications: [{ ResourceType: 'launch-template', Tags: toTagList(request.tags) }],
  };
}

function toTemplate(template: SdkLaunchTemplate): LaunchTemplate {
  return {
    id: template.LaunchTemplateId ?? '',
    name: template.LaunchTemplateName ?? '',
    version: String(template.LatestVersionNumber ?? 1),
    tags: fromTagList(template.Tags),
  };
}
