import { isIPv6 } from 'node:net';
import type { Node, Stored } from '../api/kubernetes.ts';

/** Nodes that have been heard from an address of their own, by uid and address family. */
export type HeardNodes = {
  /** Whether the peer must be one of the Node's addresses, after what was heard of it before. */
  mustMatch(node: Stored<Node>, peer: string): boolean;
  heard(node: Stored<Node>, peer: string): void;
};

/**
 * Whether addresses can be trusted differs by cluster: with the VPC CNI a node agent, which is on the host network, comes from its Node's address; overlays and
 * meshes put another in its place. But the way from one node to one replica's Service address does not change: where it has once shown a Node's own address, a
 * token of that Node that comes from elsewhere was carried there. In memory: a replica that begins anew learns within one request of each agent (10 s).
 */
export function createHeardNodes(maxNodes = 20_000): HeardNodes {
  const known = new Set<string>();
  const keyOf = (node: Stored<Node>, peer: string) => `${node.metadata.uid} ${isIPv6(plainAddress(peer)) ? 6 : 4}`;
  return {
    mustMatch: (node, peer) => known.has(keyOf(node, peer)),
    heard(node, peer) {
      if (!isAddressOf(node, peer)) return;
      const key = keyOf(node, peer);
      known.delete(key);
      known.add(key);
      if (known.size <= maxNodes) return;
      for (const oldest of known) {
        known.delete(oldest);
        return;
      }
    },
  };
}

export function isAddressOf(node: Stored<Node>, peer: string): boolean {
  return (node.status?.addresses ?? []).some(({ address }) => address === plainAddress(peer));
}

/** An IPv4 address as a dual-stack socket shows it: `::ffff:10.0.0.1`. */
function plainAddress(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}
