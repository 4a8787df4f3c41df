import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { type ArnLocation, asksOf, locationOf, onOf } from '../../src/core/access/arn-locations.ts';
import { serviceResources } from '../../src/core/access/service-resources.ts';
import { flagsOf, iam, variants } from '../cli/support/iam-variants.ts';
import { ensurePython } from '../gate/moto.ts';
import { defaultRolesBody } from './default-roles-body.ts';

/* Every action at a location, and what it is asked of, held to AWS's Service Authorization Reference as cfn-lint carries it. */

/** By prefix: actions in lower case, resource types by name. An action without types is asked of `*` alone. */
type Reference = {
  readonly [service: string]: {
    readonly Actions: { readonly [action: string]: { readonly Resources?: readonly string[] } };
    readonly Resources?: { readonly [type: string]: { readonly ARNFormats: readonly string[] } };
  };
};

let reference: Reference;

before(async () => {
  const print =
    'import cfnlint, os; print(open(os.path.join(os.path.dirname(cfnlint.__file__), "data/AdditionalSpecs/Policies.json")).read())';
  const { stdout } = await promisify(execFile)(await ensurePython(), ['-c', print], { maxBuffer: 100_000_000 });
  reference = JSON.parse(stdout) as Reference;
});

/** undefined: there is no such action. */
function formatsOf(action: string): readonly RegExp[] | undefined {
  const [service = '', name = ''] = action.split(':');
  const { Actions, Resources = {} } = reference[service] ?? { Actions: {} };
  const types = Actions[name.toLowerCase()];
  return (
    types?.Resources?.flatMap((type) => (Resources[type.toLowerCase()]?.ARNFormats ?? []).map(pattern)) ??
    (types === undefined ? undefined : [])
  );
}

function pattern(format: string): RegExp {
  return new RegExp(`^${format.replaceAll(/\$\{\w+\}/g, '[^:]*')}$`);
}

const names: Readonly<Record<string, string>> = {
  '<cluster resource id>/*': 'cluster-ABCDEF/*',
  'cluster/<name>/<uuid>': 'cluster/events/0a1b-1',
  'topic/<cluster>/<uuid>/<name>': 'topic/events/0a1b-1/clicks',
};

/** A location of each kind, by its form. */
function everyLocation(): readonly ArnLocation[] {
  return Object.entries(serviceResources).flatMap(([connector, kinds]) =>
    kinds.map(({ service, form }) => {
      const resource = names[form] ?? form.replaceAll(/<[^>]+>/g, 'abc');
      const arn = `arn:aws:${service}:us-east-1:111122223333:${resource}`;
      return locationOf(connector, arn, { partition: 'aws', region: 'us-east-1', account: '111122223333' }) ?? assert.fail(arn);
    }),
  );
}

/** What is wrong with asking each of the actions of all of these. */
function wrong(actions: readonly string[], resources: readonly string[]): readonly string[] {
  const fits = (action: string, resource: string): boolean => {
    const formats = formatsOf(action);
    return formats?.length === 0 ? resource === '*' : formats?.some((format) => format.test(resource)) === true;
  };
  return [
    ...actions.filter((action) => formatsOf(action) === undefined).map((action) => `${action} is no action`),
    ...actions
      .filter((action) => !resources.some((on) => fits(action, on)))
      .map((action) => `${action} is not asked of ${resources.join()}`),
    ...resources.filter((on) => !actions.some((action) => fits(action, on))).map((on) => `nothing of ${actions.join()} is asked of ${on}`),
  ];
}

void test('every action that a location may need is one of AWS’s, and asked of what AWS asks it of', () => {
  const faults = everyLocation().flatMap((at) => {
    const { describe, sample, reads, writes } = at.kind;
    const calls = [describe, ...(sample === undefined ? [] : [sample])];
    const asked = [
      ...calls.flatMap(({ action }) => asksOf(at, action)),
      ...[...reads, ...writes].map((need) => ({ actions: [...need.actions, ...(need.also ?? [])], resources: onOf(at, need) })),
    ];
    return asked.flatMap(({ actions, resources }) => wrong(actions, resources)).map((fault) => `${at.arn}: ${fault}`);
  });
  assert.deepEqual(faults, []);
});

type Statement = {
  readonly Sid: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
};

/** Statements of identity policies, at any depth; those of a key's policy are of this key, which is written `*` there. */
function statementsIn(value: unknown): readonly Statement[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('Effect' in value && 'Action' in value && 'Resource' in value && !('Principal' in value)) return [value as unknown as Statement];
  return Object.values(value).flatMap(statementsIn);
}

void test('nothing that is generated names everything where AWS asks of something narrower, or what AWS does not ask of', async () => {
  let checked = 0;
  const generated = Object.entries(variants).map(async ([name, variant]) => {
    const { out } = await iam(variant.files, { ...flagsOf(variant), format: 'json', output: 'json' });
    return [name, out] as const;
  });
  for (const [name, document] of [...(await Promise.all(generated)), ['default roles of the operator', defaultRolesBody()] as const]) {
    for (const { Sid, Effect, Action, Resource } of statementsIn(JSON.parse(document))) {
      // A certificate's own policy is IoT's, not IAM's; a boundary leaves to the roles' policies what it does not deny.
      const isOther = Action === 'iot:AssumeRoleWithCertificate' || Sid === 'RolesSayWhatIsAllowed';
      if (Effect !== 'Allow' || isOther) continue;
      checked += 1;
      // What CloudFormation fills in stands for any text.
      const resources = [Resource].flat().map((resource) => JSON.stringify(resource).replaceAll(/^"|"$/g, ''));
      assert.deepEqual(wrong([Action].flat(), resources), [], `${name}: ${Sid}`);
    }
  }
  assert.ok(checked > 100, `${checked} statements`);
});

void test('it would see an action that is none, and one that is asked of something else', () => {
  const table = 'arn:aws:dynamodb:us-east-1:111122223333:table/orders';
  assert.deepEqual(wrong(['dynamodb:Scan'], [table]), []);
  assert.match(wrong(['dynamodb:Skan'], [table]).join(), /is no action/);
  assert.match(wrong(['dynamodb:Scan'], ['*']).join(), /is not asked of \*/);
  assert.match(wrong(['lakeformation:GetDataAccess'], [table]).join(), /is not asked of/);
  assert.match(wrong(['sqs:SendMessage'], ['arn:aws:sqs:us-east-1:111122223333:work', table]).join(), /nothing of sqs:SendMessage/);
});
