import type { ClusterDeclaration } from "../declaration";
import { metadataServiceCidr } from "../openstack/metadata";
import type { Cni } from "../openstack/ports";

const [address] = metadataServiceCidr.split("/");

/** What keeps pods from the metadata service with each CNI; undefined: nothing does. */
const blockedBy: Record<Cni, string | undefined> = {
  flannel: undefined,
  cilium: "MetadataServiceBlock",
  none: undefined,
};

/**
 * Pods that reach the metadata service can read the user data of their node, and with it the keys of
 * the cluster (siderolabs/talos #115). Only a CNI that enforces network policies can forbid it.
 */
export function metadataServiceWarnings({ cni }: Pick<ClusterDeclaration, "cni">): string[] {
  if (blockedBy[cni] !== undefined) {
    return [];
  }
  return [
    cni === "flannel"
      ? `cni: flannel enforces no network policy, so every pod can read its node's user data, with keys, at ${address}; use cilium with a MetadataServiceBlock where pods are not trusted.`
      : `cni: none leaves it to your CNI to keep pods from ${address}, where their node's user data, with keys, can be read; forbid it there.`,
  ];
}
