import { parseRoleArn } from '../../access/roles.ts';
import type { DocumentsInput, RuntimeDocuments } from '../runtime-input.ts';

/** A runtime with its documents. */
export type RuntimeView = {
  readonly input: DocumentsInput;
  /** `<namespace>.<runtime>` */
  readonly name: string;
  readonly documents: RuntimeDocuments;
};

export type ExternalIdParameter = {
  /** Logical id of the template's parameter. */
  readonly parameter: string;
  /** What stands in the documents instead of the value. */
  readonly marker: string;
  /** `<namespace>/<Secret>/<key>` */
  readonly secret: string;
};

/** Neither master nor worker role is named: the operator makes them, with the node role, in a stack of their own. */
export function isDefault({ runtime }: DocumentsInput): boolean {
  const { master, worker } = runtime.spec.identities;
  return master === undefined && worker === undefined;
}

export function accountOfRole(arn: string): string {
  const role = parseRoleArn(arn);
  return role.ok ? role.value.account : '';
}
