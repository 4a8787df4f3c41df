import { frozenFieldRule, type Rule, rule } from '../rule.ts';

const KIND = 'ElasticNode';
const FROZEN = [
  'runtimeRef',
  'pool',
  'role',
  'offerings',
  'image',
  'launchTemplate',
  'userDataSha256',
  'volume',
  'requested',
  'labels',
  'taints',
  'terminationGracePeriod',
  'expireAfter',
] as const;

export const nodeRules: readonly Rule[] = [
  ...FROZEN.map((field) =>
    frozenFieldRule(
      KIND,
      'spec',
      field,
      `${field} is immutable: the launch was asked for with it; delete the ElasticNode and make another`,
    ),
  ),
  rule<number>(KIND, 'spec.attempt', {
    cel: 'self >= oldSelf',
    message: 'attempt only moves on: an earlier one may have made an instance',
    check: (self, oldSelf) => self >= oldSelf,
  }),
];
