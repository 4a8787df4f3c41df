import type { ElasticAccessRequestSpec } from '../../../api/generated/types.ts';
import { immutableRule, type Rule, rule } from '../rule.ts';

const KIND = 'ElasticAccessRequest';

export const accessRequestRules: readonly Rule[] = [
  immutableRule(KIND, 'spec', 'a request is immutable: make another one'),
  rule<ElasticAccessRequestSpec>(KIND, 'spec', {
    cel: "self.kind == 'Logs' ? has(self.log) && !has(self.connection) : has(self.connection) && !has(self.log) && !has(self.attempt)",
    message: 'Logs needs log and no connection; Preview needs connection and neither log nor attempt',
    check: ({ kind, log, connection, attempt }) =>
      kind === 'Logs'
        ? log !== undefined && connection === undefined
        : connection !== undefined && log === undefined && attempt === undefined,
  }),
];
