import * as pulumi from "@pulumi/pulumi";
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

/** What {@link clusterFromStack} reads: the facts of a cluster, as one secret output. */
export type ClusterFacts = Omit<
  { [Key in keyof ClusterHandle]: pulumi.Unwrap<ClusterHandle[Key]> },
  "networkReachable" | "talosReachable"
>;

/**
 * The facts of a cluster as one output, for `export const handle = cluster.handle`. Secret: it holds
 * the keys of the cluster, as the state of its stack does.
 */
export function clusterFacts(cluster: ClusterHandle): pulumi.Output<ClusterFacts> {
  const facts = pulumi.output({
    clusterName: cluster.clusterName,
    talosVersion: cluster.talosVersion,
    kubernetesVersion: cluster.kubernetesVersion,
    configContract: cluster.configContract,
    pinnedContract: cluster.pinnedContract,
    clusterEndpoint: cluster.clusterEndpoint,
    machineSecrets: cluster.machineSecrets,
    networkId: cluster.networkId,
    subnetId: cluster.subnetId,
    workerSecurityGroupId: cluster.workerSecurityGroupId,
    configPatches: [...cluster.configPatches],
    deletionProtection: cluster.deletionProtection,
    clientConfiguration: cluster.clientConfiguration,
    talosEndpoints: cluster.talosEndpoints,
    applyMode: cluster.applyMode,
  });
  return pulumi.secret(facts);
}

/**
 * The cluster of another stack, for node pools with a stack of their own. That stack exports
 * `cluster.handle`; this one reads it, so versions and names are known when the program runs.
 *
 * @param reference The stack of the cluster.
 * @param output Name of the exported handle. Default: `handle`.
 * @throws pulumi.RunError when the stack has no such output.
 */
export async function clusterFromStack(
  reference: pulumi.StackReference,
  output = "handle",
): Promise<ClusterHandle> {
  const details: { value?: unknown; secretValue?: unknown } =
    await reference.getOutputDetails(output);
  const facts = (details.secretValue ?? details.value) as ClusterFacts | undefined;
  if (facts === undefined) {
    const stack = await new Promise<string>((resolve) => reference.name.apply(resolve));
    throw new pulumi.RunError(
      `clusterFromStack: found no output "${output}" in stack ${stack}; required the handle of a ` +
        `cluster. Add "export const ${output} = cluster.handle" to its program and run pulumi up there.`,
    );
  }
  return {
    ...facts,
    pinnedContract: pulumi.output(facts.pinnedContract),
    clusterEndpoint: pulumi.output(facts.clusterEndpoint),
    machineSecrets: pulumi.secret(facts.machineSecrets),
    networkId: pulumi.output(facts.networkId),
    subnetId: pulumi.output(facts.subnetId),
    workerSecurityGroupId: pulumi.output(facts.workerSecurityGroupId),
    configPatches: facts.configPatches.map((patch) => pulumi.secret(patch)),
    clientConfiguration: pulumi.secret(facts.clientConfiguration),
    talosEndpoints: pulumi.output(facts.talosEndpoints),
    networkReachable: [],
    talosReachable: [],
  };
}
