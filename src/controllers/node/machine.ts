import type { ElasticNodeStatus } from '../../api/generated/types.ts';
import type { Node, Stored } from '../../api/kubernetes.ts';
import type { Store } from '../../machinery/store.ts';

/** `claims`: Nodes that say that they are this instance, none of which is believed yet. */
export type Machine = { readonly node: Stored<Node> } | { readonly claims: readonly Stored<Node>[] };

/**
 * The Node of an instance. A kubelet writes its provider id itself, and no admission plugin compares it with the machine
 * (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction), so whoever is root on one machine can claim the id of
 * another's, and pods that come to the wrong one would bring their tokens and Secrets along. Once registered, the intent keeps its Node; before, its name
 * decides (identify.ts).
 */
export function machineOf(
  nodes: Pick<Store<Node, 'providerID'>, 'byIndex'>,
  { providerID, nodeName }: Pick<ElasticNodeStatus, 'providerID' | 'nodeName'>,
): Machine {
  const claims = providerID === undefined ? [] : nodes.byIndex('providerID', providerID);
  const node = nodeName === undefined ? undefined : claims.find(({ metadata }) => metadata.name === nodeName);
  return node === undefined ? { claims } : { node };
}
