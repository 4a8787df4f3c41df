/**
 * What @peculiar/x509's dependency injection asks of Reflect (https://rbuckton.github.io/reflect-metadata) before it works: own metadata by target and key.
 * It injects nothing that we use, so that this much will do. To be imported before @peculiar/x509.
 */
type Metadata = Map<unknown, unknown>;

const known = new WeakMap<object, Metadata>();

function of(target: object): Metadata {
  const metadata = known.get(target) ?? new Map<unknown, unknown>();
  known.set(target, metadata);
  return metadata;
}

const ours = {
  defineMetadata: (key: unknown, value: unknown, target: object) => void of(target).set(key, value),
  getOwnMetadata: (key: unknown, target: object) => known.get(target)?.get(key),
  getMetadata: (key: unknown, target: object) => known.get(target)?.get(key),
  hasOwnMetadata: (key: unknown, target: object) => known.get(target)?.has(key) ?? false,
};

if (!('getMetadata' in Reflect)) Object.assign(Reflect, ours);
