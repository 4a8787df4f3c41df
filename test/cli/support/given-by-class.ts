import { parseAllDocuments, stringify } from 'yaml';

type Document = { readonly kind: string; readonly spec?: object };

/** The same manifests with all that the runtimes say given by a class in their place: what is made of them must be the same. */
export function givenByClass(text: string): string {
  const documents = parseAllDocuments(text).map((document) => document.toJS() as Document);
  const runtime = documents.find(({ kind }) => kind === 'ElasticRuntime');
  const ofClass = {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticRuntimeClass',
    metadata: { name: 'all' },
    spec: { allowed: { defaultRoles: 'Allowed', x509: 'Allowed' }, defaults: runtime?.spec },
  };
  return [ofClass, ...documents.map((one) => (one.kind === 'ElasticRuntime' ? { ...one, spec: { runtimeClassName: 'all' } } : one))]
    .map((one) => stringify(one))
    .join('---\n');
}
