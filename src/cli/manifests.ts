import { isDeepStrictEqual } from 'node:util';
import { type Document, type ErrorCode, LineCounter, parseAllDocuments } from 'yaml';
import { apiGroup } from '../api/labels.ts';

/** What reading manifests needs of the world. `readFile` and `stdin` reject where they cannot; `readDir` answers undefined for what is no directory. */
export type ManifestIo = {
  readonly readFile: (path: string) => Promise<string>;
  readonly readDir: (path: string) => Promise<readonly string[] | undefined>;
  readonly stdin: () => Promise<string>;
};

export type ManifestObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string } & Readonly<Record<string, unknown>>;
} & Readonly<Record<string, unknown>>;

/** Where an object stands: a file (`-` is standard input), its document counted from 1, its item where the document is a List. */
export type Place = { readonly file: string; readonly document?: number; readonly item?: number };

export type Manifest = { readonly place: Place; readonly object: ManifestObject };

/** What is wrong with the input: never holds more of a file than names of objects and fields. */
export type InputError = { readonly place: Place; readonly object?: string; readonly field?: string; readonly message: string };

export type Manifests = { readonly manifests: readonly Manifest[]; readonly errors: readonly InputError[] };

type Json = Readonly<Record<string, unknown>>;

/** Reads `-f FILE|DIR|-`, in the order given; of a directory its .yaml, .yml and .json files by name, as kubectl does. */
export async function readManifests(paths: readonly string[], io: ManifestIo): Promise<Manifests> {
  const manifests: Manifest[] = [];
  const errors: InputError[] = [];
  for (const source of await sourcesOf(paths, io)) {
    const read = 'message' in source ? { manifests: [], errors: [source] } : parseManifests(source.file, source.text);
    manifests.push(...read.manifests);
    errors.push(...read.errors);
  }
  const once = withoutRepeats(manifests);
  return { manifests: once.manifests, errors: [...errors, ...once.errors] };
}

/** `finance.yaml, document 3: ElasticJob finance/nightly: spec.runtime: ...` */
export function formatInputError({ place, object, field, message }: InputError): string {
  return [formatPlace(place), object ?? '', field ?? '', message].filter((part) => part !== '').join(': ');
}

/** `ElasticJob finance/nightly`; what names no namespace is in `default`, as for kubectl. */
export function objectName({ kind, metadata }: ManifestObject): string {
  return `${kind} ${namespaceOf(metadata)}/${metadata.name}`;
}

export function namespaceOf(metadata: { readonly namespace?: string | undefined }): string {
  return metadata.namespace ?? 'default';
}

/** One text: YAML documents or JSON, objects or Lists of them. */
export function parseManifests(file: string, text: string): Manifests {
  const manifests: Manifest[] = [];
  const errors: InputError[] = [];
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { prettyErrors: false, lineCounter: lines, logLevel: 'silent' });
  for (const [index, document] of [...documents].entries()) {
    const place: Place = { file, document: index + 1 };
    const value = valueOf(document, lines);
    if ('fault' in value) {
      errors.push({ place, message: value.fault });
    } else {
      for (const [at, item] of itemsOf(value.value, place)) {
        const error = wrongObject(item, at);
        if (error === undefined) manifests.push({ place: at, object: item as ManifestObject });
        else errors.push(error);
      }
    }
  }
  return { manifests, errors };
}

async function sourcesOf(
  paths: readonly string[],
  io: ManifestIo,
): Promise<readonly (InputError | { readonly file: string; readonly text: string })[]> {
  const sources: (InputError | { readonly file: string; readonly text: string })[] = [];
  for (const [index, path] of paths.entries()) {
    if (paths.indexOf(path) !== index) {
      sources.push({ place: { file: path }, message: 'is given twice' });
      continue;
    }
    const names = path === '-' ? undefined : await io.readDir(path);
    const files = names === undefined ? [path] : manifestFiles(path, names);
    if (files.length === 0) sources.push({ place: { file: path }, message: 'holds no .yaml, .yml or .json file' });
    for (const file of files) sources.push(await textOf(file, io));
  }
  return sources;
}

