import { stringify } from "yaml";

import type { PoolDeclaration } from "../declaration";

/** What the package writes into the machine configuration of every node. */
export interface ClusterPatchInput {
  readonly cni: "flannel" | "cilium" | "none";
  readonly podCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
}

/** What it writes for the nodes of one pool. */
export interface PoolPatchInput {
  readonly role: "controlplane" | "worker";
  /** Installer image reference of the pool's own schematic. */
  readonly installer: string;
  /** Names and addresses that certificates must hold; control planes only. */
  readonly certSANs: readonly string[];
  readonly labels: PoolDeclaration["labels"];
  readonly taints: PoolDeclaration["taints"];
}

/**
 * Strategic merge patch of networks and container network interface, in the v1alpha1 form.
 *
 * Cilium and `none` both leave the CNI to a later installation; Cilium also replaces kube-proxy.
 */
export function clusterPatch(input: ClusterPatchInput): string {
  return stringify({
    cluster: {
      network: {
        ...(input.cni === "flannel" ? {} : { cni: { name: "none" } }),
        podSubnets: [...input.podCidrs],
        serviceSubnets: [...input.serviceCidrs],
      },
      ...(input.cni === "cilium" ? { proxy: { disabled: true } } : {}),
    },
  });
}

/**
 * Strategic merge patch of a pool: the installer image of its own schematic (or the next upgrade
 * would drop its extensions), certificate names, labels and taints, in the v1alpha1 form.
 *
 * Workers register with their taints: their kubelet may not change them afterwards (NodeRestriction).
 */
export function poolPatch(input: PoolPatchInput): string {
  const controlPlane = input.role === "controlplane";
  const certSANs = [...new Set(input.certSANs)].sort();
  return stringify({
    machine: {
      install: { image: input.installer },
      ...(controlPlane && certSANs.length > 0 ? { certSANs } : {}),
      ...(Object.keys(input.labels).length > 0 ? { nodeLabels: { ...input.labels } } : {}),
      ...taintsOf(input),
    },
    ...(controlPlane && certSANs.length > 0 ? { cluster: { apiServer: { certSANs } } } : {}),
  });
}

function taintsOf({ role, taints }: PoolPatchInput): object {
  if (taints.length === 0) {
    return {};
  }
  if (role === "controlplane") {
    return {
      nodeTaints: Object.fromEntries(
        taints.map(({ key, value, effect }) => [key, value ? `${value}:${effect}` : effect]),
      ),
    };
  }
  return {
    kubelet: {
      extraConfig: {
        registerWithTaints: taints.map(({ key, value, effect }) => ({
          key,
          ...(value ? { value } : {}),
          effect,
        })),
      },
    },
  };
}
