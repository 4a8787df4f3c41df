import { DescribeStacksCommand, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import type { Refusal } from './answers.ts';
import type { Backend } from './backend.ts';
import { type Tree, tagsAt, textAt } from './query.ts';

/** The emulator takes an update that changes nothing; CloudFormation does not (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html#troubleshooting-errors-no-updates-to-perform). */
export async function noUpdate(backend: Backend, parameters: Tree): Promise<Refusal | undefined> {
  const StackName = textAt(parameters, 'StackName') ?? '';
  const found = await backend.cloudFormation.send(new DescribeStacksCommand({ StackName })).catch(() => undefined);
  const stack = found?.Stacks?.[0];
  if (stack === undefined) return undefined;
  const { TemplateBody = '' } = await backend.cloudFormation.send(new GetTemplateCommand({ StackName }));
  const tags = Object.fromEntries((stack.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));
  const same = TemplateBody === textAt(parameters, 'TemplateBody') && text(tags) === text(tagsAt(parameters, 'Tags'));
  return same ? { status: 400, code: 'ValidationError', message: 'No updates are to be performed.' } : undefined;
}

function text(tags: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(tags).toSorted());
}
