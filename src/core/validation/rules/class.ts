import type { NamespaceRequirement } from '../../../api/generated/types.ts';
import { classDefaultFields } from '../../classes/builtin.ts';
import * as patterns from '../patterns.ts';
import { type Rule, rule, textRule } from '../rule.ts';
import { runtimeRules, twoFolders } from './runtime.ts';

const KIND = 'ElasticRuntimeClass';
const EXPRESSIONS = 'spec.namespaceSelector.matchExpressions[]';

const own: readonly Rule[] = [
  textRule(KIND, 'spec.organization', patterns.SLUG, 'use lower-case letters, digits and hyphens, such as acme'),
  rule<NamespaceRequirement>(KIND, EXPRESSIONS, {
    cel: "!(self.operator in ['In', 'NotIn']) || (has(self.values) && self.values.size() > 0)",
    message: 'operators In and NotIn need values',
    check: (self) => !['In', 'NotIn'].includes(self.operator) || (self.values ?? []).length > 0,
  }),
  rule<NamespaceRequirement>(KIND, EXPRESSIONS, {
    cel: "!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || self.values.size() == 0",
    message: 'operators Exists and DoesNotExist take no values',
    check: (self) => !['Exists', 'DoesNotExist'].includes(self.operator) || (self.values ?? []).length === 0,
  }),
  textRule(
    KIND,
    ['spec.allowed.roleArns[]', 'spec.allowed.connectionRoleArns[]', 'spec.allowed.kmsKeyArns[]'],
    patterns.ARN_GLOB,
    'use an ARN, with * for any letters between two / or colons, or at the end for all that follows: arn:aws:iam::111122223333:role/acme-*',
  ),
  textRule(
    KIND,
    'spec.allowed.uris[]',
    patterns.URI_GLOB,
    'use s3://<bucket>/<folder>, or with /* at the end for all that lies below: s3://acme-staging/*; or the ARN of a table, stream or the like: arn:aws:dynamodb:us-east-1:111122223333:table/acme-*',
  ),
  textRule(
    KIND,
    'spec.limitsPerNamespace.maxUsdPerHour',
    patterns.MONEY,
    'use US dollars as decimal text with at most six decimals, such as "60" or "4.25"',
  ),
];

/** What a runtime may not say, its class may not say either. A class itself may change: its runtimes keep what is immutable. */
const defaults: readonly Rule[] = runtimeRules.flatMap((each) => {
  const paths = each.paths.filter(
    (path) => classDefaultFields.some((field) => path.startsWith(`spec.${field}`)) && path !== 'spec.network',
  );
  if (paths.length === 0 || each.cel.includes('oldSelf')) return [];
  return [{ ...each, kind: KIND, paths: paths.map((path) => path.replace(/^spec\./, 'spec.defaults.')) } satisfies Rule];
});

export const classRules: readonly Rule[] = [...own, ...defaults, { ...twoFolders, kind: KIND, paths: ['spec.defaults'] }];