async function textOf(file: string, io: ManifestIo): Promise<InputError | { readonly file: string; readonly text: string }> {
  try {
    return { file, text: file === '-' ? await io.stdin() : await io.readFile(file) };
  } catch (error) {
    return { place: { file }, message: `cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function manifestFiles(directory: string, names: readonly string[]): readonly string[] {
  const folder = directory.endsWith('/') ? directory : `${directory}/`;
  return names
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .toSorted()
    .map((name) => folder + name);
}

function valueOf(document: Document.Parsed, lines: LineCounter): { readonly fault: string } | { readonly value: unknown } {
  const [fault] = document.errors;
  if (fault !== undefined) {
    const { line, col } = lines.linePos(fault.pos[0]);
    return { fault: `line ${line}, column ${col}: no valid YAML: ${FAULTS[fault.code] ?? fault.code.toLowerCase().replaceAll('_', ' ')}` };
  }
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) };
  } catch (error) {
    const bomb = error instanceof Error && error.message.startsWith('Excessive alias count');
    return { fault: `no valid YAML: ${bomb ? 'aliases that grow beyond measure' : 'an alias names no anchor before it'}` };
  }
}

/** The parser's own messages quote what it stumbled over: that may be a Secret's. */
const FAULTS: Partial<Readonly<Record<ErrorCode, string>>> = {
  BAD_INDENT: 'wrong indentation',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping where only a value may stand: quote it, or start a new line',
  DUPLICATE_KEY: 'a key is given twice',
  MISSING_CHAR: 'a colon, comma, bracket or quote is missing',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  MULTILINE_IMPLICIT_KEY: 'a key goes over more than one line: a colon may be missing',
  TAB_AS_INDENT: 'tabs as indentation: use spaces',
  UNEXPECTED_TOKEN: 'something stands here that may not',
};

function itemsOf(value: unknown, place: Place): readonly (readonly [Place, unknown])[] {
  // An empty document (a leading ---, a comment) holds nothing.
  if (value === null || value === undefined) return [];
  if (!isObject(value) || typeof value['kind'] !== 'string' || !value['kind'].endsWith('List') || !Array.isArray(value['items']))
    return [[place, value]];
  return value['items'].map((item: unknown, index) => [{ ...place, item: index + 1 }, item]);
}

function wrongObject(value: unknown, place: Place): InputError | undefined {
  if (!isObject(value)) return { place, message: 'is no object of Kubernetes: expected a mapping with apiVersion, kind and metadata' };
  const { apiVersion, kind, metadata } = value;
  if (!isText(apiVersion)) return { place, field: 'apiVersion', message: 'is missing' };
  if (!isText(kind)) return { place, field: 'kind', message: 'is missing' };
  if (!isObject(metadata) || !isText(metadata['name'])) return { place, object: kind, field: 'metadata.name', message: 'is missing' };
  const wrong = wrongMetadata(metadata);
  return wrong === undefined ? undefined : { place, object: `${kind} ${metadata['name']}`, ...wrong };
}

/** What kubectl refuses of any object's metadata. */
function wrongMetadata(metadata: Json): Pick<InputError, 'field' | 'message'> | undefined {
  const { namespace } = metadata;
  if (namespace !== undefined && !isText(namespace)) return { field: 'metadata.namespace', message: 'must be text' };
  if (namespace !== undefined && !NAMESPACE.test(namespace))
    return {
      field: 'metadata.namespace',
      message: `${JSON.stringify(namespace)} is no name of a namespace: use at most 63 lower-case letters, digits and hyphens`,
    };
  const unknown = Object.keys(metadata).find((field) => !METADATA.includes(field));
  if (unknown !== undefined) return { field: `metadata.${unknown}`, message: 'is no field of the API' };
  for (const field of ['labels', 'annotations']) {
    const texts = metadata[field] ?? {};
    if (!isObject(texts)) return { field: `metadata.${field}`, message: 'must be a mapping of texts' };
    const key = Object.keys(texts).find((name) => typeof texts[name] !== 'string');
    if (key !== undefined) return { field: `metadata.${field}.${key}`, message: 'must be text: put it in quotes' };
  }
  return undefined;
}

const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ */
const METADATA: readonly string[] = [
  'annotations',
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'finalizers',
  'generateName',
  'generation',
  'labels',
  'managedFields',
  'name',
  'namespace',
  'ownerReferences',
  'resourceVersion',
  'selfLink',
  'uid',
];

/** What is given twice. Files that go together often repeat their Namespace: an object of another API may stand again as it is, and the first one counts. */
function withoutRepeats(manifests: readonly Manifest[]): Manifests {
  const first = new Map<string, Manifest>();
  const errors: InputError[] = [];
  for (const manifest of manifests) {
    const { place, object } = manifest;
    const group = object.apiVersion.split('/')[0];
    const key = `${group} ${objectName(object)}`;
    const before = first.get(key);
    if (before === undefined) first.set(key, manifest);
    else if (group === apiGroup || !isDeepStrictEqual(before.object, object)) {
      errors.push({ place, object: objectName(object), message: `is given twice: ${formatPlace(before.place)} has it, too` });
    }
  }
  return { manifests: [...first.values()], errors };
}

function formatPlace({ file, document, item }: Place): string {
  return [file, numbered('document', document), numbered('item', item)].filter((part) => part !== '').join(', ');
}

function numbered(word: string, count: number | undefined): string {
  return count === undefined ? '' : `${word} ${count}`;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
