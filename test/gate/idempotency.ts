import { createHash } from 'node:crypto';
import { isRefusal, type Refusal } from './answers.ts';
import type { WireAnswer } from './http.ts';
import { type Tree, textAt } from './query.ts';

export type TokenLedger = {
  /** The recorded answer where the token was used with the same parameters, a refusal where with others, else what `work` makes. */
  once(operation: string, parameters: Tree, work: () => Promise<WireAnswer | Refusal>): Promise<WireAnswer | Refusal>;
};

/** https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html. What failed is not recorded: the token is free again. */
export function createTokenLedger(): TokenLedger {
  const used = new Map<string, { readonly digest: string; readonly answer: Promise<WireAnswer | Refusal> }>();
  return {
    async once(operation, parameters, work) {
      const token = textAt(parameters, 'ClientToken');
      if (token === undefined) return await work();
      const key = `${operation} ${token}`;
      const digest = createHash('sha256')
        .update(JSON.stringify(sorted(parameters)))
        .digest('hex');
      const known = used.get(key);
      if (known) {
        if (known.digest === digest) return await known.answer;
        return {
          status: 400,
          code: 'IdempotentParameterMismatch',
          message: 'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
        };
      }
      const answer = work();
      used.set(key, { digest, answer });
      const failed = await answer.then(
        (made) => isRefusal(made) || made.status >= 300,
        () => true,
      );
      if (failed) used.delete(key);
      return await answer;
    },
  };
}

function sorted(tree: Tree | string): unknown {
  if (typeof tree === 'string') return tree;
  if (Array.isArray(tree)) return tree.map(sorted);
  return Object.entries(tree)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]: [string, Tree | string]) => [name, sorted(value)]);
}
