import {
  CreateFleetCommand,
  DeleteLaunchTemplateCommand,
  type EC2Client,
  RunInstancesCommand,
  type RunInstancesCommandInput,
} from '@aws-sdk/client-ec2';
import type { AwsResult, CreateFleetRequest, Ec2Port } from '../../ports/aws/index.ts';
import { err, ok } from '../../ports/result.ts';
import { actorOf, type Send } from '../send.ts';
import { toInput } from './fleet.ts';
import { metadataOptions } from './launch-templates.ts';
import { toTagList } from './tags.ts';

type DryRuns = Pick<Ec2Port, 'dryRunCreateFleet' | 'dryRunRunInstances' | 'dryRunDeleteLaunchTemplate'>;

/** EC2 answers each with an error: DryRunOperation where the call would be allowed, UnauthorizedOperation where not. */
export function createDryRuns(parts: { readonly client: EC2Client; readonly send: Send }): DryRuns {
  const { client, send } = parts;
  return {
    async dryRunCreateFleet(caller, request) {
      const { ClientToken: ignored, ...fleet } = toInput(request, request.offerings[0]?.capacityType ?? 'on-demand');
      void ignored;
      const input = { ...fleet, DryRun: true };
      const answer = await send({ method: 'ec2.dryRunCreateFleet', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new CreateFleetCommand(input), { abortSignal }),
      );
      return verdict(answer);
    },

    async dryRunRunInstances(caller, request) {
      const input = runInput(request);
      const answer = await send({ method: 'ec2.dryRunRunInstances', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new RunInstancesCommand(input), { abortSignal }),
      );
      return verdict(answer);
    },

    async dryRunDeleteLaunchTemplate(caller, request) {
      const input = { LaunchTemplateId: request.id, DryRun: true };
      const answer = await send({ method: 'ec2.dryRunDeleteLaunchTemplate', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new DeleteLaunchTemplateCommand(input), { abortSignal }),
      );
      return verdict(answer);
    },
  };
}

function verdict(answer: AwsResult<unknown>): AwsResult<void> {
  if (answer.ok) return err({ kind: 'Other', code: 'DryRunIgnored', message: 'the dry run was answered as if the call had been made' });
  return answer.error.code === 'DryRunOperation' ? ok(undefined) : answer;
}

/**
 * As the fleet will launch the first offering. The metadata options stand in the template, too, but EC2 takes the condition key ec2:MetadataHttpTokens, which many
 * organizations ask for, from the request (https://github.com/aws/karpenter-provider-aws/issues/9018).
 */
function runInput({ launchTemplate, offerings, tags }: CreateFleetRequest): RunInstancesCommandInput {
  const [offering] = offerings;
  const Tags = toTagList(tags);
  return {
    DryRun: true,
    MinCount: 1,
    MaxCount: 1,
    LaunchTemplate: { LaunchTemplateId: launchTemplate.id, Version: launchTemplate.version },
    ...(offering !== undefined && {
      InstanceType: offering.instanceType as NonNullable<RunInstancesCommandInput['InstanceType']>,
      SubnetId: offering.subnetId,
    }),
    ...(offering?.capacityType === 'spot' && { InstanceMarketOptions: { MarketType: 'spot' } }),
    MetadataOptions: metadataOptions,
    TagSpecifications: [
      { ResourceType: 'instance', Tags },
      { ResourceType: 'volume', Tags },
    ],
  };
}
