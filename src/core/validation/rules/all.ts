import type { Rule } from '../rule.ts';
import { accessRequestRules } from './access-request.ts';
import { classRules } from './class.ts';
import { connectionRules } from './connection.ts';
import { jobRules } from './job.ts';
import { nodeRules } from './node.ts';
import { runtimeRules } from './runtime.ts';
import { templateRules } from './template.ts';

/** Every rule of every kind, in the order of the API's documentation. */
export const rules: readonly Rule[] = [
  ...runtimeRules,
  ...classRules,
  ...connectionRules,
  ...jobRules,
  ...templateRules,
  ...nodeRules,
  ...accessRequestRules,
];
