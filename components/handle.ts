import type * as pulumi from "@pulumi/pulumi";
import type * as talos from "@pulumiverse/talos";

/** Mode of later configuration changes; see `TalosClusterArgs.applyMode`. */
export type ApplyMode = "no_reboot" | "staged";

/**
 * What a node pool must know of the cluster that it joins. A `TalosCluster` satisfies it; the
 * outputs of another stack can, too.
 */
export interface ClusterHandle {
  /** Prefix of every object's name. */
  readonly clusterName: string;
  /** Talos release of new nodes. */
  readonly talosVersion: string;
  /** Kubernetes release of new nodes. */
  readonly kubernetesVersion: string;
  /** Talos minor whose form of machine configuration is written. */
  readonly configContract: string;
  /** The minor that machine configurations are rendered for: that of the cluster's creation. */
  readonly pinnedContract: pulumi.Output<string>;
  /** `https://host:port` of the Kubernetes API. */
  readonly clusterEndpoint: pulumi.Output<string>;
  /** Keys and tokens of the cluster; secret. */
  readonly machineSecrets: pulumi.Output<talos.types.output.machine.MachineSecrets>;
  readonly networkId: pulumi.Output<string>;
  readonly subnetId: pulumi.Output<string>;
  readonly workerSecurityGroupId: pulumi.Output<string>;
  /** Patches of the whole cluster: networks, then the user's own. */
  readonly configPatches: readonly pulumi.Input<string>[];
  readonly deletionProtection: boolean;
  /** What must exist before a node can reach anything. */
  readonly networkReachable: pulumi.Resource[];
  /** Credentials of a Talos client; secret. */
  readonly clientConfiguration: pulumi.Output<talos.types.output.machine.ClientConfiguration>;
  /** Addresses at which the Talos API of each control plane is reached. */
  readonly talosEndpoints: pulumi.Output<string[]>;
  /** What must exist before a control plane passes requests on to other nodes. */
  readonly talosReachable: pulumi.Resource[];
  /** How changed machine configurations reach running nodes. */
  readonly applyMode: ApplyMode;
}
