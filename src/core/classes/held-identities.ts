import type { ElasticRuntimeClass, RuntimeDefaults } from '../../api/generated/types.ts';
import { equal } from '../validation/rule.ts';
import type { WrittenSpec } from './merge.ts';

type Identities = NonNullable<RuntimeDefaults['identities']>;
type Json = Readonly<Record<string, unknown>>;

/** Identities that a runtime is to have and does not have yet, since nodes exist that were launched as others. */
export type HeldIdentities = {
  /** Which of them: agent, operator, master, worker, node. */
  readonly changed: readonly string[];
  /** Who has changed them: the class of this name, the author, or (what neither gives any more) one of the two. */
  readonly by: { readonly kind: 'author' } | { readonly kind: 'class' | 'either'; readonly className: string };
};

export type IdentityChange = {
  /** As the author says. */
  readonly written: WrittenSpec;
  readonly ofClass: ElasticRuntimeClass | undefined;
  /** As they are to be. */
  readonly wanted: Identities;
  /** With which the runtime was begun. */
  readonly pinned: Identities;
};

/** Undefined where nothing differs. */
export function changedIdentities({ written, ofClass, wanted, pinned }: IdentityChange): HeldIdentities | undefined {
  const part = (of: Identities | undefined, name: string): Json | undefined => (of as Readonly<Record<string, Json>> | undefined)?.[name];
  const changed = [...new Set([...Object.keys(wanted), ...Object.keys(pinned)])]
    .sort()
    .filter((name) => !equal(part(wanted, name), part(pinned, name)));
  if (changed.length === 0) return undefined;
  if (ofClass === undefined) return { changed, by: { kind: 'author' } };
  const fields = changed.flatMap((name) => {
    const [now, was] = [part(wanted, name), part(pinned, name)];
    return Object.keys({ ...was, ...now })
      .filter((key) => !equal(now?.[key], was?.[key]))
      .map((key) => ({
        isSaid: part(written.identities, name)?.[key] !== undefined,
        isGiven: part(ofClass.spec.defaults?.identities, name)?.[key] !== undefined,
      }));
  });
  const className = ofClass.metadata.name;
  if (fields.some(({ isSaid, isGiven }) => isGiven && !isSaid)) return { changed, by: { kind: 'class', className } };
  return { changed, by: fields.every(({ isSaid }) => isSaid) ? { kind: 'author' } : { kind: 'either', className } };
}

/**
 * Whether the new identities see the same instances as those that were launched: it is masters that launch and end them, default roles in the operator's account. Only then may they
 * take the place of such as AWS refuses for good while nodes exist: as a role of another account every instance would look as if it were gone.
 */
export function inSameAccount(one: Identities, other: Identities): boolean {
  const accountOf = ({ master, operator }: Identities): string | undefined => (master?.roleArn ?? operator?.roleArn)?.split(':')[4];
  const account = accountOf(one);
  return account !== undefined && account === accountOf(other);
}

/** Says why nothing begins meanwhile. */
export function describeHeld({ changed, by }: HeldIdentities, nodes: number): string {
  const names = changed.join(', ');
  const who =
    by.kind === 'author'
      ? `spec.identities was changed (${names})`
      : by.kind === 'class'
        ? `ElasticRuntimeClass ${by.className} changed identities of its runtimes (${names})`
        : `spec.identities or the defaults of ElasticRuntimeClass ${by.className} were changed (${names})`;
  return (
    `${who} while ${nodes} node(s) exist, which only the identities that they were launched with can end: the new ones take effect when the last one is gone. ` +
    'What runs goes on, nodes that nothing needs are ended, no node is launched and no job begins; changed back, all goes on at once'
  );
}
