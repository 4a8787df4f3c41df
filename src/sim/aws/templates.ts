import type { LaunchTemplate, LaunchTemplateRequest, Tags } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { type Authenticated, authorize } from './authorize.ts';
import { replayed, visibleFrom, withTags } from './ec2.ts';
import { type Failure, failure, invalid } from './failures.ts';
import { type AccountState, hexId, type TemplateState } from './state.ts';

type At = { readonly state: AccountState; readonly caller: Authenticated; readonly region: string };

export function createLaunchTemplate({ state, caller, region }: At, request: LaunchTemplateRequest): Result<LaunchTemplate, Failure> {
  const refused = authorize(state, caller, 'ec2.createLaunchTemplate', request, region);
  if (refused !== undefined) return err(refused);
  return replayed(state, 'CreateLaunchTemplate', request, () => {
    if ([...state.templates.values()].some((template) => template.name === request.name)) {
      const message = 'Launch template name already in use.';
      return err(failure('AlreadyExists', 'InvalidLaunchTemplateName.AlreadyExistsException', message));
    }
    const wrong = wrongTemplate(state, request);
    if (wrong !== undefined) return err(wrong);
    const template: TemplateState = {
      id: hexId(state, 'lt'),
      name: request.name,
      imageId: request.imageId,
      securityGroupIds: [...request.securityGroupIds],
      userData: request.userData,
      volume: request.volume,
      tags: { ...request.tags },
      launchTags: { ...request.launchTags },
      visibleAt: visibleFrom(state),
      ...(request.instanceProfileArn === undefined ? {} : { instanceProfileArn: request.instanceProfileArn }),
    };
    state.templates.set(template.id, template);
    return ok(shown(template));
  });
}

/** Most of a template is checked only when something is launched from it; its form is checked at once. */
function wrongTemplate({ profiles }: AccountState, request: LaunchTemplateRequest): Failure | undefined {
  if (!/^[a-zA-Z0-9().\-/_]{3,128}$/.test(request.name)) {
    return invalid('InvalidLaunchTemplateName.MalformedException', 'A launch template name must be between 3 and 128 characters');
  }
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: 16 KB before base64
  if (Buffer.from(request.userData, 'base64').byteLength > 16_384)
    return invalid('InvalidUserData.Malformed', 'User data is limited to 16384 bytes');
  if (request.instanceProfileArn !== undefined && !profiles.has(request.instanceProfileArn)) {
    return invalid(
      'InvalidIamInstanceProfileArn.Malformed',
      `Value (${request.instanceProfileArn}) for parameter iamInstanceProfile.arn is invalid.`,
    );
  }
  return undefined;
}

export function describeLaunchTemplates(
  { state, caller, region }: At,
  filter: { readonly tags: Tags },
): Result<readonly LaunchTemplate[], Failure> {
  const refused = authorize(state, caller, 'ec2.describeLaunchTemplates', filter, region);
  if (refused !== undefined) return err(refused);
  return ok(withTags([...state.templates.values()], filter.tags, state.world.now()).map(shown));
}

export function deleteLaunchTemplate({ state, caller, region }: At, request: { readonly id: string }): Result<void, Failure> {
  if (!state.templates.has(request.id)) return err(noTemplate(request.id));
  const refused = authorize(state, caller, 'ec2.deleteLaunchTemplate', request, region);
  if (refused !== undefined) return err(refused);
  state.templates.delete(request.id);
  return ok(undefined);
}

export function noTemplate(id: string): Failure {
  return failure('NotFound', 'InvalidLaunchTemplateId.NotFound', `The specified launch template, with template ID ${id}, does not exist.`);
}

function shown({ id, name, tags }: TemplateState): LaunchTemplate {
  return { id, name, version: '1', tags };
}
