import type { ElasticNodeStatus } from '../../api/generated/types.ts';
import type { Node, Stored } from '../../api/kubernetes.ts';
import type { Store } from '../../machinery/store.ts';

export type Machine = { readonly node: Stored<Node> } | { readonly claimedBy: readonly string[] };

/**
 * The Node of an instance. A kubelet writes its provider id itself, and no admission plugin compares it with the machine
 * (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction), so whoever is root on one machine can claim the id of
 * another's. Once registered, the intent keeps its Node; before, of several that claim one id none is believed: pods that come to the wrong one would
 * bring their tokens and Secrets along.
 */
export function machineOf(
  nodes: Pick<Store<Node, 'providerID'>, 'byIndex'>,
  { providerID, nodeName }: Pick<ElasticNodeStatus, 'providerID' | 'nodeName'>,
): Machine {
  const claims = providerID === undefined ? [] : nodes.byIndex('providerID', providerID);
  const node = nodeName === undefined ? claims[0] : claims.find(({ metadata }) => metadata.name === nodeName);
  if (node !== undefined && (nodeName !== undefined || claims.length === 1)) return { node };
  return { claimedBy: claims.map(({ metadata }) => metadata.name).sort() };
}
