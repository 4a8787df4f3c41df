import type { Rule } from '../rule.ts';
import { jobRules } from './job.ts';

const INLINE = 'spec.connections[]';
/** Of an entry in a job only: its name, and that it either is a connection or names one. */
const OF_ENTRIES = /connectionRef|^self\.name\b/;

/** What is wrong in an inline connection is wrong in an ElasticConnection, too. */
export const connectionRules: readonly Rule[] = jobRules.flatMap((each) => {
  const paths = each.paths.filter((path) => path.startsWith(INLINE) && path !== `${INLINE}.name`);
  if (paths.length === 0 || OF_ENTRIES.test(each.cel)) return [];
  return [{ ...each, kind: 'ElasticConnection' as const, paths: paths.map((path) => `spec${path.slice(INLINE.length)}`) } satisfies Rule];
});
