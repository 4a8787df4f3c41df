import type { FieldProblem } from './connection-checks.ts';
import type { Connection } from './connections.ts';
import { foreignFolder } from './foreign-folder.ts';
import type { AccessJob, AccessRuntime, Dependency } from './input.ts';
import { objectKey, parseS3ObjectUri } from './locations.ts';
import { type Check, firstProblem } from './rules.ts';

type Subject = {
  readonly runtime: AccessRuntime;
  readonly dependency: Dependency;
  readonly connections: readonly Connection[];
  readonly before: readonly Dependency[];
};

/** What is wrong with `spec.dependencies`, at most one thing each; the field is relative to the list. */
export function wrongDependencies(runtime: AccessRuntime, job: AccessJob, connections: readonly Connection[]): readonly FieldProblem[] {
  const dependencies = job.spec.dependencies ?? [];
  return dependencies.flatMap((dependency, index) => {
    const problem = firstProblem(CHECKS, { runtime, dependency, connections, before: dependencies.slice(0, index) });
    return problem === undefined ? [] : [{ ...problem, field: `[${index}].${problem.field}` }];
  });
}

const CHECKS: readonly Check<Subject, FieldProblem>[] = [
  ({ dependency: { path } }) => {
    const key = objectKey({ bucket: '', key: '' }, path);
    return key.ok
      ? undefined
      : { field: 'path', value: path, message: key.reason, remedy: 'write a relative path of plain names, such as app/etl.py' };
  },
  ({ dependency: { path }, before }) => {
    if (before.every((other) => other.path !== path)) return undefined;
    return {
      field: 'path',
      value: path,
      message: 'is the path of another dependency, too',
      remedy: 'give each dependency a path of its own',
    };
  },
  ({ dependency: { uri, connection } }) => {
    if (uri !== undefined || connection === undefined) return undefined;
    return { field: 'connection', value: connection, message: 'is given without a uri to read', remedy: 'add uri, or remove connection' };
  },
  ({ dependency: { uri } }) => {
    const object = uri === undefined ? undefined : parseS3ObjectUri(uri);
    if (object === undefined || object.ok) return undefined;
    return { field: 'uri', value: uri ?? '', message: object.reason, remedy: 'write s3://bucket/key' };
  },
  ({ dependency: { uri }, runtime }) => {
    const object = uri === undefined ? undefined : parseS3ObjectUri(uri);
    const field = object?.ok === true ? foreignFolder(runtime, object.value) : undefined;
    if (field === undefined) return undefined;
    const message = `lies in spec.${field} of the runtime, but not below its organization ${runtime.spec.organization}`;
    return { field: 'uri', value: uri ?? '', message, remedy: 'name an object below the own organization, or in another bucket' };
  },
  ({ dependency: { connection }, connections }) => {
    if (connection === undefined || connections.some(({ name }) => name === connection)) return undefined;
    const names = connections.filter(({ access }) => access === 'Direct').map(({ name }) => name);
    const remedy =
      names.length > 0 ? `name one of: ${names.join(', ')}; or leave it out for the worker role` : 'leave it out for the worker role';
    return { field: 'connection', value: connection, message: 'names no connection of this job', remedy };
  },
  ({ dependency: { connection }, connections }) => {
    const named = connections.find(({ name }) => name === connection);
    if (named === undefined || named.access === 'Direct') return undefined;
    return {
      field: 'connection',
      value: named.name,
      message: 'is indirect: its login reads nothing in S3',
      remedy: 'name a direct connection, or leave it out for the worker role',
    };
  },
];
