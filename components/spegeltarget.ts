import type * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

/**
 * A cluster that Spegel can be deployed to. A `TalosCluster` satisfies it; for any other cluster write
 * it down:
 *
 * ```ts
 * const target: KubernetesTarget = {
 *   kubernetesProvider: new kubernetes.Provider("old", { kubeconfig }),
 *   kubeconfig,
 *   cni: "cilium",
 *   controlPlaneAddresses: ["10.10.0.11", "10.10.0.12", "10.10.0.13"],
 * };
 * ```
 */
export interface KubernetesTarget {
  /** Provider of the cluster's Kubernetes API. Server-side apply must be on, as it is by default. */
  readonly kubernetesProvider: kubernetes.Provider;
  /** Container network interface. Policies are written for it. */
  readonly cni: "cilium" | "calico" | "flannel" | "none";
  /** IPv4 addresses of the control planes, as pods reach them. */
  readonly controlPlaneAddresses: pulumi.Input<pulumi.Input<string>[]>;
  /** Kubeconfig with certificates or a token written into it; the check before the start needs it. */
  readonly kubeconfig?: pulumi.Input<string>;
  /** CIDRs of the nodes. Default: the addresses of `nodes`. Not needed with Cilium. */
  readonly nodeCidrs?: pulumi.Input<pulumi.Input<string>[]>;
  /** CIDRs of pods. Default: `10.244.0.0/16`. Not needed with Cilium. */
  readonly podCidrs?: pulumi.Input<pulumi.Input<string>[]>;
  /** Nodes with their pools; the check before the start tries one of each. Default: not known. */
  readonly nodes?: pulumi.Input<readonly TargetNode[]>;
  /** Release of Talos. Default: not judged. */
  readonly talosVersion?: string;
  /** Number of nodes. Default: not judged. */
  readonly nodeCount?: number;
  /** Something enforces NetworkPolicies. Default: true, with flannel false. */
  readonly enforcesPolicies?: boolean;
  /** The API answers; objects end with it and are not deleted one by one. Default: nothing. */
  readonly bootstrapped?: pulumi.Resource;
  /** Nodes are ready, so that pods can start. Default: nothing is waited for. */
  readonly ready?: pulumi.Resource;
}

/** A node, as far as Spegel is concerned. */
export interface TargetNode {
  readonly name: string;
  readonly pool: string;
  readonly address: string;
}
