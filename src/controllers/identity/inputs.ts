import type { KubernetesObject, Stored } from '../../api/kubernetes.ts';
import type { Clock } from '../../ports/clock.ts';
import type { KubernetesPort, KubernetesResult, ObjectKey } from '../../ports/kubernetes.ts';
import { secretsWithoutData, serviceAccounts } from '../../ports/resources.ts';
import { ok } from '../../ports/result.ts';

/** An object of the cluster that a grant was made from, as it was then. Never its content. */
export type GrantInput = {
  readonly kind: 'Secret' | 'ServiceAccount';
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
};

export type InputWatch = {
  look(kind: GrantInput['kind'], key: ObjectKey): Promise<KubernetesResult<GrantInput>>;
  seen(kind: GrantInput['kind'], object: Stored<KubernetesObject>): GrantInput;
  /** Whether one of them is gone or another than it was. A server that does not answer says nothing. */
  changed(inputs: readonly GrantInput[]): Promise<boolean>;
};

/**
 * One look serves all uses of this long. The operator may get Secrets by name but neither list nor watch them, so it looks before it uses a grant
 * instead of being told.
 */
const lookMs = 5_000;

export function createInputWatch({ kubernetes, clock }: { readonly kubernetes: KubernetesPort; readonly clock: Clock }): InputWatch {
  const looks = new Map<string, { readonly at: number; readonly found: Promise<KubernetesResult<GrantInput>> }>();

  return {
    look: (kind, key) => {
      looks.delete(nameOf({ kind, namespace: key.namespace ?? '', name: key.name }));
      return recent(kind, key);
    },
    seen: describe,
    async changed(inputs) {
      const verdicts = await Promise.all(
        inputs.map(async (input) => {
          const found = await recent(input.kind, { namespace: input.namespace, name: input.name });
          if (!found.ok) return found.error.kind === 'NotFound';
          return found.value.uid !== input.uid || found.value.resourceVersion !== input.resourceVersion;
        }),
      );
      return verdicts.includes(true);
    },
  };

  function recent(kind: GrantInput['kind'], key: ObjectKey): Promise<KubernetesResult<GrantInput>> {
    const name = nameOf({ kind, namespace: key.namespace ?? '', name: key.name });
    const last = looks.get(name);
    if (last !== undefined && clock.monotonic() - last.at < lookMs) return last.found;
    for (const [other, { at }] of looks) if (clock.monotonic() - at >= lookMs) looks.delete(other);
    const found = read(kind, key);
    looks.set(name, { at: clock.monotonic(), found });
    return found;
  }

  async function read(kind: GrantInput['kind'], key: ObjectKey): Promise<KubernetesResult<GrantInput>> {
    const found = kind === 'Secret' ? await kubernetes.get(secretsWithoutData, key) : await kubernetes.get(serviceAccounts, key);
    return found.ok ? ok(describe(kind, found.value)) : found;
  }
}

function describe(kind: GrantInput['kind'], { metadata }: Stored<KubernetesObject>): GrantInput {
  const { namespace = '', name, uid, resourceVersion } = metadata;
  return { kind, namespace, name, uid, resourceVersion };
}

function nameOf({ kind, namespace, name }: Pick<GrantInput, 'kind' | 'namespace' | 'name'>): string {
  return `${kind} ${namespace}/${name}`;
}
