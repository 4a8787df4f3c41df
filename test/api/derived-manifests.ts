import { classDefaultFields } from '../../src/core/classes/builtin.ts';
import { connection, runtimeClass } from './manifests.ts';
import type { WrongManifest } from './wrong-manifests.ts';

type Json = Readonly<Record<string, unknown>>;

/** What is wrong in a runtime is wrong in the defaults of a class: the same rows, a level deeper. */
export function asClassDefaults(rows: readonly WrongManifest[]): readonly WrongManifest[] {
  return rows.flatMap((row) => {
    const field = classDefaultFields.find((name) => new RegExp(`^spec[.]${name}\\b`).test(row.field));
    // Nothing is required in defaults, half of a network is half of a default, a region alone is in no other's partition, and logs alone are one folder.
    const asked =
      row.message.startsWith('Required value') ||
      row.message.startsWith('give either') ||
      row.name.includes('staging and logs in one') ||
      row.message.includes('in the partition of the region');
    if (field === undefined || asked || row.old !== undefined || row.message === 'unknown field') return [];
    const defaults = { [field]: row.manifest.spec[field] };
    return [
      {
        ...row,
        name: row.name.replace('ElasticRuntime:', 'ElasticRuntimeClass:'),
        manifest: { ...runtimeClass, spec: { ...runtimeClass.spec, defaults } },
        field: row.field.replace('spec.', 'spec.defaults.'),
      },
    ];
  });
}

/** What is wrong in an inline connection is wrong in an ElasticConnection. */
export function asConnections(rows: readonly WrongManifest[]): readonly WrongManifest[] {
  return rows.flatMap((row) => {
    const [, index, rest = ''] = /^spec[.]connections\[(\d+)\](.*)$/.exec(row.field) ?? [];
    if (index === undefined || row.old !== undefined || /^give either a connector|^connectionRef|^Duplicate/.test(row.message)) return [];
    const { name, connectionRef: _reference, ...spec } = (row.manifest.spec['connections'] as readonly Json[])[Number(index)] ?? {};
    if (rest === '.name' || name === undefined) return [];
    const manifest = { ...connection, spec };
    return [{ ...row, name: row.name.replace('ElasticJob:', 'ElasticConnection:'), manifest, field: `spec${rest}` }];
  });
}
