/**
 * A CloudFormation template as data (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html). Properties are in the order in
 * which they are written; the CLI makes YAML or JSON of it.
 */
export type Template = {
  readonly AWSTemplateFormatVersion: '2010-09-09';
  readonly Description: string;
  readonly Parameters?: Readonly<Record<string, Parameter>>;
  readonly Conditions?: Readonly<Record<string, Intrinsic>>;
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, Output>>;
};

export type Parameter = {
  readonly Type: 'String';
  readonly Description: string;
  readonly NoEcho?: true;
  readonly Default?: string;
  readonly AllowedValues?: readonly string[];
  readonly AllowedPattern?: string;
  readonly ConstraintDescription?: string;
  readonly MinLength?: number;
  readonly MaxLength?: number;
};

export type Resource = {
  readonly Type: string;
  readonly Condition?: string;
  readonly DependsOn?: readonly string[];
  readonly DeletionPolicy?: 'Retain';
  readonly UpdateReplacePolicy?: 'Retain';
  readonly Properties: Readonly<Record<string, Value>>;
};

export type Output = { readonly Description: string; readonly Condition?: string; readonly Value: Value };

export type Intrinsic =
  | { readonly Ref: string }
  | { readonly 'Fn::GetAtt': readonly [logicalId: string, attribute: string] }
  | { readonly 'Fn::Equals': readonly [Value, Value] };

export type Value = string | number | boolean | Intrinsic | readonly Value[] | { readonly [key: string]: Value | undefined };

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html: a body given inline, and one that lies in S3 (1 MB). */
export const maxInlineBytes = 51_200;
export const maxBytes = 1_000_000;
export const maxResources = 500;
export const maxParameters = 200;

export type LogicalIds = {
  /** Letters and digits of a text. */
  readonly of: (text: string) => string;
  /** Of what belongs to something that has an id. */
  readonly derived: (logicalId: string, suffix: string) => string;
};

/** Logical ids of one template are unique, those of resources and parameters together: one that meets again is numbered. */
export function logicalIds(): LogicalIds {
  const used = new Set<string>();
  function unused(id: string): string {
    let free = id;
    for (let number = 2; used.has(free); number += 1) free = `${id}${number}`;
    used.add(free);
    return free;
  }
  return {
    of: (text) =>
      unused(
        text
          .split(/[^A-Za-z0-9]+/)
          .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
          .join('')
          .slice(0, 200),
      ),
    derived: (logicalId, suffix) => unused(`${logicalId}${suffix}`),
  };
}

export type Entry<T> = readonly [logicalId: string, item: T];

/** A section of a template out of its entries. A second one of the same id would silently take the place of the first: it throws. */
export function section<T>(entries: readonly Entry<T>[], taken: readonly Entry<unknown>[] = []): Readonly<Record<string, T>> {
  const ids = new Set(taken.map(([id]) => id));
  for (const [id] of entries) {
    if (ids.has(id)) throw new Error(`two things of the template have the logical id ${id}`);
    ids.add(id);
  }
  return Object.fromEntries(entries);
}
